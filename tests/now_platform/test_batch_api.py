"""The Batch API."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import shake_256
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
BATCH = "/api/now/v1/batch"
PROBLEM = "/api/now/table/problem"
JSON = {"Content-Type": "application/json"}


def item(item_id: str, method: str, url: str, body: object = None, **more: Any) -> Values:
    """Return an item of a batch; a body is written as JSON."""
    encoded = {} if body is None else {"body": b64encode(json.dumps(body).encode()).decode()}
    return {"id": item_id, "method": method, "url": url, **encoded, **more}


def headers(**values: str) -> list[Values]:
    """Return headers as items write them."""
    return [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]


async def batch(client: Client, *items: Values, batch_id: object = "1") -> Values:
    """Return the answer of a successful batch."""
    response = await client.post(BATCH, json={"batch_request_id": batch_id, "rest_requests": items})
    assert response.status == 200, await response.text()
    answer: Values = await response.json()
    return answer


async def serviced(client: Client, *items: Values) -> list[Values]:
    """Return the answers to the items of a batch, all of which are serviced."""
    answer = await batch(client, *items)
    assert answer["unserviced_requests"] == []
    found: list[Values] = answer["serviced_requests"]
    return found


def body_of(answer: Values) -> Any:
    """Return the JSON body of an item's answer."""
    return json.loads(b64decode(answer["body"]))


def header_of(answer: Values, name: str) -> str:
    """Return a header of an item's answer."""
    found: dict[str, str] = {header["name"]: header["value"] for header in answer["headers"]}
    return found[name]


async def names(client: Client) -> list[str]:
    """Return the short descriptions of the problems whose one begins with a letter x."""
    query = "short_descriptionSTARTSWITHx^ORDERBYshort_description"
    response = await client.get(PROBLEM, params={"sysparm_query": query})
    return [problem["short_description"] for problem in (await response.json())["result"]]


async def set_property(client: Client, name: str, value: str) -> None:
    """Give a system property a value."""
    response = await client.post("/api/now/table/sys_properties", json={"name": name, "value": value})
    assert response.status == 201


async def test_items_are_answered(client: Client) -> None:
    """3.2: an item has id, base64 body, status as a number and as text, headers and time."""
    (answer,) = await serviced(client, item("11", "GET", f"{PROBLEM}?sysparm_limit=1&sysparm_fields=number"))
    assert set(answer) == {"id", "body", "status_code", "status_text", "headers", "execution_time"}
    assert answer["id"] == "11"
    assert answer["status_code"] == 200
    assert answer["status_text"] == "OK"
    assert answer["execution_time"] == 0
    assert body_of(answer) == {"result": [{"number": "PRB0000050"}]}


@pytest.mark.parametrize("path", ["/api/now/table/sys_user?sysparm_limit=1", "/api/now/nothing"])
async def test_head_gets_no_body(client: Client, path: str) -> None:
    """An item that asks for the head alone gets status and headers, of a refusal too."""
    whole, head = await serviced(client, item("1", "GET", path), item("2", "HEAD", path))
    assert (head["status_code"], head["body"]) == (whole["status_code"], "")
    assert header_of(head, "Content-Type") == header_of(whole, "Content-Type")


async def test_headers_of_an_item(client: Client) -> None:
    """3.2: an item's answer carries what the documented sample shows, and X-Total-Count for a list."""
    (answer,) = await serviced(client, item("1", "GET", f"{PROBLEM}?sysparm_query=sys_id=none"))
    assert header_of(answer, "Content-Type") == "application/json;charset=UTF-8"
    assert header_of(answer, "Content-Length") == str(len(b64decode(answer["body"])))
    assert header_of(answer, "Pragma") == "no-store,no-cache"
    assert header_of(answer, "Expires") == "0"
    assert header_of(answer, "Cache-Control") == "no-cache,no-store,must-revalidate,max-age=-1"
    assert header_of(answer, "X-Total-Count") == "0"


