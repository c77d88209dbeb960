"""Copied texts send what the journal has: curl's is given to a shell, Python's is executed."""

import ast
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import which
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.cockpit.copied_requests import LONGEST, CopiedRequest, Copies, copies
from tests.generated import examples

SHELL = "/bin/sh"
pytestmark = pytest.mark.skipif(which("curl") is None, reason="curl is not installed")


@dataclass
class Heard:
    """What a server has been asked."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> str:
        """Return the values of a header as one text."""
        return ", ".join(text for each, text in self.headers if each.lower() == name)


@dataclass
class Listener:
    """A server that remembers the last request."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Listen on this machine."""
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = [(name, text.encode("latin-1").decode(errors="replace")) for name, text in self.headers.items()]
            found.heard.append(Heard(self.command, self.path, headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815 - of the library

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        server.shutdown()


def printed(method: str, url: str, headers: list[tuple[str, str]], body: str) -> dict[str, Any]:
    """Return a received exchange as the control plane prints it."""
    sent = {"method": method, "url": url, "direction": "in", "request": {"headers": headers, "body": body}}
    return {**sent, "status": 200, "fault": ""}


def text_of(found: Copies, kind: str) -> CopiedRequest:
    """Return one of the texts."""
    return next(each for each in found.all if each.kind == kind)


@contextmanager
def variables(names: list[str]) -> Iterator[dict[str, str]]:
    """Set each variable of a text to what it stands for."""
    values = dict.fromkeys(names, "***")
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield {**os.environ}
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def send(found: Copies, kind: str) -> None:
    """Send a text as its reader would."""
    text = text_of(found, kind).text
    with variables(found.variables) as environment:
        if kind == "curl":
            subprocess.run([SHELL, "-c", text], check=True, env=environment, capture_output=True)  # noqa: S603
        else:
            exec(text, {"print": lambda *_values: None})  # noqa: S102 - this is the test


_METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
_NAMES = st.from_regex(r"X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}", fullmatch=True)
_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\xa0"), max_size=30
).map(str.strip)
_TRICKS = st.sampled_from(
    ["", "'", '"', "$HOME", "`id`", "$(id)", "\\", "\\n", "!!", "@/etc/passwd", "***", '"a": "***"', "a'b\"c", "%s",
     "{{x}}", "-d x", "\U0001f600", "é", "a=1&b=2", "x;y", "*", "~", "#", "[1-3]", "{a,b}"]
)  # fmt: skip
_BODIES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
    st.lists(_TRICKS, max_size=4).map("\n".join),
    st.lists(_TRICKS, max_size=3).map("\0".join),
)
_QUERIES = st.text("abc123-_.~!'()*$&=+,;:@/?", max_size=20)


@given(
    method=_METHODS,
    query=_QUERIES,
    headers=st.lists(st.tuples(_NAMES, st.one_of(_TEXTS, _TRICKS)), max_size=3, unique_by=lambda each: each[0].lower()),
    body=_BODIES,
)
@examples(40)
def test_texts_send_what_the_journal_has(
    listener: Listener, method: str, query: str, headers: list[tuple[str, str]], body: str
) -> None:
    """Method, address, headers and body arrive as they are, whatever a shell or Python reads into them."""
    target, sent = f"/x?q={query}", "" if method == "HEAD" else body
    found = copies(printed(method, target, headers, sent), listener.url, "ServiceNow")
    for kind in ("curl", "python"):
        send(found, kind)
        heard = listener.heard[-1]
        assert (kind, heard.method, heard.target, heard.body) == (kind, method, target, sent.encode())
        for name, text in headers:
            assert (kind, name, heard.values(name.lower())) == (kind, name, text)


_MARKS = "aZ1-_ \t\n\r\0'\"`$(){}[]<>|&;\\!#*?~@%:=,.+^/é"
_ANYTHING = st.one_of(st.text(_MARKS, max_size=12), _TRICKS, st.sampled_from(["GET $(touch x)", "-o/tmp/x", "***"]))
_QUOTED_PART = re.compile(r"""'[^']*'|"'"|"\$[A-Z][A-Z0-9_]*(?::\$[A-Z][A-Z0-9_]*)?\"""")
_SAFE = (ast.Module, ast.Import, ast.alias, ast.Assign, ast.Expr, ast.Call, ast.keyword, ast.Attribute, ast.Name)
_VALUES = (ast.Constant, ast.Dict, ast.Tuple, ast.BinOp, ast.Add, ast.Subscript, ast.expr_context)


