"""Settings of pytest: the same variables and profiles as those of the commands."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

pytest_plugins = ["pytester"]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.long
@pytest.mark.parametrize("options", [[], ["--privman-reset"]], ids=["fixture", "option"])
def test_pytest_refuses_misspelt_variables(
    options: list[str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those tests that use the fixtures fail; an option that requires a target ends the run."""
    monkeypatch.setenv("SERVICENOW_ULR", "http://127.0.0.1:9")
    pytester.makepyfile("def test_ours(servicenow): ...\ndef test_theirs(): ...")
    ran = pytester.runpytest_inprocess("-p", "no:asyncio", *options)
    message = "*unknown variable SERVICENOW_ULR (did you mean 'SERVICENOW_URL'?)."
    if options:
        ran.stderr.fnmatch_lines([message])
    else:
        ran.assert_outcomes(passed=1, errors=1)
        ran.stdout.fnmatch_lines([message])


USED = "def test_it(servicenow): assert servicenow.url == 'URL'\ndef test_other(): ..."


@pytest.mark.long
def test_the_fixtures_take_the_same(pytester: pytest.Pytester, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable and a profile name the instance; a line says so even if pytest is to be quiet."""
    pytester.makepyfile(USED.replace("URL", instance))
    options = ("-p", "no:asyncio", "-q")
    monkeypatch.setenv("SERVICENOW_URL", instance)
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=2)
    assert result.outlines[0] == f"ServiceNow: {instance} (SERVICENOW_URL). Console: the simulator."
    result = pytester.runpytest_inprocess(*options, "--privman-fakes")
    result.assert_outcomes(passed=1, failed=1)
    monkeypatch.delenv("SERVICENOW_URL")
    (pytester.path / "privman.toml").write_text(f"[profiles.dev]\nservicenow.url = '{instance}'\n")
    result = pytester.runpytest_inprocess(*options, "--privman-profile", "dev")
    result.assert_outcomes(passed=2)
    assert result.outlines[0].startswith(f"ServiceNow: {instance} (privman.toml:2, profile dev).")


@pytest.mark.long
def test_a_profile_that_is_a_folder(pytester: pytest.Pytester) -> None:
    """One line for each test that needs it, without a traceback."""
    pytester.makepyfile(USED)
    (pytester.path / "privman.toml").mkdir()
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["privman.toml: Is a directory."])


@pytest.mark.long
def test_a_variable_of_another_tool_fails_only_what_needs_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may name its instance in a way of its own."""
    pytester.makepyfile(USED)
    monkeypatch.setenv("SERVICENOW_URL", "dev12345")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["SERVICENOW_URL: 'dev12345'; expected an address such as https://*"])


def test_a_profile_that_is_not_chosen_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on fakes would otherwise pass for one on the instance that the profile has."""
    monkeypatch.chdir(tmp_path)
    Path("privman.toml").write_text(
        '[profiles.test]\nservicenow.url = "http://127.0.0.1:9"\n[profiles.slow]\npatience = 9\n'
        '[profiles.none.variables]\nurl = "a"\n'
    )
    Path("s.yaml").write_text("title: T\nsteps: [console.ask: , console.expect-approval: Pending]\n")
    said = "On fakes: no --profile is given, and privman.toml has test.\n"
    assert main(["run", "s.yaml", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.startswith(said)
    assert main(["run", "s.yaml", "--jobs", "1", "--fakes"]) == 0
    assert "On fakes" not in capsys.readouterr().out
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    assert main(["targets", "--servicenow-url", "http://127.0.0.1:9"]) == 3
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["servicenow-url", "http://127.0.0.1:9", "--servicenow-url"] in rows
    assert any(name == "console-url" and "no --profile is given" in rest for name, *_, rest in rows)
