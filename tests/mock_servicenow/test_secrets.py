"""A registration's Secret in no output, whatever its shape and wherever a client has sent it."""

import asyncio
import html
import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from aiohttp import FormData, encode_basic_auth
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from mock_servicenow.settings import Settings

from .conftest import CONFIGURATION, REQUEST, Instance, running

# Texts that are in no output for another reason; the first four may be ordinary words, so only their places are masked.
SHAPES = ["zqxj", "Qzxjvwkp", "74185296", "zqxjqzx", 'zq"x\\jqz', "p4$$w\"o rd!&<=%41^'", "0123456789abcdef" * 4]
OUTPUTS = ("/__admin/requests", "/__admin/findings", "/__admin/deliveries", "/__cockpit", "/__cockpit/deliveries")
WORDS = "contract tests of x on 20261127"


async def send_everywhere(instance: Instance, secret: str) -> None:
    """Send the Secret in every place that holds one: fields, parameters, elements, parts, headers, batches."""
    record = {"user_name": "somebody", "user_password": secret}
    nested = {"instance_metadata": json.dumps(instance.metadata() | {"Password": secret, "MoreSecret": secret})}
    element = f"<request><entry><user_password>{html.escape(secret)}</user_password></entry></request>"
    form = FormData({"client_secret": secret}, default_to_multipart=True)
    item = {
        "id": "1",
        "method": "POST",
        "url": "/api/now/table/sys_user",
        "headers": [{"name": "Authorization", "value": encode_basic_auth("somebody", secret)}],
        "body": b64encode(json.dumps(record).encode()).decode(),
    }
    query = urlencode({"sysparm_query": f"user_password={secret.replace('^', '')}^active=true"})
    xml = {"Content-Type": "application/xml"}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/now/table/sys_user", {"json": record}),
        ("POST", f"/api/now/table/{CONFIGURATION}", {"json": nested}),
        ("POST", "/api/now/table/sys_user", {"data": element.encode(), "headers": xml}),
        ("POST", "/api/now/v1/batch", {"json": {"batch_request_id": "1", "rest_requests": [item]}}),
        ("GET", f"/api/now/table/sys_user?{query}", {}),
        ("GET", f"/api/now/table/sys_user?user_password={quote(secret, safe='')}", {}),
        ("POST", "/oauth_token.do", {"data": {"grant_type": "password", "username": "somebody", "password": secret}}),
        ("POST", "/api/now/attachment/upload", {"data": form}),
        ("GET", "/api/now/table/sys_user", {"headers": {"X-UserToken": quote(secret), "x-sn-apikey": quote(secret)}}),
        ("GET", "/api/now/table/sys_user", {"headers": {"Authorization": encode_basic_auth("somebody", secret)}}),
    ]
    for method, path, arguments in calls:
        assert (await instance.call(method, path, **arguments)).status < 500


@pytest.mark.long
async def test_no_output_shows_a_secret_under_an_inferred_name(tmp_path: Path) -> None:
    """The keys of the registration and of the log-on may have any name."""
    ours = tmp_path / "ours.yaml"
    ours.write_text("keys: {token: {Password: Pin}, instance_metadata: {Password: Shared code}}", encoding="utf-8")
    async with running(Settings(inferred=ours)) as instance:
        instance_id = await instance.register(**{"Shared code": "zqxj"})
        request = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
        await instance.update(REQUEST, request, {"status": "Approve"})
        await instance.clock.settle()
        exchanges = (await instance.call("GET", "/__admin/requests", None)).body["requests"]
        assert any("Pin" in exchange["request"]["body"] for exchange in exchanges)
        for path in OUTPUTS:
            assert "zqxj" not in str((await instance.call("GET", path, None)).body)


