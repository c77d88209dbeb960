"""The entry of the command ``mock-servicenow``: as little as possible before the imports."""

import gc
import sys
from collections.abc import Sequence

from privman_core import early


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    early.end_at_once("mock-servicenow")
    gc.disable()  # what is imported and drawn at the start lasts; collecting on the way costs a tenth of it
    from mock_servicenow.cli import main as run  # noqa: PLC0415 - see above

    try:
        return run(arguments)
    finally:
        early.ignore()


if __name__ == "__main__":
    sys.exit(main())
