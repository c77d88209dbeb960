"""The scenario format's JSON Schema."""

import json
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from privman_scenarios.language.loader import catalog_files
from privman_scenarios.language.schema import scenario_schema
from privman_scenarios.language.yaml_nodes import read_documents
from privman_scenarios.playing.verbs import vocabulary

SHIPPED = json.loads(resources.files("privman_scenarios").joinpath("scenario.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SHIPPED)


def test_the_shipped_schema_is_the_vocabularys_own() -> None:
    """What editors complete is what the loader accepts: ``privman-scenarios schema`` prints the shipped file."""
    is_current = scenario_schema(vocabulary()) == SHIPPED
    assert is_current, "run: privman-scenarios schema > scenarios/privman_scenarios/scenario.schema.json"


@pytest.mark.parametrize("file", catalog_files(), ids=lambda file: file.stem)
def test_every_catalog_file_satisfies_the_schema(file: Path) -> None:
    """An editor shows no error in the packaged scenarios."""
    for document in read_documents(file.read_text("utf-8"), str(file)):
        VALIDATOR.validate(document.plain())


@pytest.mark.parametrize(
    "steps",
    [
        [{"servicenow.aprove": None}],
        [{"servicenow.approve": {"coment": "Fine"}}],
        [{"servicenow.approve": {"comment": 5}}],
        [{"clock.advance": "50 secs"}],
        [{"clock.advance": None}],
        [{"console.ask": None, "console.restart": None}],
        [{"eventually": "1 minute"}],
        [{"console.expect-approval": "Approved", "eventually": "soon"}],
        [{"console.expect-approval": "Approved", "soft": False}],
        [{"console.expect-approval": "Approved", "console.expect-webhooks": [], "soft": True}],
        [{"console.expect-approval": "Approved", "softly": True}],
        [{"together": [{"console.restart": None}]}],
        [],
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(steps: list[object]) -> None:
    """A typo is red in the editor already."""
    assert not VALIDATOR.is_valid({"title": "T", "steps": steps})