@pytest.mark.long
@pytest.mark.parametrize("secret", SHAPES)
async def test_no_output_shows_a_secret_in_its_place(instance: Instance, secret: str) -> None:
    """Neither the journal nor findings, deliveries and pages show it, in no encoding."""
    instance_id = await instance.register(Password=secret)
    request = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    await send_everywhere(instance, secret)
    await instance.update(REQUEST, request, {"status": "Approve"})
    await instance.clock.settle()
    encoded = {
        secret,
        quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        b64encode(f"somebody:{secret}".encode()).decode(),
    }
    outputs = [await instance.call("GET", path, None) for path in OUTPUTS]
    numbers = [exchange["number"] for exchange in outputs[0].body["requests"]]
    outputs += [await instance.call("GET", f"/__cockpit/exchanges/servicenow/{number}", None) for number in numbers]
    for output in outputs:
        assert output.status == 200
        shown = output.body.decode() if isinstance(output.body, bytes) else json.dumps(output.body)
        assert [each for each in encoded if each in shown or each in html.unescape(shown)] == []
    assert instance.console.decisions


@pytest.mark.long
@pytest.mark.parametrize("secret", ["test", "x", "contract", "20261127"])
async def test_words_that_are_a_secret_stay_readable(instance: Instance, secret: str) -> None:
    """Whoever chooses an ordinary word as a password still reads it everywhere else."""
    instance_id = await instance.register(Password=secret)
    request = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    await send_everywhere(instance, secret)
    await instance.update(REQUEST, request, {"status": "Approve", "comment": WORDS})
    await instance.clock.settle()
    journal = await instance.call("GET", "/__admin/requests", None)
    assert sum(WORDS in json.dumps(exchange) for exchange in journal.body["requests"]) >= 2


@pytest.mark.long
@pytest.mark.parametrize("gone", ["replaced", "deleted"])
async def test_the_client_id_of_a_gone_registration_is_forgotten_in_time(instance: Instance, gone: str) -> None:
    """It is masked until many dead secrets have followed it; one that another registration has stays masked."""
    first, other = "85d71683-7dac-4762-8120-76a9a564fdc2", "95d71683-7dac-4762-8120-76a9a564fdc3"
    instance_id, kept = await instance.register(Username=first), await instance.register(Username=other)
    doubled = await instance.register(Username=other)
    await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{doubled}")
    if gone == "deleted":
        await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{instance_id}")
    else:
        await change(instance, instance_id, Username=other)
    assert not await shows(instance, first)
    for number in range(60):
        await change(instance, kept, Username=other, Password=f"{number:02}" + "0123456789abcdef" * 3_000)
    assert await shows(instance, first)
    assert not await shows(instance, other)


async def change(instance: Instance, instance_id: str, **pairs: str) -> None:
    """Change what a console has registered."""
    body = {"instance_metadata": json.dumps(instance.metadata() | pairs)}
    assert (await instance.update(CONFIGURATION, instance_id, body)).status == 200


async def shows(instance: Instance, text: str) -> bool:
    """Tell whether the journal shows a text that somebody writes now."""
    await instance.call("DELETE", "/__admin/requests", None)
    await instance.insert("incident", {"short_description": f"about {text}"})
    journal = await instance.call("GET", "/__admin/requests", None)
    return f"about {text}" in json.dumps(journal.body)


@pytest.mark.parametrize("operator", ["STARTSWITH", "LIKE", "NOTLIKE", "*", "!*", "CHANGESTO"])
async def test_no_finding_quotes_the_password_of_a_query(instance: Instance, operator: str) -> None:
    """What a query compares with a password is a guess of it, or the password itself."""
    query = f"user_name=admin^ORuser_password{operator}tiger"
    assert (await instance.read("sys_user", query=query))[0]["user_name"] == "admin"
    outputs = [json.dumps((await instance.call("GET", path, None)).body) for path in OUTPUTS[:2]]
    assert ["tiger" in output for output in outputs] == [False, False]
    assert await instance.findings("query-value-unusable")


