"""``console-sim setup``: the documented set-up against any ServiceNow."""

import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from console_sim.admin import setup_to_json
from console_sim.console import build_console
from console_sim.errors import UnreachableTargetError
from console_sim.settings import Settings
from console_sim.setup_parameters import read_setup_parameters
from console_sim.setup_steps import STEPS
from privman_contracts import WireNames
from privman_core.client_settings import setting_named
from privman_core.clock import Clock, RealClock
from privman_core.command_line import Exit, disarmed, say
from privman_core.control_index import PREFIX
from privman_core.forward_proxies import forward_proxies
from privman_core.ids import Ids
from privman_core.inputs import CONTROL, trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller, NoAnswerError
from privman_core.resolution import Resolved

_HEALTH_SECONDS = 5
_SETUP_SECONDS = 120
_LONGEST_LINE = 1_000


class StepReport(Struct, frozen=True):
    """A step in a console's report."""

    step: str
    status: str
    detail: str


class Health(Struct, frozen=True):
    """A control plane's answer for its health."""

    status: str


class Report(Struct, frozen=True):
    """A console's report of a set-up."""

    steps: list[StepReport]
    servicenow_reached: bool | None


_EXPECTED = "expected a console-sim that serves there with its control plane, or --alone to run the steps without one"


async def set_up(options: Namespace, settings: Settings, password: str) -> int:
    """Run the steps, print each with its outcome, and return the exit code.

    They run in the console simulator at the console's URL, or with ``alone`` in this process.
    Raises UnreachableTargetError and InferredNamesError.
    """
    clock = RealClock()
    secrets = Secrets()
    secrets.add_login(options.servicenow_user, password)
    proxies = forward_proxies(os.environ)
    for login in proxies.logins():
        secrets.add_login(*login)
    journal = Journal(clock, secrets, lambda _exchange: ())
    caller = HttpCaller(clock, journal, "console-sim", trusted=trust(settings.ca_file), proxies=proxies)
    values = {
        "servicenow_url": options.servicenow_url,
        "servicenow_user": options.servicenow_user,
        "servicenow_password": password,
        "name": options.name,
        **({} if options.role is None else {"role": options.role}),
    }
    try:
        if options.alone:
            say(f"No console is set up: ServiceNow's callbacks to {settings.console_url} will fail.")
            report = await _run_here(caller, settings, values, clock, secrets)
        else:
            await _require_simulator(caller, settings, options.settings["console_admin_token"])
            report = await _ask(caller, settings, values, secrets)
    finally:
        await clock.aclose()
        await caller.aclose()
    return _print(report, secrets)


async def _require_simulator(caller: HttpCaller, settings: Settings, token: Resolved) -> None:
    """Raise UnreachableTargetError unless a simulator with a control plane answers."""
    url = f"{settings.console_url}{PREFIX}/health"
    try:
        answer = await caller.send("GET", url, {"X-Admin-Token": settings.admin_token}, b"", _HEALTH_SECONDS)
    except NoAnswerError as error:
        raise UnreachableTargetError(f"{error}; {_EXPECTED}") from None
    if answer.status == HTTPStatus.FORBIDDEN and b"X-Admin-Token" in answer.body:
        expected = setting_named("console_admin_token").sources
        demanded = f"{settings.console_url} cannot be controlled: the console demands its token. Expected {expected}."
        raise UnreachableTargetError(token.refused_token(settings.console_url) if token.value else demanded)
    if answer.status != HTTPStatus.OK or not _is_healthy(answer.body):
        raise UnreachableTargetError(f"{url} answers {answer.status}; {_EXPECTED}")


def _is_healthy(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=Health).status == "ok"
    except msgspec.MsgspecError:
        return False


async def _ask(caller: HttpCaller, settings: Settings, values: Mapping[str, Any], secrets: Secrets) -> Report:
    """Run the steps in the simulator at the console's URL."""
    url = f"{settings.console_url}{PREFIX}/setup"
    headers = {"Content-Type": "application/json", "X-Admin-Token": settings.admin_token}
    try:
        answer = await caller.send("POST", url, headers, orjson.dumps(values), _SETUP_SECONDS)
    except NoAnswerError as error:
        raise UnreachableTargetError(str(error)) from None
    said = _in_line(secrets.mask(answer.body.decode(errors="replace")))
    if answer.status != HTTPStatus.OK:
        raise UnreachableTargetError(f"{url} answers {answer.status}: {said}")
    try:
        report = msgspec.json.decode(answer.body, type=Report)
    except msgspec.MsgspecError as error:
        raise UnreachableTargetError(f"{url} answers no report of a set-up ({error}): {said}") from None
    reported = {each.step for each in report.steps}
    if lacking := [step for step in STEPS if step not in reported]:
        raise UnreachableTargetError(f"{url} answers no report of a set-up (without step {lacking[0]}): {said}")
    return report


async def _run_here(
    caller: HttpCaller, settings: Settings, values: Mapping[str, Any], clock: Clock, secrets: Secrets
) -> Report:
    """Run the steps in this process."""
    names = WireNames.load(settings.inferred)
    once = replace(settings, retries=False)
    console = build_console(once, names, clock=clock, ids=Ids(), secrets=secrets, caller=caller)
    parameters = read_setup_parameters(values, settings.console_url)
    outcomes = await console.setup.run(parameters)
    return msgspec.convert(setup_to_json(outcomes, console, parameters.name), Report)


def _print(report: Report, secrets: Secrets) -> Exit:
    for step in report.steps:
        say(_in_line(secrets.mask(f"{step.status:<8} {step.step:<26} {step.detail}")))
    if report.servicenow_reached is False:
        return Exit.UNREACHABLE
    return Exit.SUCCESS if all(step.status == "ok" for step in report.steps) else Exit.FAILURE


def _in_line(text: str) -> str:
    """Return the text as one short line without terminal or CI control sequences."""
    return disarmed(CONTROL.sub(" ", text[:_LONGEST_LINE]).strip())
