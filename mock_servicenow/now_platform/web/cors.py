"""CORS rules: which pages of other origins may call which APIs (Docs: define a CORS rule, CORS domain requirements)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mock_servicenow.now_platform.dictionary.values import TRUE_WORDS
from mock_servicenow.now_platform.identity.authentication import covers
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session

_TABLE = "sys_cors_rule"
_ENABLED = Property("glide.rest.cors.enabled", "true")
_RULES = Fact("CORS rules", _TABLE, "sys_properties")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A wildcard stands right behind the scheme, for at least one label.
_DOMAIN = re.compile(r"(https?://)(\*\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?)", re.IGNORECASE)
_NOT_AN_ADDRESS = re.compile(r"[0-9.:]*")


@dataclass(frozen=True, slots=True)
class CorsRule:
    """One active rule.

    Attributes:
        api: the API's name or path.
        origin: what pages' origins must be, or end with behind a wildcard, in lower case.
        wildcard: whether any labels may stand before that.
        verbs: those that it allows.
    """

    api: str
    scheme: str
    origin: str
    wildcard: bool
    verbs: tuple[str, ...]
    max_age: str
    credentials: bool
    allowed: str
    exposed: str

    def matches(self, origin: str) -> bool:
        """Return whether the rule is about that origin."""
        if not origin.startswith(self.scheme):
            return False
        host = origin[len(self.scheme) :]
        return host.endswith(f".{self.origin}") if self.wildcard else host == self.origin

    def headers(self, origin: str) -> dict[str, str]:
        """Return what an answer to that origin says."""
        told = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        told |= {"Access-Control-Allow-Credentials": "true"} if self.credentials else {}
        return told | ({"Access-Control-Expose-Headers": self.exposed} if self.exposed else {})

    def preflight(self, origin: str, wanted: str) -> dict[str, str]:
        """Return what an answer to a browser that asks first says, as it wants to send those headers."""
        allowed = wanted if self.allowed == "*" else self.allowed
        told = {"Access-Control-Allow-Methods": ",".join(self.verbs), "Access-Control-Max-Age": self.max_age or "0"}
        return self.headers(origin) | told | ({"Access-Control-Allow-Headers": allowed} if allowed else {})


class CorsRules:
    """The CORS rules of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def headers(self, path: str, verb: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the answer to a page of another origin, empty where no rule allows it.

        A browser that asks first sends OPTIONS and names the verb.
        """
        origin, first = headers["Origin"].lower(), headers.get("Access-Control-Request-Method", "")
        asks = verb == "OPTIONS" and first != ""
        rule = self._find(await self._instance.run(self._known), path, first if asks else verb, origin)
        if rule is None:
            return {}
        given = headers["Origin"]
        wanted = headers.get("Access-Control-Request-Headers", "")
        return rule.preflight(given, wanted) if asks else rule.headers(given)

    def _known(self) -> tuple[CorsRule, ...]:
        known: tuple[CorsRule, ...] | None = self._instance.cache.peek(_RULES, "")
        if known is not None:
            return known
        with self._instance.transaction(self._instance.system) as session:
            return session.kernel.cache.get(_RULES, "", lambda: _load(session))

    @staticmethod
    def _find(rules: tuple[CorsRule, ...], path: str, verb: str, origin: str) -> CorsRule | None:
        """Return the rule whose domain is closest: an exact one, else the longest behind a wildcard."""
        fitting = [rule for rule in rules if rule.matches(origin) and covers(rule.api, path) and verb in rule.verbs]
        return min(fitting, key=lambda rule: (rule.wildcard, -len(rule.origin)), default=None)


def _load(session: Session) -> tuple[CorsRule, ...]:
    if session.system_property(_ENABLED) == "false":
        return ()
    rules = (_rule(record) for record in session.find_all(_TABLE, active="true"))
    return tuple(rule for rule in rules if rule is not None)


def _rule(record: Record) -> CorsRule | None:
    """Return the rule of a record; None for a domain as the requirements do not allow it."""
    domain = _DOMAIN.fullmatch(record["domain"].strip())
    if domain is None or (domain[2] and _NOT_AN_ADDRESS.fullmatch(domain[3])):
        return None
    verbs = tuple(verb for verb in VERBS if record[f"method_{verb.lower()}"] in TRUE_WORDS)
    return CorsRule(
        record["rest_api"],
        domain[1].lower(),
        domain[3].lower(),
        bool(domain[2]),
        verbs,
        record["max_age"],
        record["allow_credentials"] == "true" and not domain[2],
        record["allow_headers"],
        record["expose_headers"],
    )