async def test_no_output_shows_what_follows_a_caret_in_a_password(instance: Instance) -> None:
    """A query ends a value there, and takes the rest for terms of their own."""
    for query in ("user_name=x^user_password=p^Qzxj^Wkvp-9^active=true", "user_passwordSTARTSWITHp^Qzxj^^Wkvp-9"):
        for path in ("table", "stats"):
            assert (
                await instance.call("GET", f"/api/now/{path}/sys_user", params={"sysparm_query": query})
            ).status == 200
    await instance.call("GET", "/api/now/table/sys_user", params={"sysparm_query": "active=true^Kept"})
    shown = [str((await instance.call("GET", path, None)).body) for path in OUTPUTS]
    assert not [text for text in shown if "Qzxj" in text or "Wkvp" in text]
    assert "'Kept' is ignored" in shown[1]


async def test_no_output_shows_a_password_in_an_unusual_place(instance: Instance) -> None:
    """Comparisons of groups, columns or properties, attributes and wrapped base64 are places of a secret, too."""
    packed = b64encode(b'{"user_password": "tiger"}').decode()
    item = {"id": "1", "method": "POST", "url": "/api/now/table/sys_user", "body": f"{packed[:20]}\r\n{packed[20:]}"}
    xml = {"Content-Type": "application/xml"}
    element = b'<request><entry><user_password\nx="tiger">tiger</user_password></entry></request>'
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/now/v1/batch", {"json": {"batch_request_id": "1", "rest_requests": [item]}}),
        ("GET", "/api/now/stats/sys_user?sysparm_count=true&sysparm_having=max^user_password^=^tiger", {}),
        ("GET", "/api/now/table/sys_user?sysparm_query=user_passwordSAMEAStiger", {}),
        ("GET", "/api/now/table/sys_user_has_role?sysparm_query=role.name=x^ORuser.user_passwordGT_FIELDtiger", {}),
        ("GET", "/api/now/table/sys_properties?sysparm_query=name=a.b^value=tiger", {}),
        ("POST", "/api/now/table/sys_user", {"data": element, "headers": xml}),
        ("POST", "/api/now/table/sys_user", {"data": b"{user_password: 'tiger'}"}),
    ]
    for method, path, arguments in calls:
        assert (await instance.call(method, path, **arguments)).status < 500
    journal = await instance.call("GET", "/__admin/requests", None)
    numbers = [exchange["number"] for exchange in journal.body["requests"]]
    pages = [*OUTPUTS, *(f"/__cockpit/exchanges/servicenow/{number}" for number in numbers)]
    outputs = [(await instance.call("GET", path, None)).body for path in pages]
    texts = [each.decode() if isinstance(each, bytes) else json.dumps(each) for each in outputs]
    assert [path for path, text in zip(pages, texts, strict=True) if "tiger" in text or packed[20:] in text] == []


async def test_an_address_with_a_password_is_masked_where_a_delivery_fails(instance: Instance) -> None:
    """Why nothing can be delivered is told without the password in the address that was registered."""
    instance_id = await instance.register(**{"Token Url": "ftp://somebody:tiger@console.example/"})
    request = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    await instance.update(REQUEST, request, {"status": "Approve"})
    await instance.clock.settle()
    told = "'Token Url' is 'ftp://somebody:***@console.example/'; expected an http or https address"
    deliveries = await instance.call("GET", "/__admin/deliveries", None)
    assert [each["error"] for each in deliveries.body["deliveries"]] == [told]
    page = (await instance.call("GET", "/__cockpit/deliveries", None)).body.decode()
    assert (told in html.unescape(page), "tiger" in page) == (True, False)


PIN = """
- name: u_card
  columns:
    u_pin: {type: password2}
"""


