"""YAML of users: strict, and bounded whatever is in it."""

from pathlib import Path

import pytest

from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError

LEVELS = "".join(
    f"- &{after} [{', '.join([f'*{before}'] * 10)}]\n" for before, after in zip("abcdefg", "bcdefgh", strict=True)
)
BOMB = f"- &a [x, x, x, x, x, x, x, x, x, x]\n{LEVELS}"

REFUSED = {
    "alias bomb": (BOMB, ":4: aliases repeat more than 10000 values."),
    "alias in itself": ("a: &a [*a]", ":1: the alias 'a' refers to a value that contains it."),
    "unknown alias": ("a: *b", ":1: undefined alias 'b'."),
    "deep mapping": ("{a: " * 5000, ":1: "),
    "deep list": ("- " * 5000, ":1: is nested more than 100 deep."),
    "deep brackets": ("[" * 1_000_000, ":1: exceeded maximum nesting depth."),
    "duplicate key": ("a: 1\nb: {c: 1,\n c: 2}", ":3: duplicate key 'c'."),
    "key that is a list": ("[1]: 2", ":1: a key is a list or a mapping. Expected a word."),
    "number of 5,000 digits": (f"a:\n- {'9' * 5000}", f":2: '{'9' * 40}…' is not a valid int."),
    "wrong tag": ("a: !!bool maybe", ":1: 'maybe' is not a valid bool."),
    "tag of a set on a list": ("a: !!set [x]", ":1: "),
    "tag of an object": ("a: !!python/name:os.system x", ":1: could not determine a constructor for the tag "),
    "merge with a number": ("a: {<<: 1}", ":1: expected a mapping or list of mappings for merging"),
    "second document": ("a: 1\n---\nb: 1", ":3: a second document begins. Expected one."),
    "null byte": ("a: \0", ": is not YAML: unacceptable character"),
    "half a character": ("a: '\ud800'", ": is not YAML: "),
    "syntax": ("a: [\n", ":2: did not find expected node content."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_usable_is_one_line(case: str) -> None:
    """Each error names its line and never takes long or raises anything else."""
    text, message = REFUSED[case]
    with pytest.raises(YamlError) as refused:
        yaml_reader.load(text)
    line = refused.value.located("f.yaml")
    assert line.startswith(f"f.yaml{message}")
    assert len(line.splitlines()) == 1


def test_a_file_larger_than_the_bound_is_refused(tmp_path: Path) -> None:
    """Before it is parsed."""
    file = tmp_path / "large.yaml"
    with file.open("wb") as content:
        content.truncate(yaml_reader.MOST_BYTES + 1)
    with pytest.raises(YamlError, match=r"cannot be read: More than 67108864 bytes\."):
        yaml_reader.read_text(file)


def test_values_are_those_of_yaml() -> None:
    """Anchors, merges, tags and a byte order mark are read as ever; an empty text is None."""
    text = "base: &base {a: 1, b: ! x}\nmore: {<<: *base, b: 2}\nlist: [*base, ~, 2026-01-05, !!str 1]\n"
    loaded = yaml_reader.load(text)
    assert loaded["more"] == {"a": 1, "b": 2}
    assert loaded["list"][0] == {"a": 1, "b": "x"}
    assert loaded["list"][1] is None
    assert loaded["list"][3] == "1"
    assert yaml_reader.load("2026-99-99") == "2026-99-99"  # no such day
    assert yaml_reader.load("! [a]") == ["a"]
    assert yaml_reader.load("# nothing\n") is None


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    """Editors on Windows begin files with one."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert yaml_reader.load(yaml_reader.read_text(file)) == {"a": 1}
