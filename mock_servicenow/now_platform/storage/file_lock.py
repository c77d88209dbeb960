"""A lock on a file that ends with the process that holds it, however that ends."""

import fcntl
import os
from typing import Self


class FileLock:
    """Held from when it is made until it is closed; raises OSError, BlockingIOError where another process holds it.

    The lock is on a file of its own: SQLite's locks on the database file are dropped by whoever closes that file.
    """

    def __init__(self, name: str) -> None:
        self._file = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._file)