async def test_headers_can_be_excluded(client: Client) -> None:
    """3.2: exclude_response_headers leaves an empty array."""
    (answer,) = await serviced(client, item("1", "GET", PROBLEM, exclude_response_headers=True))
    assert answer["headers"] == []


async def test_the_batch_has_its_id_as_text(client: Client) -> None:
    """3.2: a batch_request_id sent as a number comes back as text."""
    assert await batch(client, batch_id=1) == {
        "batch_request_id": "1",
        "serviced_requests": [],
        "unserviced_requests": [],
    }


@pytest.mark.parametrize("path", ["/api/now/v1/batch", "/api/now/v2/batch", "/api/now/batch"])
async def test_versions(client: Client, path: str) -> None:
    """1.1, 3.2: both versions answer, and the newest where none is named."""
    response = await client.post(path, json={"batch_request_id": "1", "rest_requests": []})
    assert response.status == 200


async def test_items_run_in_order(client: Client) -> None:
    """3.2: items are made one after the other and answered in the order of the request."""
    answers = await serviced(
        client,
        item("3", "POST", PROBLEM, {"sys_id": "f" * 32, "short_description": "x"}),
        item("1", "PATCH", f"{PROBLEM}/{'f' * 32}", {"short_description": "x changed"}),
        item("2", "GET", f"{PROBLEM}/{'f' * 32}"),
        item("0", "DELETE", f"{PROBLEM}/{'f' * 32}"),
    )
    assert [answer["id"] for answer in answers] == ["3", "1", "2", "0"]
    assert [answer["status_code"] for answer in answers] == [201, 200, 200, 204]
    assert body_of(answers[2])["result"]["short_description"] == "x changed"
    assert header_of(answers[0], "Location").endswith(f"{PROBLEM}/{'f' * 32}")
    assert answers[3]["body"] == ""
    assert answers[3]["status_text"] == "No Content"


async def test_an_item_may_ask_for_xml(client: Client) -> None:
    """3.2: an item's own Accept and Content-Type choose its formats; its errors are XML too."""
    xml = headers(Accept="application/xml", Content_Type="application/xml")
    entry = b"<request><entry><short_description>x in XML</short_description></entry></request>"
    answers = await serviced(
        client,
        item("1", "POST", PROBLEM, headers=xml) | {"body": b64encode(entry).decode()},
        item("2", "GET", f"{PROBLEM}/none", headers=xml),
        item("3", "GET", f"{PROBLEM}/none", headers=headers(Accept="image/png")),
    )
    assert b"<short_description>x in XML</short_description>" in b64decode(answers[0]["body"])
    assert header_of(answers[0], "Content-Type") == "application/xml; charset=UTF-8"
    assert b"<message>No Record found</message>" in b64decode(answers[1]["body"])
    assert body_of(answers[2])["error"]["message"] == "Not acceptable"


async def test_bodies_with_single_quotes(client: Client) -> None:
    """3.2: the documented sample, whose body is JSON with single quotes broken into lines, is answered 201."""
    body = (
        "eyd1cmdlbmN5JzonMScsICdzaG9ydF9kZXNjcmlwdGlvbic6J015IGNvbXB1dGVyIG\n          "
        "Jyb2tlJywgJ2NvbW1lbnRzJzonRWxldmF0aW5nIHVyZ2VuY3ksIHRoaXMgaXMgYSBibG9ja2luZyBpc3N1ZSd9"
    )
    (answer,) = await serviced(client, item("13", "POST", "/api/now/table/incident") | {"body": body})
    assert answer["status_code"] == 201
    assert body_of(answer)["result"]["short_description"] == "My computer broke"


