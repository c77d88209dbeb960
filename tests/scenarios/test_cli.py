"""The command ``privman-scenarios``: exit codes, lines and reports."""

import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest
from aiohttp import web

from privman_core.argument_types import user
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.schema import scenario_schema
from privman_scenarios.playing.verbs import vocabulary

from .targets import packaged

APPROVE = packaged("approve")
HELD = """
title: An approval reaches the console
tags: [smoke, decision]
steps:
  - console.ask:
  - servicenow.approve:
  - console.expect-approval: Approved
"""
FAILING = """
title: A denial looks like an approval
steps:
  - console.ask:
  - servicenow.deny: {comment: No}
  - console.expect-approval: {state: Approved}
"""
SWALLOWING = """
title: A user without the role decides
own: {words: [Maybe]}
steps:
  - servicenow.create-user: {name: scenario.powerless}
  - console.ask:
  - servicenow.decide: {response: Maybe}
  - servicenow.expect-refusal: 403
  - servicenow.expect-finding: decision-update
"""
WAITING = "title: Time passes\nsteps: [{console.ask: }, {clock.advance: 1 minute}]\n"
UNCHECKED = "title: Nothing is expected\nsteps: [{console.ask: }]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a scenario file may be written."""
    return tmp_path / "one.yaml"


@pytest.mark.long
def test_all_held(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each scenario is a line with its outcome; exit code 0."""
    file.write_text(HELD)
    assert main(["run", str(file)]) == 0
    assert capsys.readouterr().out.startswith(
        "passed  An approval reaches the console\n1 passed, 0 failed, 0 skipped; 1 expectation in "
    )


@pytest.mark.long
def test_a_failure_names_file_line_step_and_shows_the_exchanges(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was expected, what came, and the last exchanges without secrets; exit code 1."""
    file.write_text(FAILING)
    assert main(["run", str(file)]) == 1
    out = capsys.readouterr().out
    assert f"  {file}:6: console.expect-approval\n    expected state 'Approved'\n    got      state 'Denied'\n" in out
    assert "| servicenow sent #" in out
    assert '"Response":"Deny","Comment":"No"' in out
    assert '> {"UserName":"***","Password":"***"}' in out


@pytest.mark.long
def test_a_failure_is_in_every_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JUnit, the page with its diagram, JSON and the annotation tell of it, the difference marked, secrets masked."""
    file.write_text(FAILING)
    junit, html, report = (file.with_suffix(suffix) for suffix in (".xml", ".html", ".json"))
    files = ["--junit-xml", str(junit), "--html", str(html), "--json", str(report)]
    assert main(["run", str(file), *files, "--github"]) == 1
    marked = '>   "state": "Denied"  <- expected \'Approved\''
    out = capsys.readouterr().out
    assert f"    {marked}\n" in out
    place = f"{file.parent.name}/{file.name}:6"
    assert f"::error title=A denial looks like an approval::{place}: console.expect-approval: expected" in out
    assert escape(marked, quote=False) in junit.read_text()
    page = html.read_text()
    assert f"<mark>{escape(marked)}</mark>" in page
    assert "POST /Tms/services/api/v1/approval/approve</text>" in page
    assert "&quot;Password&quot;:&quot;***&quot;" in page
    (scenario,) = json.loads(report.read_text())["scenarios"]
    assert (scenario["outcome"], scenario["line"], scenario["failure"]["line"]) == ("failed", 2, 6)


def test_a_broken_contract_that_no_step_asked_for_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message against its contract is red though every step held."""
    file.write_text(SWALLOWING.replace("  - servicenow.expect-finding: decision-update\n", ""))
    assert main(["run", str(file)]) == 1
    assert "decision-update: " in capsys.readouterr().out


@pytest.mark.long
def test_strict_fails_what_was_swallowed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ServiceNow keeps quiet about why a rule refused; only --strict makes that red."""
    file.write_text(SWALLOWING)
    assert main(["run", str(file)]) == 0
    assert main(["run", str(file), "--strict"]) == 1
    assert "rule-aborted" in capsys.readouterr().out


def test_a_run_that_checked_nothing_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario without an expectation is no proof of anything."""
    file.write_text(UNCHECKED)
    assert main(["run", str(file)]) == 1
    assert "expected a step that expects something" in capsys.readouterr().out


def test_no_scenario_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that no title has plays nothing, which is no success."""
    file.write_text(HELD)
    assert main(["run", str(file), "-k", "nosuch"]) == 1
    assert "No scenario was played, so the run fails." in capsys.readouterr().out


@pytest.mark.parametrize("watched", [[], ["--watch"]], ids=["once", "watched"])
def test_an_unknown_tag_is_refused(watched: list[str], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest tag of the chosen files."""
    file.write_text(HELD.replace("decision", "retry"))
    assert main(["run", str(file), "--tag", "smoke", "--tag", "rety", *watched]) == 2
    assert capsys.readouterr().err == "privman-scenarios: --tag: unknown tag 'rety'. Did you mean 'retry'?\n"


def test_a_tag_of_files_without_tags_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They have none to name."""
    file.write_text("title: T\nsteps: [console.ask: ]\n")
    assert main(["run", str(file), "--tag", "smoke"]) == 2
    told = "privman-scenarios: --tag: unknown tag 'smoke'. The chosen files have no tags.\n"
    assert capsys.readouterr().err == told


@pytest.mark.long
def test_a_refused_step_fails_unless_it_is_expected(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A step that was refused never passes silently."""
    file.write_text(SWALLOWING.replace("  - servicenow.expect-refusal: 403\n", ""))
    assert main(["run", str(file)]) == 1
    assert f"{file}:7: servicenow.decide\n    expected the step to be accepted" in capsys.readouterr().out


@pytest.mark.once
def test_the_catalog_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every packaged scenario passes, strictly, the reports say so, and the contracts are exercised."""
    junit, html, report = tmp_path / "junit.xml", tmp_path / "report.html", tmp_path / "report.json"
    exercised = ["--min-coverage", "90,S=100,D=100,P=100,C=100"]
    reports = ["--junit-xml", str(junit), "--html", str(html), "--json", str(report)]
    code = main(["run", "--strict", *exercised, *reports])
    items = json.loads(report.read_text())["coverage"]["items"]
    missing = [each for each in items if not each["exercised"] and each["evidence"] != "I"]
    assert not missing, "\n".join(f"{each['contract']}: {each['kind']} {each['name']}" for each in missing)
    out = capsys.readouterr().out
    assert code == 0
    assert " 0 failed, 0 skipped; " in out
    assert out.count("passed ") >= 90
    assert 'failures="0"' in junit.read_text()
    assert "0 failed" in html.read_text()


@pytest.mark.long
def test_too_many_skipped_scenarios_fail(
    file: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A real instance keeps real time; with --max-skipped 0 what needs another is red, and the last line says so."""
    file.write_text(WAITING)
    target = ["run", str(file), "--servicenow-url", real_instance("")]
    assert main([*target, "--max-skipped", "0"]) == 1
    complaint = "1 of 1 scenarios were skipped, more than the 0% of --max-skipped."
    assert capsys.readouterr().out.splitlines()[-1] == complaint
    assert main([*target, "--max-skipped", "100"]) == 1  # for another reason: nothing was checked
    assert "--max-skipped" not in capsys.readouterr().out


STORY = "---\ntitle: T\nwhen: {token_renewals: %s}\nsteps: [{console.ask: }, {console.expect-approval: Pending}]\n"
HERE, ELSEWHERE = STORY % 1, STORY % 9


@pytest.mark.long
@pytest.mark.parametrize(
    ("others", "options", "complaint"),
    [
        (2, [], "2 of 3 scenarios were skipped or not applicable, more than the 50% of --max-skipped, the default"),
        (1, [], ""),
        (1, ["--max-skipped", "49"], "1 of 2 scenarios were skipped or not applicable, more than the 49% of"),
        (3, ["--max-skipped", "75"], ""),
    ],
)
def test_scenarios_that_do_not_apply_are_not_played(
    others: int, options: list[str], complaint: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate is not green that has played little, for whatever reason."""
    file.write_text(HERE + ELSEWHERE * others)
    assert main(["run", str(file), *options]) == bool(complaint)
    assert capsys.readouterr().out.splitlines()[-1].startswith(complaint or "1 passed, 0 failed, 0 skipped")


@pytest.mark.long
def test_a_real_system_may_lack_anything(
    file: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever wants a limit there says so with --max-skipped, whose help tells it."""
    file.write_text(HERE + ELSEWHERE * 3)
    assert main(["run", str(file), "--servicenow-url", real_instance(""), "--quiet-time", "0"]) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "(default: 100 if a party has no control plane, as a real system; else 50, and 0 skipped" in shown


@pytest.mark.long
async def test_the_package_is_the_command() -> None:
    """``python -m privman_scenarios`` does what the command does."""
    process = await create_subprocess_exec(sys.executable, "-m", "privman_scenarios", "--version", stdout=PIPE)
    out, _ = await process.communicate()
    assert (process.returncode, out.decode().split()[0]) == (0, "privman-scenarios")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "nosuch.yaml"], "nosuch.yaml: cannot be read: No such file or directory."),
        (["run", "--inferred", "nosuch.yaml"], "--inferred: nosuch.yaml: No such file or directory."),
        (["run", "a\0b.yaml"], "an argument holds a null byte."),
    ],
)
def test_unusable_files(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what and where; exit code 2."""
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"privman-scenarios: {complaint}\n"


def test_a_user_name_that_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are refused with the argument; any other may be in it, such as an emoji newer than Python."""
    assert user("\U0001fae9") == "\U0001fae9"
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--servicenow-user", "a\nb"])
    assert (
        r"--servicenow-user: invalid user name 'a\nb': expected UTF-8 text without control characters"
        in capsys.readouterr().err
    )


def test_a_file_without_a_scenario_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A story that was emptied is named, and does not go green beside others."""
    (tmp_path / "emptied.yaml").write_text("# later\n---\n")
    (tmp_path / "full.yaml").write_text(
        "title: T\nsteps: [{servicenow.call: {path: /api/now/table/sys_user, by: '', status: 401}}]\n"
    )
    assert main(["run", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"privman-scenarios: {tmp_path / 'emptied.yaml'}:1: no scenario in this")


def test_a_folder_is_played_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With capital suffixes and folders that are links, each once however the links go."""
    linked, folder = tmp_path / "linked", tmp_path / "stories"
    for place in (linked, folder):
        place.mkdir()
        (place / "one.YAML").write_text(HELD)
    (folder / "link").symlink_to(linked)
    (linked / "ring").symlink_to(folder)
    assert main(["run", str(folder)]) == 0
    assert "2 passed, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["more", "more.yaml"])
def test_a_link_that_leads_nowhere(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As to a folder that was not checked out: nobody knows which scenarios are missing."""
    (tmp_path / "one.yaml").write_text(HELD)
    (tmp_path / ".#one.yaml").symlink_to("somebody@host.1")  # an editor's lock
    assert main(["run", str(tmp_path)]) == 0
    (tmp_path / name).symlink_to("nowhere")
    assert main(["run", str(tmp_path)]) == 2
    assert f"{tmp_path / name}: leads to 'nowhere', which is not there." in capsys.readouterr().err


def test_a_folder_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that is too deep for any path to reach it."""
    (tmp_path / "one.yaml").write_text(HELD)
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(tmp_path)]) == 2
    assert "cannot be read: File name too long." in capsys.readouterr().err


