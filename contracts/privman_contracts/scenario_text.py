"""Writes exchanges as a scenario that plays: what was asked as steps, what was answered as expectations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import yaml
from msgspec import Struct, field

from privman_contracts.contracts import Contracts
from privman_contracts.exchanges import ExchangeContract, PartyName
from privman_contracts.posted_forms import PostedForms
from privman_contracts.saved_sizes import SizeLimit
from privman_contracts.scenario_values import (
    ID,
    escaped,
    escaped_key,
    json_of,
    object_of,
    places,
    plain,
    repeatable,
    texts,
)
from privman_core.cockpit.facts import ExchangeToSave
from privman_core.masking import MASK

_SUCCESSES = range(200, 300)
_SHORT_WAIT = 1
_USUAL_TIMEOUT = 1_000
"""Seconds: a little less than the process of a set-up waits by default."""
_LONGER_TIMEOUT = "7 days"
_LONGEST_VARIABLE = 80
_ASK, _DECIDE, _NONE = "console.ask", "servicenow.decide", "none"
_DECIDE_IN_CONSOLE = "console.decide"
_WITH_STATUS = frozenset({"status", "hibernating", "maintenance"})
"""Faults whose option is the status that was answered."""
Step = dict[str, Any]


class _AskedRequest(Struct):
    """An approval request; ``attempts`` are those to deliver its decision, each with its status."""

    name: str
    request_id: str
    sys_id: str = ""
    status: str = ""
    decided: bool = False
    found: bool = False
    attempts: list[ExchangeToSave] = field(default_factory=list)


class _Captured(Struct):
    """An id of an answer; ``call`` are the arguments of the step that got it."""

    call: dict[str, Any]
    name: str
    place: str


def scenario_text(title: str, exchanges: Sequence[ExchangeToSave], contracts: Contracts) -> str:
    """Return the YAML of a scenario in which the same is asked, and the same must be answered.

    It is empty if no step asks for any of the exchanges, as the two ends send them of their own accord.
    """
    limit, writer = SizeLimit(), _Writer(contracts)
    kept = [*limit.keep(exchanges)]
    for each in kept:
        writer.add(each)
    if not writer.steps:
        return ""
    document = {
        "title": title,
        **writer.given(),
        "steps": [*_faults(kept, contracts), *writer.steps, *writer.expected()],
    }
    notes = "".join(f"# {' '.join(note.split())}\n" for note in (*writer.remarks(), *limit.notes))
    return notes + yaml.dump(document, Dumper=_ScenarioDumper, sort_keys=False, allow_unicode=True, width=120)


class _ScenarioDumper(yaml.SafeDumper):
    """Indents lists, and writes equal values twice, not as anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - of PyYAML
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, _data: Any) -> bool:  # noqa: ANN401 - of PyYAML
        return True