async def test_a_failed_item_does_not_stop_the_others(client: Client) -> None:
    """3.2: items fail by themselves: the batch is 200, and what the others wrote stays."""
    answers = await serviced(
        client,
        item("1", "POST", PROBLEM, {"short_description": "x1"}),
        item("2", "PATCH", f"{PROBLEM}/{'0' * 32}", {}),
        item("3", "GET", "/api/now/table/bunk"),
        item("4", "GET", "/api/now/bunk"),
        item("5", "POST", PROBLEM, {"short_description": "x5"}),
    )
    assert [answer["status_code"] for answer in answers] == [201, 404, 400, 400, 201]
    assert answers[1]["status_text"] == "Not Found"
    assert answers[1]["error_message"] == (
        "No Record found: Record doesn't exist or ACL restricts the record retrieval"
    )
    assert body_of(answers[2]) == {"error": {"message": "Invalid table bunk", "detail": None}, "status": "failure"}
    assert header_of(answers[2], "Content-Type") == "application/json;charset=UTF-8"
    assert await names(client) == ["x1", "x5"]


async def test_only_the_aborted_item_is_rolled_back(client: Client, instance: Instance) -> None:
    """3.2, 8.5: a business rule's abort undoes its item and no other."""

    def refuse(context: RuleContext) -> None:
        if context.current["short_description"] == "x2":
            context.abort("no x2")

    rule = BusinessRule("no x2", "problem", "after", frozenset({"insert"}), refuse)
    instance.add_rule(rule)
    answers = await serviced(
        client, *(item(str(number), "POST", PROBLEM, {"short_description": f"x{number}"}) for number in (1, 2, 3))
    )
    assert [answer["status_code"] for answer in answers] == [201, 403, 201]
    assert "aborted by Business Rule 'no x2^" in answers[1]["error_message"]
    assert await names(client) == ["x1", "x3"]


async def test_items_run_as_the_outer_caller(client: Client, user: Client) -> None:
    """3.2: items carry no credentials, and any that they do carry do not count."""
    admin = headers(Authorization="Basic YWRtaW46YWRtaW4=")
    await serviced(client, item("1", "POST", "/api/now/table/u_toy", {"u_name": "blue", "u_color": "b"}))
    (answer,) = await serviced(user, item("1", "POST", "/api/now/table/u_toy", {"u_name": "red"}, headers=admin))
    assert answer["status_code"] == 403
    (answer,) = await serviced(user, item("1", "GET", "/api/now/table/u_toy", headers=admin))
    assert body_of(answer) == {"result": []}


async def test_a_batch_needs_credentials(anonymous: Client) -> None:
    """3.2: without credentials the batch as a whole is 401."""
    response = await anonymous.post(BATCH, json={"rest_requests": []})
    assert response.status == 401


async def test_long_urls(client: Client) -> None:
    """3.2, 8.3: the URL of an item may be longer than 32 kB; unknown terms are dropped from its query."""
    query = "AAAA=BBBB^" * 3_300 + "sys_id=04ce72c9c0a8016600b5b7f75ac67b5b"
    (answer,) = await serviced(client, item("1", "GET", f"{PROBLEM}?sysparm_query={query}"))
    assert answer["status_code"] == 200
    assert header_of(answer, "X-Total-Count") == "1"


async def test_a_query_printed_as_bytes(client: Client) -> None:
    """8.4: a first parameter named ``b'sysparm_display_value`` is ignored, and so are hop-by-hop headers."""
    noisy = headers(host="x", connection="keep-alive", accept_encoding="gzip, deflate", user_agent="y", accept="*/*")
    url = f"{PROBLEM}/04ce72c9c0a8016600b5b7f75ac67b5b?b'sysparm_display_value=all&sysparm_exclude_reference_link=true'"
    (answer,) = await serviced(client, item("1", "PATCH", url, {"short_description": "y"}, headers=noisy))
    assert answer["status_code"] == 200
    assert body_of(answer)["result"]["sys_id"] == "04ce72c9c0a8016600b5b7f75ac67b5b"
    assert not any(header["name"] == "Content-Encoding" for header in answer["headers"])


