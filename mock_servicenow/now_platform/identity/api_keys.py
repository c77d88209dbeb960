"""API keys: an access policy opens an API to them, and its profile says where calls carry them."""

from collections.abc import Iterator

from msgspec import Struct

from mock_servicenow.now_platform.identity.authentication import Evidence, covers
from mock_servicenow.now_platform.identity.makers import acting_by
from mock_servicenow.now_platform.identity.roles import acting_user, find_by_credential
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.users import User
from privman_core.findings import Finding

KEYS = "api_key"
POLICIES = "sys_api_access_policy"
MAPPINGS = "sys_auth_profile_mapping"
PROFILES = "http_key_auth"
PARAMETERS = "sys_token_auth_parameter"
_OPENINGS = Fact("places that may carry API keys", POLICIES, MAPPINGS, PROFILES, PARAMETERS)


class Opening(Struct, frozen=True):
    """A place where calls of one API may carry a key.

    Attributes:
        method: the only verb opened; every verb if empty.
        kind: ``auth_header`` or ``query_param``.
        prefix: the text before the key.
    """

    api: str
    method: str
    name: str
    kind: str
    prefix: str

    def key(self, evidence: Evidence) -> str:
        """Return the key that a call carries here; empty if there is none or the API is another."""
        if not covers(self.api, evidence.path) or self.method not in {"", evidence.method}:
            return ""
        places = evidence.headers if self.kind == "auth_header" else evidence.query
        value = places.get(self.name, "")
        return value.removeprefix(self.prefix) if value.startswith(self.prefix) else ""


def api_key(session: Session, evidence: Evidence) -> User | None:
    """Return the user of the API key that the request carries in a place opened for it."""
    for opening in _known_openings(session):
        key = opening.key(evidence)
        record = find_by_credential(session, KEYS, "token", key, active="true")
        if record is not None and not _has_expired(session, record):
            session.kernel.secrets.add(key)  # anybody may send another text, which is masked by its place alone
            user = acting_user(session, record["user"])
            return None if user is None else acting_by(session, record.sys_id, user)
    return None


def report_refused_key(session: Session, evidence: Evidence) -> None:
    """Report why a key that the request carries let nobody in; call it once every way to log in has failed."""
    key = next(filter(None, (opening.key(evidence) for opening in _known_openings(session))), "")
    if key:
        refusal = _refusal(session, find_by_credential(session, KEYS, "token", key))
    else:
        place = next(_places(session, evidence), "")
        refusal = f"no active policy with a profile opens {evidence.path} to a key in {place}" if place else ""
    if refusal:
        session.findings.append(Finding("swallowed", "api-key-refused", f"an API key is refused: {refusal}"))


def _refusal(session: Session, record: Record | None) -> str:
    """Return why a key opens nothing; empty for one that has a finding of its own."""
    if record is None:
        return "no record of api_key has this token"
    if record["active"] != "true":
        return f"'{record['name']}' is inactive"
    if _has_expired(session, record):
        return f"'{record['name']}' expired at {record['expires']}"
    user = acting_user(session, record["user"])
    return "" if user else f"the user of '{record['name']}' is missing, inactive or locked out"


def _places(session: Session, evidence: Evidence) -> Iterator[str]:
    """Yield each place in which the request carries a text that may be a key."""
    for parameter in session.find_all(PARAMETERS):
        in_header, name = parameter["type"] == "auth_header", parameter["parameter_name"]
        if (evidence.headers if in_header else evidence.query).get(name):
            yield f"the {'header' if in_header else 'parameter'} {name}"


def api_key_rules() -> list[BusinessRule]:
    """Return the rules that keep keys without a token inactive, and mask keys wherever calls may carry them."""
    writes: frozenset[Operation] = frozenset({"insert", "update"})
    return [
        BusinessRule("deactivate_key_without_token", KEYS, "before", writes, _deactivate_without_token),
        BusinessRule("mask_place_of_keys", PARAMETERS, "after", writes, _mask_place),
    ]


def learn_places(session: Session) -> None:
    """Mask keys in every place that the database names."""
    for parameter in session.find_all(PARAMETERS):
        _learn_place(session, parameter["type"], parameter["parameter_name"])


def _mask_place(context: RuleContext) -> None:
    _learn_place(context.session, context.current["type"], context.current["parameter_name"])


def _learn_place(session: Session, kind: str, name: str) -> None:
    session.kernel.secrets.add_place(name, kind == "auth_header")


def _deactivate_without_token(context: RuleContext) -> None:
    if context.current["token"] or context.current["active"] != "true":
        return
    context.current["active"] = "false"
    message = f"API key '{context.current['name']}' has no token, so it was stored as inactive"
    context.report("api-key-without-token", message, "token")


def _has_expired(session: Session, record: Record) -> bool:
    return bool(record["expires"]) and record["expires"] <= session.now


def _known_openings(session: Session) -> tuple[Opening, ...]:
    return session.kernel.cache.get(_OPENINGS, "", lambda: tuple(_openings(session)))


def _openings(session: Session) -> Iterator[Opening]:
    learn_places(session)  # another process may have added some
    for policy in session.find_all(POLICIES, active="true", apply_global="false"):
        for mapping in session.find_all(MAPPINGS, api_access_policy=policy.sys_id):
            profile = session.find(PROFILES, sys_id=mapping["inbound_auth_profile"], active="true")
            parameter = None if profile is None else session.get(PARAMETERS, profile["auth_parameter"])
            if parameter is not None:
                yield _opening(policy, parameter)


def _opening(policy: Record, parameter: Record) -> Opening:
    every = policy["apply_all_methods"] == "true"
    return Opening(
        policy["api_path"] or policy["api"],
        "" if every else policy["http_method"],
        parameter["parameter_name"],
        parameter["type"],
        parameter["prefix"],
    )
