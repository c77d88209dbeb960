"""Verbs of ServiceNow: its approvers, its administrator and the app's tables."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import checks, durations
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expectation import MISSING, holds, require
from privman_scenarios.language.expected_checks import scalar
from privman_scenarios.language.kinds import (
    ANYTHING,
    COUNT,
    CREATED_USER,
    EXPECTED_VALUES,
    TEXT,
    TEXTS,
    VALUES,
    rows_of_texts,
    suggesting,
)
from privman_scenarios.language.known import ADMINISTRATOR, DEFAULT_APPROVER, USERS
from privman_scenarios.language.model import Arguments, Own
from privman_scenarios.language.request_checks import column_of
from privman_scenarios.language.variables import FIRST, TABLES, VARIABLE, saves_instance, saves_record
from privman_scenarios.language.vocabulary import ABSENT, Arg, Need, Needs, Verbs, given
from privman_scenarios.playing.own_records import text_of
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.product_facts import servicenow_roles
from privman_scenarios.playing.record_checks import A_RESPONSE, A_TABLE, EXPECTED, SELECTING, SENT
from privman_scenarios.playing.servicenow import Record, record_of
from privman_scenarios.playing.shared_verbs import Request

_STATUS = re.compile(r"[0-9]{1,9}")
A_ROLE = checks.word("role", servicenow_roles, "roles")
_ANSWER = ("request", "comment", "duration", "by")


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
Comment = Annotated[str, Arg(TEXT, "The approver's comment.")]
Duration = Annotated[str, Arg(TEXT, "How long the approval lasts, HH:MM:SS.", check=durations.ON_THE_WIRE.check)]
Approver = Annotated[
    str,
    Arg(TEXT, f"The approver, created before or listed under 'own: users' (default: {DEFAULT_APPROVER})."),
]
User = Annotated[
    str, Arg(TEXT, f"The user who acts: {', '.join(USERS)}, or one created before (default: the administrator).")
]
Counted = Annotated[int, Arg(COUNT, "How many records there are (default 1).", check=checks.none_of("request"))]
SERVICENOW = Verbs()


def _another_user(value: object, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find the administrator's names, under which nobody else can act."""
    if value in ("", ADMINISTRATOR):
        yield Flaw((), f"{value!r} is the administrator. Expected another name.")


def _needs_of_update(arguments: Arguments) -> Needs:
    """Return what a change needs of a record that no step has saved: on a shared instance it is not this run's."""
    saved = VARIABLE.fullmatch(arguments.get("sys_id", "")) is not None
    return _needs_of_values(arguments) | (frozenset() if saved else frozenset({"an instance of its own"}))


def _needs_of_values(arguments: Arguments) -> Needs:
    """Return what a GUID needs that each run writes alike: a shared instance may hold it already, of another run."""
    is_literal = _is_guid(arguments["values"].get("request_id"))
    return frozenset({"a request_id of its own"}) if is_literal else frozenset()


def _needs_of_approver(arguments: Arguments) -> Needs:
    """Return what a decision needs of an approver whom an instance with an existing one does not have."""
    return _needs_of_user(arguments.get("by", ""))


def _needs_of_approvers(arguments: Arguments) -> Needs:
    found = (_needs_of_user(decision.get("by", "")) for decision in arguments["decisions"])
    return frozenset[Need]().union(*found)


def _needs_of_user(name: str) -> Needs:
    return frozenset() if name in ("", *USERS) else frozenset({"users of its own"})


def _is_guid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


@SERVICENOW.verb(shorthand="name", prepares=True, saves=saves_instance, needs=frozenset({"a second instance"}))
async def use(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[
        str, Arg(TEXT, f"Its name; a new one is started when first named, '{FIRST}' is the one that was there.")
    ],
) -> None:
    """The steps that follow mean this instance."""
    await play.use_instance(name)


@SERVICENOW.verb(needs=frozenset({"a servicenow control plane"}))
async def restart(play: Play, _party: PartyName) -> None:
    """The instance's process starts again."""
    play.answered("servicenow", await play.world.servicenow.control.ask("POST", "/restart"))


@SERVICENOW.verb(prepares=True, creates_user="name", needs=frozenset({"users of its own"}))
async def create_user(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "The user name.", check=_another_user)],
    roles: Annotated[Sequence[str], Arg(TEXTS, "Names of roles (default: none).", check=A_ROLE)] = (),
) -> None:
    """Create a user with just these roles."""
    await play.world.servicenow.create_user(name, roles)


