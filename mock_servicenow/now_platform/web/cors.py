"""CORS rules: which pages of other origins may call which APIs (Docs: define a CORS rule, CORS domain requirements)."""

from collections.abc import Mapping

from msgspec import Struct

from mock_servicenow.now_platform.identity.authentication import covers
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rules.cors_rules import CORS_RULES, Domain, allowed_verbs, read_domain

_ENABLED = Property("glide.rest.cors.enabled", "true")
_RULES = Fact("CORS rules", CORS_RULES, "sys_properties")


class CorsRule(Struct, frozen=True):
    """One active rule.

    Attributes:
        api: the API's name or path.
        verbs: those that it allows; HEAD goes with GET.
    """

    api: str
    domain: Domain
    verbs: tuple[str, ...]
    max_age: str
    credentials: bool
    allowed: str
    exposed: str

    def matches(self, origin: str) -> bool:
        """Return whether the rule is about that origin."""
        scheme, expected, wildcard = self.domain
        if not origin.startswith(scheme):
            return False
        host = origin[len(scheme) :]
        return host.endswith(f".{expected}") if wildcard else host == expected

    def allows(self, verb: str) -> bool:
        """Return whether pages may use that verb."""
        return ("GET" if verb == "HEAD" else verb) in self.verbs

    def headers(self, origin: str) -> dict[str, str]:
        """Return the headers of an answer to that origin."""
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        headers |= {"Access-Control-Allow-Credentials": "true"} if self.credentials else {}
        return headers | ({"Access-Control-Expose-Headers": self.exposed} if self.exposed else {})

    def preflight(self, origin: str, wanted: str) -> dict[str, str]:
        """Return the headers of the answer to a preflight request for the ``wanted`` headers."""
        allowed = wanted if self.allowed == "*" else self.allowed
        headers = {"Access-Control-Allow-Methods": ",".join(self.verbs), "Access-Control-Max-Age": self.max_age or "0"}
        return self.headers(origin) | headers | ({"Access-Control-Allow-Headers": allowed} if allowed else {})


class CorsRules:
    """The CORS rules of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def headers(self, path: str, verb: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the answer to a page of another origin, empty where no rule allows it.

        A preflight request is OPTIONS and names the verb.
        """
        origin, meant = headers["Origin"].lower(), headers.get("Access-Control-Request-Method", "")
        is_preflight = verb == "OPTIONS" and meant != ""
        rule = self._find(await self._instance.run(self._known), path, meant if is_preflight else verb, origin)
        if rule is None:
            return {}
        given = headers["Origin"]
        wanted = headers.get("Access-Control-Request-Headers", "")
        return rule.preflight(given, wanted) if is_preflight else rule.headers(given)

    def _known(self) -> tuple[CorsRule, ...]:
        known: tuple[CorsRule, ...] | None = self._instance.cache.peek(_RULES, "")
        if known is not None:
            return known
        with self._instance.transaction(self._instance.system) as session:
            return session.kernel.cache.get(_RULES, "", lambda: _load(session))

    @staticmethod
    def _find(rules: tuple[CorsRule, ...], path: str, verb: str, origin: str) -> CorsRule | None:
        """Return the rule whose domain is closest: an exact one, else the longest behind a wildcard."""
        fitting = [rule for rule in rules if rule.matches(origin) and covers(rule.api, path) and rule.allows(verb)]
        return min(fitting, key=lambda rule: (rule.domain.wildcard, -len(rule.domain.host)), default=None)


def _load(session: Session) -> tuple[CorsRule, ...]:
    if session.system_property(_ENABLED) == "false":
        return ()
    rules = (_rule(record) for record in session.find_all(CORS_RULES, active="true"))
    return tuple(rule for rule in rules if rule is not None)


def _rule(record: Record) -> CorsRule | None:
    """Return the rule of a record; None if its domain breaks the requirements."""
    domain = read_domain(record["domain"])
    if domain is None:
        return None
    return CorsRule(
        record["rest_api"],
        domain,
        allowed_verbs(record.values),
        record["max_age"],
        record["allow_credentials"] == "true" and not domain.wildcard,
        record["allow_headers"],
        record["expose_headers"],
    )