@given(
    method=st.one_of(_METHODS, _ANYTHING),
    url=st.one_of(_ANYTHING, _ANYTHING.map("/{}".format), _ANYTHING.map("http://a.example/{}".format)),
    direction=st.sampled_from(["in", "out"]),
    headers=st.lists(st.tuples(st.one_of(_NAMES, _ANYTHING), _ANYTHING), max_size=2),
    body=_ANYTHING,
    server=_ANYTHING,
)
@examples(150)
def test_texts_do_nothing_but_send(  # noqa: PLR0913, PLR0917 - the parts of a request
    method: str, url: str, direction: str, headers: list[tuple[str, str]], body: str, server: str
) -> None:
    """Whatever a foreign program says in the place of the other party: a shell and Python find no more in them."""
    exchange = printed(method, url, headers, body) | {"direction": direction}
    found = copies(exchange, "http://127.0.0.1:1", server)
    curl, python, file = (text_of(found, kind).text for kind in ("curl", "python", "http"))
    command = _QUOTED_PART.sub(" ", curl)
    assert re.fullmatch(r"(?: *printf +[ ]*\|)?[a-z \\\n-]*(?:@-)?", command), command
    assert {type(node) for node in ast.walk(ast.parse(python))} <= {*_SAFE, *_VALUES, ast.Load, ast.Store}
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(python)) if isinstance(node, ast.Call)}
    assert all(call in {"requests.request", "print"} or call.endswith(".encode") for call in calls), calls
    if curl and "***" not in url:
        address, words = url if direction == "out" else f"http://127.0.0.1:1{url}", shlex.split(curl)
        assert (words.count(address) > 0, address[:4]) == (True, "http")
        assert direction == "out" or url[0] == "/"
    if file:
        before = file.partition("\n\n")[0] if file[:1] != "@" else file.split("\n\n")[1]
        assert len(before.split("\n")) == 1 + len(sent_headers(headers)), before


def sent_headers(headers: list[tuple[str, str]]) -> list[str]:
    """Return the names of the headers that a text has."""
    dropped = {"host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect", "te", "upgrade"}
    return [name for name, _ in headers if name.lower() not in dropped]


@pytest.mark.parametrize("method", ["GET $(touch PWNED)", "GET\nX", "", "@x y"])
def test_method_that_is_none_is_not_copied(method: str) -> None:
    """A sentence says so in place of the texts."""
    found = copies(printed(method, "/x", [], ""), "http://localhost:1", "Console")
    assert [each.text for each in found.all] == [""] * 3
    assert all("is not a method" in each.reason for each in found.all)


def test_secrets_come_from_variables(listener: Listener) -> None:
    """Each masked part has a variable that is named by its place, and the login has two."""
    headers = [
        ("Host", "elsewhere"),
        ("Authorization", "Basic ***"),
        ("X-UserToken", "***"),
        ("Cookie", "a=***"),
        ("Accept-Encoding", "gzip"),
        ("Content-Type", "application/json"),
    ]
    body = '{"password": "***", "new_password": "***"}'
    found = copies(printed("POST", "/x?access_token=***", headers, body), listener.url, "ServiceNow")
    assert found.variables == [
        "SERVICENOW_USER",
        "SERVICENOW_PASSWORD",
        "SERVICENOW_ACCESS_TOKEN",
        "SERVICENOW_X_USERTOKEN",
        "SERVICENOW_COOKIE",
        "SERVICENOW_PASSWORD_2",
        "SERVICENOW_NEW_PASSWORD",
    ]
    for kind in ("curl", "python"):
        send(found, kind)
        assert listener.heard[-1].values("authorization") == "Basic KioqOioqKg=="
        assert listener.heard[-1].body.decode() == body
        assert "elsewhere" not in text_of(found, kind).text
    for each in found.all:
        assert "***" not in each.text
        assert all(name in each.text for name in found.variables)


def test_curl_sends_a_body_with_zero_bytes(listener: Listener) -> None:
    """No argument can have one, so another command prints it; what that could read into the body stays as it is."""
    body = 'a\0\0\\n%s "password": "***" 12'
    found = copies(printed("POST", "/x", [], body), listener.url, "Console")
    send(found, "curl")
    assert (found.variables, listener.heard[-1].body) == (["CONSOLE_PASSWORD"], body.encode())


