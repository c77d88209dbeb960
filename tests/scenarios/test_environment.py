"""Environment variables in scenario files."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.machine_readable import read_json_report
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

SECRET, SHORT = "s3cret-of-the-instance-42", "hunter2"
STORY = """title: T
steps:
- console.ask:
- servicenow.approve: {comment: "${env.DB_PASSWORD} of a ${env.TEAM_KEY}, ${env.PART}, ${env.PASSWORD}"}
- console.expect-approval: {comment: {contains: "${env.PASSWORD}"}}
- console.expect-approval: {comment: "${env.PART} by ${env.DB_PASSWORD}"}
---
title: Nothing is there
given: nothing
examples: [<rows>]
steps:
- clock.advance: <second> seconds
- servicenow.expect-records: {table: request, count: 0}
"""


def load(steps: str, head: str = "title: T\n", **environment: str) -> str:
    """Return why a scenario cannot be loaded; empty if it can."""
    try:
        Loader(vocabulary(), environment).parse(f"{head}steps:\n- console.ask:\n{steps}", "story.yaml")
    except ScenarioFileError as error:
        return str(error)
    return ""


@pytest.mark.long
@pytest.mark.parametrize("others", [1, 31], ids=["one process", "two processes"])
def test_no_output_has_a_secret(
    others: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a failure nor a report, whichever process plays the scenario; other values are shown.

    The name of a variable decides, whatever its value: a word that reports are made of does not break them.
    """
    monkeypatch.setenv("PASSWORD", SECRET)
    monkeypatch.setenv("DB_PASSWORD", SHORT)
    monkeypatch.setenv("TEAM_KEY", "testcase")
    monkeypatch.setenv("PART", "Network")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    story = tmp_path / "story.yaml"
    story.write_text(STORY.replace("<rows>", ", ".join(f"{{second: {number}}}" for number in range(others))))
    html, json, junit, summary = (tmp_path / name for name in ("a.html", "a.json", "a.xml", "summary.md"))
    reports = ["--html", str(html), "--json", str(json), "--junit-xml", str(junit)]
    assert main(["run", str(story), "--jobs", "2", *reports, "--github"]) == 1
    printed = capsys.readouterr()
    assert "story.yaml:6: console.expect-approval" in printed.out
    assert "expected comment 'Network by ***'" in printed.out
    texts = [printed.out, printed.err, *(each.read_text() for each in (html, json, junit, summary))]
    assert [text for text in texts for secret in (SECRET, SHORT, "a testcase") if secret in text] == []
    assert [junit.read_text().count(each) for each in ("<testcase ", "</testcase>")] == [1 + others, 1]
    assert read_json_report(json).ended.failed == 1


@pytest.mark.parametrize(
    ("steps", "environment", "message"),
    [
        ("- servicenow.approve: {comment: '${env.GROUP}'}\n", {}, "variable 'GROUP' is not set. Set it."),
        (
            "- servicenow.approve: {comment: '${env.GRUOP}'}\n",
            {"GROUP": "x"},
            "the environment variable 'GRUOP' is not set. Did you mean 'GROUP'?",
        ),
        ("- servicenow.approve: {comment: '${env.GROUP}'}\n", {"GROUP": ""}, "'GROUP' is empty. Expected a value."),
        ("- servicenow.approve: {comment: '${env.}'}\n", {}, "no earlier step has saved 'env.'."),
        (
            "- console.expect-approval: {state: '${env.STATE}'}\n",
            {"STATE": "Aproved"},
            "list it under 'own: words'. ${env.STATE} is a value of the environment.",
        ),
    ],
)
def test_a_variable_without_a_value_is_an_error(steps: str, environment: dict[str, str], message: str) -> None:
    """With file and line; what its value is not, is found before anything is sent."""
    told = load(steps, **environment)
    assert told.startswith("story.yaml:4: ")
    assert message in told


def test_variables_in_own_words_and_in_the_set_up() -> None:
    """Both are read before the first step."""
    state = "- console.expect-approval: {state: '${env.STATE}'}\n"
    assert load(state, "title: T\nown: {words: ['${env.STATE}']}\n", STATE="Escalated") == ""
    assert "story.yaml:2: own: the environment variable 'STATE' is not set." in load(
        state, "title: T\nown: {words: ['${env.STATE}']}\n"
    )
    given = "title: T\ngiven: {servicenow_url: '${env.URL}'}\n"
    assert load("- console.expect-approval: Pending\n", given, URL="http://instance.example") == ""
    assert load("", given) == "story.yaml:2: given: the environment variable 'URL' is not set. Set it."


PROFILE = """[variables]
GROUP = "Network"
[profiles.night]
patience = 20
[profiles.night.variables]
GROUP = "Operations"
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "environment", "group"),
    [
        ([], {}, "Network"),
        (["--profile", "night"], {}, "Operations"),
        ([], {"PRIVMAN_PROFILE": "night"}, "Operations"),
        (["--profile", "night"], {"GROUP": "Field"}, "Field"),
        ([], {"GROUP": ""}, "Network"),
    ],
)
def test_variables_of_a_profile(
    options: list[str], environment: dict[str, str], group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment wins, then the chosen profile, then the top of the file."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Path("privman.toml").write_text(PROFILE)
    Path("story.yaml").write_text(
        "title: T\nsteps:\n- console.ask:\n- servicenow.approve: {comment: '${env.GROUP}'}\n"
        f"- console.expect-approval: {{comment: {group}}}\n"
    )
    assert main(["run", "story.yaml", *options]) == 0


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            "[variables]\nGROUP = 5\n",
            "privman.toml:2: variables.GROUP: invalid value 5: expected text that is not empty.",
        ),
        (
            "[variables]\nGROUP = ''\n",
            "privman.toml:2: variables.GROUP: invalid value '': expected text that is not empty.",
        ),
        ("[variables]\n'a b' = 'c'\n", "privman.toml:2: variables.a b: no environment variable has such a name"),
        ("variables = 5\n", "privman.toml:1: variables: expected a table."),
        ("[variable]\nGROUP = 'a'\n", "privman.toml:1: unknown key 'variable'"),
    ],
)
def test_unusable_variables_of_a_profile(
    profile: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They name file and line; nothing is played."""
    monkeypatch.chdir(tmp_path)
    Path("privman.toml").write_text(profile)
    assert main(["run"]) == 2
    assert message in capsys.readouterr().err