class _Writer:
    """Writes step after step."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self.steps: list[Step] = []
        self._notes: dict[str, None] = {}
        self._forms = PostedForms()
        self._asked: list[_AskedRequest] = []
        self._asks: list[int] = []
        self._known: dict[str, str] = {}
        self._captured: dict[str, _Captured] = {}
        self._sent: set[str] = set()
        self._calls = 0
        self._last: datetime | None = None
        self._waited = 0

    def add(self, seen: ExchangeToSave) -> None:
        """Write what makes an exchange happen, and what it was answered."""
        if seen.form:
            self._forms.add(seen)
            return
        contract = self._contracts.match(_party(seen), seen.method, urlsplit(seen.target).path)
        step = contract.step if contract is not None else ""
        if step == _ASK and seen.by_party is not False:
            self._ask(seen)
        elif step == _DECIDE and _party(seen) == "console":
            self._deliver(seen)
        elif step == _DECIDE and self._is_decision(seen):
            asked = self._request_at(seen.target)
            self._decide_in_console(asked, seen) if seen.by_party else self._decide(asked, seen)
        elif step == _NONE or (seen.by_party and step != _DECIDE):
            self._leave_out(seen, contract)
        else:
            self._call(seen, contract)

    def given(self) -> Step:
        """Return the options of the set-up that the scenario needs: time enough for its waits."""
        return {"given": {"process_timeout": _LONGER_TIMEOUT}} if self._waited > _USUAL_TIMEOUT else {}

    def remarks(self) -> Iterator[str]:
        """Yield what the scenario leaves out and needs, and why."""
        yield from self._notes
        if left := self._forms.left():
            yield left
        if self._waited > _USUAL_TIMEOUT:
            usual = "a request usually times out before that"
            yield f"The steps let {self._waited:,} seconds pass; {usual}, so process_timeout is {_LONGER_TIMEOUT}."

    def expected(self) -> Iterator[Step]:
        """Yield what must be so at the end."""
        table = "/api/now/table/${table.request}"
        if self._asks:
            yield {"servicenow.expect-exchanges": _arriving("in", table, self._asks)}
        for asked in self._asked:
            if asked.status:
                yield {"servicenow.expect-request": {"request": asked.name, "status": escaped(asked.status)}}
        attempts = sorted((each for asked in self._asked for each in asked.attempts), key=lambda each: each.at)
        if attempts:
            path = escaped(urlsplit(attempts[0].target).path)
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
            asked = _AskedRequest(_numbered("request", len(self._asked)), request_id)
            self._asked.append(asked)
            self._learn(sent, asked)
            metadata = object_of(sent.get(self._names.column("request", "metadata")))
            self._sent |= {*texts(metadata), asked.request_id}
            arrives = {} if seen.status in _SUCCESSES else {"sent": False}
            self.steps.append({"console.ask": {"as": asked.name, "metadata": plain(metadata), **arrives}})
        if seen.status in _SUCCESSES:
            asked.sys_id = str(answered.get("sys_id", ""))
            asked.status = str(answered.get(self._names.column("request", "status"), ""))

    def _learn(self, sent: Mapping[str, Any], asked: _AskedRequest) -> None:
        """Know the ids that every scenario, or this request, has under other values."""
        self._known[asked.request_id.lower()] = f"${{{asked.name}.request_id}}"
        for column in ("instance_id", "activity_type_id"):
            value = sent.get(self._names.column("request", column))
            if isinstance(value, str):
                self._known[value.lower()] = f"${{{column}}}"

    def _decide(self, asked: _AskedRequest, seen: ExchangeToSave) -> None:
        self._wait(seen)
        response = self._append_decision_of(seen, asked, _DECIDE)
        if seen.status not in _SUCCESSES:
            self.steps.append({"servicenow.expect-refusal": seen.status})
        else:
            asked.decided, asked.status = True, response

    def _decide_in_console(self, asked: _AskedRequest, seen: ExchangeToSave) -> None:
        """Decide in the console, which then sends this exchange, and again until that succeeds."""
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
            self._note(f"Left out: {seen.method} {_cut(seen.target)}, which the other end sends of its own accord.")

    def _call(self, seen: ExchangeToSave, contract: ExchangeContract | None) -> None:
        self._wait(seen)
        self._calls += 1
        call: dict[str, Any] = {} if seen.method == "GET" else {"method": escaped(seen.method)}
        call["path"] = self._translated(seen.target)
        if contract is None:
            call["unknown_path"] = True
        call |= self._sent_body(seen) | self._caller(seen)
        if seen.status != 200:  # noqa: PLR2004 - the default of the verb
            call["status"] = seen.status
        if expected := self._expected_body(seen):
            call["body"] = expected
        if seen.status:
            self.steps.append({f"{_party(seen)}.call": call})
            self._capture(seen, call)
        else:
            self._note(f"Left out: {seen.method} {_cut(seen.target)}, which got no answer.")

    def _caller(self, seen: ExchangeToSave) -> dict[str, Any]:
        if not seen.authorized:
            return {}
        return {"by": "administrator"} if _party(seen) == "servicenow" else {"logged_on": True}

    def _sent_body(self, seen: ExchangeToSave) -> dict[str, Any]:
        if not seen.request or seen.method in {"GET", "HEAD"}:
            return {}
        self._sent |= set(texts(json_of(seen.request)))
        value = json_of(seen.request)
        return {"text": self._text(seen.request)} if isinstance(value, str) else {"json": self._replaced(value)}

    def _expected_body(self, seen: ExchangeToSave) -> Any:  # noqa: ANN401 - any JSON
        """Return what was answered and will be again: what the steps have sent, and why something was refused."""
        answer = json_of(seen.answer)
        if not isinstance(answer, dict):
            return None
        return repeatable(answer, None if seen.status not in _SUCCESSES else self._sent)

    def _capture(self, seen: ExchangeToSave, call: dict[str, Any]) -> None:
        """Know the ids of an answer, so that later steps use them by their names."""
        name = _numbered("answer", self._calls - 1)
        for place, text in places("body", json_of(seen.answer)):
            if ID.fullmatch(text) and text.lower() not in self._known:
                self._captured.setdefault(text.lower(), _Captured(call, name, place))

    def _replaced(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            return {escaped_key(key): self._replaced_member(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._replaced(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None

    def _text(self, text: str) -> str:
        return self._with_ids(escaped(text))

    def _replaced_member(self, key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if value != MASK:
            return self._replaced(value)
        variable = re.sub(r"\W|^(?=\d|$)", "_", key, flags=re.ASCII).upper()[:_LONGEST_VARIABLE]
        self._note(f"Set the environment variable {variable}: its value was masked.")
        return f"${{env.{variable}}}"

    def _translated(self, target: str) -> str:
        """Return a path with the app's tables and the ids by their names."""
        target = escaped(target)
        for table, spelled in self._names.group("tables").items():
            target = re.sub(rf"(?<=/){re.escape(spelled)}(?![\w])", f"${{table.{table}}}", target)
        return self._with_ids(target)

    def _with_ids(self, text: str) -> str:
        return ID.sub(lambda found: self._name_of(found[0]) or found[0], text)

    def _name_of(self, id_: str) -> str:
        """Return the name of an id; empty if no step gets it."""
        if known := self._known.get(id_.lower()):
            return known
        if asked := next((each for each in self._asked if each.sys_id and each.sys_id == id_.lower()), None):
            return self._row_of(asked)
        if captured := self._captured.get(id_.lower()):
            captured.call["as"] = captured.name
            return f"${{{captured.name}.{captured.place}}}"
        return ""

    def _row_of(self, asked: _AskedRequest) -> str:
        """Return the name of a request's record, which a step finds before it is used first."""
        if not asked.found:
            asked.found = True
            where = {"request_id": f"${{{asked.name}.request_id}}"}
            self.steps.append({"servicenow.find": {"table": "request", "as": f"{asked.name}-row", "where": where}})
        return f"${{{asked.name}-row.sys_id}}"

    def _by_request_id(self, request_id: str) -> _AskedRequest | None:
        wanted = request_id.lower()
        return next((each for each in self._asked if wanted and each.request_id.lower() == wanted), None)

    def _request_at(self, target: str) -> _AskedRequest:
        """Return the request whose record is at an address."""
        sys_id = urlsplit(target).path.rpartition("/")[2]
        return next((each for each in self._asked if each.sys_id == sys_id), None) or self._in_place_of(sys_id=sys_id)

    def _in_place_of(self, request_id: str = "", sys_id: str = "") -> _AskedRequest:
        """Ask for approval in place of a request that is not selected, which was decided."""
        asked = _AskedRequest(_numbered("request", len(self._asked)), request_id, sys_id)
        self._asked.append(asked)
        self._known[request_id.lower()] = f"${{{asked.name}.request_id}}"
        self.steps.append({"console.ask": {"as": asked.name}})
        id_ = _cut(request_id or sys_id)
        self._note(f"The approval request {id_} is not selected: {asked.name} is in its place.")
        return asked

    def _wait(self, seen: ExchangeToSave) -> None:
        """Let as much time pass as did, in whole seconds."""
        seconds = round((seen.at - self._last).total_seconds()) if self._last is not None else 0
        if seconds >= _SHORT_WAIT:
            self._waited += seconds
            self.steps.append({"clock.advance": f"{seconds} second{'s' * (seconds > 1)}"})
        self._last = seen.at