def test_bearer_tokens_are_called_so(listener: Listener) -> None:
    """The variable of a token says whose it is."""
    found = copies(printed("GET", "/x", [("Authorization", "Bearer ***")], ""), listener.url, "Console")
    assert found.variables == ["CONSOLE_TOKEN"]
    assert "--header 'Authorization: Bearer '\"$CONSOLE_TOKEN\"" in text_of(found, "curl").text


def test_refused_credentials_are_not_copied() -> None:
    """Whoever pastes the text must not do with rights of their own what was refused; a comment says what is missing."""
    refused = printed("DELETE", "/x", [("Authorization", "Basic ***"), ("Cookie", "a=***"), ("A", "b")], "")
    found = copies({**refused, "status": 401}, "http://localhost:1", "ServiceNow")
    assert found.variables == []
    for each in found.all:
        assert each.text.startswith("# The credentials of this request were refused (401)")
        assert ("SERVICENOW" in each.text, "Authorization" in each.text, "A" in each.text) == (False, False, True)
    struck = copies({**refused, "status": 401, "fault": "status"}, "http://localhost:1", "ServiceNow")
    assert len(struck.variables) == 3
    plain = printed("GET", "/x", [("A", "b")], "")
    assert not any("#" in each.text for each in copies({**plain, "status": 401}, "http://localhost:1", "Console").all)


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_headers_of_one_name_all_arrive(listener: Listener, kind: str) -> None:
    """Also where the client takes a mapping."""
    headers = [("X-One", "a"), ("x-one", "b"), ("Cookie", "c=1"), ("Cookie", "d=2")]
    send(copies(printed("GET", "/x", headers, ""), listener.url, "Console"), kind)
    assert listener.heard[-1].values("x-one") == "a, b"
    assert re.fullmatch("c=1[;,] d=2", listener.heard[-1].values("cookie"))


def test_sent_request_keeps_its_own_address(listener: Listener) -> None:
    """The address of an exchange that was sent is that of the journal."""
    exchange = printed("GET", f"{listener.url}/sent", [], "") | {"direction": "out"}
    send(copies(exchange, "http://unused.example", "Console"), "curl")
    assert listener.heard[-1].target == "/sent"


def test_http_file_has_the_request() -> None:
    """Its variables come first; then the line, the headers, and the body after an empty line."""
    headers = [("Authorization", "Basic ***"), ("Accept", "text/plain")]
    found = copies(printed("PUT", "/x", headers, "<a/>\nb"), "http://localhost:1", "Console")
    assert text_of(found, "http").text.split("\n") == [
        "@CONSOLE_USER = {{$processEnv CONSOLE_USER}}",
        "@CONSOLE_PASSWORD = {{$processEnv CONSOLE_PASSWORD}}",
        "",
        "PUT http://localhost:1/x",
        "Authorization: Basic {{CONSOLE_USER}} {{CONSOLE_PASSWORD}}",
        "Accept: text/plain",
        "",
        "<a/>",
        "b",
    ]


@pytest.mark.parametrize(
    ("kinds", "body", "words"),
    [
        (["http"], "a\n### b", "begins with ###"),
        (["http"], "< file.json", "begins with ###"),
        *((["http"], f"{first}./.env", "begins with ###") for first in ("<@latin1 ", "<@\t", "a\r< ", "<\ufeff")),
        (["http"], "{{x}}", "beginning of a variable"),
        (["curl", "python", "http"], "x" * (LONGEST + 1), "too long"),
        (["curl", "python", "http"], "(2 bytes that are not UTF-8)", "not kept as text"),
    ],
)
def test_text_that_would_send_something_else_is_not_offered(kinds: list[str], body: str, words: str) -> None:
    """A sentence says why in its place."""
    found = copies(printed("POST", "/x", [], body), "http://localhost:1", "Console")
    assert [each.kind for each in found.all if not each.text] == kinds
    assert all(words in each.reason for each in found.all if not each.text)


def test_python_needs_no_variables_without_secrets() -> None:
    """A text is no longer than it has to be."""
    text = text_of(copies(printed("GET", "/x", [], ""), "http://localhost:1", "Console"), "python").text
    assert text.split("\n") == [
        "import requests",
        "",
        "answer = requests.request(",
        "    'GET',",
        "    'http://localhost:1/x',",
        "    allow_redirects=False,",
        ")",
        "print(answer.status_code)",
        "print(answer.text)",
    ]