def test_a_folder_without_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is a mistake, not a success."""
    assert main(["run", str(tmp_path)]) == 2
    assert "no scenario in this folder. Expected files named *.yaml." in capsys.readouterr().err


def test_a_report_that_cannot_be_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named before anything is played; exit code 2."""
    file.write_text(HELD)
    assert main(["run", str(file), "--junit-xml", str(file / "junit.xml")]) == 2
    captured = capsys.readouterr()
    assert f"{file}/junit.xml" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--servicenow-url", "dev.example"], "'dev.example'; expected an address such as https://"),
        (["run", "--console-url", "https://me:word@pm.example"], "an address with a user; expected an address such as"),
        (["run", "--seed", "x"], "invalid int value: 'x'"),
        (["run", "--data", "\ud800.yaml"], "argument --data: invalid path '\\ud800.yaml'"),
        (["bunk"], "argument COMMAND: invalid choice 'bunk'; expected one of schema, run, "),
        (["lod"], "privman-scenarios: argument COMMAND: invalid choice 'lod' (did you mean 'load'?)"),
        (["report", "merg"], "report: argument COMMAND: invalid choice 'merg' (did you mean 'merge'?)"),
        (["contracts", "dif"], "contracts: argument COMMAND: invalid choice 'dif' (did you mean 'diff'?)"),
        (["matrix", "--release", "zurch"], "argument --release: invalid choice 'zurch' (did you mean 'zurich'?)"),
        (["run", "--shrad", "1/2"], "privman-scenarios run: unknown option '--shrad' (did you mean '--shard'?)"),
        (["run", "--titel=a secret"], "privman-scenarios run: unknown option '--titel'"),
        (["run", "-shard", "1/2"], "privman-scenarios run: unknown option '-shard' (did you mean '--shard'?)"),
        (
            ["run", "--servicenow-password", "a secret"],
            "unknown option '--servicenow-password'; expected SERVICENOW_PASSWORD or servicenow.password-variable in",
        ),
        (
            ["run", "--servicenow-client-id=x"],
            "unknown option '--servicenow-client-id'; expected SERVICENOW_CLIENT_ID or servicenow.client-id in a",
        ),
        (["run", "-z"], "privman-scenarios run: unknown option '-z'"),
        (["run", f"--{'x' * 300}"], "privman-scenarios run: unknown option '--xxx"),
        (["run", "--max-skippd", "5"], "unknown option '--max-skippd' (did you mean '--max-skipped'?)"),
        (["load", "--user", "5"], "privman-scenarios load: unknown option '--user' (did you mean '--users'?)"),
        (["--hlep"], "privman-scenarios: unknown option '--hlep' (did you mean '--help'?)"),
    ],
)
def test_unusable_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what and where; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert "a secret" not in error
    assert error.count("\n") == 1


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Editors get the format's JSON Schema."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == scenario_schema(vocabulary())