async def test_the_method_can_be_overridden(client: Client) -> None:
    """1.2: X-HTTP-Method-Override counts in an item too."""
    override = headers(X_HTTP_Method_Override="DELETE")
    url = f"{PROBLEM}/04ce72c9c0a8016600b5b7f75ac67b5b"
    (answer,) = await serviced(client, item("1", "POST", url, headers=override))
    assert answer["status_code"] == 204


async def test_files_in_a_batch(client: Client) -> None:
    """3.1, 3.2: files go up and down in a batch, byte for byte."""
    where = "file_name=a&table_name=problem&table_sys_id=04ce72c9c0a8016600b5b7f75ac67b5b"
    encoded = b64encode(bytes(range(256))).decode()
    (up,) = await serviced(client, item("1", "POST", f"/api/now/attachment/file?{where}") | {"body": encoded})
    sys_id = body_of(up)["result"]["sys_id"]
    (down,) = await serviced(client, item("1", "GET", f"/api/now/attachment/{sys_id}/file"))
    assert b64decode(down["body"]) == bytes(range(256))


@pytest.mark.parametrize("path", ["/api/now/batch", "/api/now/v1/batch", "/api/now/v2/batch"])
async def test_batches_are_not_nested(client: Client, path: str) -> None:
    """3.2: a batch within a batch is refused."""
    (answer,) = await serviced(client, item("1", "POST", path, {"batch_request_id": "2", "rest_requests": []}))
    assert answer["status_code"] == 400
    assert answer["error_message"] == "Invalid batch request: item '1' is a batch itself"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"method": ""}, "item '1' needs both method and url"),
        ({"url": ""}, "item '1' needs both method and url"),
        ({"url": "http://["}, "item '1' has the url 'http://['"),
        ({"body": "a"}, "The body of item '1' is not base64"),
        ({"body": "ä"}, "The body of item '1' is not base64"),
        ({"body": "e!30="}, "The body of item '1' is not base64"),
    ],
)
async def test_an_invalid_item_gets_400(client: Client, broken: Values, says: str) -> None:
    """3.2: an item without method, address or readable body is 400 by itself."""
    (answer,) = await serviced(client, {**item("1", "GET", PROBLEM, headers="none"), **broken})
    assert answer["status_code"] == 400
    assert says in answer["error_message"]


@pytest.mark.parametrize("body", [[], {}, {"rest_requests": {}}, {"rest_requests": ["GET"]}])
async def test_an_invalid_batch_gets_400(client: Client, body: object) -> None:
    """1.9: another body than a batch is refused as a whole."""
    response = await client.post(BATCH, json=body)
    assert response.status == 400
    assert "rest_requests" in (await response.json())["error"]["detail"]


async def test_verbs_and_paths(client: Client) -> None:
    """1.9: the batch offers only POST, and nothing below it."""
    assert (await client.get(BATCH)).status == 405
    assert (await client.post(f"{BATCH}/bunk")).status == 400


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"Accept": "application/xml"}, 406), ({"Content-Type": "text/xml"}, 415), ({"Accept": "multipart/mixed"}, 200)],
)
async def test_media_types(client: Client, sent: dict[str, str], status: int) -> None:
    """3.2: a batch is read only as JSON, and answered as JSON or multipart/mixed."""
    response = await client.post(BATCH, data=b'{"rest_requests": []}', headers=JSON | sent)
    assert response.status == status


