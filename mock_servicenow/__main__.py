"""The entry of the command ``mock-servicenow``: as little as possible before the imports."""

import gc
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    gc.disable()  # what is imported and drawn at the start lasts; collecting on the way costs a tenth of it
    from mock_servicenow.cli import main as run  # noqa: PLC0415 - see above

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
