"""Refusals of messages that should pass: the receiver reads them by other names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privman_contracts import Contracts
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.dictionary import mend
from privman_scenarios.analysis.recorded import Recorded, to_json

SUCCESS = range(200, 300)
# Message to the columns in which it names a record, with the table of that record.
_NAMED: Mapping[str, Mapping[str, str]] = {
    "register_activity_type": {"instance_id": "integration_configuration"},
    "update_activity_type": {"instance_id": "integration_configuration"},
    "request_approval": {"instance_id": "integration_configuration", "activity_type_id": "activity_type"},
}
# Message to the table of the record that it creates, or changes.
_TABLES = {
    "register": "integration_configuration",
    "update_registration": "integration_configuration",
    "register_activity_type": "activity_type",
    "update_activity_type": "activity_type",
    "request_approval": "request",
    "decide": "request",
}
_CREATING = ("register", "register_activity_type", "request_approval")
_READING = ("read_request", "list_requests", "request_approval")
_DELETING = {
    "delete_integration_configuration": "integration_configuration",
    "delete_activity_type": "activity_type",
    "delete_request": "request",
}


class Given:
    """The records that an instance has given, the requests that are decided, and who may decide."""

    def __init__(self, recording: Sequence[Recorded], contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self._records: dict[str, set[str]] = {}
        self._requests: set[str] = set()
        self._ended = {*self._decided(recording)}
        self._approvers = _Approvers(contracts)

    def fits(self, exchange: str, recorded: Recorded) -> bool:
        """Tell whether a message names only what was given, and what is not decided, as far as anything was seen."""
        table, body = _TABLES.get(exchange, ""), _sent_object(recorded)
        if exchange == "request_approval" and self._request_id(body) in self._requests:
            return False
        if exchange not in _CREATING and table:
            sys_id = _sys_id(recorded)
            if sys_id in self._ended or sys_id not in self._records.get(table, {sys_id}):
                return False
        named = {self._names.column(table, column): known for column, known in _NAMED.get(exchange, {}).items()}
        return all(
            known not in self._records or body.get(column) in self._records[known]
            for column, known in named.items()
            if column in body or exchange in _CREATING
        )

    def by_approvers(self, recorded: Recorded) -> bool:
        """Tell whether the scenario has created users, and each has the approver's role."""
        return self._approvers.only(recorded.page)

    def remember(self, recorded: Recorded) -> None:
        """Take note of what was answered."""
        self._approvers.remember(recorded)
        exchange = self._contracts.find(recorded.method, recorded.url)
        if exchange is None or recorded.status not in SUCCESS:
            return
        if exchange.name in _CREATING:
            self._records.setdefault(_TABLES[exchange.name], set()).update(_sys_ids(recorded))
        if exchange.name == "request_approval":
            self._requests.add(self._request_id(_sent_object(recorded)))
        if exchange.name in _READING:
            self._ended.update(self._not_pending(recorded))
        if exchange.name in _DELETING:
            self._records.get(_DELETING[exchange.name], set()).discard(_sys_id(recorded))

    def _decided(self, recording: Sequence[Recorded]) -> Iterator[str]:
        """Yield the requests that anybody has decided: of decisions at the same moment the first may be refused."""
        for recorded in recording:
            exchange = self._contracts.find(recorded.method, recorded.url)
            if exchange and exchange.name == "decide" and recorded.status in SUCCESS:
                yield _sys_id(recorded)

    def _not_pending(self, recorded: Recorded) -> Iterator[str]:
        status, pending = self._names.column("request", "status"), self._names.word("request_status", "pending")
        for record in _records_of(recorded):
            if record.get(status, pending) not in (pending, ""):
                yield str(record.get("sys_id"))

    def _request_id(self, body: Mapping[str, Any]) -> str:
        return str(body.get(self._names.column("request", "request_id"))).lower()


