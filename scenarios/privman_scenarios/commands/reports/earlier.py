"""Reports of an earlier run, which no interrupt may leave green; imports as little as possible."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_BEGINNING = 4_096
# What a file begins with that the option has written before.
OURS: Mapping[str, re.Pattern[bytes]] = {
    "--junit-xml": re.compile(rb'\s*(<\?xml[^>]*\?>\s*)?<testsuites[^>]*>\s*<testsuite name="privman-scenarios"'),
    "--html": re.compile(rb"(?is)\s*<!doctype html>.*<title>privman-scenarios: "),
    "--json": re.compile(rb'\s*\{\s*"seed":'),
    "--out": re.compile(
        rb'\s*\{\s*"log":\s*\{\s*"version":\s*"1.2",\s*"creator":\s*\{\s*"name":\s*"privman-scenarios"'
    ),
    "--writes": re.compile(rb'\s*\{"at":'),
}
_BEGUN = "the run has not ended"
# Until the command has loaded what writes reports.
_RED = {
    "--junit-xml": '<testsuites tests="1" failures="0" errors="1"><testsuite name="privman-scenarios" tests="1" '
    f'failures="0" errors="1"><testcase name="run"><error message="{_BEGUN}"/></testcase></testsuite></testsuites>\n',
    "--html": f"<!doctype html>\n<title>privman-scenarios: {_BEGUN}</title>\n<p>Failed: {_BEGUN}.</p>\n",
    "--json": f'{{"seed": null, "held": false, "complete": false, "error": "{_BEGUN}"}}\n',
}
_ASKS = ("-h", "--help", "--version")


def redden(arguments: Sequence[str]) -> None:
    """Put a red report in the place of each earlier one that the arguments name."""
    if any(argument in _ASKS for argument in arguments):
        return
    for option, file in named_in(arguments):
        with suppress(OSError, ValueError):
            if option in _RED and file.is_file() and is_ours(option, file):
                file.write_text(_RED[option], encoding="utf-8")


def is_ours(option: str, file: Path) -> bool:
    """Tell whether the option may write the file: it is not there, is empty, or was written by it before."""
    if not file.is_file():
        return True  # a folder is refused when it is written, and /dev/null takes whatever comes
    with file.open("rb") as opened:
        beginning = opened.read(_BEGINNING)
    return not beginning.strip() or OURS[option].match(beginning) is not None


def named_in(arguments: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the reports that arguments name, though they may be unusable: option and file."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        option, assigned, value = argument.partition("=")
        file = value if assigned else following
        if option in OURS and file:
            yield option, Path(file)
