"""Scenario files that pytest collects."""

import pytest

from privman_core.loop_thread import LoopThread

from .shared_instance import shared_mock

pytest_plugins = ["pytester"]
OPTIONS = ("-p", "no:asyncio")

STORIES = """
title: An approval reaches the console
tags: [smoke]
steps:
  - console.ask:
  - servicenow.approve:
  - console.expect-approval: Approved
---
title: A denial reaches the console
steps:
  - console.ask:
  - servicenow.deny:
  - console.expect-approval: Approved
---
title: A denial reaches the console
when: {error_answer_status: 200}
steps:
  - console.ask:
  - servicenow.deny:
  - console.expect-approval: Denied
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a project with stories, and with other YAML."""
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nprivman_stories = ["stories"]\n')
    folder = pytester.mkdir("stories")
    (folder / "decisions.yaml").write_text(STORIES.lstrip())
    (folder / "notes.txt").write_text("no story")
    (pytester.path / "deployment.yaml").write_text("kind: Deployment\n")
    pytester.makepyfile("def test_it(): ...")
    return pytester


@pytest.mark.long
def test_each_scenario_is_a_test(project: pytest.Pytester) -> None:
    """A failure shows step and line, what came and the exchanges; no frame of ours is in any line."""
    result = project.runpytest_inprocess(*OPTIONS, "-rfs")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    story = "stories/decisions.yaml"
    result.stdout.fnmatch_lines(
        [
            f"{story} .Fs *",
            f"{story}:12: console.expect-approval: expected state 'Approved'; got state 'Denied'",
            "servicenow received #* PATCH /api/now/table/x_thyti_thycotic_p_request/*",
            f"FAILED {story}::A denial reaches the console - stories/*",
            "SKIPPED [[]1] stories/decisions.yaml:14: *error_answer_status*",
        ]
    )
    assert "privman_scenarios" not in result.stdout.str()


@pytest.mark.long
def test_an_unknown_profile_is_an_error_of_the_file(project: pytest.Pytester) -> None:
    """Its scenarios may use the profile's variables; in one line."""
    result = project.runpytest_inprocess(*OPTIONS, "--privman-profile", "nowhere")
    result.stdout.fnmatch_lines(["*ERROR collecting stories/decisions.yaml*", "*'nowhere'*"])


@pytest.mark.long
def test_paths_may_lead_out_of_the_folder_of_the_ini_file(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenarios beside it are collected, from arguments and from `testpaths`."""
    folder = project.mkdir("sub")
    monkeypatch.chdir(folder)
    (folder / "pytest.ini").write_text("[pytest]\nprivman_stories = ../stories\ntestpaths = ../stories\n")
    for arguments in ((), ("-c", "pytest.ini", "../stories")):
        result = project.runpytest_inprocess(*OPTIONS, "--collect-only", "-q", *arguments)
        result.stdout.fnmatch_lines(["3 tests collected*"])


@pytest.mark.long
def test_scenarios_are_chosen_as_tests_are(project: pytest.Pytester) -> None:
    """By name, by tag, by what failed last, and by node; processes of pytest-xdist share them."""
    cases = {
        ("-k", "approval"): {"passed": 1, "deselected": 3},
        ("-k", "smoke"): {"passed": 1, "deselected": 3},
        ("stories/decisions.yaml::A denial reaches the console (2)",): {"skipped": 1},
        ("-n", "2"): {"passed": 2, "failed": 1, "skipped": 1},
        ("--lf",): {"failed": 1},
    }
    for arguments, outcomes in cases.items():
        project.runpytest_inprocess(*OPTIONS, *arguments).assert_outcomes(**outcomes)


SWALLOWED = """
title: A column that nobody knows
steps:
  - servicenow.call: {method: GET, path: "/api/now/table/sys_user?sysparm_query=nosuch=1", by: administrator}
"""


@pytest.mark.long
def test_a_scenario_shows_what_was_swallowed(project: pytest.Pytester) -> None:
    """As findings beside its outcome; a strict run fails."""
    (project.path / "stories" / "decisions.yaml").write_text(SWALLOWED.lstrip())
    result = project.runpytest_inprocess(*OPTIONS, "-rP", "stories")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["* Captured findings call *", "servicenow #*: query-term-ignored: *"])
    project.runpytest_inprocess(*OPTIONS, "--privman-strict", "stories").assert_outcomes(failed=1)


@pytest.mark.long
def test_a_file_that_cannot_be_used_is_one_error(project: pytest.Pytester) -> None:
    """It names file and line of each mistake, and nothing of ours."""
    (project.path / "stories" / "decisions.yaml").write_text("title: A typo\nsteps:\n  - console.aks:\n")
    result = project.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["stories/decisions.yaml:3: *'console.aks'* Did you mean 'console.ask'?"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.long
@pytest.mark.parametrize(
    ("ini", "complaint"),
    [
        ('privman_stories = ["storys"]', "privman_stories: */storys does not exist."),
        (
            'privman_stories = ["stories"]\ntestpaths = ["tests"]',
            "privman_stories: testpaths leaves out */stories. Expected it there, too.",
        ),
    ],
)
def test_paths_where_nothing_would_be_played(ini: str, complaint: str, project: pytest.Pytester) -> None:
    """They are refused in one line: a run without them would be green."""
    project.mkdir("tests")
    project.makepyprojecttoml(f"[tool.pytest.ini_options]\n{ini}\n")
    result = project.runpytest_inprocess(*OPTIONS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {complaint}"])


@pytest.mark.long
def test_the_options_of_fixtures_count_for_scenarios(
    project: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target is played on; findings fail a strict run, and so does a system that shows none."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    chosen = (*OPTIONS, "-k", "approval")
    with shared_mock(privman_loop) as url:
        target = (*chosen, "--privman-servicenow-url", url)
        project.runpytest_inprocess(*target).assert_outcomes(passed=1, deselected=3)
        result = project.runpytest_inprocess(*target, "--privman-strict")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["--privman-strict cannot be checked, as no findings are seen: *"])
    result = project.runpytest_inprocess(*chosen, "--privman-servicenow-url", "http://127.0.0.1:9")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["http://127.0.0.1:9 could not be reached: *"])
