"""Verbs of ServiceNow: its approvers, its administrator and what stands in the app's tables."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from uuid import UUID

from privman_scenarios import checks, known
from privman_scenarios.checks import Flaw, column_of, scalar
from privman_scenarios.errors import ExpectationError
from privman_scenarios.expectation import MISSING, holds, require
from privman_scenarios.http_api import Answer
from privman_scenarios.kinds import ANYTHING, COUNT, EXPECTED_VALUES, TEXT, TEXTS, VALUES, rows_of_texts, suggesting
from privman_scenarios.model import Arguments
from privman_scenarios.own_records import text_of
from privman_scenarios.play import Play
from privman_scenarios.servicenow import ADMINISTRATOR, DEFAULT_APPROVER, Record, record_of
from privman_scenarios.targets import Need
from privman_scenarios.variables import TABLES, VARIABLE
from privman_scenarios.verbs.shared import REQUEST, Shared
from privman_scenarios.vocabulary import Argument, Verb
from privman_scenarios.words import Own
from privman_scenarios.world import servicenow_roles

_STATUS = re.compile(r"[0-9]{1,9}")
CONTROL: frozenset[Need] = frozenset({"servicenow control plane"})
TABLE = Argument(
    "table",
    suggesting(TEXT, TABLES),
    "The app's table by its canonical name, or one of your own.",
    required=True,
    check=checks.word("table", lambda: TABLES, "tables"),
)
A_RESPONSE = checks.word("response", known.responses, "words")
BY = Argument("by", TEXT, f"The approver, created before or listed under 'own: users'; {DEFAULT_APPROVER} unless said.")
ANSWER = (
    REQUEST,
    Argument("comment", TEXT, "The approver's comment."),
    Argument("duration", TEXT, "How long the approval lasts, HH:MM:SS."),
    BY,
)
DECISION = (
    Argument("response", TEXT, "Approve or Deny, or another word to see it refused.", required=True, check=A_RESPONSE),
    *ANSWER,
)
DECISIONS = rows_of_texts("response", [argument.name for argument in ANSWER])
A_DECISION = checks.rows_of({**{argument.name: scalar for argument in ANSWER}, "response": A_RESPONSE})
AT_ONCE = (
    Argument("decisions", DECISIONS, "Each with the arguments of servicenow.decide.", required=True, check=A_DECISION),
    Argument("accepted", COUNT, "How many of them are accepted; 1 unless said."),
)
INSERT = (
    TABLE,
    Argument("values", VALUES, "Columns by their canonical names.", required=True, check=checks.sent_columns),
    Argument("by", TEXT, "The user name; the administrator unless said."),
    Argument("as", TEXT, "A name under which '${name.sys_id}' is kept."),
)
UPDATE = (
    TABLE,
    Argument("sys_id", TEXT, "The record.", required=True),
    Argument("values", VALUES, "Columns by their canonical names.", required=True, check=checks.sent_columns),
    Argument("by", TEXT, "The user name; the administrator unless said."),
)
A_ROLE = checks.word("role", servicenow_roles, "roles")
FIND = (
    TABLE,
    Argument("where", VALUES, "Only records with these values.", check=checks.where),
    Argument("as", TEXT, "A name under which '${name.sys_id}' of the first is kept.", required=True),
)
DELETE = (
    TABLE,
    Argument("sys_id", TEXT, "The record.", required=True),
    Argument("by", TEXT, "The user name; the administrator unless said."),
)


def _another_user(value: object, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find the administrator's names, under which nobody else can act."""
    if value in ("", ADMINISTRATOR):
        yield Flaw((), f"{value!r} is the administrator. Expected another name.")


