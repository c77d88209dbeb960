"""The entry of the command ``privman-scenarios``: as little as possible before interrupts are handled."""

import sys
from collections.abc import Sequence

from privman_core import early
from privman_scenarios.commands.reports import report_kinds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    early.end_at_once("privman-scenarios")
    report_kinds.mark_unfinished(sys.argv[1:] if arguments is None else arguments)
    from privman_scenarios.commands.cli import main as run  # noqa: PLC0415 - loading it takes most of a second

    try:
        return run(arguments)
    finally:
        early.ignore()


if __name__ == "__main__":
    sys.exit(main())
