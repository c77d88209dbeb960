"""What the README says of scenarios is so."""

import re
from pathlib import Path

import pytest

from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.verbs import vocabulary

from .played_story import play_stories

README = (Path(__file__).parents[2] / "scenarios" / "README.md").read_text(encoding="utf-8")


def test_the_table_of_verbs_is_complete() -> None:
    """Each verb stands in the table, with its sentence and its arguments, required ones in bold."""
    rows = [
        f"| `{verb.name}` | {verb.doc} | "
        f"{', '.join(f'**{each.name}**' if each.required else each.name for each in verb.arguments)} |"
        for verb in vocabulary()
    ]
    assert re.findall(r"^\| `\w+\.[\w-]+` \|.*$", README, re.MULTILINE) == rows


BLOCKS = re.findall(r"^```(?:yaml|csv)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
EXAMPLES = [block for block in BLOCKS if "title: " in block]
# What the examples name.
FILES = {
    "rows.csv": next(block for block in BLOCKS if block.startswith("response,")),
    "approved.steps.yaml": next(block for block in BLOCKS if block.startswith("# approved.steps.yaml")),
}


@pytest.mark.long
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.partition("\n")[0])
def test_an_example_passes(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scenario in the README passes on the fakes; one with columns of another instance can be loaded."""
    monkeypatch.setenv("USER_GROUP", "Help desk")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    if "\n  columns:" in example:
        assert Loader(vocabulary()).parse(example, "README.md")
    else:
        assert [ended.failure for ended in play_stories(example, str(tmp_path / "story.yaml")) if ended.failure] == []


def test_the_table_of_invariants_is_complete() -> None:
    """Each invariant stands in the table, with its promise."""
    rows = [f"| `{name}` | {invariant.__doc__} |" for name, invariant in INVARIANTS.items()]
    assert re.findall(r"^\| `[a-z]+(?:-[a-z]+)+` \| [A-Z].*$", README, re.MULTILINE) == rows
