"""A body beside the contract of its message."""

from importlib import resources
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from privman_contracts import BodyPart, Contracts
from privman_contracts.body_parts import MOST_PARTS

CONTRACTS = Contracts.load()
EXAMPLES = Path(str(resources.files("privman_contracts"))) / "examples"
BODIES = {
    kind: [(file.parent.name, file.read_bytes()) for file in sorted(EXAMPLES.glob(f"{kind}/*/*.json"))]
    for kind in ("valid", "invalid", "doubtful")
}
TREES = [(message, orjson.loads(body)) for message, body in BODIES["valid"]]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4), st.builds(list), st.builds(lambda: {"a": 1})
)


def _agrees(message: str, body: bytes) -> list[BodyPart]:
    """Return the parts; each violation of the body is in one of them, at its place."""
    parts, violations = CONTRACTS.compare_body(message, body), CONTRACTS.check_body(message, body)
    assert sorted(map(str, violations)) == sorted(str(each) for part in parts for each in part.violations)
    assert all(each.where == part.where for part in parts for each in part.violations)
    assert all(part.fits for part in parts) == all(each.doubtful for each in violations)
    return parts


def test_each_part_of_a_valid_body_fits() -> None:
    """What the contract demands is there, and each value that is there is shown."""
    for message, body in BODIES["valid"]:
        parts = _agrees(message, body)
        assert all(part.fits and not part.doubtful for part in parts)
        assert [part for part in parts if part.required and not part.present] == []
        assert [part for part in parts if bool(part.actual) is not part.present] == []
        if isinstance(orjson.loads(body), dict):
            wheres = {part.where.removeprefix("$.") for part in parts}
            assert {*CONTRACTS.schemas[message].get("properties", ())} <= wheres


def test_an_invalid_body_has_a_part_that_does_not_fit() -> None:
    """It is the first; a doubtful value fits."""
    assert all(not _agrees(message, body)[0].fits for message, body in BODIES["invalid"])
    assert all(_agrees(message, body)[0].doubtful for message, body in BODIES["doubtful"])


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a valid body in which up to three keys are removed, added, renamed, or have another value."""
    message, tree = draw(st.sampled_from(TREES))
    tree = orjson.loads(orjson.dumps(tree))
    for _ in range(draw(st.integers(1, 3))):
        objects = [*_objects(tree)]
        if not objects:
            return message, orjson.dumps(draw(ODD))
        some = draw(st.sampled_from(objects))
        key = draw(st.sampled_from([*some, "another", "Metadata"]))
        how = draw(st.sampled_from(("gone", "renamed", "other")))
        old = some.pop(key, None) if how != "other" else None
        if how != "gone":
            some[key.upper() if how == "renamed" else key] = draw(ODD) if how == "other" else old
    return message, orjson.dumps(tree)


def _objects(tree: Any) -> Any:
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _objects(inner)


@settings(max_examples=150, deadline=None)
@given(mutations())
def test_parts_agree_with_the_check(mutated: tuple[str, bytes]) -> None:
    """Whatever was done to a valid body, each violation has its part, and no part has another."""
    _agrees(*mutated)


def test_what_is_no_json_has_one_part() -> None:
    """A body that cannot be read, or is nested too deeply, differs as a whole."""
    for body in (b"", b"{", b"[" * 1_000 + b"]" * 1_000):
        (part, *others) = _agrees("decision", body)
        assert (part.where, part.fits, others) == ("$", False, [])


def test_secrets_are_masked() -> None:
    """By the contract, and where the masked body has another value, or none that can be read."""
    body = orjson.dumps(
        {"instance_metadata": orjson.dumps({"Password": "s3cret", "Minimum wait time": "tiger"}).decode()}
    )
    for shown in (None, b"***", body.replace(b"tiger", b"***"), b'{"instance_metadata": 5}'):
        parts = CONTRACTS.compare_body("registration-request", body, shown)
        text = str([(part.where, part.actual) for part in parts])
        assert ("s3cret" in text, "tiger" in text) == (False, shown is None)
    (part,) = CONTRACTS.compare_body("registration-request", b'{"instance_metadata": "s3cret"}')
    assert (part.actual, part.fits) == ("***", False)
    assert [part.actual for part in CONTRACTS.compare_body("token-answer", b'"a-token"')] == ["***"]


def test_text_that_should_be_json_is_shown_as_it_is() -> None:
    """Unless a secret may be in it."""
    parts = CONTRACTS.compare_body("approval-request", b'{"metadata": "Elevate"}')
    assert [part.actual for part in parts if part.where == "$.metadata"] == ['"Elevate"']


def test_long_bodies_are_bounded() -> None:
    """The first items are compared, and those that differ; unknown keys likewise."""
    items = [{"number": "1"}] * 1_000 + [{"number": 5}]
    parts = _agrees("list-answer", orjson.dumps({"result": items}))
    assert (parts[0].where, len(parts) < 100) == ("$.result[1000].number", True)
    many = {f"key{number}": "x" for number in range(1_000)}
    metadata = orjson.dumps({"PolicyId": "{85d71683-7dac-4762-8120-76a9a564fdc1}"} | many).decode()
    assert len(CONTRACTS.compare_body("approval-request", orjson.dumps({"metadata": metadata}))) <= MOST_PARTS
