"""Mutants judge somebody's own stories, whose names and figures are not those of the catalog."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

TIMED = """
title: A timed approval ends
steps:
  - console.run: asked
  - servicenow.approve: {duration: "08:00:00"}
  - console.expect-approval: {state: Approved, duration: "08:00:00"}
  - console.run: allowed
  - clock.advance: 8 hours
  - console.expect-approval: Expired
"""
RENAMED = """
title: A renamed system keeps its registration
steps:
  - console.save-foreign-system: {name: Service desk}
  - servicenow.expect-configuration: {count: 1}
"""
ONE_ROLE = """
title: An engineer may not approve
when: {retried_statuses: {excludes: "${rule.not_allowed_status}"}}
steps:
  - console.change-api-user: {role: Field Engineering}
  - console.ask:
  - servicenow.approve:
  - console.expect-approval: Pending
"""
ROLES = ONE_ROLE.replace("role: Field Engineering", "roles: [Field Engineering]")
BY_HAND = """
title: A webhook posts changes
own:
  tables: [change_request]
steps:
  - console.create-webhook: {name: To the changes, endpoint_url: "${servicenow}/api/now/table/change_request"}
  - console.ask:
  - console.expect-exchanges: {direction: out, method: POST, path: /api/now/table/change_request, count: 1}
"""
ROUTED = """
title: A type of an own process is decided in the console
steps:
  - console.create-process: {name: Night shift, template: Manual Approval Process}
  - console.create-type: {name: At night, process: Night shift}
  - console.create-policy: {name: Night tools, approval_type: At night}
  - console.ask: {metadata: {PolicyName: Night tools}, sent: false}
  - console.expect-approval: {process: Night shift}
"""
RELAUNCHED = """
title: The second launch is pending
steps:
  - console.ask:
  - console.run: pending
  - servicenow.expect-records: {table: request, count: 1}
"""
ONE_TIME = """
title: One run only
when: {approval_without_duration: one_time}
steps:
  - console.ask:
  - servicenow.approve:
  - console.run: allowed
  - console.run: asked
"""
SETTLED = """
title: Two requests are approved
steps:
  - console.run: {outcome: asked, as: first, metadata: {FilePath: first.exe}}
  - console.run: {outcome: asked, as: second, metadata: {FilePath: second.exe}}
  - servicenow.approve: {request: first, comment: Fine}
  - servicenow.approve: {request: second, comment: Fine}
  - console.expect-approval: {request: second, state: Approved}
"""


def tried(file: Path, story: str, mutant: str) -> int:
    """Try a mutant on a file with the story alone, and return the exit code."""
    file.write_text(story)
    return main(["mutate", str(file), "--mutant", mutant])


@pytest.mark.long
@pytest.mark.parametrize(
    ("story", "mutant", "step"),
    [
        (TIMED, "timed-approval-never-ends", "console.expect-approval"),
        (TIMED, "delivery-duration-raw", "console.expect-approval"),
        (RENAMED, "renamed-system-registers-again", "servicenow.expect-configuration"),
        (ONE_ROLE, "role-without-the-right-approves", "console.expect-approval"),
        (ROLES, "roles-without-the-right-approve", "console.expect-approval"),
        (BY_HAND, "webhook-by-hand-posts-elsewhere", "console.expect-exchanges"),
        (ROUTED, "every-request-goes-to-servicenow", "console.ask"),
        (RELAUNCHED, "pending-request-is-sent-again", "console.run"),
        (ONE_TIME, "one-time-approval-allows-two-runs", "console.run"),
    ],
)
def test_names_and_figures_of_ones_own_are_struck(
    story: str, mutant: str, step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A story notices the mutant of its duty, whatever it calls things and however long they last."""
    assert tried(tmp_path / "own.yaml", story, mutant) == 0
    line, total = capsys.readouterr().out.splitlines()
    assert line.startswith(f"noticed  {mutant}: own.yaml:")
    assert line.endswith(f": {step}")
    assert total == "1 mutants, 1 noticed, 0 survived, 0 never struck"


@pytest.mark.long
@pytest.mark.parametrize(
    ("mutant", "duty"),
    [
        # Nothing of the kind happens.
        ("retry-forgotten", "A 5xx is tried again."),
        ("renamed-system-registers-again", "A foreign system that is renamed keeps its registration."),
        # A message of the kind is there, with nothing to change in it.
        ("console-waits-for-ever", "A request without decision times out at the console."),
        ("delivery-comment-cut-at-255", "A comment of more than 255 characters is delivered whole."),
        # Other requests are no repeated one, and their deliveries no retries.
        ("request-repeated-is-refused", "The same request again is the record that exists."),
        ("pending-request-is-sent-again", "While a request is pending, starting the application again sends nothing."),
        ("one-time-approval-allows-two-runs", "A One Time approval allows one run."),
    ],
)
def test_what_stories_never_do_is_told_apart(
    mutant: str, duty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mutant that changed no message has not survived: it is listed, and fails nothing."""
    assert tried(tmp_path / "own.yaml", SETTLED, mutant) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"never struck {mutant}: your scenarios never do this. {duty}",
        "1 mutants, 0 noticed, 0 survived, 1 never struck",
        "Your scenarios never do this:",
        mutant,
    ]


@pytest.mark.long
def test_a_part_of_the_catalog_may_miss_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    """Scenarios of the catalog that are chosen by a tag need not strike every mutant."""
    assert main(["mutate", "--tag", "deletion", "--tag", "set-up", "--mutant", "retry-forgotten"]) == 0
    assert "1 mutants, 0 noticed, 0 survived, 1 never struck" in capsys.readouterr().out


@pytest.mark.long
def test_no_scenario_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no scenario is chosen no mutant can strike, so the exit code is 1."""
    assert main(["mutate", "-k", "nosuch", "--mutant", "retry-forgotten"]) == 1
    assert capsys.readouterr().out == "No scenario was played, so nothing is known of any mutant\n"


@pytest.mark.long
def test_the_profile_of_a_team_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tables are on the instance, and an unknown release of it is one line with the nearest."""
    monkeypatch.chdir(tmp_path)
    profile = Path("privman.toml")
    profile.write_text('tables = "own.yaml"\n')
    Path("own.yaml").write_text("- name: u_own\n  columns: {u_size: {type: integer}}\n")
    step = 'servicenow.call: {path: "/api/now/table/u_own?u_size=5", by: administrator, status: 200}'
    Path("own-table.yaml").write_text(f"title: T\nsteps:\n- {step}\n")
    assert main(["mutate", "own-table.yaml", "--mutant", "retry-forgotten"]) == 0
    assert "1 never struck" in capsys.readouterr().out
    profile.write_text('release = "zurch"\n')
    assert main(["mutate", "--mutant", "retry-forgotten", "--tag", "retry"]) == 2
    assert "privman.toml:1: release: unknown release 'zurch' (did you mean 'zurich'?)" in capsys.readouterr().err
