"""Read what a user names, or what a folder holds: a regular file, within a bound; write one for its owner alone."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from privman_core.operating_system import wait_for_content

# Without it, opening a named pipe waits for a writer. Windows lacks both.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
# A buffer for all that a bound allows is so large that glibc would keep freed memory from then on.
_PIECE = 64 * 1024


class UnreadableFileError(OSError):
    """A path that no content may be read from; the reason is its ``strerror``."""

    def __init__(self, reason: str, file: Path) -> None:
        super().__init__(f"{file}: {reason}")
        self.strerror = reason
        self.filename = str(file)


def read_regular(file: Path, most: int, *, or_pipe: bool = False) -> bytes:
    """Return the content of a regular file, which a link may lead to, of at most so many bytes; raises OSError.

    Args:
        file: its path.
        most: bytes.
        or_pipe: whether it may be a pipe, such as that of ``<(command)`` in a shell, whose command may take its time.
            A pipe that nobody writes to is empty.
    """
    with open(file, "rb", opener=_open_at_once) as opened:
        kind = os.fstat(opened.fileno()).st_mode
        if or_pipe and stat.S_ISFIFO(kind):
            wait_for_content(opened.fileno())
        elif not stat.S_ISREG(kind):
            raise UnreadableFileError("Not a regular file", file)
        content = bytearray()
        while len(content) <= most and (piece := opened.read(_PIECE)):
            content += piece
    if len(content) > most:
        raise UnreadableFileError(f"More than {most} bytes", file)
    return bytes(content)


def open_private(file: Path) -> BinaryIO:
    """Return the file, emptied, to be written; if it is a regular file only its owner may read it. Raises OSError."""
    opened = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # an earlier one may have been open to others
        file.chmod(0o600)
    return opened


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _AT_ONCE)
