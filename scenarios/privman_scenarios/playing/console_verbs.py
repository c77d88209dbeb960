"""Verbs of the console: its administrator and its endpoint users."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import checks, expected_checks, known
from privman_scenarios.language.expectation import require
from privman_scenarios.language.expected_checks import present, scalar
from privman_scenarios.language.kinds import (
    ANYTHING,
    EXPECTED_VALUES,
    FLAG,
    ROWS,
    SPAN,
    TEXT,
    TEXT_OR_NULL,
    VALUES,
    one_of,
    to_seconds,
)
from privman_scenarios.language.variables import FIRST_CONSOLE, saves_console, saves_request
from privman_scenarios.language.vocabulary import ABSENT, Arg, Verbs, given
from privman_scenarios.playing.party import ASKED
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.shared_verbs import Request
from privman_scenarios.playing.world_builder import set_up_steps

METADATA = {
    "PolicyId": "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}",
    "PolicyName": "Elevate approved installers",
    "FilePath": "C:\\Temp\\setup.exe",
    "UserReason": "Needed for the audit",
}
A_ROLE = checks.word("role", lambda: known.CONSOLE_ROLES, "roles")
A_RESPONSE = checks.word("response", known.responses, "words")
A_WEBHOOK = checks.rows_of(
    {
        **dict.fromkeys(("description", "credential"), scalar),
        **dict.fromkeys(("name", "type", "endpoint_url", "enabled", "last_modified", "last_modified_by"), present),
        "event": expected_checks.expected_word("event", lambda: known.EVENTS, "events"),
    }
)
A_STATUS = expected_checks.expected_word("status of a step", lambda: known.SET_UP_STATUSES)
STATUSES_OF_STEPS = checks.rows_of(dict.fromkeys(set_up_steps(), A_STATUS))
DETAILS = checks.rows_of(dict.fromkeys(set_up_steps(), present))
A_STATE = expected_checks.expected_word("state", lambda: known.STATES)

UseWebhook = Annotated[bool, Arg(FLAG, "Whether Use Webhook is ticked.")]
PostUri = Annotated[str, Arg(TEXT, "The Privilege Manager Post Uri.")]
BaseUrl = Annotated[str, Arg(TEXT, "The Base URL.")]
CONSOLE = Verbs(needs=frozenset({"a console control plane"}))


@CONSOLE.verb(shorthand="name", prepares=True, saves=saves_console, needs=frozenset({"a second console"}))
async def use(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[
        str,
        Arg(TEXT, f"Its name; a new one is started when first named, '{FIRST_CONSOLE}' is the one that was there."),
    ],
) -> None:
    """The steps that follow mean this console."""
    await play.use_console(name)


@CONSOLE.verb(prepares=True, bare_needs=frozenset({"a console that is set up"}))
async def set_up(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "The foreign system's name.")] = ABSENT,
    api_enabled: Annotated[bool, Arg(FLAG, "Advanced, API Settings, API Enabled.")] = ABSENT,
    role: Annotated[str | None, Arg(TEXT_OR_NULL, "The role of the API user; null for none.", check=A_ROLE)] = ABSENT,
    use_webhook: UseWebhook = ABSENT,
    servicenow_url: BaseUrl = ABSENT,
    servicenow_user: Annotated[
        str, Arg(TEXT, "The user of the ServiceNow credential, made with servicenow.create-user.")
    ] = ABSENT,
    post_uri: PostUri = ABSENT,
) -> None:
    """Run the documented set-up steps."""
    await play.set_up(
        given(
            name=name,
            api_enabled=api_enabled,
            role=role,
            use_webhook=use_webhook,
            servicenow_url=servicenow_url,
            servicenow_user=servicenow_user,
            post_uri=post_uri,
        )
    )


@CONSOLE.verb(excuses=True, one_beside=())
async def expect_set_up(
    play: Play,
    _party: PartyName,
    *,
    steps: Annotated[
        Mapping[str, Any], Arg(EXPECTED_VALUES, "The status of steps, by their names.", check=STATUSES_OF_STEPS)
    ] = ABSENT,
    details: Annotated[
        Mapping[str, Any],
        Arg(EXPECTED_VALUES, "What holds for the details of steps, by their names.", check=DETAILS),
    ] = ABSENT,
    webhook: Annotated[object, Arg(ANYTHING, "What holds for the webhook.", check=A_WEBHOOK)] = ABSENT,
) -> None:
    """The set-up before ended like this."""
    outcome = play.last_set_up()
    found = {step["step"]: step for step in outcome["steps"]}
    failed = [name for name, step in found.items() if step["status"] == "failed"]
    if failed and not {*(steps or ()), *(details or ())} & set(failed):
        raise ExpectationError("a failed step to be named under 'steps' or 'details'", f"{', '.join(failed)} failed")
    require(steps or {}, {name: step["status"] for name, step in found.items()}, "steps")
    require(details or {}, {name: step["detail"] for name, step in found.items()}, "details")
    if webhook is not ABSENT:
        require(webhook, outcome.get("webhook"), "webhook")


@CONSOLE.verb(prepares=True, saves=saves_request)
async def ask(
    play: Play,
    _party: PartyName,
    *,
    as_: Annotated[str, Arg(TEXT, "A name for the request, to tell it from others.")] = "request",
    metadata: Annotated[Mapping[str, Any], Arg(VALUES, "What the endpoint user asks for.")] = ABSENT,
    sent: Annotated[bool, Arg(FLAG, "Whether the first attempt reaches ServiceNow (default: it must).")] = True,
) -> None:
    """An endpoint user asks for approval."""
    answer = await play.world.console.ask({**METADATA, **(metadata or {})})
    play.answered("console", answer)
    if answer.refused:
        return
    asked = answer.read(ASKED)
    play.save_request(as_, asked["request_id"])
    require(sent, asked["sent"], "sent")


@CONSOLE.verb(shorthand="state", one_beside=("request",))
async def expect_approval(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    state: Annotated[object, Arg(ANYTHING, "Pending, Approved, Denied, TimedOut or Expired.", check=A_STATE)] = ABSENT,
    comment: Annotated[object, Arg(ANYTHING, "The approver's comment.", check=scalar)] = ABSENT,
    duration: Annotated[object, Arg(ANYTHING, "How long the approval lasts.", check=scalar)] = ABSENT,
    responded_by: Annotated[object, Arg(ANYTHING, "Who decided.", check=scalar)] = ABSENT,
) -> None:
    """The console sees the request like this."""
    approval = await play.world.console.approval(play.request_id(request))
    shown = play.world.servicenow.spelling.users_from_wire(approval)
    require(given(state=state, comment=comment, duration=duration, responded_by=responded_by), shown)


@CONSOLE.verb(shorthand="response")
async def decide(
    play: Play,
    _party: PartyName,
    *,
    request: Request = "",
    response: Annotated[str, Arg(TEXT, "Approve or Deny.", check=A_RESPONSE)],
    comment: Annotated[str, Arg(TEXT, "The comment.")] = ABSENT,
    duration: Annotated[str, Arg(TEXT, "How long the approval lasts, HH:MM:SS.")] = ABSENT,
) -> None:
    """Somebody decides in the console itself."""
    spelled = play.world.servicenow.spelling.response(response)
    path = f"/approval-requests/{quote(play.request_id(request), safe='')}/decide"
    await _post(play, path, given(response=spelled, comment=comment, duration=duration))


@CONSOLE.verb()
async def restart(play: Play, _party: PartyName) -> None:
    """The console's process starts again."""
    await _post(play, "/restart")


