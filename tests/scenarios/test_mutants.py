"""Trust in the harness: with one duty of a side removed, a named scenario fails at a named step."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from privman_core.clock import RealClock
from privman_scenarios.analysis.message_changes import changes
from privman_scenarios.analysis.message_filter import MessageFilter
from privman_scenarios.analysis.mutants import Mutant, TamperedWorlds, load_mutants
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, JournalsRead
from privman_scenarios.playing.processes import spread
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

# One for each kind of step that notices; `privman-scenarios mutate` tries them all.
SAMPLE = {
    "registration-without-sys-id": "console.expect-set-up",
    "registration-answered-with-a-page": "console.expect-set-up",
    "registration-shows-the-secret": "servicenow.expect-configuration",
    "request-answered-with-200": "findings",
    "delivery-of-another-instance": "console.expect-approval",
    "delivery-twice": "console.expect-exchanges",
    "retry-forgotten": "servicenow.expect-response",
    "one-time-approval-allows-two-runs": "console.run",
    "timed-approval-never-ends": "console.expect-approval",
    "every-request-goes-to-servicenow": "console.ask",
    "webhook-by-hand-posts-elsewhere": "console.expect-exchanges",
    "renamed-system-registers-again": "console.expect-webhooks",
}
APPROVAL = """
title: An approval reaches the console
steps:
  - console.ask:
  - servicenow.approve: {comment: Fine}
  - console.expect-approval: Approved
"""


def catalog(*stems: str) -> list[str]:
    """Return these files of the catalog."""
    return [str(path) for path in catalog_files() if path.stem in stems]


def mutants(*names: str) -> Iterator[str]:
    """Return the arguments that choose these mutants."""
    for name in names:
        yield from ("--mutant", name)


def test_there_are_mutants_of_every_part() -> None:
    """At least sixty, each with a name and a duty of its own words, and a file of the catalog that is to notice it."""
    packaged = load_mutants()
    names = {mutant.name for mutant in packaged}
    assert len(names) == len(packaged) >= 60
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)
    assert {mutant.noticed_by for mutant in packaged} <= {path.stem for path in catalog_files()}
    assert {change for mutant in packaged for change in mutant.change} == set(changes())


@pytest.mark.long
def test_the_duty_broken_is_noticed_where_it_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """Each mutant of the sample makes a scenario fail at the step that looks at the duty, and none survives."""
    noticing = {mutant.name: mutant.noticed_by for mutant in load_mutants() if mutant.name in SAMPLE}
    assert main(["mutate", *catalog(*noticing.values()), *mutants(*SAMPLE)]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    told = {line.split()[1].rstrip(":"): line for line in lines}
    for name, step in SAMPLE.items():
        assert told[name].startswith(f"noticed  {name}: {noticing[name]}.yaml:")
        assert told[name].endswith(f": {step}")
    assert last == f"{len(SAMPLE)} mutants, {len(SAMPLE)} noticed, 0 survived, 0 never struck"


@pytest.mark.long
def test_a_survivor_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no scenario looks at a duty its mutant survives, which is told with the duty; exit code 1."""
    file = tmp_path / "approval.yaml"
    file.write_text(APPROVAL)
    assert main(["mutate", str(file), *mutants("console-loses-the-comment", "delivery-swapped")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "survived console-loses-the-comment: no scenario noticed. The console shows the comment.",
        "noticed  delivery-swapped: approval.yaml:6: console.expect-approval",
        "2 mutants, 1 noticed, 1 survived, 0 never struck",
        "console-loses-the-comment",
    ]


def test_scenarios_that_fail_by_themselves_prove_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario that fails without a mutant would notice anything: it is told instead; exit code 1."""
    file = tmp_path / "approval.yaml"
    file.write_text(APPROVAL.replace("Approved", "Denied"))
    assert main(["mutate", str(file)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Scenarios fail though nothing is broken, so they say nothing of any mutant:"
    assert second.startswith(f"{file}:6: console.expect-approval: expected state 'Denied'; got state 'Approved'")


def test_mutants_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The list names each mutant with the duty that it breaks; nothing is played."""
    assert main(["mutate", "--list", *mutants("delivery-lost")]) == 0
    assert capsys.readouterr().out == "delivery-lost: A decision arrives.\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--mutant", "delivery-lots"], "unknown mutant 'delivery-lots'. Did you mean 'delivery-lost'?"),
        (["--jobs", "0"], "invalid count '0': expected a whole number from 1"),
        (["--jobs", "two"], "invalid count 'two': expected a whole number from 1"),
    ],
)
def test_unusable_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what and where; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["mutate", *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.endswith(f"{complaint}\n")
    assert error.count("\n") == 1


@pytest.mark.long
def test_work_is_spread_over_processes() -> None:
    """Results come in the order of the items, from as many processes as are worth their start."""
    assert list(spread(abs, range(-40, 0), 2)) == list(range(40, 0, -1))


@pytest.mark.long
async def test_a_lost_journal_is_a_failure(privman_worlds: WorldBuilder) -> None:
    """What the journals found cannot be told, so nothing is called passed, and the failure says why."""
    told: list[Event] = []
    touches = MessageFilter(at="servicenow", side="answer", path="/__admin/[rf]*")
    mutant = Mutant("journal-lost", "The journal can be read.", touches, "deny", {"status": 500})
    (deny,) = Loader(vocabulary()).load([Path(file) for file in catalog("deny")])
    worlds = TamperedWorlds(privman_worlds, mutant)
    ended = await Engine(vocabulary(), worlds, [told.append], RealClock(), journals=True).play(deny)
    assert ended.failure is not None
    assert (ended.failure.step, ended.failure.expected) == ("findings", "an answer")
    assert ended.failure.got.startswith("GET /__admin/findings")
    assert ended.failure.exchanges[0].startswith("expected an answer; got GET /__admin/requests")
    assert not any(isinstance(event, JournalsRead) for event in told)


async def test_lost_faults_are_a_failure(privman_worlds: WorldBuilder) -> None:
    """Whether a fault has struck cannot be told, so the scenario has not passed."""
    touches = MessageFilter(at="console", side="answer", path="/__admin/faults", method="GET")
    mutant = Mutant("faults-lost", "The faults can be read.", touches, "deny", {"status": 500})
    text = """
title: T
steps:
- console.ask:
- console.fault: {kind: status, path: "*/approval/approve", options: {status: 503}}
- console.expect-approval: Pending
"""
    (armed,) = Loader(vocabulary()).parse(text, "t.yaml")
    ended = await Engine(vocabulary(), TamperedWorlds(privman_worlds, mutant), [], RealClock()).play(armed)
    assert ended.failure is not None
    assert ended.failure.got.startswith("GET /__admin/faults")
