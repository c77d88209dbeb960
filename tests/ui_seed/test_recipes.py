"""Each recipe of a fault shows the step of a scenario that does the same."""

import re
from html import unescape
from typing import Any

from privman_core.virtual_clock import VirtualClock
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

from .both_fakes import BothFakes, both_fakes

_FORM = re.compile(r'<details class="card recipe">.*?</details>', re.DOTALL)
_INPUT = re.compile(r'<input[^>]* name="(\w+)" value="([^"]*)"')
_STEP = re.compile(r"<pre[^>]*>(.*?)</pre>", re.DOTALL)
_PARTY = {"ServiceNow": "servicenow", "Console": "console"}


async def test_step_of_each_recipe_arms_the_same_fault() -> None:
    """The loader accepts every step, and it says what the form arms with its defaults."""
    async with both_fakes(VirtualClock(), VirtualClock()) as fakes:
        await fakes.set_up()
        forms = [unescape(each) for each in _FORM.findall(await fakes.look(fakes.servicenow, "/faults"))]
        recipes = [(dict(_INPUT.findall(each)), _STEP.findall(each)[0]) for each in forms]
        text = "\n".join(["title: Every recipe", "steps:", *(step for _, step in recipes), "- console.ask:"])
        (scenario,) = Loader(vocabulary()).parse(text, "recipes.yaml")
        assert len({(values["party"], values["recipe"]) for values, _ in recipes}) == len(recipes) > 15
        for (values, _), step in zip(recipes, scenario.steps, strict=False):
            assert (await fakes.post(fakes.servicenow, "/faults", values, follows=False))[0] == 303
            assert (step.verb, _armed_by(step.arguments)) == (
                f"{_PARTY[values['party']]}.fault",
                await _newest(fakes, values["party"]),
            )


async def test_recipe_of_the_token_call_says_when_it_strikes() -> None:
    """A token that ServiceNow has is used on; once the console has dropped it, the next delivery logs on."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        await fakes.ask_and_approve()
        assert "ServiceNow keeps a token and logs on only when the console" in await fakes.look(
            fakes.console, "/faults"
        )
        await fakes.post(fakes.console, "/faults", {"party": "Console", "recipe": "token-refused", "times": "1"})
        for method, struck in (("GET", 0), ("DELETE", 1)):
            await fakes.control(fakes.console, method, "/tokens")
            await fakes.ask_and_approve()
            faults = await fakes.control(fakes.console, "GET", "/cockpit/faults")
            assert faults["known"][0]["struck"] == struck


async def _newest(fakes: BothFakes, party: str) -> dict[str, Any]:
    """Return the fault that was armed last at a party, without its counts and what is usual."""
    url = fakes.servicenow if party == "ServiceNow" else fakes.console
    fault = (await fakes.control(url, "GET", "/faults"))["faults"][-1]
    usual = {"method": "", "path": "*", "skip": 0, "after": 0, "number": fault["number"], "struck": 0}
    return {key: value for key, value in fault.items() if key not in usual or usual[key] != value}


def _armed_by(arguments: Any) -> dict[str, Any]:
    """Return the fault that a step arms, as the control plane prints it."""
    spec = {**arguments, **arguments.get("options", {})}
    spec.pop("options", None)
    times = None if "lasts" in spec else 1
    return {"times": times, **spec, **{key: to_seconds(spec[key]) for key in ("lasts",) if key in spec}}


async def test_faults_of_the_other_party_are_disarmed() -> None:
    """One by its number, or all; a number that none has is refused with its words."""
    async with both_fakes(VirtualClock(), VirtualClock()) as fakes:
        await fakes.set_up()
        for _ in range(3):
            await fakes.control(fakes.console, "POST", "/faults", {"kind": "reset"})
        for number, status, left in (("1", 200, [2, 3]), ("9", 400, [2, 3]), ("all", 200, [])):
            form = {"party": "Console", "number": number}
            answered, html = await fakes.post(fakes.servicenow, "/faults/disarm", form)
            known = (await fakes.control(fakes.console, "GET", "/faults"))["faults"]
            assert (answered, [each["number"] for each in known]) == (status, left)
            assert ("Console has no fault 9" in html) == (number == "9")
