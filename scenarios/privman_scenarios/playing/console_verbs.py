"""Verbs of the console: its endpoint users, and what becomes of their requests."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError, NotYetError
from privman_scenarios.language import checks, durations, expected_checks, known
from privman_scenarios.language.expectation import require
from privman_scenarios.language.expected_checks import present, reported, scalar, truth
from privman_scenarios.language.kinds import ANYTHING, FLAG, REQUEST, REQUESTS, TEXT, VALUES, one_of
from privman_scenarios.language.known import ItemKind
from privman_scenarios.language.model import Arguments
from privman_scenarios.language.variables import FIRST, saves_console, saves_request
from privman_scenarios.language.vocabulary import ABSENT, Arg, Verbs, given
from privman_scenarios.playing.party import ASKED, STARTED
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.product_facts import set_up_defaults
from privman_scenarios.playing.shared_verbs import Request

METADATA = {
    "PolicyName": set_up_defaults()["policy"],
    "UserName": "John Doe",
    "InitiatorUserName": "EXAMPLE\\jdoe",
    "AgentName": "WS-0042",
    "UserReason": "Needed for the audit",
}
A_RESPONSE = checks.word("response", known.responses, "words")
A_STATE = expected_checks.expected_word("state", lambda: known.STATES)

Metadata = Annotated[Mapping[str, Any], Arg(VALUES, "What the endpoint reports.", check=reported)]


def _policy(arguments: Arguments) -> Iterator[tuple[ItemKind, str]]:
    """Yield the policy under which the endpoint asks."""
    name = arguments.get("metadata", {}).get("PolicyName")
    if isinstance(name, str):
        yield "policy", name


CONSOLE = Verbs(needs=frozenset({"a console control plane"}))


@CONSOLE.verb(shorthand="name", prepares=True, saves=saves_console, needs=frozenset({"a second console"}))
async def use(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[
        str,
        Arg(TEXT, f"Its name; a new one is started when first named, '{FIRST}' is the one that was there."),
    ],
) -> None:
    """The steps that follow mean this console."""
    await play.use_console(name)


@CONSOLE.verb(prepares=True, saves=saves_request, within=_policy)
async def ask(
    play: Play,
    _party: PartyName,
    *,
    as_: Annotated[
        str, Arg(TEXT, "A name for the request, to tell it from others; the file that it is about has that name, too.")
    ] = "request",
    metadata: Metadata = ABSENT,
    new: Annotated[
        bool, Arg(FLAG, "Whether a request is made (default), or one for the same was pending already.")
    ] = True,
    sent: Annotated[bool, Arg(FLAG, "Whether the first attempt reaches ServiceNow (default: it must).")] = True,
) -> None:
    """An endpoint user asks for approval."""
    reported = {**_usual_metadata(as_), **(metadata or {})}
    answer = await play.world.console.ask(reported)
    play.answered("console", answer)
    if answer.refused:
        return
    asked = answer.read(ASKED)
    play.save_request(as_, asked["request_id"], reported)
    require(new, answer.status == HTTPStatus.CREATED, "new")
    if sent is not asked["sent"]:
        reason = f": {asked['last_error']}" if asked.get("last_error") else ""
        raise ExpectationError(f"sent {sent}", f"sent {asked['sent']}{reason}")


_PENDING = "pending"


@CONSOLE.verb(shorthand="outcome", prepares=True, checks=True, saves=saves_request, within=_policy)
async def run(
    play: Play,
    _party: PartyName,
    *,
    outcome: Annotated[
        str, Arg(one_of(known.RUN_OUTCOMES), "Whether it is allowed, pending, or asked for with a new request.")
    ],
    request: Annotated[
        str, Arg(REQUEST, "The request for that application, by its name in 'as' (default: the last one).")
    ] = "",
    metadata: Metadata = ABSENT,
    as_: Annotated[str, Arg(TEXT, "A name for the request that answers.")] = "request",
) -> None:
    """The application starts on the endpoint."""
    reported = {**(play.metadata_of(request) or _usual_metadata(as_)), **(metadata or {})}
    answer = await play.world.console.run(reported)
    play.answered("console", answer)
    if answer.refused:
        return
    started = answer.read(STARTED)
    play.save_request(as_, started["request_id"], reported)
    play.runs.append((started["request_id"], started["outcome"]))
    try:
        require(outcome, started["outcome"], "outcome")
    except ExpectationError as error:
        if started["outcome"] == _PENDING:
            raise NotYetError(error.expected, error.got, error.comparison) from None
        raise


def _usual_metadata(name: str) -> Mapping[str, Any]:
    return {**METADATA, "FilePath": f"C:\\Temp\\{name}.exe"}


@CONSOLE.verb(shorthand="state", one_beside=("request",))
async def expect_approval(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    state: Annotated[object, Arg(ANYTHING, "Pending, Approved, Denied, TimedOut or Expired.", check=A_STATE)] = ABSENT,
    comment: Annotated[object, Arg(ANYTHING, "The approver's comment.", check=scalar)] = ABSENT,
    duration: Annotated[
        object, Arg(ANYTHING, "How long the approval lasts.", check=durations.ON_THE_WIRE.expected(scalar))
    ] = ABSENT,
    one_time: Annotated[object, Arg(ANYTHING, "Whether the approval allows one run only.", check=truth)] = ABSENT,
    responded_by: Annotated[object, Arg(ANYTHING, "Who decided.", check=scalar)] = ABSENT,
    process: Annotated[
        object, Arg(ANYTHING, "The approval process that it took.", check=present, item="approval process")
    ] = ABSENT,
    refused_decision: Annotated[
        object, Arg(ANYTHING, "The last decision of ServiceNow that came too late, and why.", check=scalar)
    ] = ABSENT,
    last_error: Annotated[object, Arg(ANYTHING, "Why ServiceNow lacks it or its decision.", check=scalar)] = ABSENT,
) -> None:
    """The console sees the request like this."""
    approval = await play.world.console.approval(play.request_id(request))
    shown = play.world.servicenow.spelling.users_from_wire(approval)
    expected = given(
        state=state,
        comment=comment,
        duration=duration,
        one_time=one_time,
        responded_by=responded_by,
        process=process,
        refused_decision=refused_decision,
        last_error=last_error,
    )
    require(expected, shown)


@CONSOLE.verb(shorthand="response")
async def decide(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    requests: Annotated[Sequence[str], Arg(REQUESTS, "Several, decided alike at once, all or none.")] = (),
    response: Annotated[str, Arg(TEXT, "Approve or Deny.", check=A_RESPONSE)],
    comment: Annotated[str, Arg(TEXT, "The comment.")] = ABSENT,
    duration: Annotated[
        str,
        Arg(
            TEXT,
            "How long the approval lasts, HH:MM:SS (default, and empty: one run).",
            check=durations.ON_THE_WIRE.check,
        ),
    ] = ABSENT,
) -> None:
    """Somebody decides in the console itself."""
    spelled = play.world.servicenow.spelling.response(response)
    decision = given(response=spelled, comment=comment, duration=duration or ABSENT)
    if requests:
        request_ids = [play.request_id(each) for each in requests]
        await play.post_to_console("/approval-requests/decide", {"request_ids": request_ids, **decision})
    else:
        await play.post_to_console(f"/approval-requests/{quote(play.request_id(request), safe='')}/decide", decision)


@CONSOLE.verb()
async def restart(play: Play, _party: PartyName) -> None:
    """The console's process starts again."""
    await play.post_to_console("/restart")


@CONSOLE.verb()
async def log_out(play: Play, _party: PartyName) -> None:
    """Every bearer token dies."""
    play.answered("console", await play.world.console.control.ask("DELETE", "/tokens"))
