"""The steps that make recorded exchanges happen again, and the expectations that they are answered as they were."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from msgspec import Struct, field

from privman_contracts.contracts import Contracts
from privman_contracts.exchanges import ExchangeContract, PartyName
from privman_contracts.left_out import PostedForms
from privman_contracts.scenario_values import escaped, json_of, object_of, plain, repeatable, texts
from privman_contracts.scenario_variables import Step, StepVariables
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.exchange import path_of

_SUCCESSES = range(200, 300)
_READS = frozenset({"GET", "HEAD"})
_SHORT_WAIT = 1
_USUAL_TIMEOUT = 1_000
"""Seconds: a little less than the process of a set-up waits by default."""
_LONGER_TIMEOUT = "7 days"
_ASK, _DECIDE, _NONE = "console.ask", "servicenow.decide", "none"
_DECIDE_IN_CONSOLE = "console.decide"


class _AskedRequest(Struct):
    """An approval request; ``attempts`` are the exchanges that delivered its decision, or tried to."""

    name: str
    request_id: str
    sys_id: str = ""
    status: str = ""
    decided: bool = False
    attempts: list[ExchangeToSave] = field(default_factory=list)


class StepWriter:
    """Writes step after step.

    Attributes:
        steps: those that make the exchanges happen.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self.steps: list[Step] = []
        self._variables = StepVariables(self._names, self.steps)
        self._notes: dict[str, None] = {}
        self._forms = PostedForms()
        self._asked: list[_AskedRequest] = []
        self._asks: list[int] = []
        self._sent: set[str] = set()
        self._calls = 0
        self._last: datetime | None = None
        self._waited = 0

    def add(self, seen: ExchangeToSave) -> None:
        """Write the step that makes an exchange happen, and its answer as an expectation."""
        if seen.form:
            self._forms.add(seen)
            return
        contract = self._contracts.match(party_of(seen), seen.method, path_of(seen.target))
        step = contract.step if contract is not None else ""
        if step == _ASK and seen.by_party is not False:
            self._ask(seen)
        elif _is_refused_write(seen) and (seen.authorized or step == _DECIDE):
            self._note(f"Left out: {seen.method} {_cut(seen.target)}, whose credentials were refused (401).")
        elif step == _DECIDE and party_of(seen) == "console":
            self._deliver(seen)
        elif step == _DECIDE and self._is_decision(seen):
            asked = self._request_at(seen.target)
            self._decide_in_console(asked, seen) if seen.by_party else self._decide(asked, seen)
        elif step == _NONE or (seen.by_party and step != _DECIDE):
            self._leave_out(seen, contract)
        else:
            self._call(seen, contract)

    def given(self) -> Step:
        """Return the options of the set-up that the scenario needs: a time-out that is longer than its waits."""
        return {"given": {"process_timeout": _LONGER_TIMEOUT}} if self._waited > _USUAL_TIMEOUT else {}

    def remarks(self) -> Iterator[str]:
        """Yield what the scenario needs and leaves out, and why."""
        yield from self._variables.notes
        yield from self._notes
        if left := self._forms.left():
            yield left
        if self._waited > _USUAL_TIMEOUT:
            usual = "a request usually times out before that"
            yield f"The steps let {self._waited:,} seconds pass; {usual}, so process_timeout is {_LONGER_TIMEOUT}."

    def expected(self) -> Iterator[Step]:
        """Yield the expectations at the end."""
        table = "/api/now/table/${table.request}"
        if self._asks:
            yield {"servicenow.expect-exchanges": _arriving("in", table, self._asks)}
        for asked in self._asked:
            if asked.status:
                yield {"servicenow.expect-request": {"request": asked.name, "status": escaped(asked.status)}}
        attempts = sorted((each for asked in self._asked for each in asked.attempts), key=lambda each: each.at)
        if attempts:
            path = escaped(path_of(attempts[0].target))
            yield {"servicenow.expect-exchanges": _arriving("out", path, [each.status for each in attempts])}
        for asked in self._asked:
            if asked.attempts and asked.attempts[-1].status in _SUCCESSES:
                state = {self._word("approve"): "Approved", self._word("deny"): "Denied"}.get(asked.status)
                if state:
                    yield {"console.expect-approval": {"request": asked.name, "state": state}}

    def _word(self, response: str) -> str:
        return self._names.word("response", response)

    def _ask(self, seen: ExchangeToSave) -> None:
        self._wait(seen)
        sent, answered = object_of(seen.request), object_of(object_of(seen.answer).get("result"))
        request_id = str(sent.get(self._names.column("request", "request_id"), ""))
        self._asks.append(seen.status)
        self._forms.claim("console", request_id)
        asked = self._by_request_id(request_id)
        if asked is None:
            asked = self._new_request(request_id)
            self._learn(sent)
            metadata = object_of(sent.get(self._names.column("request", "metadata")))
            self._sent |= {*texts(metadata), asked.request_id}
            arrives = {} if seen.status in _SUCCESSES else {"sent": False}
            self.steps.append({"console.ask": {"as": asked.name, "metadata": plain(metadata), **arrives}})
        if seen.status in _SUCCESSES:
            self._learn_record(asked, str(answered.get("sys_id", "")))
            asked.status = str(answered.get(self._names.column("request", "status"), ""))

    def _learn(self, sent: Mapping[str, Any]) -> None:
        """Know the ids of the registration and the activity type."""
        for column in ("instance_id", "activity_type_id"):
            value = sent.get(self._names.column("request", column))
            if isinstance(value, str):
                self._variables.learn(value, f"${{{column}}}")

    def _decide(self, asked: _AskedRequest, seen: ExchangeToSave) -> None:
        self._wait(seen)
        response = self._append_decision_of(seen, asked, _DECIDE)
        if seen.status not in _SUCCESSES:
            self.steps.append({"servicenow.expect-refusal": seen.status})
        else:
            asked.decided, asked.status = True, response

    def _decide_in_console(self, asked: _AskedRequest, seen: ExchangeToSave) -> None:
        """Decide in the console, which then sends this exchange, and repeats it until it succeeds."""
        self._wait(seen)
        self._forms.claim("console", asked.request_id)
        if not asked.decided:
            asked.decided, asked.status = True, self._append_decision_of(seen, asked, _DECIDE_IN_CONSOLE)

    def _append_decision_of(self, seen: ExchangeToSave, asked: _AskedRequest, verb: str) -> str:
        """Append a step that decides as the body of a PATCH does; return the response."""
        values = object_of(seen.request)
        decision = {key: values.get(self._names.column("request", key)) for key in ("comment", "duration")}
        response = str(values[self._names.column("request", "status")])
        self._append_decision(verb, asked, response, decision)
        return response

    def _is_decision(self, seen: ExchangeToSave) -> bool:
        return self._names.column("request", "status") in object_of(seen.request)

    def _deliver(self, seen: ExchangeToSave) -> None:
        body = object_of(seen.request)
        request_id = str(body.get(self._names.key("decision", "RequestId"), ""))
        asked = self._by_request_id(request_id) or self._in_place_of(request_id=request_id)
        self._wait(seen)
        self._forms.claim("servicenow", request_id)
        if not asked.decided:  # in a form, whose fields the journal does not have
            decision = {key: body.get(self._names.key("decision", key.title())) for key in ("comment", "duration")}
            asked.decided, asked.status = True, str(body.get(self._names.key("decision", "Response"), ""))
            self._append_decision(_DECIDE, asked, asked.status, decision)
        asked.attempts.append(seen)

    def _append_decision(self, verb: str, asked: _AskedRequest, response: str, decision: Mapping[str, object]) -> None:
        given = {key: value for key, value in decision.items() if value}
        self._sent |= {response, *texts(given)}
        self.steps.append({verb: {"request": asked.name, "response": escaped(response), **plain(given)}})

    def _leave_out(self, seen: ExchangeToSave, contract: ExchangeContract | None) -> None:
        if contract is None or contract.step != _NONE:
            self._note(f"Left out: {seen.method} {_cut(seen.target)}, which the other party sends of its own accord.")

    def _call(self, seen: ExchangeToSave, contract: ExchangeContract | None) -> None:
        self._wait(seen)
        self._calls += 1
        call: Step = {} if seen.method == "GET" else {"method": escaped(seen.method)}
        call["path"] = self._variables.path(seen.target)
        if contract is None:
            call["unknown_path"] = True
        call |= self._sent_body(seen) | self._caller(seen)
        if seen.status != 200:  # noqa: PLR2004 - the default of the verb
            call["status"] = seen.status
        if expected := self._expected_body(seen):
            call["body"] = expected
        if seen.status:
            self.steps.append({f"{party_of(seen)}.call": call})
            self._variables.capture(seen.answer, call, _numbered("answer", self._calls - 1))
        else:
            self._note(f"Left out: {seen.method} {_cut(seen.target)}, which got no answer.")

    def _caller(self, seen: ExchangeToSave) -> Step:
        if not seen.authorized or _are_credentials_refused(seen):
            return {}
        return {"by": "administrator"} if party_of(seen) == "servicenow" else {"logged_on": True}

    def _sent_body(self, seen: ExchangeToSave) -> Step:
        if not seen.request or seen.method in _READS:
            return {}
        value = json_of(seen.request)
        self._sent |= set(texts(value))
        if isinstance(value, str):
            return {"text": self._variables.text(seen.request)}
        return {"json": self._variables.value(value)}

    def _expected_body(self, seen: ExchangeToSave) -> Any:  # noqa: ANN401 - any JSON
        """Return the part of an answer that repeats: values that the steps have sent, and reasons of a refusal."""
        answer = json_of(seen.answer)
        if not isinstance(answer, dict):
            return None
        return repeatable(answer, None if seen.status not in _SUCCESSES else self._sent)

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None

    def _by_request_id(self, request_id: str) -> _AskedRequest | None:
        wanted = request_id.lower()
        return next((each for each in self._asked if wanted and each.request_id.lower() == wanted), None)

    def _request_at(self, target: str) -> _AskedRequest:
        """Return the request whose record is at an address."""
        sys_id = path_of(target).rpartition("/")[2]
        return next((each for each in self._asked if each.sys_id == sys_id), None) or self._in_place_of(sys_id=sys_id)

    def _in_place_of(self, request_id: str = "", sys_id: str = "") -> _AskedRequest:
        """Ask for approval in place of a request that is not selected, which was decided."""
        asked = self._new_request(request_id)
        self._learn_record(asked, sys_id)
        self.steps.append({"console.ask": {"as": asked.name}})
        id_ = _cut(request_id or sys_id)
        self._note(f"The approval request {id_} is not selected: {asked.name} is in its place.")
        return asked

    def _new_request(self, request_id: str) -> _AskedRequest:
        asked = _AskedRequest(_numbered("request", len(self._asked)), request_id)
        self._asked.append(asked)
        self._variables.learn(request_id, f"${{{asked.name}.request_id}}")
        return asked

    def _learn_record(self, asked: _AskedRequest, sys_id: str) -> None:
        asked.sys_id = sys_id
        self._variables.learn_record(sys_id, asked.name)

    def _wait(self, seen: ExchangeToSave) -> None:
        """Let as much time pass as passed between the exchanges, in whole seconds."""
        seconds = round((seen.at - self._last).total_seconds()) if self._last is not None else 0
        if seconds >= _SHORT_WAIT:
            self._waited += seconds
            self.steps.append({"clock.advance": f"{seconds} second{'s' * (seconds > 1)}"})
        self._last = seen.at


def party_of(seen: ExchangeToSave) -> PartyName:
    """Return the party that answered."""
    return "servicenow" if seen.server.lower() == "servicenow" else "console"


def _are_credentials_refused(seen: ExchangeToSave) -> bool:
    return seen.status == HTTPStatus.UNAUTHORIZED and not seen.fault


def _is_refused_write(seen: ExchangeToSave) -> bool:
    """Return whether somebody else than a party tried to write with credentials, or none, that were refused."""
    return _are_credentials_refused(seen) and not seen.by_party and seen.method not in _READS


def _arriving(direction: str, path: str, statuses: Sequence[int]) -> Step:
    return {"direction": direction, "method": "POST", "path": path, "statuses": list(statuses)}


def _numbered(word: str, before: int) -> str:
    return f"{word}-{before + 1}" if before else word


def _cut(target: str) -> str:
    return " ".join(target[:120].split())
