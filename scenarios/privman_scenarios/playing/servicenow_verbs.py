"""Verbs of ServiceNow: its approvers and its administrator."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import checks, durations
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expected_checks import scalar
from privman_scenarios.language.kinds import (
    COUNT,
    CREATED_USER,
    TEXT,
    TEXTS,
    rows_of_texts,
)
from privman_scenarios.language.known import ADMINISTRATOR, DEFAULT_APPROVER, USERS
from privman_scenarios.language.model import Arguments, Own
from privman_scenarios.language.variables import FIRST, saves_instance
from privman_scenarios.language.vocabulary import ABSENT, Arg, Need, Needs, Verbs, given
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.product_facts import servicenow_roles
from privman_scenarios.playing.record_checks import A_RESPONSE
from privman_scenarios.playing.shared_verbs import Request

A_ROLE = checks.word("role", servicenow_roles, "roles")
_ANSWER = ("request", "comment", "duration", "by")

Comment = Annotated[str, Arg(TEXT, "The approver's comment.")]
Duration = Annotated[str, Arg(TEXT, "How long the approval lasts, HH:MM:SS.", check=durations.ON_THE_WIRE.check)]
Approver = Annotated[
    str,
    Arg(TEXT, f"The approver, created before or listed under 'own: users' (default: {DEFAULT_APPROVER})."),
]
SERVICENOW = Verbs()


def _another_user(value: object, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find the administrator's names, under which nobody else can act."""
    if value in ("", ADMINISTRATOR):
        yield Flaw((), f"{value!r} is the administrator. Expected another name.")


def _needs_of_approver(arguments: Arguments) -> Needs:
    """Return what a decision needs of an approver whom an instance with an existing one does not have."""
    return _needs_of_user(arguments.get("by", ""))


def _needs_of_approvers(arguments: Arguments) -> Needs:
    found = (_needs_of_user(decision.get("by", "")) for decision in arguments["decisions"])
    return frozenset[Need]().union(*found)


def _needs_of_user(name: str) -> Needs:
    return frozenset() if name in ("", *USERS) else frozenset({"users of its own"})


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


async def _decide(play: Play, response: str, request: str, by: str, values: Mapping[str, str]) -> PartyAnswer:
    return await play.world.servicenow.decide(play.request_id(request), response, values, by)


async def _decide_as_listed(play: Play, decision: Mapping[str, str]) -> PartyAnswer:
    values = {key: decision[key] for key in ("comment", "duration") if key in decision}
    by = decision.get("by", DEFAULT_APPROVER)
    return await _decide(play, decision["response"], decision.get("request", ""), by, values)
