"""Trust in the harness: with one duty of a side removed, a named scenario fails at a named step."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from aiohttp import ClientSession, web

from privman_scenarios.catalog import catalog_files
from privman_scenarios.engine import Engine
from privman_scenarios.events import ScenarioEnded
from privman_scenarios.loader import Loader
from privman_scenarios.targets import Targets
from privman_scenarios.verbs import vocabulary
from privman_scenarios.world import Remote, WorldBuilder
from privman_testbench.real_clock import RealClock
from privman_testbench.serving import serving


@dataclass(frozen=True, slots=True)
class Message:
    """A request on its way to a party, or an answer on its way back (``status`` is 0 in a request)."""

    method: str
    path: str
    status: int
    body: bytes

    def with_json(self, change: Callable[[dict[str, Any]], object]) -> "Message":
        """Return the message with its JSON object changed."""
        values = json.loads(self.body)
        change(values)
        return replace(self, body=json.dumps(values).encode())


Tamper = Callable[[Message], Message]


def untouched(message: Message) -> Message:
    """Let everything pass."""
    return message


def proxy(session: ClientSession, upstream: str, tamper: Tamper) -> web.Application:
    """Return a reverse proxy that tampers with what passes through it, both ways."""

    async def forward(request: web.Request) -> web.Response:
        sent = tamper(Message(request.method, request.path, 0, await request.read()))
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        url = f"{upstream}{request.path_qs}"
        async with session.request(sent.method, url, data=sent.body or None, headers=headers) as answer:
            came = tamper(Message(sent.method, sent.path, answer.status, await answer.read()))
            kept = {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
            return web.Response(status=came.status, body=came.body, headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    return app


class Tampered:
    """Worlds whose parties speak to each other through tampering proxies, each party with a clock of its own."""

    def __init__(self, fakes: WorldBuilder, servicenow: Tamper, console: Tamper) -> None:
        self._fakes = fakes
        self._servicenow = servicenow
        self._console = console

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[Targets]:
        """Return both parties behind their proxies."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(ClientSession(auto_decompress=True))
            one, other = [await stack.enter_async_context(self._fakes.open(seed, start)) for _ in range(2)]
            servicenow = serving(proxy(session, one.servicenow.url, self._servicenow))
            console = serving(proxy(session, other.console.url, self._console))
            worlds = WorldBuilder(
                0,
                servicenow=Remote(await stack.enter_async_context(servicenow), "admin", "admin"),
                console=Remote(await stack.enter_async_context(console)),
            )
            yield await stack.enter_async_context(worlds.open())


def is_decision(message: Message) -> bool:
    """Tell whether the message is a decision on its way to the console."""
    return message.path.endswith("/approval/approve") and not message.status


def no_retry(message: Message) -> Message:
    """A temporary failure of the console looks final to ServiceNow."""
    if message.path.endswith("/approval/approve") and message.status == 503:
        return replace(message, status=400)
    return message


def lost_comment(message: Message) -> Message:
    """The comment gets lost."""
    return message.with_json(lambda body: body.pop("Comment", None)) if is_decision(message) else message


def swapped_decision(message: Message) -> Message:
    """Approve becomes Deny, and the other way round."""
    other = {"Approve": "Deny", "Deny": "Approve"}
    if not is_decision(message):
        return message
    return message.with_json(lambda body: body.update(Response=other[str(body["Response"])], Duration=None))


def other_instance(message: Message) -> Message:
    """The decision names another instance."""
    return message.with_json(lambda body: body.update(InstanceId="0" * 32)) if is_decision(message) else message


def wrong_status(message: Message) -> Message:
    """What was created is answered with 200."""
    is_app = "/table/x_" in message.path
    return replace(message, status=200) if is_app and message.status == 201 else message


def lost_sys_id(message: Message) -> Message:
    """A registration is answered without its sys_id."""
    if message.path.endswith("_integration_configuration") and message.status == 201:
        return message.with_json(lambda body: body.update(result={}))
    return message


def page_instead_of_json(message: Message) -> Message:
    """An activity type is answered with a page."""
    if message.path.endswith("_activity_type") and message.status == 201:
        return replace(message, status=200, body=b"<html>Sign in</html>")
    return message


def lost_metadata(message: Message) -> Message:
    """Characters outside ASCII are lost on the way."""
    if message.path.endswith("_request") and not message.status and message.body:
        return replace(message, body=message.body.decode().encode("ascii", "replace"))
    return message


class SecretShown:
    """The Integration Configuration tab shows the Secret."""

    def __init__(self) -> None:
        self._metadata = ""

    def __call__(self, message: Message) -> Message:
        """Remember the registration's body and answer it as it came."""
        if "_integration_configuration" not in message.path:
            return message
        if message.method == "POST" and not message.status:
            self._metadata = json.loads(message.body)["instance_metadata"]
        if message.method == "GET" and message.status == 200:
            return message.with_json(self._show)
        return message

    def _show(self, body: dict[str, Any]) -> None:
        records = body["result"]
        for record in records if isinstance(records, list) else [records]:
            record["instance_metadata"] = self._metadata


async def play(fakes: WorldBuilder, file: str, servicenow: Tamper, console: Tamper) -> ScenarioEnded:
    """Play the last scenario in a file of the catalog through the proxies and return how it ended."""
    (path,) = [path for path in catalog_files() if path.stem == file]
    engine = Engine(vocabulary(), Tampered(fakes, servicenow, console), [], RealClock())
    return await engine.play(Loader(vocabulary()).load([path])[-1])


@pytest.mark.parametrize(
    ("file", "step", "servicenow", "console"),
    [
        ("retry-last-one-succeeds", "servicenow.expect-response", untouched, no_retry),
        ("decision-with-comment-and-duration", "console.expect-approval", untouched, lost_comment),
        ("decision-on-the-wire", "console.expect-exchanges", untouched, swapped_decision),
        ("approve", "console.expect-approval", untouched, other_instance),
        ("approve", "findings", wrong_status, untouched),
        ("setup-every-step", "console.expect-set-up", lost_sys_id, untouched),
        ("setup-every-step", "console.expect-set-up", page_instead_of_json, untouched),
        ("odd-characters", "servicenow.expect-request", lost_metadata, untouched),
        ("setup-integration-configuration", "servicenow.expect-configuration", SecretShown(), untouched),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_removed_duty_is_noticed(
    file: str, step: str, servicenow: Tamper, console: Tamper, privman_worlds: WorldBuilder
) -> None:
    """The scenario fails at the step that checks the duty, and without the sabotage it passes."""
    sabotaged = await play(privman_worlds, file, servicenow, console)
    assert sabotaged.failure is not None
    assert sabotaged.failure.step == step
    assert (await play(privman_worlds, file, untouched, untouched)).outcome == "passed"


def lost_journal(message: Message) -> Message:
    """The journal and the findings cannot be read."""
    is_journal = message.path in ("/__admin/requests", "/__admin/findings")
    return replace(message, status=500) if is_journal and message.status else message


async def test_a_lost_journal_is_a_failure(privman_worlds: WorldBuilder) -> None:
    """What the journals found cannot be told, so nothing is called passed, and the failure says why."""
    ended = await play(privman_worlds, "deny", lost_journal, untouched)
    assert ended.failure is not None
    assert (ended.failure.step, ended.failure.expected) == ("findings", "GET /__admin/findings to be answered")
    assert ended.failure.exchanges[0].startswith("expected GET /__admin/requests to be answered; came GET")