@CONSOLE.verb()
async def log_out(play: Play, _party: PartyName) -> None:
    """Every bearer token dies."""
    play.answered("console", await play.world.console.control.ask("DELETE", "/tokens"))


@CONSOLE.verb()
async def reset_secret(
    play: Play,
    _party: PartyName,
    *,
    update_credential: Annotated[bool, Arg(FLAG, "Whether the API Credential gets the new Secret.")] = ABSENT,
) -> None:
    """Reset Secret of the API user."""
    await _post(play, "/api-user/reset-secret", given(update_credential=update_credential))


@CONSOLE.verb(shorthand="api_enabled")
async def change_api_settings(
    play: Play, _party: PartyName, *, api_enabled: Annotated[bool, Arg(FLAG, "API Enabled.")]
) -> None:
    """Advanced, API Settings."""
    await _post(play, "/api-settings", given(api_enabled=api_enabled))


@CONSOLE.verb()
async def change_api_user(
    play: Play,
    _party: PartyName,
    *,
    role: Annotated[str | None, Arg(TEXT_OR_NULL, "Its role; null for none.", check=A_ROLE)] = ABSENT,
    state: Annotated[str, Arg(one_of(["Active", "Inactive", "LockedOut"]), "Active, Inactive or LockedOut.")] = ABSENT,
    expires_in: Annotated[str, Arg(SPAN, "When it expires.")] = ABSENT,
) -> None:
    """Change the API user."""
    seconds = ABSENT if expires_in is ABSENT else to_seconds(expires_in)
    await _post(play, "/api-user", given(role=role, state=state, expires_in=seconds))


@CONSOLE.verb()
async def save_foreign_system(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")] = ABSENT,
    base_url: BaseUrl = ABSENT,
    use_webhook: UseWebhook = ABSENT,
    post_uri: PostUri = ABSENT,
) -> None:
    """Save, changed or not."""
    changes = given(name=name, base_url=base_url, use_webhook=use_webhook, post_uri=post_uri)
    await _post(play, "/foreign-system", changes)


@CONSOLE.verb(shorthand="webhooks")
async def expect_webhooks(
    play: Play,
    _party: PartyName,
    *,
    webhooks: Annotated[object, Arg(ROWS, "What holds for each, in order.", check=A_WEBHOOK)],
) -> None:
    """The Messaging tab lists these webhooks."""
    require(webhooks, await play.world.console.webhooks(), "webhooks")


async def _post(play: Play, path: str, body: Mapping[str, Any] | None = None) -> None:
    """Post to the console's control plane, and keep the answer for the steps that follow."""
    play.answered("console", await play.world.console.control.ask("POST", path, body))
