"""Verbs of the app's records in ServiceNow."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import checks, durations
from privman_scenarios.language.expectation import MISSING, holds, require
from privman_scenarios.language.kinds import (
    ANYTHING,
    COUNT,
    EXPECTED_VALUES,
    TEXT,
    VALUES,
    suggesting,
)
from privman_scenarios.language.known import USERS
from privman_scenarios.language.model import Arguments
from privman_scenarios.language.request_checks import column_of
from privman_scenarios.language.variables import TABLES, VARIABLE, saves_record
from privman_scenarios.language.vocabulary import ABSENT, Arg, Needs, Verbs, given
from privman_scenarios.playing.own_records import text_of
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.record_checks import A_TABLE, EXPECTED, SELECTING, SENT
from privman_scenarios.playing.record_pages import Record, record_of
from privman_scenarios.playing.shared_verbs import Request

_STATUS = re.compile(r"[0-9]{1,9}")
Table = Annotated[
    str,
    Arg(
        suggesting(TEXT, TABLES),
        "The app's table by its canonical name, one of the platform such as incident, or one of your own.",
        check=A_TABLE,
    ),
]
SysId = Annotated[str, Arg(TEXT, "The record.")]
Values = Annotated[
    Mapping[str, Any],
    Arg(VALUES, "Columns by their canonical names.", check=SENT),
]
Where = Annotated[Mapping[str, Any], Arg(VALUES, "Only records with these values.", check=SELECTING)]
User = Annotated[
    str, Arg(TEXT, f"The user who acts: {', '.join(USERS)}, or one created before (default: the administrator).")
]
Counted = Annotated[int, Arg(COUNT, "How many records there are (default 1).", check=checks.none_of("request"))]
RECORDS = Verbs()


def _needs_of_update(arguments: Arguments) -> Needs:
    """Return what a change needs of a record that no step has saved: on a shared instance it is not this run's."""
    saved = VARIABLE.fullmatch(arguments.get("sys_id", "")) is not None
    return _needs_of_values(arguments) | (frozenset() if saved else frozenset({"an instance of its own"}))


def _needs_of_values(arguments: Arguments) -> Needs:
    """Return what a GUID needs that each run writes alike: a shared instance may hold it already, of another run."""
    is_literal = _is_guid(arguments["values"].get("request_id"))
    return frozenset({"a request_id of its own"}) if is_literal else frozenset()


def _is_guid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


@RECORDS.verb(saves=saves_record, further_needs=_needs_of_values)
async def insert(
    play: Play,
    _party: PartyName,
    *,
    table: Table,
    values: Values,
    by: User = "",
    as_: Annotated[str, Arg(TEXT, "A name under which '${name.sys_id}' is kept.")] = "",
) -> None:
    """Create a record through the Table API."""
    auth = await play.world.servicenow.credentials(by)
    answer = await play.world.servicenow.insert(table, dict(values), auth)
    play.answered("servicenow", answer)
    if as_ and not answer.refused:
        _save(play, as_, play.world.servicenow.spelling.record_from_wire(table, record_of(answer)))


@RECORDS.verb(further_needs=_needs_of_update)
async def update(play: Play, _party: PartyName, *, table: Table, sys_id: SysId, values: Values, by: User = "") -> None:
    """Change a record through the Table API."""
    auth = await play.world.servicenow.credentials(by)
    play.answered("servicenow", await play.world.servicenow.update(table, sys_id, dict(values), auth))


@RECORDS.verb(needs=frozenset({"an instance of its own"}))
async def delete(play: Play, _party: PartyName, *, table: Table, sys_id: SysId, by: User = "") -> None:
    """Delete a record through the Table API."""
    auth = await play.world.servicenow.credentials(by)
    play.answered("servicenow", await play.world.servicenow.delete(table, sys_id, auth))


@RECORDS.verb(prepares=True, saves=saves_record)
async def find(
    play: Play,
    _party: PartyName,
    *,
    table: Table,
    where: Where = ABSENT,
    as_: Annotated[str, Arg(TEXT, "A name under which '${name.sys_id}' of the first is kept.")],
) -> None:
    """Find a record, to use it in later steps."""
    found = await play.world.servicenow.select(table, **(where or {}))
    if not found:
        raise ExpectationError(f"a record of {table}", "none")
    _save(play, as_, found[0])


