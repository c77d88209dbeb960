"""Scenarios that would pass because what they look at has never happened: they fail, strict or not."""

import re
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

APPROVE = "*/approval/approve"
TOLD = "no request that it fits"
IDLE = {
    "it skips more than there are": f'console.fault: {{kind: reset, path: "{APPROVE}", skip: 5}}',
    "another method": 'servicenow.fault: {kind: reset, method: PATCH, path: "*/${table.integration_configuration}/*"}',
    "too late": f'console.fault: {{kind: reset, path: "{APPROVE}", after: 2 hours}}',
    "fewer times": f'console.fault: {{kind: slow, path: "{APPROVE}", times: 2, options: {{seconds: 0}}}}',
    "another path": 'console.fault: {kind: reset, path: "*/version/*"}',
}


def run(steps: str, folder: Path, *options: str) -> int:
    """Play a request that is approved, with further steps, and return the exit code."""
    file = folder / "one.yaml"
    file.write_text(f"title: T\nsteps:\n{steps}\n", encoding="utf-8")
    return main(["run", str(file), *options])


def around(fault: str, after: str = "") -> str:
    """Return steps of which the first arms the fault."""
    return f"  - {fault}\n  - console.ask:\n  - servicenow.approve:\n{after}  - console.expect-approval: Approved"


