"""``privman-scenarios schema``."""

import argparse
import json
import sys

from privman_scenarios.commands.exit_codes import HELD
from privman_scenarios.commands.parser import Commands
from privman_scenarios.schema import scenario_schema
from privman_scenarios.verbs import vocabulary


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of scenario files")
    parser.set_defaults(execute=execute)


def execute(_options: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(json.dumps(scenario_schema(vocabulary()), indent=2) + "\n")
    return HELD
