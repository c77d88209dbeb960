"""Verbs of the console: its administrator and its endpoint users."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from privman_scenarios import checks, known
from privman_scenarios.checks import present, scalar
from privman_scenarios.console import ASKED
from privman_scenarios.errors import ExpectationError
from privman_scenarios.expectation import require
from privman_scenarios.kinds import ANYTHING, EXPECTED_VALUES, FLAG, ROWS, SPAN, TEXT, TEXT_OR_NULL, VALUES, one_of
from privman_scenarios.model import Arguments
from privman_scenarios.play import Play
from privman_scenarios.spans import to_seconds
from privman_scenarios.targets import Need
from privman_scenarios.variables import FIRST_CONSOLE
from privman_scenarios.verbs.shared import REQUEST, Shared
from privman_scenarios.vocabulary import Argument, Verb

CONTROL: frozenset[Need] = frozenset({"console control plane"})
SET_UP_ONCE: frozenset[Need] = frozenset({"console that is set up"})
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
        "event": checks.expected_word("event", lambda: known.EVENTS, "events"),
    }
)
A_STATUS = checks.expected_word("status of a step", lambda: known.SET_UP_STATUSES)
STATUSES_OF_STEPS = checks.rows_of(dict.fromkeys(known.SET_UP_STEPS, A_STATUS))
DETAILS = checks.rows_of(dict.fromkeys(known.SET_UP_STEPS, present))
A_STATE = checks.expected_word("state", lambda: known.STATES)
USE = (
    Argument(
        "name",
        TEXT,
        f"Its name; a new one is started when first named, '{FIRST_CONSOLE}' is the one that was there.",
        required=True,
    ),
)
USE_WEBHOOK = Argument("use_webhook", FLAG, "Whether Use Webhook is ticked.")
POST_URI = Argument("post_uri", TEXT, "The Privilege Manager Post Uri.")
SET_UP = (
    Argument("name", TEXT, "The foreign system's name."),
    Argument("api_enabled", FLAG, "Advanced, API Settings, API Enabled."),
    Argument("role", TEXT_OR_NULL, "The role of the API user; null for none.", check=A_ROLE),
    USE_WEBHOOK,
    Argument("servicenow_url", TEXT, "The Base URL."),
    Argument("servicenow_user", TEXT, "The user of the ServiceNow credential, made with servicenow.create-user."),
    POST_URI,
)
EXPECT_SET_UP = (
    Argument("steps", EXPECTED_VALUES, "The status of steps, by their names.", check=STATUSES_OF_STEPS),
    Argument("details", EXPECTED_VALUES, "What holds for the details of steps, by their names.", check=DETAILS),
    Argument("webhook", ANYTHING, "What holds for the webhook.", check=A_WEBHOOK),
)
ASK = (
    Argument("as", TEXT, "A name for the request, to tell it from others."),
    Argument("metadata", VALUES, "What the endpoint user asks for."),
    Argument("sent", FLAG, "Whether the first attempt reaches ServiceNow; it must unless said."),
)
APPROVAL = (
    REQUEST,
    Argument("state", ANYTHING, "Pending, Approved, Denied, TimedOut or Expired.", check=A_STATE),
    Argument("comment", ANYTHING, "The approver's comment.", check=scalar),
    Argument("duration", ANYTHING, "How long the approval lasts.", check=scalar),
    Argument("responded_by", ANYTHING, "Who decided.", check=scalar),
)
DECISION = (
    REQUEST,
    Argument("response", TEXT, "Approve or Deny.", required=True, check=A_RESPONSE),
    Argument("comment", TEXT, "The comment."),
    Argument("duration", TEXT, "How long the approval lasts, HH:MM:SS."),
)
RESET_SECRET = (Argument("update_credential", FLAG, "Whether the API Credential gets the new Secret."),)
API_SETTINGS = (Argument("api_enabled", FLAG, "API Enabled.", required=True),)
API_USER = (
    Argument("role", TEXT_OR_NULL, "Its role; null for none.", check=A_ROLE),
    Argument("state", one_of(["Active", "Inactive", "LockedOut"]), "Active, Inactive or LockedOut."),
    Argument("expires_in", SPAN, "When it expires."),
)
FOREIGN_SYSTEM = (
    Argument("name", TEXT, "Its name."),
    Argument("base_url", TEXT, "The Base URL."),
    USE_WEBHOOK,
    POST_URI,
)
WEBHOOKS = (Argument("webhooks", ROWS, "What holds for each, in order.", required=True, check=A_WEBHOOK),)


def verbs() -> list[Verb]:
    """Return the verbs of the console."""
    return [
        *Shared("console").verbs(),
        replace(
            _verb("use", "The steps that follow mean this console.", use, USE, "name"),
            needs=frozenset({"second console"}),
        ),
        replace(_verb("set-up", "Run the documented set-up steps.", set_up, SET_UP), bare_needs=SET_UP_ONCE),
        replace(
            _verb("expect-set-up", "The set-up before ended like this.", expect_set_up, EXPECT_SET_UP),
            one_of=tuple(argument.name for argument in EXPECT_SET_UP),
        ),
        _verb("ask", "An endpoint user asks for approval.", ask, ASK),
        replace(
            _verb("expect-approval", "The console sees the request like this.", expect_approval, APPROVAL, "state"),
            one_of=tuple(argument.name for argument in APPROVAL if argument is not REQUEST),
        ),
        _verb("decide", "Somebody decides in the console itself.", decide, DECISION, "response"),
        _verb("restart", "The console's process starts again.", restart),
        _verb("log-out", "Every bearer token dies.", log_out),
        _verb("reset-secret", "Reset Secret of the API user.", _lever("/api-user/reset-secret"), RESET_SECRET),
        _verb("change-api-settings", "Advanced, API Settings.", _lever("/api-settings"), API_SETTINGS, "api_enabled"),
        _verb("change-api-user", "Change the API user.", change_api_user, API_USER),
        _verb("save-foreign-system", "Save, changed or not.", _lever("/foreign-system"), FOREIGN_SYSTEM),
        _verb("expect-webhooks", "The Messaging tab lists these webhooks.", expect_webhooks, WEBHOOKS, "webhooks"),
    ]


async def use(play: Play, arguments: Arguments) -> None:
    """Speak to the console of this name."""
    await play.use_console(arguments["name"])


async def set_up(play: Play, arguments: Arguments) -> None:
    """Run the documented set-up steps; a failed one must be expected by the next step."""
    await play.set_up(arguments)


async def expect_set_up(play: Play, arguments: Arguments) -> None:
    """Compare the outcome of the set-up before, of which no failed step may go unnamed."""
    outcome = play.last_set_up()
    steps = {step["step"]: step for step in outcome["steps"]}
    failed = [name for name, step in steps.items() if step["status"] == "failed"]
    named = {*arguments.get("steps", {}), *arguments.get("details", {})}
    if failed and not named & set(failed):
        raise ExpectationError("a failed step to be named under 'steps' or 'details'", f"{', '.join(failed)} failed")
    require(arguments.get("steps", {}), {name: step["status"] for name, step in steps.items()}, "steps")
    require(arguments.get("details", {}), {name: step["detail"] for name, step in steps.items()}, "details")
    if "webhook" in arguments:
        require(arguments["webhook"], outcome.get("webhook"), "webhook")


async def ask(play: Play, arguments: Arguments) -> None:
    """Let an endpoint user ask, and remember the request under its name."""
    answer = await play.targets.console.ask({**METADATA, **arguments.get("metadata", {})})
    play.answered("console", answer)
    if answer.refused:
        return
    asked = answer.read(ASKED)
    play.save_request(arguments.get("as", "request"), asked["request_id"])
    require(arguments.get("sent", True), asked["sent"], "sent")


async def decide(play: Play, arguments: Arguments) -> None:
    """Decide in the console itself."""
    response = play.targets.servicenow.spelling.response(arguments["response"])
    decision = {key: value for key, value in arguments.items() if key != "request"} | {"response": response}
    path = f"/approval-requests/{quote(play.request_id(arguments), safe='')}/decide"
    play.answered("console", await play.targets.console.control.ask("POST", path, decision))


async def restart(play: Play, _arguments: Arguments) -> None:
    """Start the process again."""
    play.answered("console", await play.targets.console.control.ask("POST", "/restart"))


async def log_out(play: Play, _arguments: Arguments) -> None:
    """Make every bearer token dead."""
    play.answered("console", await play.targets.console.control.ask("DELETE", "/tokens"))


async def change_api_user(play: Play, arguments: Arguments) -> None:
    """Change role, state or end of the API user."""
    spans = {key: to_seconds(value) for key, value in arguments.items() if key == "expires_in"}
    play.answered("console", await play.targets.console.control.ask("POST", "/api-user", {**arguments, **spans}))


async def expect_approval(play: Play, arguments: Arguments) -> None:
    """Compare the request as the console sees it."""
    approval = await play.targets.console.approval(play.request_id(arguments))
    shown = play.targets.servicenow.spelling.users_from_wire(approval)
    require({key: value for key, value in arguments.items() if key != "request"}, shown)


async def expect_webhooks(play: Play, arguments: Arguments) -> None:
    """Compare the list of the Messaging tab."""
    require(arguments["webhooks"], await play.targets.console.webhooks(), "webhooks")


def _lever(path: str) -> Callable[[Play, Arguments], Awaitable[None]]:
    async def pull(play: Play, arguments: Arguments) -> None:
        play.answered("console", await play.targets.console.control.ask("POST", path, arguments))

    return pull


def _verb(
    name: str,
    doc: str,
    play: Callable[[Play, Arguments], Awaitable[None]],
    arguments: tuple[Argument, ...] = (),
    shorthand: str = "",
) -> Verb:
    return Verb(
        f"console.{name}",
        doc,
        play,
        arguments,
        shorthand,
        checks=name.startswith("expect-"),
        excuses=name == "expect-set-up",
        needs=CONTROL,
    )
