"""The JSON Schema of scenario files, made from the vocabulary; editors complete by it."""

from itertools import combinations
from typing import Any, get_args

from privman_scenarios.language.expected_operands import OPERANDS
from privman_scenarios.language.includes import INCLUDE
from privman_scenarios.language.known import names
from privman_scenarios.language.model import OWN, Check
from privman_scenarios.language.step_modifiers import MODIFIERS
from privman_scenarios.language.vocabulary import Argument, Verb, Vocabulary
from privman_scenarios.language.yaml_nodes import MOST_ROWS

Schema = dict[str, Any]
# A row of examples may fill any value, whatever its kind.
_PLACE: Schema = {"type": "string", "pattern": "^<[^<>]+>$"}


def scenario_schema(vocabulary: Vocabulary) -> Schema:
    """Return the schema of one scenario."""
    words = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of the webhook between Privilege Manager and ServiceNow",
        "type": "object",
        "required": ["title", "steps"],
        "additionalProperties": False,
        "$defs": {"step": _step(vocabulary), "expected": _expected()},
        "properties": {
            "title": {"type": "string", "minLength": 1, "description": "One fact, in a sentence."},
            "tags": {**words, "description": "Words to select scenarios by (--tag)."},
            "source": {"type": "string", "description": "The pages that document the fact, such as 'webhook-5.png'."},
            "check": {
                "enum": list(get_args(Check)),
                "description": "What must hold: each step, or the invariants once all is over.",
            },
            "seed": {"type": "integer", "description": "Seed of the identifiers; default: that of the run."},
            "clock": {"type": "string", "format": "date-time", "description": "When virtual time begins."},
            "examples": {
                "anyOf": [
                    {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST_ROWS,
                        "items": {"type": "object", "minProperties": 1},
                    },
                    {"type": "string", "pattern": r"\.[cC][sS][vV]$"},
                ],
                "description": "The scenario is played once a row, which may be in a CSV file; '<name>' is its value.",
            },
            "own": {
                "type": "object",
                "additionalProperties": False,
                "properties": {kind: {**words, "description": doc} for kind, doc in OWN.items()},
                "description": "Words of your own instance, which are not taken for typos.",
            },
            "when": {
                "type": "object",
                "properties": {name.word: {} for name in names() if name.group == "rules"},
                "additionalProperties": False,
                "description": "What inferred rules must be, for the scenario to apply.",
            },
            "given": _given(vocabulary),
            "steps": {"type": "array", "minItems": 1, "items": {"anyOf": [_ref_step(), _together(), _include()]}},
            "teardown": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [_ref_step(), _include()]},
                "description": "Steps that are played after all others, whatever failed.",
            },
        },
    }


def _given(vocabulary: Vocabulary) -> Schema:
    return {
        "description": "Options of the set-up that goes before the steps, or 'nothing' to begin without one.",
        "anyOf": [{"const": "nothing"}, _arguments(vocabulary.given)],
    }


def _expected() -> Schema:
    operators = {name: {"description": each.doc, **each.schema} for name, each in OPERANDS.items()}
    return {
        "description": "A value; a list of as many items; some keys of an object; or an operator.",
        "if": {"type": "object", "maxProperties": 1},
        "then": {"properties": operators},
        "else": {"properties": {name: {"description": each.doc} for name, each in OPERANDS.items()}},
    }


def _ref_step() -> Schema:
    return {"$ref": "#/$defs/step"}


def _together() -> Schema:
    return {
        "type": "object",
        "required": ["together"],
        "additionalProperties": False,
        "properties": {
            "together": {
                "type": "array",
                "minItems": 2,
                "items": _ref_step(),
                "description": "Steps at the same moment; --interleave plays them in every order.",
            }
        },
    }


def _include() -> Schema:
    return {
        "type": "object",
        "required": [INCLUDE],
        "additionalProperties": False,
        "properties": {
            INCLUDE: {
                "type": "string",
                "pattern": r"\.steps\.ya?ml$",
                "description": "A file whose steps stand here, beside this one.",
            }
        },
    }


def _step(vocabulary: Vocabulary) -> Schema:
    modifiers = {name: {"description": each.doc, **each.schema} for name, each in MODIFIERS.items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {**{verb.name: _verb(verb) for verb in vocabulary}, **modifiers},
        "oneOf": [_one_verb_beside(beside) for beside in _subsets(list(MODIFIERS))],
    }


def _subsets(names: list[str]) -> list[list[str]]:
    return [list(each) for size in range(len(names) + 1) for each in combinations(names, size)]


def _one_verb_beside(modifiers: list[str]) -> Schema:
    """Return the schema of a step with these modifiers, no other, and one verb."""
    others = [{"required": [name]} for name in MODIFIERS if name not in modifiers]
    size = len(modifiers) + 1
    excluded = {"not": {"anyOf": others}} if others else {}
    return {"required": modifiers, "minProperties": size, "maxProperties": size, **excluded}


def _verb(verb: Verb) -> Schema:
    shapes: list[Schema] = [_arguments(verb.arguments)]
    if verb.one_of:
        shapes[0]["anyOf"] = [{"required": [name]} for name in verb.one_of]
    elif not any(argument.required for argument in verb.arguments):
        shapes.append({"type": "null"})
    argument = next((each for each in verb.arguments if each.name == verb.shorthand), None)
    if argument is not None:
        # A mapping is always the arguments themselves.
        shapes.append({"allOf": [{"not": {"type": ["object", "null"]}}, _value(argument)]})
    return {"description": verb.doc, "anyOf": shapes}


def _arguments(arguments: tuple[Argument, ...]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [argument.name for argument in arguments if argument.required],
        "properties": {argument.name: _value(argument) for argument in arguments},
    }


def _value(argument: Argument) -> Schema:
    return {"description": argument.doc, "anyOf": [dict(argument.kind.schema), _PLACE]}