@pytest.mark.long
async def test_columns_and_properties_of_a_password_type_are_masked(tmp_path: Path) -> None:
    """A short value is masked by the column's name, the long one of a property wherever it appears."""
    (tmp_path / "tables.yaml").write_text(PIN)
    long = "zqxj-of-a-property-4711"
    async with running(Settings(tables=(tmp_path / "tables.yaml",))) as instance:
        shown = {"sysparm_input_display_value": "true"}
        card = {"u_pin": "zqxj"}
        await instance.call("POST", "/api/now/table/u_card", json=card, params=shown)
        await instance.call("POST", "/api/now/table/u_card", json={"u_pin": "zq\0xj"}, params=shown)
        await instance.insert("sys_properties", {"value": long, "name": "x", "type": "Password2"})
        await instance.insert("sys_properties", {"value": "kept", "name": "y", "type": "string"})
        await instance.read("sys_properties", query="name=x", sysparm_fields="value")
        outputs = [json.dumps((await instance.call("GET", path, None)).body) for path in OUTPUTS[:2]]
    assert [each for each in ("zqxj", "0xj", long) if each in "".join(outputs)] == []
    assert "kept" in outputs[0]
    assert "password2 column 'u_pin' got a text with NUL or half a character: ignored" in outputs[1]


@pytest.mark.long
async def test_keys_are_masked_where_calls_carry_them(tmp_path: Path) -> None:
    """A short API key is no journal's business, whatever the header or parameter is called, after a restart either."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    item: dict[str, Any] = {"id": "1", "method": "GET", "url": "/api/now/table/incident"}
    item["headers"] = [{"name": "X-Door", "value": "batchkey"}]
    for first in (True, False):
        async with running(settings) as instance:
            if first:
                for kind, name in (
                    ("auth_header", "X-Door"),
                    ("query_param", "door"),
                    ("query_param", "key"),
                    ("auth_header", ""),
                ):
                    await instance.insert("sys_token_auth_parameter", {"parameter_name": name, "type": kind})
            await instance.call("GET", "/api/now/table/incident?door=rowkey&key=plainkey", headers={"x-door": "abc1"})
            await instance.call("POST", "/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": [item]})
            journal = json.dumps((await instance.call("GET", "/__admin/requests", None)).body)
            assert "door" in journal
            assert [key for key in ("abc1", "rowkey", "batchkey", "plainkey") if key in journal] == []


LONG_SECRET = "Kept-Secret!0123456789abcdefghijKLMNOP"


async def quote_everywhere(instance: Instance, ids: tuple[str, str], text: str) -> str:
    """Send the text in each place that a finding quotes, and return all that the instance shows then."""
    for column in ("request_id", "metadata", "instance_id", "activity_type_id"):
        await instance.ask(ids, **{column: text})
    request = await instance.asked(ids, request_id=str(uuid4()))
    await instance.update(REQUEST, request, {"metadata": text, "request_id": text})
    await instance.register(**{"Maximum retry attempts": text, "Minimum wait time": text, "Token Url": text})
    await instance.call("GET", "/api/now/table/incident", params={"sysparm_query": f"active=true^{text}"})
    outputs = [(await instance.call("GET", path, None)).body for path in OUTPUTS]
    return "".join(each.decode() if isinstance(each, bytes) else json.dumps(each) for each in outputs)


@pytest.mark.long
@pytest.mark.once
@given(paddings=st.lists(st.integers(0, 450), min_size=5, max_size=10))
@example([40, 50, 60, 70, 85, 170, 190])
@hypothesis(max_examples=5, deadline=None)
def test_no_cut_shows_the_beginning_of_a_secret(paddings: list[int]) -> None:
    """Wherever the Secret stands in a text that is too long to be shown, no output has a beginning of it."""

    async def play() -> None:
        async with running(Settings()) as instance:
            ids = await instance.register(Password=LONG_SECRET), ""
            ids = ids[0], await instance.add_activity_type(ids[0])
            for padding in paddings:
                shown = await quote_everywhere(instance, ids, "A" * padding + LONG_SECRET)
                assert LONG_SECRET[:6] not in shown, padding

    asyncio.run(play())
