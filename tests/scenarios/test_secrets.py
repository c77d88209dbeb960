"""Whatever leaves the process holds no password, and nothing that a terminal or a pipeline obeys."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web

import privman_scenarios
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.terminal import print_table
from privman_scenarios.language.loader import catalog_files

pytest_plugins = ["pytester"]

PASSWORD = "S3cret/of+this=run"
USER = "integration"
ENCODED = [
    PASSWORD,
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    base64.b64encode(PASSWORD.encode()).decode(),
    quote(PASSWORD, safe=""),
    json.dumps(json.dumps({"x": PASSWORD})),
]


@contextmanager
def echoing(loop: LoopThread) -> Iterator[str]:
    """Serve an instance that lets anybody in, and answers everything else with 500 and all that it was sent."""

    async def echo(request: web.Request) -> web.Response:
        if request.path.startswith("/__admin"):
            raise web.HTTPNotFound
        if "sysparm_limit=1&sysparm_fields=sys_id" in request.query_string or "ORDERBYsys_created_on" in str(
            request.url
        ):
            return web.json_response({"result": []})
        sent = {**request.headers, "body": await request.text(), "login": f"{USER}:{PASSWORD}", "password": PASSWORD}
        packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        text = (
            f"{json.dumps(sent)} {request.headers.get('Authorization')} {packed} {PASSWORD} {quote(PASSWORD, safe='')}"
        )
        return web.Response(
            status=500, text=f"{text}\n::error::injected\n##teamcity[x]\n\x1b[2J", headers={"X-Echo": packed}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    served = serving(app)
    yield loop.run(served.__aenter__())
    loop.run(served.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICENOW_PASSWORD", PASSWORD)


def outputs(folder: Path, captured: tuple[str, str]) -> dict[str, str]:
    """Return everything that a command has put out, by what it is."""
    return {"out": captured[0], "err": captured[1]} | {file.name: file.read_text() for file in folder.iterdir()}


@pytest.mark.long
@pytest.mark.parametrize("command", ["run", "record", "fidelity", "run dry"])
def test_no_output_holds_the_password(
    command: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither terminal nor reports, in clear nor in any encoding, although the instance repeats it."""
    files = [str(path) for path in catalog_files() if path.stem in ("approve", "decision-nobody-asked-for")]
    reports = [f"--{kind}={tmp_path / kind}" for kind in ("junit-xml", "html", "json", "writes")]
    with echoing(privman_loop) as url:
        target = ["--servicenow-url", url, "--servicenow-user", USER, "--quiet-time", "0"]
        code = main(
            {
                "run": ["run", *files, *target, *reports, "--github"],
                "run dry": ["run", *files, *target, reports[-1], "--dry-run"],
                "record": ["record", *files, *target, *reports, "--out", str(tmp_path / "out.har")],
                "fidelity": ["fidelity", *target[:4], "--writes", str(tmp_path / "writes")],
            }[command]
        )
    assert code in (0, 1, 3)
    captured = capsys.readouterr()
    for name, text in outputs(tmp_path, (captured.out, captured.err)).items():
        assert [each for each in ENCODED if each in text] == [], name
    assert "\x1b" not in captured.out
    injected = [line for line in captured.out.splitlines() if line.lstrip().startswith("::error::injected")]
    assert injected == []
    assert "##teamcity[" not in captured.out


@pytest.mark.long
def test_the_fixtures_print_no_command_of_a_pipeline(privman_loop: LoopThread, pytester: pytest.Pytester) -> None:
    """Though pytest prints what an instance answers as it is."""
    pytester.makepyfile("def test_it(servicenow): ...")
    with echoing(privman_loop) as url:
        result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([": :error::injected", "# #teamcity[[]x[]]*"])
    result.stdout.no_re_match_line(r"\s*::error|.*##teamcity")


