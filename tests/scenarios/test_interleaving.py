"""Interleaving: what happens together, in every order."""

import pytest

from privman_scenarios.analysis.exploration import VariationRunner
from privman_scenarios.analysis.message_filter import MessageFilter
from privman_scenarios.analysis.mutants import Mutant, TamperedWorlds
from privman_scenarios.analysis.variations import Bound, orders
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Worlds
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .targets import packaged

APPROVE = "/tms/services/api/v1/approval/approve"
# A token is known before the race.
RACE = """
title: Race
steps:
  - console.ask: {as: first}
  - console.ask: {as: second}
  - servicenow.approve: {request: first}
  - together:
      - servicenow.approve: {request: second}
      - console.log-out:
  - console.expect-approval: {request: second, state: Approved}
"""
FIVE = """
title: Five
steps:
  - together: [{console.ask: }, {console.restart: }, {console.log-out: }]
  - clock.advance: 1 minute
  - together: [{console.restart: }, {console.log-out: }]
"""


def parse(text: str) -> Scenario:
    """Return the scenario in the text."""
    (scenario,) = Loader(vocabulary()).parse(text, "race.yaml")
    return scenario


def told(scenario: Scenario, most: int, seed: int = 0) -> list[str]:
    """Return the orders of a scenario, by their verbs."""
    return [", ".join(step.verb for step in each.steps) for each in orders(scenario, Bound(most, seed))]


def interleaved(scenario: Scenario, worlds: Worlds) -> list[Scenario]:
    """Return the variations of a scenario, which must pass."""
    found = VariationRunner(Player(worlds), bound=Bound(24, 0)).vary(scenario).variations
    return [each.scenario for each in found]


def test_every_order_is_played_where_there_are_few() -> None:
    """Three steps and two make twelve; what does not happen together stays where it is."""
    found = told(parse(FIVE), 12)
    assert len(set(found)) == 12
    assert found[0] == (
        "console.ask, console.restart, console.log-out, clock.advance, console.restart, console.log-out"
    )
    assert {each.split(", ")[3] for each in found} == {"clock.advance"}


def test_a_bound_leaves_as_many_orders_as_it_says() -> None:
    """The order that was written comes first; the seed chooses the others, the same in every run."""
    found = told(parse(FIVE), 5)
    assert found == told(parse(FIVE), 5)
    assert len(set(found)) == 5
    assert found[0] == told(parse(FIVE), 12)[0]
    assert found != told(parse(FIVE), 5, seed=1)


def test_what_does_not_race_has_no_orders() -> None:
    """A scenario in which nothing happens together is left alone."""
    assert told(parse("title: T\nsteps: [{console.ask: }, {console.restart: }]"), 24) == []


@pytest.mark.long
def test_a_message_is_held_until_what_races_with_it_has_happened() -> None:
    """In each order: a delivery may begin before a log-out and end after it."""
    titles = [each.title for each in interleaved(parse(RACE), WorldBuilder(0))]
    assert titles == [
        "Race; servicenow.approve, console.log-out",
        "Race; servicenow.approve, console.log-out; POST /Tms/services/api/v1/approval/approve to console is held",
        "Race; console.log-out, servicenow.approve",
    ]


@pytest.mark.long
def test_a_message_among_others_of_its_step_is_held_alone() -> None:
    """Those before it in its step pass."""
    race = RACE.replace("- console.log-out:", "- console.restart:").replace(
        "  - together:\n", "  - console.log-out:\n  - together:\n"
    )
    held = [each for each in interleaved(parse(race), WorldBuilder(0)) if each.title.endswith("is held")]
    (second,) = (each for each in held if "(number 2 of its step)" in each.title)
    (fault,) = (step for step in second.steps if step.verb == "console.fault")
    assert fault.arguments["skip"] == 1


@pytest.mark.long
def test_a_planted_defect_is_found_in_the_order_that_shows_it() -> None:
    """A third delivery that says the opposite needs a token that died before the second: the written order has none."""
    touches = MessageFilter(at="console", side="request", path=APPROVE, skip=2)
    mutant = Mutant(
        "third-swapped", "Each delivery says the decision.", touches, "approve", {"set": {"Response": "Deny"}}
    )
    worlds = TamperedWorlds(WorldBuilder(0), mutant)
    failures = {each.title: VariationRunner(Player(worlds)).failure(each) for each in interleaved(parse(RACE), worlds)}
    found = {title: failure.step for title, failure in failures.items() if failure}
    assert found == dict.fromkeys(list(failures)[1:], "both-sides-agree")


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("stem", ["race-of-log-out-and-delivery", "race-of-retry-and-timeout"])
def test_the_races_of_the_catalog_hold_in_any_order(stem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample of their orders: the written one and one drawn."""
    assert main(["run", packaged(stem), "--interleave", "--orders", "2", "--jobs", "1"]) == 0
    assert "variations were played, 0 of them failed" in capsys.readouterr().out
