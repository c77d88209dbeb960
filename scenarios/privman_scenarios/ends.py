"""Addresses that already answer, before it is known how well."""

from dataclasses import dataclass

from aiohttp import ClientSession

from privman_scenarios.control_plane import ControlPlane
from privman_scenarios.credentials import Credentials
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.http_api import HttpApi

_LOGON_CHECK = "/api/now/table/sys_user?sysparm_limit=1&sysparm_fields=sys_id"
_VERSION = "/Tms/services/api/v1/version/Current"


@dataclass(frozen=True, slots=True)
class End:
    """An address that answers.

    Attributes:
        control: its control plane, None for a real system.
        virtual: whether its time can jump.
    """

    api: HttpApi
    control: ControlPlane | None
    virtual: bool


async def reach_servicenow(session: ClientSession, url: str, auth: Credentials) -> End:
    """Return the instance at its state at start; raises TargetUnreachableError with one plain line."""
    end = await _reach(session, url)
    await log_on(end.api, auth)
    return end


async def log_on(api: HttpApi, auth: Credentials) -> None:
    """See whether an instance lets the user in, and change nothing; raises TargetUnreachableError where it does not."""
    answer = await api.call("GET", _LOGON_CHECK, auth=auth)
    if not answer.status:
        raise TargetUnreachableError(f"{api.url} could not be reached: {answer.error}.")
    if answer.status in (401, 403):
        raise TargetUnreachableError(f"{api.url} refused the credentials of {auth.user!r} ({answer.status}).")
    if answer.refused or not isinstance(answer.json, dict) or "result" not in answer.json:
        problem = f"GET {_LOGON_CHECK} answered {answer.status}"
        raise TargetUnreachableError(f"{api.url} is no ServiceNow instance: {problem}.")


async def reach_console(session: ClientSession, url: str) -> End:
    """Return the console at its state at start; raises TargetUnreachableError with one plain line."""
    end = await _reach(session, url)
    answer = await end.api.call("GET", _VERSION)
    if answer.refused or not isinstance(answer.json, dict) or "Result" not in answer.json:
        raise TargetUnreachableError(f"{url} is no Privilege Manager Console: GET {_VERSION} answered {answer.status}.")
    return end


async def _reach(session: ClientSession, url: str) -> End:
    api = HttpApi(session, url)
    control = ControlPlane(api)
    health = await control.ask("GET", "/health")
    if not health.status:
        raise TargetUnreachableError(f"{url} could not be reached: {health.error}.")
    if health.refused or not isinstance(health.json, dict) or health.json.get("status") != "ok":
        return End(api, None, virtual=False)
    await control.reset()
    jump = await control.ask("POST", "/clock/advance", {"seconds": 0})
    return End(api, control, virtual=not jump.refused)
