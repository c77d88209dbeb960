"""A verb is a decorated function: its signature and docstring are its arguments, its schema and its help."""

from inspect import signature
from typing import Annotated

import pytest

from privman_scenarios.language.kinds import FLAG, TEXT
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.schema import scenario_schema
from privman_scenarios.language.vocabulary import ABSENT, Arg, ByParty, Handler, Verb, Verbs, Vocabulary, given
from privman_scenarios.playing.verbs import vocabulary

BOTH = Verbs(needs=ByParty(lambda party: frozenset({f"a {party} control plane"})))
HEARD: list[tuple[str, dict[str, object]]] = []


@BOTH.verb(shorthand="how-loud", one_beside=("as",))
async def expect_noise(
    _play: object,
    party: str,
    *,
    as_: Annotated[str, Arg(TEXT, "A name.")] = ABSENT,
    how_loud: Annotated[
        str, Arg(ByParty(lambda party: FLAG if party == "console" else TEXT), "Or so.", name="how-loud")
    ],
    twice: Annotated[bool, Arg(FLAG, "Again.", only="console")] = False,
) -> None:
    """Something is heard.

    More of it is not help.
    """
    HEARD.append((party, given(as_=as_, how_loud=how_loud, twice=twice)))


def test_function_is_the_verb() -> None:
    """Name, help, arguments and what is required come from the function."""
    (verb,) = BOTH.of("console")
    assert (verb.name, verb.doc, verb.checks) == ("console.expect-noise", "Something is heard.", True)
    assert [(each.name, each.required, each.doc) for each in verb.arguments] == [
        ("as", False, "A name."),
        ("how-loud", True, "Or so."),
        ("twice", False, "Again."),
    ]
    assert verb.one_of == ("twice",)


async def expect_no_noise(_play: object, _party: str) -> None:
    """It is quiet."""


async def expect_silence(_play: object, _party: str) -> None:
    """Nothing is heard."""


@pytest.mark.parametrize("function", [expect_no_noise, expect_silence])
def test_a_verb_that_sounds_like_an_absence_says_whether_it_expects_one(function: Handler) -> None:
    """Without the flag a step of it would pass at once on a real system."""
    name = function.__name__.replace("_", "-")
    with pytest.raises(TypeError, match=f"^{name}: expected forbids=True or False"):
        Verbs().verb()(function)
    own = Verbs()
    own.verb(forbids=True)(function)
    assert [verb.forbids for verb in own.of("console")] == [True]


def test_verb_of_both_parties_differs_where_it_says_so() -> None:
    """Needs, kinds and arguments are those of the party."""
    (console,), (servicenow,) = BOTH.of("console"), BOTH.of("servicenow")
    assert (console.needs, servicenow.needs) == ({"a console control plane"}, {"a servicenow control plane"})
    assert [each.name for each in servicenow.arguments] == ["as", "how-loud"]
    assert [verb.arguments[1].kind for verb in (console, servicenow)] == [FLAG, TEXT]


async def test_perform_calls_the_function_with_the_given_arguments() -> None:
    """What a step leaves out has its default."""
    (verb,) = BOTH.of("servicenow")
    HEARD.clear()
    await verb.perform(None, {"how-loud": "very"})
    assert HEARD == [("servicenow", {"how_loud": "very", "twice": False})]
    assert not ABSENT


def test_new_verb_is_in_schema_and_loader() -> None:
    """One function, and both know it."""
    (set_up,) = [verb for verb in vocabulary() if verb.name == "console.set-up"]
    noisy = Vocabulary([set_up, *BOTH.of("console")])
    (scenario,) = Loader(noisy).parse(
        "title: T\ngiven: nothing\nsteps: [{console.expect-noise: {how-loud: true, twice: true}}]", "f"
    )
    assert scenario.steps[0].arguments == {"how-loud": True, "twice": True}
    shown = scenario_schema(noisy)["$defs"]["step"]["properties"]["console.expect-noise"]
    assert shown["description"] == "Something is heard."
    assert [*shown["anyOf"][0]["properties"]] == ["as", "how-loud", "twice"]


@pytest.mark.parametrize("verb", [*vocabulary()], ids=lambda verb: verb.name)
def test_facts_of_a_verb_name_its_own_arguments(verb: Verb) -> None:
    """A shorthand is an argument, a help is one sentence, and every parameter is described."""
    names = [argument.name for argument in verb.arguments]
    assert {verb.shorthand, verb.creates_user} <= {"", *names}
    saved = [*verb.saves({"as": "it", "name": "second", "table": "request"})]
    assert ("as" in names) <= bool(saved or verb.captures)
    assert verb.doc.endswith(".")
    assert all(argument.doc.endswith(".") for argument in verb.arguments)
    assert len(names) <= len(signature(verb.handler).parameters) - 2
