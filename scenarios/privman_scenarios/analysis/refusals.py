"""Refusals of messages that should pass: the receiver reads them by other names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from privman_contracts import Contracts, WireNames
from privman_contracts.exchanges import ExchangeContract
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.recorded import Recorded, to_json
from privman_scenarios.analysis.recorded_dictionary import mend

SUCCESS = range(200, 300)
_TABLE_PATH = "/api/now/table/"
_Action = Literal["create", "change", "delete", "read"]
_ACTIONS: Mapping[str, _Action] = {
    "POST": "create",
    "PATCH": "change",
    "PUT": "change",
    "DELETE": "delete",
    "GET": "read",
}


class _TableCall(NamedTuple):
    """An exchange of the Table API, by the canonical name of its table; another exchange has none."""

    table: str
    action: _Action

    @classmethod
    def of(cls, exchange: ExchangeContract, names: WireNames) -> Self:
        """Return what the exchange does."""
        wire = exchange.path.removeprefix(_TABLE_PATH).partition("/")[0]
        table = next((table for table, each in names.group("tables").items() if each == wire), "")
        return cls(table, _ACTIONS[exchange.method])

    @property
    def writes(self) -> bool:
        """Whether it creates or changes a record."""
        return bool(self.table) and self.action in ("create", "change")


class Given:
    """The records that an instance has given, the requests that are decided, and who may decide."""

    def __init__(self, recording: Sequence[Recorded], contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self._records: dict[str, set[str]] = {}
        self._requests: set[str] = set()
        self._ended = {*self._decided(recording)}
        self._approvers = _Approvers(contracts)

    def fits(self, exchange: ExchangeContract, recorded: Recorded) -> bool:
        """Tell whether a message names only what was given, and what is not decided, as far as anything was seen."""
        call, body = _TableCall.of(exchange, self._names), _sent_object(recorded)
        if call == ("request", "create") and self._request_id(body) in self._requests:
            return False
        if call.table and call.action == "change":
            sys_id = _sys_id(recorded)
            if sys_id in self._ended or sys_id not in self._records.get(call.table, {sys_id}):
                return False
        return all(
            table not in self._records or body.get(column) in self._records[table]
            for column, table in self._references(call)
            if column in body or call.action == "create"
        )

    def _references(self, call: _TableCall) -> Iterator[tuple[str, str]]:
        """Yield the columns in which a message names a record, with the table of that record."""
        for name in self._names if call.writes else ():
            if name.group == f"columns.{call.table}" and name.holds in self._names.group("tables"):
                yield str(name.value), name.holds

    def by_approvers(self, recorded: Recorded) -> bool:
        """Tell whether the scenario has created users, and each has the approver's role."""
        return self._approvers.only(recorded.page)

    def remember(self, recorded: Recorded) -> None:
        """Record what was answered."""
        self._approvers.remember(recorded)
        exchange = self._contracts.find(recorded.method, recorded.url)
        if exchange is None or recorded.status not in SUCCESS:
            return
        call = _TableCall.of(exchange, self._names)
        if call.table and call.action == "create":
            self._records.setdefault(call.table, set()).update(_sys_ids(recorded))
        if call == ("request", "create"):
            self._requests.add(self._request_id(_sent_object(recorded)))
        if call in (("request", "create"), ("request", "read")):
            self._ended.update(self._not_pending(recorded))
        if call.table and call.action == "delete":
            self._records.get(call.table, set()).discard(_sys_id(recorded))

    def _decided(self, recording: Sequence[Recorded]) -> Iterator[str]:
        """Yield the requests that anybody has decided: of decisions at the same moment the first may be refused."""
        for recorded in recording:
            exchange = self._contracts.find(recorded.method, recorded.url)
            if exchange and exchange.name == _DECISION and recorded.status in SUCCESS:
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
        """Record a user, of the role, or of who got it."""
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
_DECISION, _DELIVERY = "decide", "deliver_decision"
# Refused by access control, whatever the columns are called.
_ACCESS = ("ACL", "Not Authorized", "security constraints")


def unexpected_refusals(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each refusal of a message that keeps its contract and names records that the instance has given."""
    given = Given(recording, contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        if exchange and _group(exchange, contracts) and isinstance(to_json(recorded.request), dict):
            names = _names_refused(exchange, recorded, contracts, given)
            if names and _is_sound(exchange.request, recorded, contracts) and given.fits(exchange, recorded):
                yield recorded, _in_words(exchange.name, recorded, names)
        given.remember(recorded)


def _group(exchange: ExchangeContract, contracts: Contracts) -> str:
    """Return the group of names that a message is written in, empty for one that is not judged."""
    call = _TableCall.of(exchange, contracts.names)
    return f"columns.{call.table}" if call.writes else "keys.decision" if exchange.name == _DELIVERY else ""


def _is_refused(exchange: ExchangeContract, recorded: Recorded, contracts: Contracts) -> bool:
    if exchange.name == _DELIVERY:
        return recorded.status == contracts.names.number("bad_request_status")
    return recorded.status in _REFUSED and not _is_denied(recorded)


def _is_denied(recorded: Recorded) -> bool:
    """Tell whether access control has refused it."""
    text = recorded.response.decode(errors="replace")
    return recorded.status not in SUCCESS and any(word in text for word in _ACCESS)


def _is_sound(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))


def _names_refused(
    exchange: ExchangeContract, recorded: Recorded, contracts: Contracts, given: Given
) -> Sequence[WireName]:
    """Return the names for which a message may have been refused, the likeliest first; none where it was not."""
    if exchange.name == _DECISION and _is_denied(recorded) and given.by_approvers(recorded):
        return [contracts.names.find("roles.approver")]
    return _likeliest(exchange, recorded, contracts) if _is_refused(exchange, recorded, contracts) else ()


def _likeliest(exchange: ExchangeContract, recorded: Recorded, contracts: Contracts) -> Sequence[WireName]:
    """Return the names that the message has, the inferred ones; what is read off a screenshot where it has no other."""
    body, group = to_json(recorded.request), _group(exchange, contracts)
    names = [name for name in contracts.names if name.group == group and name.value in body]
    inferred = sorted((name for name in names if name.evidence == "I"), key=lambda name: not name.word.endswith("_id"))
    if exchange.name != _DECISION or inferred:
        return inferred or names
    said = body.get(contracts.names.column("request", "status"))
    return [*(name for name in contracts.names if name.group == "words.response" and name.value == said), *names]


def _in_words(exchange: str, recorded: Recorded, names: Sequence[WireName]) -> str:
    proposed = "; ".join(f"{name.path} [{name.evidence}], {mend(name, 'NAME')}" for name in names)
    return (
        f"{exchange} keeps its contract and was refused with {recorded.status}. Likeliest called otherwise: {proposed}."
    )
