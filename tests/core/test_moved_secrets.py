"""A person who edits a masked request gets none of its secrets to any place that it had not."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.exchange import Exchange
from tests.generated import examples

from .conftest import Party, _serve

REPLAY = "/__admin/cockpit/exchanges/1/replay"
SECRETS = ("tiger-1", "tiger-2", "tiger-3", "tiger-4", "tiger-5", "tiger-6")
PATH, QUERY = "/log-on", "access_token=tiger-1&client_secret=tiger-2&page=1"
HEADERS = {"Authorization": "Bearer tiger-3", "X-Plain": "yes", "Content-Type": "application/json"}
BODY = {
    "user": "kitten",
    "password": "tiger-4",
    "metadata": json.dumps({"Username": "kitten", "Password": "tiger-5", "Url": "http://a.example"}),
    "items": [{"name": "a"}, {"name": "b", "token": "tiger-6"}],
}
Place = tuple[object, ...]


def _found(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield the place of each secret within a value, and in JSON that is the text of a string."""
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        if isinstance(inner, dict | list):
            yield from _found(inner, (*place, "text"))
        else:
            yield from ((place, secret) for secret in SECRETS if secret in value)
    elif isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _found(each, (*place, key))
            yield from _found(str(key), (*place, "key"))


def places(exchange: Exchange) -> set[tuple[Place, str]]:
    """Return where the secrets are in a request, its address without the query included."""
    path, _, query = exchange.url.partition("?")
    parts: dict[str, Any] = {"path": path, "query": dict(parse_qsl(query)), "body": exchange.request_body.decode()}
    parts["headers"] = {name.lower(): value for name, value in exchange.request_headers.items()}
    found = {each for part, value in parts.items() for each in _found(value, (exchange.method, path, part))}
    override = exchange.request_headers.get("X-HTTP-Method-Override", "")
    return {((override, *place), secret) for place, secret in found}


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[asyncio.Runner, Party]]:
    """Serve an echo that has received one request with secrets in each part."""

    async def start() -> tuple[AsyncIterator[Party], Party]:
        serving = _serve(Party(kept=(20_000, 40_000_000)))
        party = await anext(serving)
        await party.call("POST", f"{PATH}?{QUERY}", data=json.dumps(BODY), headers=HEADERS)
        return serving, party

    async def stop(serving: AsyncIterator[Party]) -> None:
        await anext(serving, None)

    with asyncio.Runner() as runner:
        serving, party = runner.run(start())
        yield runner, party
        runner.run(stop(serving))


_VALUES = st.sampled_from(
    ["***", "tiger", "Bearer ***", 1, '{"Password": "***"}', '{"Password":"***","Url":"http://evil.example"}',
     ["***"], {"token": "***"}, "http://evil.example", "\u002a**", "a***b", "****", '[{"token": "***"}]']
)  # fmt: skip
_PARTS = st.sampled_from(["user", "password", "metadata", "items", "description", "Password", "url", "***", "token"])
_BODIES = st.one_of(
    st.dictionaries(_PARTS, _VALUES, max_size=4).map(json.dumps),
    st.lists(st.dictionaries(_PARTS, _VALUES, max_size=2), max_size=3).map(json.dumps),
    st.lists(st.dictionaries(_PARTS, _VALUES, max_size=2), max_size=3).map(lambda some: json.dumps({"items": some})),
    st.sampled_from(["***", "password=***&description=***", "<password>***</password>", '{"password": ***}']),
)
_EDITS = st.sampled_from(
    ["kitten", "***", '"password"', '"metadata"', "Password", "a.example", '"items"', "token", "}"]
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Authorization", "authorization", "X-Plain", "Cookie", "X-HTTP-Method-Override", "X-New"]),
        st.sampled_from(["Bearer ***", "***", "yes", "Basic ***", "PUT", "a ***"]),
    ),
    max_size=3,
)
_QUERIES = st.lists(
    st.tuples(st.sampled_from(["access_token", "client_secret", "page", "q"]), st.sampled_from(["***", "1", "a***"])),
    max_size=3,
).map(lambda pairs: "&".join("=".join(each) for each in pairs))


@given(
    method=st.sampled_from(["POST", "POST", "POST", "PUT"]),
    path=st.sampled_from([PATH, PATH, PATH, "/log-on/", "/other", "/***", "/log-on/***"]),
    query=st.one_of(_QUERIES, st.just("access_token=***&client_secret=***&page=2")),
    headers=st.one_of(_HEADERS, st.just([("Authorization", "Bearer ***")])),
    body=st.one_of(_BODIES, st.tuples(_EDITS, _EDITS), st.none()),
)
@examples(60)
def test_no_edit_moves_a_secret(  # noqa: PLR0913, PLR0917 - the parts of a request
    echo: tuple[asyncio.Runner, Party],
    method: str,
    path: str,
    query: str,
    headers: list[tuple[str, str]],
    body: str | tuple[str, str] | None,
) -> None:
    """Each secret that is sent is where it was, with the method and path that it had."""
    runner, party = echo
    original, before = party.journal.kept()[0], party.journal.newest
    shown = party.journal.to_json(original)["request"]["body"]
    typed = body if isinstance(body, str) else shown.replace(*body) if body else shown
    edited = {"method": method, "path": f"{path}?{query}", "headers": headers, "body": typed}
    status, answer = runner.run(party.call("POST", REPLAY, json=edited))
    sent = party.journal.kept(before)
    assert (status, len(sent)) in {(200, 1), (400, 0)}, answer
    assert {each for exchange in sent for each in places(exchange)} <= places(original)


def test_what_is_not_edited_keeps_its_secrets(echo: tuple[asyncio.Runner, Party]) -> None:
    """The test above sees all six of them."""
    runner, party = echo
    original, before = party.journal.kept()[0], party.journal.newest
    printed = party.journal.to_json(original)["request"]
    path = f"{PATH}?access_token=***&client_secret=***&page=2"
    edited = {"method": "POST", "path": path, "headers": [["Authorization", "Bearer ***"]], "body": printed["body"]}
    edited["body"] = edited["body"].replace('"kitten"', '"cat"')
    assert runner.run(party.call("POST", REPLAY, json=edited))[0] == 200
    found = places(party.journal.kept(before)[0])
    assert {secret for _, secret in found} == set(SECRETS)
    assert found == places(original)
