"""The entry of the command ``console-sim``: as little as possible before interrupts are handled."""

import sys
from collections.abc import Sequence

from privman_core import early


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    early.end_at_once("console-sim")
    from console_sim.cli import main as run  # noqa: PLC0415 - loading it takes most of a second

    try:
        return run(arguments)
    finally:
        early.ignore()


if __name__ == "__main__":
    sys.exit(main())
