"""The command ``privman-scenarios fidelity``: the fake beside an instance, which a proxy makes differ."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from yarl import URL

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import issue_certificate
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.analysis.traps import load_traps
from privman_scenarios.commands.cli import main
from privman_scenarios.playing.mock_options import MockOptions
from privman_scenarios.playing.world_builder import fresh_servicenow

GROUPS = "table/sys_user_group"
OF_THE_WIRE = ("Content-Length", "Content-Encoding", "Transfer-Encoding")
Change = Callable[[web.Request, web.Response], web.Response]


@contextmanager
def instance(loop: LoopThread, change: Change, release: str = "default") -> Iterator[str]:
    """Serve an instance whose answers are changed on their way; gives its address."""

    async def forward(request: web.Request) -> web.Response:
        url = URL(f"{fake.url}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        body = await request.read() or None
        async with session.request(request.method, url, data=body, headers=headers) as answer:
            kept = {key: value for key, value in answer.headers.items() if key not in OF_THE_WIRE}
            return change(request, web.Response(status=answer.status, body=await answer.read(), headers=kept))

    async def start() -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", forward)
        return await stack.enter_async_context(serving(app))

    async def session_of() -> ClientSession:
        return await stack.enter_async_context(
            ClientSession(cookie_jar=DummyCookieJar(), skip_auto_headers={"Content-Type", "Accept"})
        )

    stack = AsyncExitStack()
    fake = loop.run(stack.enter_async_context(fresh_servicenow(MockOptions(release))))
    session = loop.run(session_of())
    try:
        yield loop.run(start())
    finally:
        loop.run(stack.aclose())


def untouched(_request: web.Request, answer: web.Response) -> web.Response:
    """Let the answer pass."""
    return answer


def test_every_trap_has_a_probe_or_a_reason_why_not() -> None:
    """The collection's numbers are 1 to 50 and 18b; ids are unique and each probe compares something."""
    probed, unprobed = load_traps()
    numbers = {trap.number for trap in probed} | {trap.number for trap in unprobed}
    assert numbers == {*map(str, range(1, 51)), "18b"}
    assert len({trap.id for trap in probed}) == len(probed)
    assert all(step.compare for trap in probed for step in trap.steps)
    assert all(trap.source and trap.tells for trap in probed)


class Planted(NamedTuple):
    """An answer changed, and the row that tells of it."""

    path: str
    status: int
    body: bytes
    trap: str
    what: str
    fake: str
    real: str

    def change(self, request: web.Request, answer: web.Response) -> web.Response:
        """Change the answer to a GET of the path."""
        if request.method != "GET" or not re.fullmatch(self.path, request.raw_path):
            return answer
        return web.Response(status=self.status, body=self.body)