def test_a_cell_that_is_wrapped_begins_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A table in a pipe is wide, and a value of an instance may be longer."""
    print_table(("WHAT", "CAME"), [("a", "x " * 4_990 + "::stop-commands::t " * 1_000)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert [line for line in lines if line.lstrip().startswith("::")] == []


@contextmanager
def repeating(loop: LoopThread, heard: list[str]) -> Iterator[str]:
    """Serve an instance that refuses each new user, and says the password that it refuses."""

    async def refuse(request: web.Request) -> web.Response:
        if request.method == "GET":
            status = 404 if request.path.startswith("/__admin") else 200
            return web.json_response({"result": []}, status=status)
        heard.append((await request.json())["user_password"])
        return web.json_response({"error": {"message": f"The text {heard[-1]} is too simple"}}, status=400)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    served = serving(app)
    yield loop.run(served.__aenter__())
    loop.run(served.__aexit__(None, None, None))


@pytest.mark.long
def test_no_output_holds_the_password_of_a_user_that_is_refused(
    privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run draws it, and an instance may repeat it before there is such a user."""
    file, heard = tmp_path / "user.yaml", list[str]()
    file.write_text(
        "title: T\ngiven: nothing\nsteps:\n- servicenow.create-user: {name: a}\n"
        "- servicenow.find: {table: request, as: b}\n"
    )
    reports = [f"--{kind}={tmp_path / kind}" for kind in ("junit-xml", "html", "json", "writes")]
    with repeating(privman_loop, heard) as url:
        assert main(["run", str(file), "--servicenow-url", url, *reports]) == 1
    assert len(heard) == 1
    captured = capsys.readouterr()
    shown = outputs(tmp_path, (captured.out, captured.err))
    assert "is too simple" in shown["out"]
    assert [name for name, text in shown.items() if heard[0] in text] == []


NASTY = 'title: "Nice\\n::error::injected\\n\\e[2J##vso[task.complete]\\u202e \\x85 <script>"\n'
STEPS = 'steps:\n- console.ask: {}\n- console.expect-approval: {comment: "a\\n::warning::injected"}\n'


@pytest.mark.long
def test_a_title_is_no_command_of_a_pipeline_or_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario file of somebody else may hold anything; each report stays what it is."""
    file = tmp_path / "nasty.yaml"
    file.write_text(NASTY + STEPS)
    reports = {kind: tmp_path / f"{kind}.out" for kind in ("junit-xml", "html", "json")}
    assert main(["run", str(file), *(f"--{kind}={path}" for kind, path in reports.items()), "--github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::error title=")
    assert commands[0].count("::") >= 2
    assert not any("##vso[" in line or "\x1b" in line or "\u202e" in line for line in lines)
    (suite,) = ET.parse(reports["junit-xml"]).getroot()  # noqa: S314 - our own report
    (case,) = suite.iter("testcase")
    assert "injected" in str(case.get("name"))
    assert "<script>" not in reports["html"].read_text().partition("</script>")[2]
    assert json.loads(reports["json"].read_text())["failed"] == 1


def test_an_argument_is_told_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A shell may pass lines."""
    with pytest.raises(SystemExit):
        main(["run", "--nosuch\n::error::injected"])
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["run", "nosuch\n::error::injected"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_one_module_writes_what_leaves_the_process() -> None:
    """Every other one goes through it, so that nothing is left unmasked."""
    package = Path(privman_scenarios.__file__).parent
    texts = {file.relative_to(package).as_posix(): file.read_text() for file in package.rglob("*.py")}
    prints = re.compile(r"console\.print\(|sys\.std(out|err)\.write|command_line import .*(say|complain)")
    printing = {name for name, text in texts.items() if prints.search(text)}
    writing = {name for name, text in texts.items() if ".write_text(" in text}
    assert printing == {"commands/reports/terminal.py", "commands/mutate.py"}
    # Files of names and rows for fakes, and what a report says before its run: they hold no secrets.
    assert writing == {
        "output.py",
        "commands/reports/report_kinds.py",
        "analysis/matrix.py",
        "commands/arguments.py",
    }