@RECORDS.verb(shorthand="status", table="request")
async def expect_request(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    count: Counted = 1,
    status: Annotated[
        object, Arg(ANYTHING, "Pending, the decision, or TimedOut.", check=column_of("request", "status"))
    ] = ABSENT,
    metadata: Annotated[
        object, Arg(ANYTHING, "The metadata, JSON in a text.", check=column_of("request", "metadata"))
    ] = ABSENT,
    instance_id: Annotated[
        object, Arg(ANYTHING, "The Instance Id.", check=column_of("request", "instance_id"))
    ] = ABSENT,
    activity_type_id: Annotated[
        object, Arg(ANYTHING, "The ActivityType Id.", check=column_of("request", "activity_type_id"))
    ] = ABSENT,
    comment: Annotated[
        object, Arg(ANYTHING, "The approver's comment.", check=column_of("request", "comment"))
    ] = ABSENT,
    duration: Annotated[
        object,
        Arg(
            ANYTHING,
            "How long the approval lasts.",
            check=durations.KEPT.expected(column_of("request", "duration")),
        ),
    ] = ABSENT,
) -> None:
    """The Requests table has this."""
    values = given(
        status=status,
        metadata=metadata,
        instance_id=instance_id,
        activity_type_id=activity_type_id,
        comment=comment,
        duration=duration,
    )
    await _expect(play, "request", {"request_id": play.request_id(request)}, count, values)


@RECORDS.verb(shorthand="response", table="response")
async def expect_response(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    count: Counted = 1,
    response: Annotated[object, Arg(ANYTHING, "The decision.", check=column_of("response", "response"))] = ABSENT,
    response_status_code: Annotated[
        object,
        Arg(
            ANYTHING,
            "The status of the last attempt; 0 where no answer came.",
            check=column_of("response", "response_status_code"),
        ),
    ] = ABSENT,
    retry_attempts: Annotated[
        object, Arg(ANYTHING, "How many retries it took.", check=column_of("response", "retry_attempts"))
    ] = ABSENT,
    comment: Annotated[
        object, Arg(ANYTHING, "The comment that was sent.", check=column_of("response", "comment"))
    ] = ABSENT,
    duration: Annotated[
        object,
        Arg(ANYTHING, "The duration that was sent.", check=durations.KEPT.expected(column_of("response", "duration"))),
    ] = ABSENT,
) -> None:
    """The Responses table has this."""
    values = given(
        response=response,
        response_status_code=response_status_code,
        retry_attempts=retry_attempts,
        comment=comment,
        duration=duration,
    )
    await _expect(play, "response", {"request_id": play.request_id(request)}, count, values)


@RECORDS.verb(table="integration_configuration")
async def expect_configuration(
    play: Play,
    _party: PartyName,
    *,
    count: Annotated[int, Arg(COUNT, "How many registrations there are (default 1).", check=checks.none_of())] = 1,
    sys_id: Annotated[
        object, Arg(ANYTHING, "The Instance Id.", check=column_of("integration_configuration", "sys_id"))
    ] = ABSENT,
    instance_metadata: Annotated[
        object,
        Arg(
            ANYTHING,
            "What holds for the registration's body.",
            check=column_of("integration_configuration", "instance_metadata"),
        ),
    ] = ABSENT,
) -> None:
    """The Integration Configuration tab shows this."""
    values = given(sys_id=sys_id, instance_metadata=instance_metadata)
    await _expect(play, "integration_configuration", {}, count, values)


@RECORDS.verb()
async def expect_records(
    play: Play,
    _party: PartyName,
    *,
    table: Table,
    where: Where = ABSENT,
    count: Annotated[
        int, Arg(COUNT, "How many there are (default: at least one).", check=checks.none_of("table", "where"))
    ] = ABSENT,
    values: Annotated[Mapping[str, Any], Arg(EXPECTED_VALUES, "What holds for each.", check=EXPECTED)] = ABSENT,
) -> None:
    """A table has these records."""
    await _expect(play, table, where or {}, count, values or {})


async def _expect(play: Play, table: str, where: Mapping[str, Any], count: int, values: Mapping[str, Any]) -> None:
    """Compare records of a table; a count that is `ABSENT` is at least one."""
    found = await play.world.servicenow.select(table, **where)
    if count is not ABSENT:
        require(count, len(found), "count")
    elif not found:
        raise ExpectationError(f"records of {table}", "none")
    for record in found:
        _require(values, record, table)
        if "response_status_code" in values:
            play.expected.add(_status(record["response_status_code"]))


def _require(expected: Mapping[str, Any], record: Record, table: str) -> None:
    """Compare a record; a column that it lacks never counts as absent, or as another than what it should not be."""
    for column, each in expected.items():
        if column not in record and holds(each, MISSING):
            raise ExpectationError(f"a column {column!r} of {table}", "a record without it")
    require(expected, record)


def _status(shown: object) -> int:
    """Return the status that a record shows, 0 for none and for a text that is not a number."""
    text = text_of(shown)
    return int(text) if _STATUS.fullmatch(text) else 0


def _save(play: Play, name: str, record: Record) -> None:
    play.save(f"{name}.sys_id", record["sys_id"])
    if record.get("request_id"):
        play.save(f"{name}.request_id", record["request_id"])