@pytest.mark.long
@pytest.mark.parametrize("strict", [(), ("--strict",)], ids=["lenient", "strict"])
@pytest.mark.parametrize(("name", "fault"), IDLE.items(), ids=IDLE)
def test_a_fault_that_never_strikes_fails_its_scenario(
    name: str, fault: str, strict: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of the fault is named, and what it waited for."""
    assert run(around(fault), tmp_path, *strict) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path / 'one.yaml'}:3: {fault.partition(':')[0]}\n" in out
    assert "expected the fault '" in out
    assert ("1 of 2 requests that it fits" if name == "fewer times" else TOLD) in out


@pytest.mark.long
@pytest.mark.parametrize("fault", IDLE.values(), ids=IDLE)
def test_an_optional_fault_need_not_strike(fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario may say so."""
    assert run(around(fault.replace("{kind", "{optional: true, kind")), tmp_path) == 0, capsys.readouterr().out


def test_a_fault_that_is_cleared_must_have_struck(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clearing the faults does not hide it."""
    fault = IDLE["it skips more than there are"]
    assert run(around(fault, "  - console.clear-faults:\n"), tmp_path) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path / 'one.yaml'}:6: console.clear-faults\n" in out
    assert "of line 3 to strike before it is cleared" in out


def test_a_fault_that_strikes_and_is_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Striking once is enough, whatever is left of its turns."""
    fault = f'console.fault: {{kind: slow, path: "{APPROVE}", times: null, options: {{seconds: 0}}}}'
    assert run(around(fault, "  - console.clear-faults:\n"), tmp_path) == 0, capsys.readouterr().out


@pytest.mark.parametrize("expected", ["statuses: {not: [500]}", "waits: []", "request: {absent: true}"])
def test_nothing_is_no_exchange_that_fits(expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only ``count: 0`` is about none."""
    steps = f'  - console.ask:\n  - console.expect-exchanges: {{direction: in, path: "{APPROVE}", {expected}}}'
    assert run(steps, tmp_path) == 1
    assert "expected at least one exchange\n" in capsys.readouterr().out


def test_of_statuses_that_must_not_be_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is answered."""
    steps = (
        f'  - console.fault: {{kind: status, path: "{APPROVE}", times: 2, options: {{status: 503}}}}\n'
        "  - console.ask:\n  - servicenow.approve:\n  - clock.advance: 1 hours\n"
        f'  - console.expect-exchanges: {{path: "{APPROVE}", statuses: {{not: [503]}}}}'
    )
    assert run(steps, tmp_path) == 1
    assert "expected statuses[0] not 503, statuses[1] not 503\n" in capsys.readouterr().out


@pytest.mark.parametrize("steps", ["  - clock.advance: 1 hours", "  - console.ask: {metadata: {no key: none}}"])
def test_invariants_are_about_a_request(steps: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one they hold whatever is broken."""
    assert run(f"{steps}\ncheck: invariants", tmp_path) == 1
    assert "expected an approval request that the invariants are about\n" in capsys.readouterr().out


def test_invariants_of_a_set_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What goes wrong during the set-up need not be about requests."""
    assert run("  - servicenow.restart:\ncheck: invariants", tmp_path) == 0, capsys.readouterr().out


def test_what_must_be_absent_may_be_named_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By an earlier step, or as a word of one's own."""
    steps = (
        "  - console.ask:\n  - servicenow.approve: {comment: 'Looks fine, ${new_guid}'}\n"
        "  - servicenow.expect-response: {comment: {not: '${new_guid}'}}\n"
        "  - servicenow.expect-records: {table: response, where: {comment: Looks bad}, count: 0}\n"
        "  - servicenow.expect-request: {status: {not: Deny}, comment: {not: fine}, duration: {not: later}}"
    )
    assert run(f"{steps}\nown: {{words: [Looks bad, later]}}", tmp_path) == 0, capsys.readouterr().out


@pytest.mark.parametrize("pattern", ["${theirs.request_id}", "${theirs.request_id}|x"])
def test_a_variable_makes_no_pattern_hollow(pattern: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record without a request_id saves none, so that no pattern becomes empty and matches everything."""
    steps = (
        "  - console.ask:\n  - servicenow.insert: {table: response, values: {}, as: theirs}\n"
        f"  - servicenow.expect-request: {{comment: {{matches: '{pattern}'}}}}"
    )
    assert run(steps, tmp_path) == 1
    assert "nothing; no earlier step has saved it" in capsys.readouterr().out


def test_a_pattern_that_must_not_match_matches_a_text_of_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it is known to be able to match; a word of the products will do, too."""
    steps = (
        "  - console.ask:\n  - servicenow.approve: {comment: Looks fine}\n"
        '  - servicenow.expect-request: {duration: {not: {matches: "(?i)FINE$"}}, status: {not: {matches: "^Pend"}}}'
    )
    assert run(steps, tmp_path) == 0, capsys.readouterr().out


REFUSED = """  - servicenow.create-user: {name: no.approver}
  - console.ask:
  - servicenow.approve: {by: no.approver}
  - servicenow.expect-refusal: 403"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            f"{REFUSED}\n  - console.ask: {{as: another}}\n  - servicenow.expect-refusal: 403",
            "one that servicenow answers",
        ),
        (
            f"{REFUSED}\n  - console.decide: Approve\n  - console.decide: Deny\n  - servicenow.expect-refusal: 403",
            "the step to be accepted",
        ),
        (
            (
                "  - console.set-up:\n  - console.ask:\n  - servicenow.approve:\n  - servicenow.approve:\n"
                "  - console.expect-set-up: {steps: {register: ok}}"
            ),
            "the step to be accepted",
        ),
        (
            "  - console.set-up:\n  - console.ask:\n  - console.expect-set-up: {steps: {register: ok}}",
            "the step before to be a set-up",
        ),
    ],
)
def test_a_refusal_is_that_of_the_step_before(
    steps: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No earlier answer is taken for it, nor does it excuse what the other party refused."""
    assert run(steps, tmp_path) == 1
    assert told in capsys.readouterr().out


def test_a_race_keeps_the_answers_of_both_parties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal of one of the steps that happen together may be expected after them."""
    steps = """  - servicenow.create-user: {name: no.approver}
  - console.ask:
  - together:
    - servicenow.approve: {by: no.approver}
    - console.decide: Approve
  - servicenow.expect-refusal: 403"""
    assert run(steps, tmp_path) == 0, capsys.readouterr().out


@pytest.mark.long
@pytest.mark.once
def test_exchanges_that_left_the_journal_unchecked_fail_the_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they broke is not known any more; a scenario that means to fill a journal says so."""
    call = '{by: administrator, method: POST, path: /api/now/table/sys_user, text: "${text.999999}", status: 400}'
    filling = f"  - servicenow.call: {call}\n" * 52
    file = tmp_path / "one.yaml"
    file.write_text(f"title: T\nsteps:\n{filling}", encoding="utf-8")
    assert main(["run", str(file)]) == 1
    assert re.search(r"servicenow #0: journal-evicted: \d exchanges have left the journal", capsys.readouterr().out)
    file.write_text(f"title: T\nsteps:\n{filling}  - servicenow.expect-finding: journal-evicted\n", encoding="utf-8")
    assert main(["run", str(file)]) == 0, capsys.readouterr().out


UNWANTED = {
    "fraction": ('"7.0"', "console.expect-approval: {comment: {not: 7.0}}"),
    "leading zeros": ('"007"', "servicenow.expect-request: {comment: {not: 007}}"),
    "truth": ('"True"', "servicenow.expect-response: {comment: {not: True}}"),
    "in a body": ('"7.0"', f'console.expect-exchanges: {{path: "{APPROVE}", request: {{Comment: {{not: 7.0}}}}}}'),
    "retries": ("Fine", "servicenow.expect-response: {retry_attempts: {not: 0.0}}"),
    "text that is no number": ("Fine", "console.expect-approval: {duration: {not: 7200}}"),
}


@pytest.mark.long
@pytest.mark.parametrize(("comment", "step"), UNWANTED.values(), ids=UNWANTED)
def test_a_number_that_must_not_be_there_is_read_as_text(
    comment: str, step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What YAML takes for a number or a truth is compared with the text that was meant, and fails where none may be."""
    decide = f'  - servicenow.approve: {{comment: {comment}, duration: "02:00:00"}}'
    assert run(f"  - console.ask:\n{decide}\n  - {step}", tmp_path) == 1
    assert ":5: " in capsys.readouterr().out


@pytest.mark.parametrize("expected", ["steps: {enable-api: ok}", "webhook: {absent: false}"])
def test_a_step_that_failed_must_be_named(expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An expectation of another step excuses no set-up that failed."""
    steps = (
        f'  - console.set-up: {{servicenow_url: "http://127.0.0.1:9"}}\n  - console.expect-set-up: {{{expected}}}\n'
        "given: nothing"
    )
    assert run(steps, tmp_path) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path / 'one.yaml'}:4: console.expect-set-up\n" in out
    assert "expected a failed step to be named under 'steps' or 'details'\n    got      register failed\n" in out
