"""Connect to a target and find out what it is."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal

from privman_contracts import PartyName
from privman_core.client_settings import setting_named
from privman_core.cuts import cut
from privman_core.setting_types import Setting
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.record_pages import TableNotListedError
from privman_scenarios.playing.servicenow import ServiceNowParty


class BadLogInError(TargetUnreachableError):
    """An instance does not let a user in; asking again could lock the user out."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The ids that ServiceNow gave a console, as a set-up reports them.

    Attributes:
        activity_type_id: empty where the console has registered none.
    """

    instance_id: str
    activity_type_id: str


# Not one with a password before the host.
_ADDRESS = re.compile(r"https?://[^/\s\"\\@]{1,255}(?=[/\s\"\\]|$)", re.IGNORECASE)
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """No registration names the console's address.

    Attributes:
        others: the addresses that registrations name, newest first.
    """

    others: tuple[str, ...]

    def reason(self, servicenow_url: str, console: "Connection") -> str:
        """Return the sentence for people, with the way out."""
        why = f"{console.api.url} is not registered with {servicenow_url}"
        if not self.others:
            only = f"only {_RESET} lets this run set it up" if console.is_fake else "its administrators must connect it"
            return f"{why}, and {only}"
        named = ", ".join(self.others[:_MOST_NAMED])
        ways = setting_named("console_url").sources
        return f"{why}, which has registrations of {named}. Expected the registered address as {ways}"


async def find_registration(servicenow: ServiceNowParty, console_url: str) -> Registration | NotRegistered:
    """Return the newest registration of the console at that address; raises TargetUnreachableError."""
    try:
        listed = [*reversed(await servicenow.find_of_all("integration_configuration"))]
        texts = {each["sys_id"]: each.get("instance_metadata", "") for each in listed}
        found = next((sys_id for sys_id, text in texts.items() if f"{console_url}/".lower() in text.lower()), None)
        if found is None:
            others = (address.lower() for text in texts.values() for address in _ADDRESS.findall(text))
            return NotRegistered(tuple(dict.fromkeys(others)))
        return Registration(found, await _activity_type(servicenow, found))
    except ExpectationError as error:
        raise TargetUnreachableError(f"{servicenow.url} does not list its records: {error.got}.") from None


async def _activity_type(servicenow: ServiceNowParty, instance_id: str) -> str:
    """Return the newest activity type of the registration, empty where there is none, or the table is not listed."""
    try:
        listed = await servicenow.find_of_all("activity_type", instance_id=instance_id)
    except TableNotListedError:
        return ""
    return next((each["sys_id"] for each in reversed(listed) if each["instance_id"] == instance_id), "")


# A fake that already runs is left alone (never), loses its journal and faults (clear), or all its records (reset).
Restart = Literal["never", "clear", "reset"]
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_TABLES = "/api/now/table/"
_LOGON_CHECK = f"{_TABLES}sys_user?sysparm_limit=1&sysparm_fields=sys_id"


@dataclass(frozen=True, slots=True)
class _Expected:
    """What must be at an address.

    Attributes:
        words: name it for people.
        other: what only the control plane of the other party has.
        party: whose settings are about it.
    """

    words: str
    other: str
    party: PartyName

    @property
    def url(self) -> Setting:
        """Sets its address."""
        return setting_named(f"{self.party}_url")

    @property
    def token(self) -> Setting:
        """Sets the token of its control plane."""
        return setting_named(f"{self.party}_admin_token")


_INSTANCE = _Expected("ServiceNow instance", "webhooks", "servicenow")
_CONSOLE = _Expected("Privilege Manager Console", "deliveries", "console")
UNKNOWN = "unknown"
"""The version of a system that does not say it to everybody."""
_LONGEST_VERSION = 100
_RESET, _LETS = "--reset (pytest: --privman-reset)", "lets this run control it"
_VERSION = "/Tms/services/api/v1/version/Current"


@dataclass(frozen=True, slots=True)
class Connection:
    """An address that answers.

    Attributes:
        control: its control plane, None for a real system, and for a fake that others use.
        virtual: whether this run may advance its clock.
        why_not: why there is no control plane, for people; empty where there is one.
        version: as it says itself.
        why_real: why its clock cannot be advanced.
        is_fake: whether there is a control plane, used or not.
        refusal: the error of a control plane that demands a token, which the run lacks; empty where none does.
    """

    api: HttpApi
    control: ControlPlane | None
    virtual: bool
    why_not: str = ""
    why_real: str = ""
    version: str = UNKNOWN
    is_fake: bool = True
    refusal: str = ""


async def reach_servicenow(api: HttpApi, auth: LogIn, restart: Restart) -> Connection:
    """Return the instance; raises TargetUnreachableError with one plain line, BadLogInError where that says so."""
    connection = await _reach(api, restart, _INSTANCE)
    await log_on(connection.api, auth)
    return connection


async def refuse_bad_log_on(api: HttpApi, auth: LogIn) -> None:
    """Raise BadLogInError if an instance does not let the user in, before anything is wiped.

    While a fault is armed the answer proves nothing; the check then waits until the reset has disarmed it.
    """
    armed = (await ControlPlane(api).ask("GET", "/faults")).json
    if not isinstance(armed, dict) or not armed.get("faults"):
        _require_log_on(await api.call("GET", _LOGON_CHECK, auth=auth), api, auth)


async def refuse_bad_users(api: HttpApi, users: Iterable[LogIn]) -> None:
    """Raise BadLogInError if an instance does not let one of the users in, who may see little there.

    Scenarios would try again and again, which locks a user out.
    """
    for user in users:
        answer = await api.call("GET", _LOGON_CHECK, auth=user)
        _require_log_on(answer, api, user, (HTTPStatus.UNAUTHORIZED,))


def _require_log_on(answer: PartyAnswer, api: HttpApi, auth: LogIn, refusals: Container[int] = _REFUSALS) -> None:
    if not answer.path.startswith(_TABLES) and answer.status:  # no token was given
        raise BadLogInError(f"{api.url} refused {auth.named}: {answer}.")
    if answer.status not in refusals:
        return
    if answer.status == HTTPStatus.FORBIDDEN:
        raise BadLogInError(f"{api.url} accepts {auth.words}, and does not show sys_user to that user (403).")
    raise BadLogInError(f"{api.url} refused {auth.named} (401). Tried once: refusals may lock a user out.")


async def log_on(api: HttpApi, auth: LogIn) -> None:
    """Check that an instance lets the user in, and change nothing; raises TargetUnreachableError if it does not."""
    answer = await api.call("GET", _LOGON_CHECK, auth=auth)
    _require_log_on(answer, api, auth)
    _demand(answer, "result", api.url, _INSTANCE)


def require_log_on(answer: PartyAnswer, api: HttpApi, auth: LogIn) -> None:
    """Check an instance's first answer about any table, which may refuse that table.

    Raises BadLogInError for refused credentials, TargetUnreachableError where it is not of an instance.
    """
    _require_log_on(answer, api, auth, (HTTPStatus.UNAUTHORIZED,))
    if not answer.is_of_client:
        _demand(answer, "result", api.url, _INSTANCE)


async def reach_console(api: HttpApi, restart: Restart) -> Connection:
    """Return the console; raises TargetUnreachableError with one plain line."""
    connection = await _reach(api, restart, _CONSOLE)
    answer = await connection.api.call("GET", _VERSION)
    _demand(answer, "Result", api.url, _CONSOLE)
    return replace(connection, version=_version(answer.json["Result"]))


def _version(said: object) -> str:
    return cut(said, _LONGEST_VERSION) if isinstance(said, str) and said else UNKNOWN


async def _reach(api: HttpApi, restart: Restart, what: _Expected) -> Connection:
    """Return what is at the address; if that is the other party, raises TargetUnreachableError before a reset."""
    url = api.url
    control = ControlPlane(api)
    health = _require_answer(await control.ask("GET", "/health"), url)
    if refusal := _refusal(health, api, what.token):
        if restart != "never" or api.admin_token.value:
            raise TargetUnreachableError(refusal)
        why = f"{url} already runs and demands a token, and only {_RESET} with {what.token.sources} {_LETS}"
        return Connection(api, None, virtual=False, why_not=why, why_real=why, refusal=refusal)
    said = health.json if isinstance(health.json, dict) else {}
    if health.refused or said.get("status") != "ok":
        return Connection(
            api,
            None,
            virtual=False,
            why_not=f"{url} has no control plane",
            why_real=f"{url} keeps real time",
            is_fake=False,
        )
    version = _version(said.get("version"))
    if restart == "never":
        why = f"{url} already runs, and only {_RESET} {_LETS}"
        return Connection(api, None, virtual=False, why_not=why, why_real=why, version=version)
    found = await control.ask("GET", f"/{what.other}")
    if found.status == HTTPStatus.OK and isinstance(found.json, dict) and what.other in found.json:
        why = f"{api.named} is not a {what.words} and was not reset: it is the other party's"
        raise TargetUnreachableError(f"{why}. Expected {what.url.sources}.")
    if restart == "reset":
        api.shared = False
    try:
        await (control.reset() if restart == "reset" else control.clear())
    except ExpectationError as error:
        raise TargetUnreachableError(f"{url} cannot be controlled: {error.got}.") from None
    jump = await control.ask("POST", "/clock/advance", {"seconds": 0})
    return Connection(api, control, virtual=not jump.refused, why_real=f"{url} keeps real time", version=version)


def _refusal(health: PartyAnswer, api: HttpApi, token: Setting) -> str:
    """Return the error of a control plane that refuses the token, or demands one; empty where it does neither.

    Args:
        health: its answer for its health.
        api: how that was asked.
        token: sets the token.
    """
    said = health.json if isinstance(health.json, dict) else {}
    if health.status != HTTPStatus.FORBIDDEN or not isinstance(said.get("error"), str):
        return ""
    if api.admin_token.value:
        return api.admin_token.refused_token(api.url)
    return f"{api.url} cannot be controlled: {said['error']}. Expected {token.sources}."


def _require_answer(answer: PartyAnswer, url: str) -> PartyAnswer:
    if not answer.status:
        raise TargetUnreachableError(f"{url} could not be reached: {answer.error}.")
    return answer


def _demand(answer: PartyAnswer, key: str, url: str, what: _Expected) -> None:
    _require_answer(answer, url)
    if answer.refused or not isinstance(answer.json, dict) or key not in answer.json:
        raise TargetUnreachableError(f"{url} is not a {what.words}: GET {answer.path} {_answered_in_words(answer)}.")


def _answered_in_words(answer: PartyAnswer) -> str:
    if "location" in answer.headers:
        # Its query may say who was to be let in.
        return f"redirects to {answer.headers['location'].partition('?')[0]}"
    return f"answered {answer.status}" if answer.json is not None else f"answered {answer.status} without JSON"