CREATE_USER = (
    Argument("name", TEXT, "The user name.", required=True, check=_another_user),
    Argument("roles", TEXTS, "Names of roles; none unless said.", check=A_ROLE),
)
COUNTED = Argument("count", COUNT, "How many records there are; 1 unless said.", check=checks.none_of("request"))
EXPECT_REQUEST = (
    REQUEST,
    COUNTED,
    Argument("status", ANYTHING, "Pending, the decision, or TimedOut.", check=column_of("request", "status")),
    Argument("metadata", ANYTHING, "The metadata, JSON in a text.", check=column_of("request", "metadata")),
    Argument("instance_id", ANYTHING, "The Instance Id.", check=column_of("request", "instance_id")),
    Argument("activity_type_id", ANYTHING, "The ActivityType Id.", check=column_of("request", "activity_type_id")),
    Argument("comment", ANYTHING, "The approver's comment.", check=column_of("request", "comment")),
    Argument("duration", ANYTHING, "How long the approval lasts.", check=column_of("request", "duration")),
)
EXPECT_RESPONSE = (
    REQUEST,
    COUNTED,
    Argument("response", ANYTHING, "The decision.", check=column_of("response", "response")),
    Argument(
        "response_status_code",
        ANYTHING,
        "The status of the last attempt; 0 where no answer came.",
        check=column_of("response", "response_status_code"),
    ),
    Argument("retry_attempts", ANYTHING, "How many retries it took.", check=column_of("response", "retry_attempts")),
    Argument("comment", ANYTHING, "The comment that was sent.", check=column_of("response", "comment")),
    Argument("duration", ANYTHING, "The duration that was sent.", check=column_of("response", "duration")),
)
EXPECT_CONFIGURATION = (
    Argument("count", COUNT, "How many registrations there are; 1 unless said.", check=checks.none_of()),
    Argument("sys_id", ANYTHING, "The Instance Id.", check=column_of("integration_configuration", "sys_id")),
    Argument(
        "instance_metadata",
        ANYTHING,
        "What holds for the registration's body.",
        check=column_of("integration_configuration", "instance_metadata"),
    ),
)
EXPECT_RECORDS = (
    TABLE,
    Argument("where", VALUES, "Only records with these values.", check=checks.where),
    Argument("count", COUNT, "How many there are; at least one unless said.", check=checks.none_of("table", "where")),
    Argument("values", EXPECTED_VALUES, "What holds for each.", check=checks.columns),
)


def verbs() -> list[Verb]:
    """Return the verbs of ServiceNow."""
    return [
        *Shared("servicenow").verbs(),
        replace(_verb("restart", "The instance's process starts again.", restart), needs=CONTROL),
        _verb("create-user", "Create a user with just these roles.", create_user, CREATE_USER),
        _verb("approve", "An approver approves.", approve, ANSWER),
        _verb("deny", "An approver denies.", deny, ANSWER),
        _verb("decide", "An approver decides.", decide, DECISION, "response"),
        _verb("decide-at-once", "Several approvers decide at the same moment.", decide_at_once, AT_ONCE, "decisions"),
        replace(
            _verb("insert", "Create a record through the Table API.", insert, INSERT),
            further_needs=_needs_of_values,
        ),
        replace(
            _verb("update", "Change a record through the Table API.", update, UPDATE),
            further_needs=_needs_of_update,
        ),
        replace(
            _verb("delete", "Delete a record through the Table API.", delete, DELETE),
            needs=frozenset({"instance of its own"}),
        ),
        _verb("find", "Find a record, to use it in later steps.", find, FIND),
        _verb("expect-request", "The Requests table has this.", expect_request, EXPECT_REQUEST, "status"),
        _verb("expect-response", "The Responses table has this.", expect_response, EXPECT_RESPONSE, "response"),
        _verb(
            "expect-configuration",
            "The Integration Configuration tab shows this.",
            expect_configuration,
            EXPECT_CONFIGURATION,
        ),
        _verb("expect-records", "A table has these records.", expect_records, EXPECT_RECORDS),
    ]


def _needs_of_update(arguments: Arguments) -> frozenset[Need]:
    """Return what a change needs of a record that no step has saved: on a shared instance it is not this run's."""
    saved = VARIABLE.fullmatch(arguments.get("sys_id", "")) is not None
    return _needs_of_values(arguments) | (frozenset() if saved else frozenset({"instance of its own"}))


def _needs_of_values(arguments: Arguments) -> frozenset[Need]:
    """Return what a GUID needs that each run writes alike: a shared instance may hold it already, of another run."""
    is_literal = _is_guid(arguments["values"].get("request_id"))
    return frozenset({"request_id of its own"}) if is_literal else frozenset()


def _is_guid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


async def restart(play: Play, _arguments: Arguments) -> None:
    """Start the process again."""
    play.answered("servicenow", await play.targets.servicenow.control.ask("POST", "/restart"))


async def create_user(play: Play, arguments: Arguments) -> None:
    """Create a user with just these roles."""
    await play.targets.servicenow.create_user(arguments["name"], arguments.get("roles", []))


async def approve(play: Play, arguments: Arguments) -> None:
    """Let an approver approve."""
    await decide(play, {**arguments, "response": "Approve"})


async def deny(play: Play, arguments: Arguments) -> None:
    """Let an approver deny."""
    await decide(play, {**arguments, "response": "Deny"})


async def decide(play: Play, arguments: Arguments) -> None:
    """Let an approver decide."""
    play.answered("servicenow", await _decide(play, arguments))


