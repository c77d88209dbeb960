"""Everything that this process prints or writes: no secrets, nothing that a terminal or a pipeline would obey."""

import re
from pathlib import Path

from privman_core import command_line
from privman_core.command_line import disarmed
from privman_core.masking import Secrets

# XML 1.0 cannot hold the former, not even escaped, and a terminal may obey some of them; the latter turn text around.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def printable(text: str) -> str:
    """Return the text with each character that a report cannot hold replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)


# Of this process: whoever learns a password adds it, and every output masks it in whatever encoding.
SECRETS = Secrets()


def mask(text: str) -> str:
    """Return the text of a message without secrets, known ones and those in their places."""
    return SECRETS.mask(text)


def presentable(text: str) -> str:
    """Return the text as people may see it on a terminal or in the log of a pipeline."""
    plain = printable(SECRETS.mask_known(text)).replace("\r\n", "\n").replace("\r", "\ufffd")
    return disarmed(plain)


def in_a_line(text: str) -> str:
    """Return the same on one line."""
    return " ".join(presentable(text).splitlines())


def say(text: str) -> None:
    """Print lines at once, for a pipe too."""
    command_line.say(presentable(text))


def complain(command: str, *texts: str) -> None:
    """Print one line each on standard error."""
    for text in texts:
        command_line.complain(command, in_a_line(text))


def say_command(line: str) -> None:
    """Print a line that the pipeline is to obey; its data is escaped by whoever wrote it."""
    command_line.say(SECRETS.mask_known(line))


def write(file: Path, text: str) -> None:
    """Write a text file; raises OSError."""
    file.write_text(SECRETS.mask_known(text), encoding="utf-8")


def append(file: Path, text: str) -> None:
    """Add to the end of a text file; raises OSError."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(SECRETS.mask_known(text))