DIFFERENCES = [
    Planted(f".*/v2/{GROUPS}.*", 404, b"{}", "empty-list-v2", "status", "200", "404"),
    Planted(
        ".*/nosuch_table",
        400,
        b'{"error": {"message": "No"}}',
        "unknown-table",
        "value /error/message",
        "'Invalid table nosuch_table'",
        "'No'",
    ),
    Planted(".*/nosuch_table", 400, b'{"error": [{}]}', "unknown-table", "type /error/detail", "null", "absent"),
    Planted(".*/nosuch_table", 400, b'{"error": {"detail": 1}}', "unknown-table", "type /error/detail", "null", "int"),
    Planted(".*=nosuch_column=1.*", 200, b'{"result": "none"}', "invalid-query-part", "count /result", "1", "text"),
    Planted(".*,nosuch_column", 200, b'{"result": []}', "invalid-field", "keys /result", "name", "list"),
    Planted(".*sysparm_offset=5", 200, b'{"result": []}', "total-count", "header x-total-count", "1", "absent"),
    Planted(".*sysparm_fields=sys_id", 200, b'{"result": []}', "link-header", "has-header link", "present", "absent"),
    Planted(".*sysparm_suppress.*ORsys_id.*", 414, b"", "long-address", "body", "JSON", "none"),
    Planted(".*sysparm_suppress.*ORsys_id.*", 414, b"<html>", "long-address", "body", "JSON", "a page"),
    Planted(".*sysparm_suppress.*ORsys_id.*", 414, b"Too long", "long-address", "body", "JSON", "text"),
]


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("planted", DIFFERENCES, ids=lambda planted: f"{planted.trap} {planted.what} {planted.real}")
def test_a_changed_answer_is_named(
    planted: Planted, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table holds the trap, what was looked at, the fake's answer and the instance's; exit code 1."""
    with instance(privman_loop, planted.change) as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", planted.trap]) == 1
    out = capsys.readouterr().out
    cells = rf"{planted.trap} +\d GET .*: {planted.what} +{re.escape(planted.fake)} +{re.escape(planted.real)}"
    assert re.search(rf"^{cells}$", out, re.MULTILINE)
    assert re.search(rf"^{planted.trap} \(trap \d+\): .* \[.*\]$", out, re.MULTILINE)


@pytest.mark.long
def test_another_release_differs_until_it_is_named(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """An instance of Yokohama words its 401 otherwise; the fake can be of that release."""
    with instance(privman_loop, untouched, "yokohama") as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", "credentials-refused"]) == 1
        assert "'User is not authenticated'  'User Not Authenticated'" in capsys.readouterr().out
        assert main(["fidelity", "--servicenow-url", url, "--release", "yokohama"]) == 0


@pytest.mark.long
def test_a_release_that_lets_only_exceptions_in_with_a_password(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """The instance lets its user in, so the fake of that release does as well, and differs in nothing else."""
    with instance(privman_loop, untouched) as url:
        assert main(["fidelity", "--servicenow-url", url, "--release", "zurich", "--trap", "total-count"]) == 0
    assert capsys.readouterr().out.startswith("1 the same, 0 different, 0 left out; ")


APP = ["--trap", "request-without-instance", "--trap", "columns-of-the-app"]


class Instance:
    """What an instance was asked to create and to delete, and how it refuses."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.deleted: list[str] = []

    def watch(self, request: web.Request, answer: web.Response) -> web.Response:
        """Take note of what was created and deleted."""
        if request.method == "POST" and answer.status == 201:
            self.created.append(URL(answer.headers["Location"]).path.replace("/v2/", "/"))
        if request.method == "DELETE" and answer.status == 204:
            self.deleted.append(request.path.replace("/v2/", "/"))
        return answer

    def refuse_creation(self, request: web.Request, answer: web.Response) -> web.Response:
        """Refuse every new group; the record is there all the same."""
        self.watch(request, answer)
        return web.Response(status=403) if request.method == "POST" else answer

    def hide_names(self, request: web.Request, answer: web.Response) -> web.Response:
        """Answer each creation with 201, and with nothing that names the record."""
        self.watch(request, answer)
        return web.json_response({"result": {}}, status=201) if request.method == "POST" else answer

    def refuse_deletion(self, request: web.Request, answer: web.Response) -> web.Response:
        """Refuse to delete anything."""
        return web.Response(status=403) if request.method == "DELETE" else self.watch(request, answer)

    def without_app(self, request: web.Request, answer: web.Response) -> web.Response:
        """Have none of the app's tables."""
        error = {"error": {"message": "Invalid table", "detail": None}, "status": "failure"}
        return web.json_response(error, status=400) if "x_thyti" in request.path else self.watch(request, answer)


@pytest.mark.long
def test_the_fake_is_like_itself(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Against the mock every probe is the same, and whatever a probe creates it deletes; exit code 0."""
    there = Instance()
    with instance(privman_loop, there.watch) as url:
        assert main(["fidelity", "--servicenow-url", url]) == 0
    probed, unprobed = load_traps()
    counts, known = capsys.readouterr().out.splitlines()
    assert counts == f"{len(probed)} the same, 0 different, 0 left out; {len(unprobed)} traps have no safe probe"
    assert known == WireNames.load().how_known
    assert len(there.created) > 20
    assert sorted(there.created) == sorted(there.deleted)


@pytest.mark.long
def test_a_refused_creation_is_the_difference(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its scratch record a probe asks no more, and a record that is there all the same is deleted."""
    there = Instance()
    with instance(privman_loop, there.refuse_creation) as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", "total-count"]) == 1
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("total-count ")]
    assert re.fullmatch(r"total-count +0 POST /api/now/table/sys_user_group: status +201 +403", rows[0])
    assert rows[1].startswith("total-count (trap 6): ")
    assert sorted(there.created) == sorted(there.deleted)


@pytest.mark.long
def test_a_probe_whose_scratch_record_has_no_name_is_given_up(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent to a record that no answer has named; what was created is found by its mark, and deleted."""
    there = Instance()
    with instance(privman_loop, there.hide_names) as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", "total-count"]) == 1
    told, counts, _known = capsys.readouterr().out.splitlines()
    expected = "total-count was given up: expected the sys_id of what was created, 32 hexadecimal digits; got POST "
    assert told.startswith(expected)
    assert counts.startswith("0 the same, 0 different, 0 left out, 1 given up; ")
    assert len(there.created) == 1
    assert there.deleted == there.created


@pytest.mark.long
def test_what_cannot_be_deleted_is_told(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Each record that stays is named; exit code 1."""
    there = Instance()
    with instance(privman_loop, there.refuse_deletion) as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", "created-is-located"]) == 1
    told = re.findall(r"^not deleted: (\S+) \(DELETE .* -> 403\)$", capsys.readouterr().out, re.MULTILINE)
    assert sorted(told) == sorted(there.created)


@pytest.mark.long
def test_an_instance_without_the_app(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Probes of the app are left out, with the reason, and the rest is compared."""
    with instance(privman_loop, Instance().without_app) as url:
        assert main(["fidelity", "--servicenow-url", url]) == 0
    out = capsys.readouterr().out
    assert "request-without-instance was left out: GET /api/now/table/x_thyti_thycotic_p_request?sysparm_limit=1" in out
    assert re.search(r"^\d\d the same, 0 different, 2 left out; ", out, re.MULTILINE)


@pytest.mark.long
def test_the_app_must_be_there_where_it_is_named(
    tmp_path: Path, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """By one of its traps, or by a file with the names of its tables, one of which may be misspelt."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text("tables: {request: x_thyti_thycotic_p_requests}\n", encoding="utf-8")
    with instance(privman_loop, Instance().without_app) as url:
        assert main(["fidelity", "--servicenow-url", url, *APP, "--trap", "unknown-table"]) == 1
        assert main(["fidelity", "--servicenow-url", url, "--inferred", str(inferred)]) == 1
    assert "1 the same, 0 different, 2 left out; " in capsys.readouterr().out


UNANSWERED = {
    "rate limit": (429, ""),
    "maintenance": (503, ""),
    "firewall": (403, "<html>Blocked</html>"),
    "proxy": (404, "<html>Not Found</html>"),
    "gateway": (403, '{"message":"Forbidden"}'),
    "password": (401, '{"error":{"message":"User is not authenticated","detail":""},"status":"failure"}'),
}


@pytest.mark.long
@pytest.mark.parametrize("unanswered", UNANSWERED.values(), ids=UNANSWERED)
def test_only_servicenow_says_that_it_lacks_the_app(
    unanswered: tuple[int, str], privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it has the app nobody has seen: the probe is given up, and the command fails."""

    def fail(request: web.Request, answer: web.Response) -> web.Response:
        status, text = unanswered
        return web.Response(status=status, text=text) if "x_thyti" in request.path else answer

    with instance(privman_loop, fail) as url:
        assert main(["fidelity", "--servicenow-url", url, *APP, "--trap", "unknown-table"]) == 1
    out = capsys.readouterr().out
    assert "request-without-instance was given up: expected /api/now/table/x_thyti" in out
    assert "1 the same, 0 different, 0 left out, 2 given up; " in out


@pytest.mark.long
def test_an_interrupted_probe_cleans_up(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in the middle of a probe leaves no record behind."""
    there = Instance()

    def interrupt(request: web.Request, answer: web.Response) -> web.Response:
        if request.method == "GET" and "nosuch_column=1" in request.raw_path:
            os.kill(os.getpid(), signal.SIGINT)
        return there.watch(request, answer)

    with instance(privman_loop, interrupt) as url:
        assert main(["fidelity", "--servicenow-url", url, "--trap", "invalid-query-part"]) == 130
    assert capsys.readouterr().err == "privman-scenarios: interrupted\n"
    assert len(there.created) == 1
    assert there.deleted == there.created


def test_an_instance_that_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens: one plain line; exit code 3."""
    assert main(["fidelity", "--servicenow-url", "http://127.0.0.1:9"]) == 3
    assert capsys.readouterr().err.startswith("privman-scenarios: http://127.0.0.1:9 could not be reached: ")


def test_unusable_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there and a trap that has no probe are told in a line; exit code 2."""
    anywhere = ["fidelity", "--servicenow-url", "http://127.0.0.1:9"]
    assert main([*anywhere, "--inferred", "none.yaml"]) == 2
    assert main([*anywhere, "--trap", "link-headers"]) == 2
    assert capsys.readouterr().err == (
        "privman-scenarios: --inferred: none.yaml: No such file or directory.\n"
        "privman-scenarios: --trap is 'link-headers', which has no probe. Did you mean 'link-header'?\n"
    )


@pytest.mark.long
def test_a_certificate_of_its_own(privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused with one plain line, and probed on where --ca-file names who has signed it."""
    authority = tmp_path / "authority.pem"
    tls = issue_certificate("127.0.0.1", authority)
    app = mock_servicenow.app.create_app(Settings(), clock=VirtualClock(), ids=Ids(0))
    served = serving(app, tls=tls)
    arguments = ["fidelity", "--servicenow-url", privman_loop.run(served.__aenter__()), "--trap", "unknown-table"]
    assert main(arguments) == 3
    assert "its certificate is not trusted" in capsys.readouterr().err
    assert main([*arguments, "--ca-file", str(authority)]) == 0
    privman_loop.run(served.__aexit__(None, None, None))


def test_credentials_that_are_refused(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password is told without showing it; exit code 3."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "wrong-password")
    with instance(privman_loop, untouched) as url:
        assert main(["fidelity", "--servicenow-url", url, "--servicenow-user", "someone"]) == 3
    why = (
        "refused the credentials of 'someone' from SERVICENOW_PASSWORD (401). Tried once: refusals may lock a user out."
    )
    assert capsys.readouterr().err == f"privman-scenarios: {url} {why}\n"