def _faults(exchanges: Sequence[ExchangeToSave], contracts: Contracts) -> Iterator[Step]:
    """Yield the faults that struck, armed before all other steps: each lets those pass that were spared."""
    spared: dict[tuple[str, str, str], int] = {}
    tables = contracts.names.group("tables")
    for each in exchanges:
        path = urlsplit(each.target).path
        place = each.server, each.method, path
        if not each.fault:
            spared[place] = spared.get(place, 0) + 1
            continue
        path = escaped(path)
        for table, spelled in tables.items():
            path = re.sub(rf"(?<=/){re.escape(spelled)}(?![\w])", f"${{table.{table}}}", path)
        skip = {"skip": spared[place]} if spared.get(place) else {}
        options = {"options": {"status": each.status}} if each.fault in _WITH_STATUS and each.status else {}
        what = {"kind": each.fault, "method": escaped(each.method), "path": path}
        yield {f"{_party(each)}.fault": {**what, **skip, **options}}
        spared[place] = 0


def _party(seen: ExchangeToSave) -> PartyName:
    return "servicenow" if seen.server.lower() == "servicenow" else "console"


def _arriving(direction: str, path: str, statuses: Sequence[int]) -> Step:
    return {"direction": direction, "method": "POST", "path": path, "statuses": list(statuses)}


def _numbered(word: str, before: int) -> str:
    return f"{word}-{before + 1}" if before else word


def _cut(target: str) -> str:
    return " ".join(target[:120].split())
