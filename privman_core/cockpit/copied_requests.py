"""Requests of the journal as texts that send them: for curl, Python and editors of .http files.

Nothing secret is in such a text. It names a variable of the environment in place of each masked part.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any

from msgspec import Struct

from privman_core.cockpit.bounded_texts import TOKEN
from privman_core.inputs import quoted
from privman_core.journal import is_remark
from privman_core.masking import MASK

LONGEST = 16 * 1024
"""Characters of a body that is copied."""
_OF_CONNECTION = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect", "te", "upgrade"}
)
_TOKEN, _ADDRESS = re.compile(f"{TOKEN}+"), re.compile(r"https?://[^\s\0]+")
_BREAK = re.compile(r"[\0\r\n]")
_WORD = re.compile(r"[\w-]++")
_MISREAD = re.compile(r"(?:^|\r)(?:###|<(?:@\w*)?[\s\ufeff]|>>?\s)", re.MULTILINE)
_REFUSED = "# The credentials of this request were refused (401), so it is copied without them.\n"
_BASIC, _BEARER = f"Basic {MASK}", f"Bearer {MASK}"


class SecretVariable(Struct, frozen=True):
    """A variable of the environment that has a secret."""

    name: str


Text = Sequence[str | SecretVariable]


class CopiedRequest(Struct, frozen=True):
    """A text that sends a request.

    Attributes:
        kind: ``curl``, ``python`` or ``http``.
        text: empty if there is none.
        reason: why there is none.
    """

    kind: str
    label: str
    text: str
    reason: str = ""


class Copies(Struct, frozen=True):
    """A request as each of the texts; ``variables`` are those that they name."""

    variables: list[str]
    all: list[CopiedRequest]


class _Request(Struct, frozen=True):
    """A request, its masked parts replaced.

    Attributes:
        login: user and password of Basic authentication.
        comment: a line of each text, before the request; empty for none.
    """

    method: str
    url: Text
    headers: list[tuple[str, Text]]
    body: Text
    login: list[SecretVariable]
    comment: str


def copies(printed: Mapping[str, Any], base: str, server: str) -> Copies:
    """Return the texts that send a request of the journal; one whose credentials were refused has none.

    Args:
        printed: the exchange as the control plane prints it.
        base: where the party that received it listens; not used for one that was sent.
        server: who answers it; the names of the variables begin with it.
    """
    variables = _Variables(server)
    url = printed["url"] if printed["direction"] == "out" else f"{base}{printed['url']}"
    body = printed["request"]["body"]
    if printed["direction"] == "in" and not printed["url"].startswith("/"):
        url = ""
    if reason := _impossible(printed["method"], url, printed["request"]["headers"]):
        return Copies([], [CopiedRequest(kind, label, "", reason) for kind, label, _ in _KINDS])
    if is_remark(body) or len(body) > LONGEST:
        reason = f"The body {'is too long' if len(body) > LONGEST else 'is not kept as text'}, so it cannot be copied."
        return Copies([], [CopiedRequest(kind, label, "", reason) for kind, label, _ in _KINDS])
    headers = [(name, value) for name, value in printed["request"]["headers"] if name.lower() not in _OF_CONNECTION]
    sent = [each for each in headers if not (_is_refused(printed) and _is_credential(*each))]
    comment = _REFUSED if len(sent) < len(headers) else ""
    login = [variables.named(word) for word in ("user", "password") if ("Authorization", _BASIC) in map(_key, sent)]
    asked = _Request(
        printed["method"],
        variables.text(url, "url"),
        [(name, variables.text(value, _word_of(name, value))) for name, value in sent if not _is_basic(name, value)],
        variables.text(body, "body"),
        login,
        comment,
    )
    return Copies(variables.names, [_copied(kind, label, write, asked) for kind, label, write in _KINDS])


def _is_refused(printed: Mapping[str, Any]) -> bool:
    """Return whether the credentials of a request were refused; a fault that answers so has not read them."""
    return bool(printed["status"] == HTTPStatus.UNAUTHORIZED and not printed["fault"])


def _is_credential(name: str, value: str) -> bool:
    return name.lower() == "authorization" or MASK in value


def _impossible(method: str, url: str, headers: Iterable[tuple[str, str]]) -> str:
    """Return why no client can send a request; empty if one can. A foreign program may be the other party."""
    if not _TOKEN.fullmatch(method):
        return f"{quoted(method)} is not a method, so it cannot be copied."
    if not _ADDRESS.fullmatch(url):
        return "Its address is not one of HTTP, so it cannot be copied."
    wrong = (name for name, value in headers if not _TOKEN.fullmatch(name) or _BREAK.search(value))
    return next((f"The header {quoted(name)} is not one of HTTP, so it cannot be copied." for name in wrong), "")


class _Variables:
    def __init__(self, server: str) -> None:
        self._server = server
        self.names: list[str] = []

    def named(self, word: str) -> SecretVariable:
        """Return a new variable with that word in its name."""
        name = re.sub(r"\W+", "_", f"{self._server}_{word}", flags=re.ASCII).strip("_0123456789").upper() or "SECRET"
        further = sum(each == name or each.startswith(f"{name}_") for each in self.names)
        self.names.append(f"{name}_{further + 1}" if name in self.names else name)
        return SecretVariable(self.names[-1])

    def text(self, masked: str, word: str) -> Text:
        """Return the text with a variable for each mask, named by the word before it, or else by this one."""
        parts: list[str | SecretVariable] = []
        *before, last = masked.split(MASK)
        for part in before:
            found = _WORD.findall(part[-100:])
            parts += (part, self.named(word if word.isupper() or not found else found[-1]))
        return [part for part in (*parts, last) if part]


def _key(header: Sequence[str]) -> tuple[str, str]:
    return header[0].title(), header[1]


def _is_basic(name: str, value: str) -> bool:
    return _key((name, value)) == ("Authorization", _BASIC)


def _word_of(name: str, value: str) -> str:
    """Return the word for the secret of a header, in capitals, as it is not the word before."""
    return "TOKEN" if value == _BEARER else name.upper()


def _copied(kind: str, label: str, write: "_Write", asked: _Request) -> CopiedRequest:
    try:
        return CopiedRequest(kind, label, f"{asked.comment}{write(asked)}")
    except _InexpressibleError as error:
        return CopiedRequest(kind, label, "", str(error))


class _InexpressibleError(Exception):
    """A format has no way to write a request; the message says why."""


def _curl(asked: _Request) -> str:
    lines = [f"curl --globoff --path-as-is {_method(asked.method)} {_in_shell(asked.url)}"]
    if asked.login:
        lines.append(f'--user "{":".join(f"${each.name}" for each in asked.login)}"')
    lines += [f"--header {_in_shell(_header(name, value))}" for name, value in asked.headers]
    names = {name.lower() for name, _ in asked.headers}
    if "accept-encoding" in names:
        lines.append("--compressed")
    if not asked.body:
        return " \\\n  ".join(lines)
    if "content-type" not in names:
        lines.append("--header 'Content-Type:'")
    literal = "".join(part for part in asked.body if isinstance(part, str))
    if "\0" not in literal:  # which no argument can have
        return " \\\n  ".join((*lines, f"--data-raw {_in_shell(asked.body)}"))
    return f"{_printf(asked.body)} | " + " \\\n  ".join((*lines, "--data-binary @-"))


def _method(method: str) -> str:
    return "--head" if method == "HEAD" else f"--request {_quoted(method)}"


def _header(name: str, value: Text) -> Text:
    """Return a header for curl, which leaves one out that ends with its colon."""
    return [f"{name}: ", *value] if value else [f"{name};"]


def _in_shell(text: Text) -> str:
    parts = groupby(text, lambda each: isinstance(each, SecretVariable))
    written = (
        "".join(f'"${each.name}"' if isinstance(each, SecretVariable) else each for each in some)
        if is_variable
        else _quoted("".join(map(str, some)))
        for is_variable, some in parts
    )
    return "".join(written) or "''"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _printf(text: Text) -> str:
    """Return a command of the shell that prints a text with zero bytes."""
    formats = "".join("%s" if isinstance(each, SecretVariable) else "%b" for each in text)
    escaped = [
        each if isinstance(each, SecretVariable) else each.replace("\\", "\\\\").replace("\0", "\\0000")
        for each in text
    ]
    return f"printf '{formats}' {' '.join(_in_shell([each]) for each in escaped)}"


def _python(asked: _Request) -> str:
    texts = [asked.url, asked.body, *(value for _, value in asked.headers)]
    uses_variables = asked.login or any(isinstance(part, SecretVariable) for text in texts for part in text)
    return "\n".join([*(["import os", ""] if uses_variables else []), "import requests", "", *_call(asked)])


def _call(asked: _Request) -> Iterator[str]:
    yield "answer = requests.request("
    yield f"    {asked.method!r},"
    yield f"    {_in_python(asked.url)},"
    if asked.headers:
        yield "    headers={"
        yield from (f"        {name!r}: {_header_in_python(value)}," for name, value in _joined(asked.headers))
        yield "    },"
    if asked.body:
        yield f"    data=({_in_python(asked.body)}).encode(),"
    if asked.login:
        yield f"    auth=({', '.join(_in_python([each]) for each in asked.login)}),"
    yield "    allow_redirects=False,"
    yield ")"
    yield "print(answer.status_code)"
    yield "print(answer.text)"


def _joined(headers: Sequence[tuple[str, Text]]) -> Iterator[tuple[str, Text]]:
    """Yield each header once: requests takes a mapping."""
    names: dict[str, str] = {}
    for name, _ in headers:
        names.setdefault(name.lower(), name)
    for lowered, name in names.items():
        first, *others = (value for each, value in headers if each.lower() == lowered)
        between = "; " if lowered == "cookie" else ", "
        yield name, [*first, *(part for value in others for part in (between, *value))]


def _header_in_python(value: Text) -> str:
    """Return the value as bytes if it is not ASCII: requests encodes other texts as Latin-1, or refuses them."""
    plain = all(isinstance(part, SecretVariable) or part.isascii() for part in value)
    return _in_python(value) if plain else f"({_in_python(value)}).encode()"


def _in_python(text: Text) -> str:
    return (
        " + ".join(f"os.environ[{each.name!r}]" if isinstance(each, SecretVariable) else repr(each) for each in text)
        or "''"
    )


def _http_file(asked: _Request) -> str:
    parts = [
        part for text in (asked.login, asked.url, *(value for _, value in asked.headers), asked.body) for part in text
    ]
    if any("{{" in part for part in parts if isinstance(part, str)):
        raise _InexpressibleError("An .http file reads {{ as the beginning of a variable, and this request has it.")
    if _MISREAD.search("".join(part for part in asked.body if isinstance(part, str))):
        raise _InexpressibleError("An .http file has a meaning of its own for a line that begins with ###, < or >.")
    variables = dict.fromkeys(part.name for part in parts if isinstance(part, SecretVariable))
    lines = [f"@{name} = {{{{$processEnv {name}}}}}" for name in variables]
    lines += [*([""] if lines else []), f"{asked.method} {_in_file(asked.url)}"]
    if asked.login:
        lines.append(f"Authorization: Basic {' '.join(_in_file([each]) for each in asked.login)}")
    lines += [f"{name}: {_in_file(value)}" for name, value in asked.headers]
    return "\n".join([*lines, *(["", _in_file(asked.body)] if asked.body else [])])


def _in_file(text: Text) -> str:
    return "".join(f"{{{{{each.name}}}}}" if isinstance(each, SecretVariable) else each for each in text)


_Write = Callable[[_Request], str]
_KINDS: Sequence[tuple[str, str, _Write]] = (
    ("curl", "curl", _curl),
    ("python", "Python (requests)", _python),
    ("http", "HTTP file", _http_file),
)