@SERVICENOW.verb(shorthand="name", needs=frozenset({"users of its own"}))
async def change_password(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(CREATED_USER, "The user name, made with servicenow.create-user.")],
) -> None:
    """A user gets a new password; the old one is refused from now on."""
    play.answered("servicenow", await play.world.servicenow.change_password(name))


@SERVICENOW.verb(further_needs=_needs_of_approver)
async def approve(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    comment: Comment = ABSENT,
    duration: Duration = ABSENT,
    by: Approver = DEFAULT_APPROVER,
) -> None:
    """An approver approves."""
    play.answered("servicenow", await _decide(play, "Approve", request, by, given(comment=comment, duration=duration)))


@SERVICENOW.verb(further_needs=_needs_of_approver)
async def deny(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    comment: Comment = ABSENT,
    duration: Duration = ABSENT,
    by: Approver = DEFAULT_APPROVER,
) -> None:
    """An approver denies."""
    play.answered("servicenow", await _decide(play, "Deny", request, by, given(comment=comment, duration=duration)))


@SERVICENOW.verb(shorthand="response", further_needs=_needs_of_approver)
async def decide(
    play: Play,
    _party: PartyName,
    *,
    response: Annotated[str, Arg(TEXT, "Approve or Deny, or another word to see it refused.", check=A_RESPONSE)],
    request: Request = "",
    comment: Comment = ABSENT,
    duration: Duration = ABSENT,
    by: Approver = DEFAULT_APPROVER,
) -> None:
    """An approver decides."""
    play.answered("servicenow", await _decide(play, response, request, by, given(comment=comment, duration=duration)))


@SERVICENOW.verb(shorthand="decisions", checks=True, further_needs=_needs_of_approvers)
async def decide_at_once(
    play: Play,
    _party: PartyName,
    *,
    decisions: Annotated[
        Sequence[Mapping[str, str]],
        Arg(
            rows_of_texts("response", _ANSWER),
            "Each with the arguments of servicenow.decide.",
            check=checks.rows_of(
                {
                    **dict.fromkeys(_ANSWER, scalar),
                    "response": A_RESPONSE,
                    "duration": durations.ON_THE_WIRE.check,
                }
            ),
        ),
    ],
    accepted: Annotated[int, Arg(COUNT, "How many of them are accepted (default 1).")] = 1,
) -> None:
    """Several approvers decide at the same moment."""
    for decision in decisions:  # made before, so that nobody is first
        await play.world.servicenow.credentials(decision.get("by", DEFAULT_APPROVER))
    answers = await asyncio.gather(*(_decide_as_listed(play, decision) for decision in decisions))
    failed = [str(answer) for answer in answers if answer.failed]
    if failed and not play.faulty:
        raise ExpectationError("each decision to be accepted or refused", "; ".join(failed))
    count = sum(not answer.refused for answer in answers)
    if count != accepted:
        raise ExpectationError(f"{accepted} accepted decisions", f"{count}: {'; '.join(map(str, answers))}")


@SERVICENOW.verb(saves=saves_record, further_needs=_needs_of_values)
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


@SERVICENOW.verb(further_needs=_needs_of_update)
async def update(play: Play, _party: PartyName, *, table: Table, sys_id: SysId, values: Values, by: User = "") -> None:
    """Change a record through the Table API."""
    auth = await play.world.servicenow.credentials(by)
    play.answered("servicenow", await play.world.servicenow.update(table, sys_id, dict(values), auth))


@SERVICENOW.verb(needs=frozenset({"an instance of its own"}))
async def delete(play: Play, _party: PartyName, *, table: Table, sys_id: SysId, by: User = "") -> None:
    """Delete a record through the Table API."""
    auth = await play.world.servicenow.credentials(by)
    play.answered("servicenow", await play.world.servicenow.delete(table, sys_id, auth))


@SERVICENOW.verb(prepares=True, saves=saves_record)
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


@SERVICENOW.verb(shorthand="status", table="request")
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


@SERVICENOW.verb(shorthand="response", table="response")
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


@SERVICENOW.verb(table="integration_configuration")
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


@SERVICENOW.verb()
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


async def _decide(play: Play, response: str, request: str, by: str, values: Mapping[str, str]) -> PartyAnswer:
    return await play.world.servicenow.decide(play.request_id(request), response, values, by)


async def _decide_as_listed(play: Play, decision: Mapping[str, str]) -> PartyAnswer:
    values = {key: decision[key] for key in ("comment", "duration") if key in decision}
    by = decision.get("by", DEFAULT_APPROVER)
    return await _decide(play, decision["response"], decision.get("request", ""), by, values)