class _Approvers:
    """The users of each scenario, and those of them that got the approver's role."""

    def __init__(self, contracts: Contracts) -> None:
        self._role = contracts.names.role("approver")
        self._roles: set[str] = set()
        self._users: dict[str, set[str]] = {}
        self._approvers: set[str] = set()

    def only(self, page: str) -> bool:
        """Tell whether the scenario has created users, each an approver."""
        users = self._users.get(page, set())
        return bool(users) and users <= self._approvers

    def remember(self, recorded: Recorded) -> None:
        """Take note of a user, of the role, or of who got it."""
        table = urlsplit(recorded.url).path.rpartition("/")[2]
        if table == "sys_user_role" and parse_qs(urlsplit(recorded.url).query).get("sysparm_query") == [
            f"name={self._role}"
        ]:
            self._roles.update(_sys_ids(recorded))
        elif table == "sys_user" and recorded.method == "POST":
            self._users.setdefault(recorded.page, set()).update(_sys_ids(recorded))
        elif table == "sys_user_has_role" and recorded.method == "POST" and recorded.status in SUCCESS:
            sent = _sent_object(recorded)
            if sent.get("role") in self._roles:
                self._approvers.add(str(sent.get("user")))


def _sent_object(recorded: Recorded) -> Mapping[str, Any]:
    body = to_json(recorded.request)
    return body if isinstance(body, dict) else {}


def _records_of(recorded: Recorded) -> Iterator[Mapping[str, Any]]:
    """Yield the records of an answer."""
    answer = to_json(recorded.response)
    result = answer.get("result") if isinstance(answer, dict) else None
    for record in result if isinstance(result, list) else [result]:
        if isinstance(record, dict):
            yield record


def _sys_ids(recorded: Recorded) -> Iterator[str]:
    return (str(record.get("sys_id", "")) for record in _records_of(recorded))


def _sys_id(recorded: Recorded) -> str:
    return urlsplit(recorded.url).path.rpartition("/")[2]


_REFUSED = (400, 403, 404)
_GROUPS = {
    "register": "columns.integration_configuration",
    "update_registration": "columns.integration_configuration",
    "register_activity_type": "columns.activity_type",
    "update_activity_type": "columns.activity_type",
    "request_approval": "columns.request",
    "decide": "columns.request",
    "deliver_decision": "keys.decision",
}
# Refused by access control, whatever the columns are called (platform 1.9).
_ACCESS = ("ACL", "Not Authorized", "security constraints")


def unexpected_refusals(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each refusal of a message that keeps its contract and names records that the instance has given."""
    given = Given(recording, contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        body = to_json(recorded.request)
        if exchange and exchange.name in _GROUPS and isinstance(body, dict):
            names = _names_refused(exchange.name, recorded, contracts, given)
            if names and _is_sound(exchange.request, recorded, contracts) and given.fits(exchange.name, recorded):
                yield recorded, _in_words(exchange.name, recorded, names)
        given.remember(recorded)


def _is_refused(exchange: str, recorded: Recorded, contracts: Contracts) -> bool:
    if exchange == "deliver_decision":
        return recorded.status == contracts.names.number("bad_request_status")
    return recorded.status in _REFUSED and not _is_denied(recorded)


def _is_denied(recorded: Recorded) -> bool:
    """Tell whether access control has refused it."""
    text = recorded.response.decode(errors="replace")
    return recorded.status not in SUCCESS and any(word in text for word in _ACCESS)


def _is_sound(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))


def _names_refused(exchange: str, recorded: Recorded, contracts: Contracts, given: Given) -> Sequence[WireName]:
    """Return the names for which a message may have been refused, the likeliest first; none where it was not."""
    if exchange == "decide" and _is_denied(recorded) and given.by_approvers(recorded):
        return [contracts.names.find("roles.approver")]
    return _likeliest(exchange, recorded, contracts) if _is_refused(exchange, recorded, contracts) else ()


def _likeliest(exchange: str, recorded: Recorded, contracts: Contracts) -> Sequence[WireName]:
    """Return the names that the message has, the inferred ones; what is read off a screenshot where it has no other."""
    body = to_json(recorded.request)
    names = [name for name in contracts.names if name.group == _GROUPS[exchange] and name.value in body]
    inferred = sorted((name for name in names if name.evidence == "I"), key=lambda name: not name.word.endswith("_id"))
    if exchange != "decide" or inferred:
        return inferred or names
    said = body.get(contracts.names.column("request", "status"))
    return [*(name for name in contracts.names if name.group == "words.response" and name.value == said), *names]


def _in_words(exchange: str, recorded: Recorded, names: Sequence[WireName]) -> str:
    proposed = "; ".join(f"{name.path} [{name.evidence}], {mend(name, 'NAME')}" for name in names)
    return (
        f"{exchange} keeps its contract and was refused with {recorded.status}. Likeliest called otherwise: {proposed}."
    )
