"""The pages that an unfinished pull has read, in a file, so that the next one goes on there."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from privman_core.regular_files import open_private
from privman_core.table_reader import RowPage

Rows = list[dict[str, str]]


class PageLog:
    """The pages that have been read, by request. They have no personal data: what is added has been replaced already.

    Args:
        file: it is made by the first page, and removed by `end`.
        options: what decides the pages; those that were read with others do not count.

    Attributes:
        went_on: how many pages of an earlier pull there were.
    """

    def __init__(self, file: Path, options: Mapping[str, Any]) -> None:
        self._path = file
        self._options = orjson.loads(orjson.dumps(options))
        self._known = self._read()
        self.went_on = len(self._known)
        self._file: IO[bytes] | None = None

    def get(self, request: str) -> RowPage | None:
        """Return the page of an earlier pull; None if it has not read it."""
        return self._known.get(request)

    def add(self, request: str, page: RowPage) -> None:
        """Keep a page."""
        if self._file is None:
            self._file = self._open()
        self._write(self._file, [request, *page])

    def close(self) -> None:
        """Close the file; the next pull goes on with it."""
        if self._file is not None:
            self._file.close()

    def end(self) -> None:
        """Remove the file, as everything has been read and written."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _open(self) -> IO[bytes]:
        file = open_private(self._path)
        self._write(file, self._options)
        for request, page in self._known.items():  # without the line at which the earlier one was stopped
            self._write(file, [request, *page])
        return file

    @staticmethod
    def _write(file: IO[bytes], value: object) -> None:
        file.write(orjson.dumps(value) + b"\n")
        file.flush()

    def _read(self) -> dict[str, RowPage]:
        if not self._path.is_file():
            return {}
        with self._path.open("rb") as file:
            if _value(file.readline()) != self._options:
                return {}
            lines = [_value(line) for line in file]
        return {line[0]: RowPage(*line[1:]) for line in lines if isinstance(line, list)}


def _value(line: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the value of a whole line; None for one that was not written to its end."""
    try:
        return orjson.loads(line) if line.endswith(b"\n") else None
    except orjson.JSONDecodeError:
        return None