def login_page() -> web.Application:
    """Return a site that answers everything with a login page."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    return app


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--servicenow-url", "is not a ServiceNow instance: GET /api/"),
        ("--console-url", "is not a Privilege Manager Console"),
    ],
)
def test_a_target_that_is_something_else(
    option: str, complaint: str, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """A login page is no target: one plain line, exit code 3."""
    served = serving(login_page())
    url = privman_loop.run(served.__aenter__())
    assert main(["run", APPROVE, option, url]) == 3
    privman_loop.run(served.__aexit__(None, None, None))
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_target_that_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens: one plain line, exit code 3."""
    assert main(["run", APPROVE, "--console-url", "http://127.0.0.1:9"]) == 3
    complaint = "http://127.0.0.1:9 could not be reached: no connection: Connection refused."
    assert capsys.readouterr().err == f"privman-scenarios: {complaint}\n"


def test_a_target_that_speaks_no_tls(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """In words: what TLS says of it is "wrong version number"."""
    served = serving(web.Application())
    url = privman_loop.run(served.__aenter__()).replace("http:", "https:")
    assert main(["run", APPROVE, "--console-url", url]) == 3
    privman_loop.run(served.__aexit__(None, None, None))
    plain = "the server answered without TLS, as one of plain HTTP does"
    assert f"{url} could not be reached: no connection: {plain}" in capsys.readouterr().err


def test_a_target_that_hangs_up(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """No answer to the first question that is no test's own: one plain line, exit code 3."""

    async def hang_up(request: web.Request) -> web.Response:
        request.protocol.force_close()
        return web.Response()

    app = web.Application()
    app.router.add_get("/Tms/{path:.*}", hang_up)
    served = serving(app)
    url = privman_loop.run(served.__aenter__())
    assert main(["run", APPROVE, "--console-url", url]) == 3
    privman_loop.run(served.__aexit__(None, None, None))
    complaint = f"{url} could not be reached: no answer: Server disconnected."
    assert capsys.readouterr().err == f"privman-scenarios: {complaint}\n"


def test_a_target_that_refuses_the_credentials(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password is told without showing it, exit code 3."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "wrong-password")

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=404 if request.path.startswith("/__admin") else 401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    served = serving(app)
    url = privman_loop.run(served.__aenter__())
    assert main(["run", APPROVE, "--servicenow-url", url, "--servicenow-user", "someone"]) == 3
    privman_loop.run(served.__aexit__(None, None, None))
    why = (
        "refused the credentials of 'someone' from SERVICENOW_PASSWORD (401). Tried once: refusals may lock a user out."
    )
    assert capsys.readouterr().err == f"privman-scenarios: {url} {why}\n"


def test_an_interrupted_run_leaves_its_report(
    file: Path, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends the run with a line, and the report tells what ran, and that it did not run to its end."""
    file.write_text(HELD)
    junit = file.with_suffix(".xml")

    async def interrupt(_request: web.Request) -> web.Response:
        os.kill(os.getpid(), signal.SIGINT)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", interrupt)
    served = serving(app)
    url = privman_loop.run(served.__aenter__())
    assert main(["run", str(file), "--console-url", url, "--junit-xml", str(junit)]) == 130
    privman_loop.run(served.__aexit__(None, None, None))
    assert capsys.readouterr().err == "privman-scenarios: interrupted\n"
    assert 'tests="1" failures="0" skipped="0" errors="1"' in junit.read_text()


@pytest.mark.long
@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1), (["--strict", "--dry-run"], 0)])
def test_a_strict_run_has_to_see_findings(
    options: list[str], code: int, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A real instance shows none, so that nothing would be judged by the option."""
    deny = packaged("deny")
    url = real_instance("")
    assert main(["run", deny, "--servicenow-url", url, "--quiet-time", "0", *options]) == code
    said = f"--strict cannot be checked, as no findings are seen: {url} has no control plane."
    assert (said in capsys.readouterr().out) is bool(code)
