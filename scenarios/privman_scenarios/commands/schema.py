"""``privman-scenarios schema``."""

import argparse
import json

from privman_core.command_line import Commands, Exit
from privman_scenarios.language.schema import scenario_schema
from privman_scenarios.output import say
from privman_scenarios.playing.verbs import vocabulary


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of scenario files")
    parser.set_defaults(execute=execute)


def execute(_options: argparse.Namespace) -> Exit:
    """Print the schema."""
    say(json.dumps(scenario_schema(vocabulary()), indent=2))
    return Exit.HELD
