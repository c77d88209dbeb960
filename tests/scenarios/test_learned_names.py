"""Whatever an instance calls things, of whatever type: what is learned is what it has, and scenarios pass with it."""

from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from privman_contracts import WireNames
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files
from tests.generated import examples

from .disguised_instance import Disguise, DisguisedInstance
from .filled_instance import THEIRS, filled_instance

# What no picture prints a label of.
UNLABELLED = {"instance_id", "activity_type_id"}
TYPES: Mapping[str, tuple[Disguise, ...]] = {
    "guid": (Disguise("string", 36), Disguise("string", 100), Disguise("GUID", 40)),
    "json": (Disguise("string", 4_000), Disguise("name_values", 65_000), Disguise("json", 0)),
    "flag": (Disguise("boolean"), Disguise("string", 5)),
    "number": (Disguise("integer"), Disguise("string", 10)),
    "duration": (Disguise("glide_duration"), Disguise("string", 40)),
    "": (Disguise("string", 255), Disguise("html", 0), Disguise("choice", 40)),
}
PLAYED = {"deny", "decision-with-comment-and-duration", "timeout", "request-metadata"}
SHOWN_METADATA = ("PolicyId", "PolicyName", "FilePath", "UserReason")

slugs = st.text(ascii_lowercase, min_size=4, max_size=12)
words = st.text(ascii_uppercase + ascii_lowercase + " ", min_size=4, max_size=16).filter(
    lambda text: text == text.strip()
)


def distinct(keys: Any, values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    """Return a value for each key, no two of which are the same in lower case."""
    listed = list(keys)
    drawn = st.lists(values, min_size=len(listed), max_size=len(listed), unique_by=str.lower)
    return drawn.map(lambda each: dict(zip(listed, each, strict=True)))


def respelled(key: str) -> st.SearchStrategy[str]:
    """Return the key in another case, or with its words apart."""
    apart = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key).lstrip("_")
    return st.sampled_from([key, apart, key.upper(), key[0].lower() + key[1:]])


@st.composite
def names_of_instances(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a file of names; every name that an instance shows may be another."""
    packaged = WireNames.load()
    tables = draw(distinct(packaged.group("tables"), slugs.map(lambda slug: f"x_{slug}")))
    columns = {table: draw(distinct(packaged.group(f"columns.{table}"), slugs)) for table in tables}
    said = draw(distinct(("approve", "deny", "pending", "timed_out", "get_token"), words))
    prefix = draw(slugs)
    return {
        "tables": tables,
        "columns": columns,
        "keys": {
            "instance_metadata": draw(distinct(packaged.group("keys.instance_metadata"), words)),
            "metadata": {key: draw(respelled(key)) for key in SHOWN_METADATA},
        },
        "words": {
            "response": {word: said[word] for word in ("approve", "deny")},
            "request_status": {word: said[word] for word in ("pending", "timed_out")},
            "authentication_type": {"get_token": said["get_token"]},
        },
        "roles": {"approver": f"x_{prefix}.{draw(slugs)}_approver", "admin": f"x_{prefix}.admin"},
    }


def disguises(names: WireNames, draw: Any) -> dict[tuple[str, str], Disguise]:
    """Draw a type for each column, a reference for some that have sys_ids, and other labels for some."""
    drawn: dict[tuple[str, str], Disguise] = {}
    for name in (name for name in names if name.path.startswith("columns.")):
        table = names.table(name.group.rpartition(".")[2])
        if name.holds in names.group("tables"):
            target = Disguise("reference", 32, names.table(name.holds))
            kind = draw(st.sampled_from([target, Disguise("string", 32), Disguise("GUID", 40)]))
        else:
            kind = draw(st.sampled_from(TYPES[name.holds]))
        label = draw(st.sampled_from([None, ""])) if name.word in UNLABELLED else None
        drawn[table, str(name.value)] = Disguise(kind.type, kind.max_length, kind.reference, label)
    return drawn


@pytest.mark.long
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(theirs=names_of_instances(), data=st.data())
def test_what_is_learned_is_what_the_instance_has(
    theirs: dict[str, Any], data: st.DataObject, privman_loop: LoopThread
) -> None:
    """Then a denial, an approval for some hours and a time-out pass on it."""
    with TemporaryDirectory() as folder:
        inferred, out = Path(folder) / "theirs.yaml", Path(folder) / "ours.yaml"
        inferred.write_text(yaml.safe_dump(theirs, allow_unicode=True), encoding="utf-8")
        names = WireNames.load(inferred)
        with filled_instance(inferred) as instance:
            shown = DisguisedInstance(instance.url, disguises(names, data.draw))
            served = serving(shown.app())
            url = privman_loop.run(served.__aenter__())
            code = main(["learn", "--servicenow-url", url, "--out", str(out)])
            privman_loop.run(served.__aexit__(None, None, None))
            assert (code, set(shown.methods)) == (0, {"GET"})
            assert {name.path: name.value for name in WireNames.load(out)} == {name.path: name.value for name in names}
            played = [str(path) for path in catalog_files() if path.stem in PLAYED]
            assert main(["run", *played, "--servicenow-url", instance.url, "--reset", "--inferred", str(out)]) == 0


@pytest.mark.once
@pytest.mark.long
def test_the_whole_catalog_passes_with_what_was_learned(tmp_path: Path) -> None:
    """But for what needs a second instance, or one clock for both."""
    inferred, out = tmp_path / "theirs.yaml", tmp_path / "ours.yaml"
    inferred.write_text(yaml.safe_dump(THEIRS), encoding="utf-8")
    with filled_instance(inferred) as instance:
        target = ["--servicenow-url", instance.url]
        assert main(["learn", *target, "--out", str(out)]) == 0
        assert main(["run", *target, "--reset", "--inferred", str(out), "--max-skipped", "5"]) == 0