async def decide_at_once(play: Play, arguments: Arguments) -> None:
    """Let several approvers decide at the same moment; the credentials are made before, so that nobody is first."""
    for decision in arguments["decisions"]:
        await play.targets.servicenow.credentials(decision.get("by", DEFAULT_APPROVER))
    answers = await asyncio.gather(*(_decide(play, decision) for decision in arguments["decisions"]))
    failed = [str(answer) for answer in answers if answer.failed]
    if failed and not play.faulty:
        raise ExpectationError("each decision to be accepted or refused", "; ".join(failed))
    accepted = sum(not answer.refused for answer in answers)
    if accepted != arguments.get("accepted", 1):
        came = f"{accepted}: {'; '.join(map(str, answers))}"
        raise ExpectationError(f"{arguments.get('accepted', 1)} accepted decisions", came)


async def insert(play: Play, arguments: Arguments) -> None:
    """Create a record and remember its sys_id."""
    auth = await play.targets.servicenow.credentials(arguments.get("by", ""))
    answer = await play.targets.servicenow.insert(arguments["table"], arguments["values"], auth)
    play.answered("servicenow", answer)
    if "as" in arguments and not answer.refused:
        record = play.targets.servicenow.spelling.record_from_wire(arguments["table"], record_of(answer))
        _save(play, arguments["as"], record)


async def update(play: Play, arguments: Arguments) -> None:
    """Change a record."""
    auth = await play.targets.servicenow.credentials(arguments.get("by", ""))
    answer = await play.targets.servicenow.update(arguments["table"], arguments["sys_id"], arguments["values"], auth)
    play.answered("servicenow", answer)


async def find(play: Play, arguments: Arguments) -> None:
    """Remember the sys_id of the first record that fits."""
    found = await play.targets.servicenow.select(arguments["table"], **arguments.get("where", {}))
    if not found:
        raise ExpectationError(f"a record of {arguments['table']}", "none")
    _save(play, arguments["as"], found[0])


async def delete(play: Play, arguments: Arguments) -> None:
    """Delete a record."""
    auth = await play.targets.servicenow.credentials(arguments.get("by", ""))
    answer = await play.targets.servicenow.delete(arguments["table"], arguments["sys_id"], auth)
    play.answered("servicenow", answer)


async def expect_request(play: Play, arguments: Arguments) -> None:
    """Compare the record of a request."""
    await _expect(play, "request", arguments, request_id=play.request_id(arguments))


async def expect_response(play: Play, arguments: Arguments) -> None:
    """Compare the record of a response."""
    await _expect(play, "response", arguments, request_id=play.request_id(arguments))


async def expect_configuration(play: Play, arguments: Arguments) -> None:
    """Compare the registration."""
    await _expect(play, "integration_configuration", arguments)


async def expect_records(play: Play, arguments: Arguments) -> None:
    """Compare records of a table."""
    found = await play.targets.servicenow.select(arguments["table"], **arguments.get("where", {}))
    if "count" in arguments:
        require(arguments["count"], len(found), "count")
    elif not found:
        raise ExpectationError(f"records of {arguments['table']}", "none")
    for record in found:
        _require(arguments.get("values", {}), record, arguments["table"])
        if "response_status_code" in arguments.get("values", {}):
            play.expected.add(_status(record["response_status_code"]))


def _status(shown: object) -> int:
    """Return the status that a record shows, 0 for none; another text than a number is none."""
    text = text_of(shown)
    return int(text) if _STATUS.fullmatch(text) else 0


def _require(expected: Arguments, record: Record, table: str) -> None:
    """Compare a record; a column that it lacks never counts as absent, or as another than what it should not be."""
    for column, each in expected.items():
        if column not in record and holds(each, MISSING):
            raise ExpectationError(f"a column {column!r} of {table}", "a record without it")
    require(expected, record)


async def _expect(play: Play, table: str, arguments: Arguments, **where: str) -> None:
    values = {key: value for key, value in arguments.items() if key not in ("request", "count")}
    await expect_records(play, {"table": table, "where": where, "count": arguments.get("count", 1), "values": values})


def _save(play: Play, name: str, record: Record) -> None:
    play.save(f"{name}.sys_id", record["sys_id"])
    if record.get("request_id"):
        play.save(f"{name}.request_id", record["request_id"])


async def _decide(play: Play, arguments: Arguments) -> Answer:
    values = {key: arguments[key] for key in ("comment", "duration") if key in arguments}
    by = arguments.get("by", DEFAULT_APPROVER)
    return await play.targets.servicenow.decide(play.request_id(arguments), arguments["response"], values, by)


def _verb(
    name: str,
    doc: str,
    play: Callable[[Play, Arguments], Awaitable[None]],
    arguments: tuple[Argument, ...] = (),
    shorthand: str = "",
) -> Verb:
    checks = name.startswith("expect-") or name == "decide-at-once"
    return Verb(f"servicenow.{name}", doc, play, arguments, shorthand, checks=checks)