async def test_multipart_is_answered_in_json(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """3.2: the parts of a multipart answer are undocumented, so the answer is JSON with a finding."""
    response = await client.post(BATCH, json={"rest_requests": []}, headers={"Accept": "multipart/mixed"})
    assert response.content_type == "application/json"
    assert swallowed() == ["batch-not-multipart"]


class SlowClock(VirtualClock):
    """A clock that goes on while work is done."""

    worked = timedelta()

    def now(self) -> datetime:
        """Return the time, that of the work included."""
        return super().now() + self.worked


class TestTime:
    """A batch may take 30 s."""

    @pytest.fixture
    def clock(self) -> SlowClock:
        """Return a clock that goes on while work is done."""
        return SlowClock()

    @pytest.fixture(autouse=True)
    def _slow(self, instance: Instance, clock: SlowClock) -> None:
        def work(context: RuleContext) -> None:
            clock.worked += timedelta(seconds=int(context.current["short_description"][1:]))

        instance.add_rule(BusinessRule("slow", "problem", "before", frozenset({"insert"}), work))

    async def test_items_left_after_30_seconds_are_unserviced(self, client: Client) -> None:
        """3.2: the ids of the items that run out of time are listed, and none of them is executed."""
        lasting = {"a": "x20", "b": "x10", "c": "x1", "d": "x2"}
        items = (item(key, "POST", PROBLEM, {"short_description": text}) for key, text in lasting.items())
        answer = await batch(client, *items)
        assert [(each["id"], each["execution_time"]) for each in answer["serviced_requests"]] == [
            ("a", 20_000),
            ("b", 10_000),
        ]
        assert answer["unserviced_requests"] == ["c", "d"]
        assert await names(client) == ["x10", "x20"]


async def test_the_request_of_an_item_is_bounded(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """3.2: an item that sends more than glide.rest.batch.max.inputSize ends the batch."""
    await set_property(client, "glide.rest.batch.max.inputSize", "1")
    items = [
        item("1", "POST", PROBLEM, {"short_description": "x1"}),
        item("2", "POST", PROBLEM, {"short_description": "x2", "description": "x" * 1024 * 1024}),
        item("3", "POST", PROBLEM, {"short_description": "x3"}),
    ]
    body = BytesIO(json.dumps({"batch_request_id": "1", "rest_requests": items}).encode())
    response = await client.post(BATCH, data=body, headers=JSON)
    assert (await response.json())["unserviced_requests"] == ["2", "3"]
    assert await names(client) == ["x1"]
    assert "batch-ended" in swallowed()


@pytest.mark.long
async def test_an_item_never_sends_more_than_10_megabytes(client: Client) -> None:
    """3.2: glide.rest.batch.max.inputSize counts up to 10 MB."""
    await set_property(client, "glide.rest.max_content_length", "25")
    await set_property(client, "glide.rest.batch.max.inputSize", "20")
    bodies = [b64encode(b" " * length).decode() for length in (10 * 1024 * 1024, 10 * 1024 * 1024 + 1)]
    for body, unserviced in zip(bodies, ([], ["1"]), strict=True):
        items = [item("1", "GET", f"{PROBLEM}?sysparm_limit=1") | {"body": body}]
        sent = BytesIO(json.dumps({"rest_requests": items}).encode())
        response = await client.post(BATCH, data=sent, headers=JSON)
        assert (await response.json())["unserviced_requests"] == unserviced


@pytest.mark.parametrize(("megabytes", "asked", "unserviced"), [("1", "", ["1"]), ("10", "1", ["1"]), ("10", "x", [])])
async def test_the_answer_of_an_item_is_bounded(
    client: Client, megabytes: str, asked: str, unserviced: list[str]
) -> None:
    """3.2: glide.rest.batch.max.outputSize limits what an item receives, and a header may lower it."""
    await set_property(client, "glide.rest.batch.max.outputSize", megabytes)
    where = {"file_name": "a", "table_name": "problem", "table_sys_id": "04ce72c9c0a8016600b5b7f75ac67b5b"}
    content = BytesIO(shake_256(b"").digest(1_100_000))
    uploaded = await client.post("/api/now/attachment/file", params=where, data=content)
    sys_id = (await uploaded.json())["result"]["sys_id"]
    body = {"batch_request_id": "1", "rest_requests": [item("1", "GET", f"/api/now/attachment/{sys_id}/file")]}
    response = await client.post(BATCH, json=body, headers={"X-BATCHREQUEST-MAX-OUTPUT-SIZE": asked})
    assert (await response.json())["unserviced_requests"] == unserviced


async def test_an_item_that_receives_too_much_has_written(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """Docs, Batch API: it is listed as not processed; what it has written stays all the same (inferred)."""
    await set_property(client, "glide.rest.batch.max.outputSize", "1")
    long = {"short_description": "once", "close_notes": "x" * 1_100_000}
    asked = {"batch_request_id": "1", "rest_requests": [item("1", "POST", "/api/now/table/incident", long)]}
    answer = await (await client.post(BATCH, data=BytesIO(json.dumps(asked).encode()), headers=JSON)).json()
    assert (answer["serviced_requests"], answer["unserviced_requests"]) == ([], ["1"])
    assert "batch-ended" in swallowed()
    found = await client.get("/api/now/table/incident?sysparm_query=short_description=once&sysparm_fields=number")
    assert len((await found.json())["result"]) == 1


async def test_the_request_of_a_batch_is_bounded(client: Client) -> None:
    """5.3: the limit of REST bodies holds for the batch as a whole."""
    await set_property(client, "glide.rest.max_content_length", "1")
    response = await client.post(BATCH, data=BytesIO(b" " * (1024 * 1024 + 1)), headers=JSON)
    assert response.status == 400
    assert "Max allowed: 1048576 bytes." in (await response.json())["error"]["detail"]


@pytest.mark.long
async def test_the_answer_of_a_batch_is_bounded(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """The answers of a batch have 32 MB together; what comes after them is not serviced."""
    where = {"file_name": "a", "table_name": "problem", "table_sys_id": "04ce72c9c0a8016600b5b7f75ac67b5b"}
    content = BytesIO(shake_256(b"").digest(3 * 1024 * 1024))
    uploaded = await client.post("/api/now/attachment/file", params=where, data=content)
    url = f"/api/now/attachment/{(await uploaded.json())['result']['sys_id']}/file"
    answer = await batch(client, *(item(str(number), "GET", url) for number in range(10)))
    assert [each["id"] for each in answer["serviced_requests"]] == [str(number) for number in range(8)]
    assert answer["unserviced_requests"] == ["8", "9"]
    assert "batch-ended" in swallowed()


async def test_a_key_opens_the_same_apis_in_a_batch(
    anonymous: Client, instance: Instance, create: Callable[..., str], change: Callable[..., None]
) -> None:
    """An item is answered like the call outside a batch: the key of the Batch API opens no table."""
    with instance.transaction(instance.system) as session:
        parameter = session.find("sys_token_auth_parameter", type="auth_header")
        assert parameter is not None
    profile = create("http_key_auth", name="Keys", auth_parameter=parameter.sys_id)
    policies = [
        {"name": "Batches", "api": "Batch API"},
        {"name": "Tables", "api": "Table API", "apply_all_methods": "false", "http_method": "GET", "active": "false"},
    ]
    for policy in policies:
        opening = create("sys_api_access_policy", **policy)
        create("sys_auth_profile_mapping", api_access_policy=opening, inbound_auth_profile=profile)
    create("api_key", name="Key", token="now_key-of-the-admin", user="6816f79cc0a8016401c5a33be04be441")
    anonymous.session.headers["x-sn-apikey"] = "now_key-of-the-admin"
    table = "/api/now/table/incident?sysparm_limit=1"
    calls = [item("1", "GET", table), item("2", "POST", table, {})]
    calls.append(item("3", "GET", table, headers=headers(**{"X-HTTP-Method-Override": "POST"})))
    assert [each["status_code"] for each in await serviced(anonymous, *calls)] == [401, 401, 401]
    change("sys_api_access_policy", "name", "Tables", active="true")
    assert [each["status_code"] for each in await serviced(anonymous, *calls)] == [200, 401, 401]
