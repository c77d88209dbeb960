"""Generated scenarios: random walks that the invariants judge."""

from pathlib import Path

import pytest

from privman_scenarios.analysis.exploration import VariationRunner
from privman_scenarios.analysis.generation import walks
from privman_scenarios.analysis.message_filter import MessageFilter
from privman_scenarios.analysis.mutants import Mutant, TamperedWorlds
from privman_scenarios.analysis.regressions import to_yaml
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

APPROVE = "/tms/services/api/v1/approval/approve"


def test_the_same_seed_gives_the_same_walks() -> None:
    """Each has a seed of its own; another seed gives others."""
    first = list(walks(20, 3))
    assert first == list(walks(20, 3))
    assert len({each.seed for each in first}) == 20
    assert {each.seed for each in first}.isdisjoint(each.seed for each in walks(20, 4))


@pytest.mark.long
def test_walks_are_scenarios_that_could_have_been_written() -> None:
    """Each verb and argument is one that the loader takes, and each request is asked for before it is decided."""
    drawn = list(walks(60, 0))
    for each in drawn:
        (read,) = Loader(vocabulary()).parse(to_yaml(each), "t.yaml")
        assert [(step.verb, step.arguments) for step in read.steps] == [
            (step.verb, step.arguments) for step in each.steps
        ]
    assert len({step.verb for each in drawn for step in each.steps}) == 15


@pytest.mark.long
def test_a_planted_defect_is_found() -> None:
    """Deliveries after the first with another comment are noticed within a few walks."""
    touches = MessageFilter(at="console", side="request", path=APPROVE, skip=1)
    mutant = Mutant("swapped", "Each delivery says the decision.", touches, "approve", {"set": {"Comment": "Forged"}})
    runner = VariationRunner(Player(TamperedWorlds(WorldBuilder(0), mutant)))
    failures = (runner.failure(each) for each in walks(6, 0))
    assert next(failure.step for failure in failures if failure) == "both-sides-agree"


@pytest.mark.long
def test_walks_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few; `privman-scenarios run --generate` plays as many as one likes."""
    file = tmp_path / "one.yaml"
    file.write_text("title: T\nsteps: [{console.ask: }, {console.expect-approval: Pending}]\n")
    assert main(["run", str(file), "--generate", "4", "--seed", "5"]) == 0
    assert capsys.readouterr().out.endswith("4 variations were played, 0 of them failed\n")
