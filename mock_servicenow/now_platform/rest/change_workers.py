"""Workers of change requests: what was asked, and what came of it (Docs: change-management-api).

The work is done at once, although the answer that begins it leads to a worker that waits.
"""

from collections.abc import Mapping, Sequence

import orjson

from mock_servicenow.now_platform.dictionary.values import date_time, whole_number
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.change_records import record_of
from mock_servicenow.now_platform.rest.formats import Document

WORKERS = "chg_mgt_worker"
Span = tuple[str, str]
"""Start and end, in stored form."""
_COMPLETE = "3"


def messages(**given: Sequence[str]) -> dict[str, list[str]]:
    """Return the messages of a worker by kind."""
    kinds = ("errorMessages", "warningMessages", "infoMessages")
    return {kind: [*given.get(kind, ())] for kind in kinds}


def begun(  # noqa: PLR0913 - what a worker is made of
    call: Call,
    session: Session,
    kind: str,
    request: Mapping[str, object] | None,
    told: Mapping[str, list[str]],
    *,
    spans: Sequence[Span] = (),
    status: int = 202,
) -> Answer:
    """Return the answer that leads to a worker, which has done its work.

    Args:
        call: asks for the work.
        session: of its user.
        kind: the worker's type.
        request: what was asked.
        told: its `messages`.
        spans: the time slots that it has found.
        status: of the answer.
    """
    values = {
        "type": kind,
        "state": _COMPLETE,
        "request": "" if request is None else orjson.dumps(request).decode(),
        "messages": orjson.dumps(told).decode(),
        "payload": orjson.dumps(spans).decode() if spans else "",
    }
    made = session.elevated.insert(WORKERS, values)
    waiting: Document = {"value": 1, "display_value": "Waiting"}
    return value_answer(call, _shown(call, made, waiting, messages()), status)


def worker(call: Call, session: Session, sys_id: str) -> Answer:
    """Return a worker with its messages, and the time slots that it has found."""
    found = record_of(session, WORKERS, sys_id)
    state: Document = {"value": whole_number(found["state"]), "display_value": session.display(found, "state")}
    kinds = _stored(found, "messages")
    told = {kind: _texts(kinds.get(kind)) if isinstance(kinds, dict) else [] for kind in messages()}
    shown = _shown(call, found, state, told)
    spans = [_span(session, each) for each in _spans(_stored(found, "payload"))]
    return value_answer(call, {**shown, "payload": {"spans": list[Document](spans)}} if spans else shown)


def _stored(found: Record, column: str) -> object:
    """Return what a column of a worker holds; anybody may have written it."""
    try:
        return orjson.loads(found[column])
    except ValueError:
        return None


def _texts(given: object) -> list[str]:
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def _spans(given: object) -> list[list[str]]:
    pairs = map(_texts, given) if isinstance(given, list) else ()
    return [pair for pair in pairs if len(pair) == len(("start", "end")) and all(map(date_time, pair))]


def _span(session: Session, span: Sequence[str]) -> Document:
    named = zip(("start", "end"), span, strict=True)
    return {name: {"value": value, "display_value": session.formats.date_time(value)} for name, value in named}


def _shown(call: Call, found: Record, state: Document, told: Mapping[str, list[str]]) -> dict[str, Document]:
    link = f"{call.origin}/api/sn_chg_rest/change/worker/{found.sys_id}"
    return {
        "worker": {"sysId": found.sys_id, "link": link},
        "request": found["request"],
        "state": state,
        "type": found["type"],
        "messages": told,
    }
