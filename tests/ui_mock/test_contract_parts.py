"""The cockpit's page of an exchange, beside its contract."""

import html
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth

from mock_servicenow.app import create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import GUID, REQUEST, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
METADATA = f'{{"PolicyId": "{{{GUID}}}"}}'


async def _sent(http: ClientSession, url: str, table: str, values: object, method: str = "POST") -> str:
    """Send values to a table and return the page of this exchange."""
    headers = {"Authorization": encode_basic_auth("admin", "admin")}
    headers["Content-Type"] = "application/json"
    body = BytesIO(json.dumps(values).encode())
    async with http.request(method, f"{url}/api/now/table/{table}", data=body, headers=headers):
        pass
    async with http.get(f"{url}/__admin/requests") as answer:
        number = (await answer.json())["requests"][-1]["number"]
    async with http.get(f"{url}/__cockpit/exchanges/servicenow/{number}") as answer:
        return await answer.text()


def _rows(page: str) -> dict[str, list[str]]:
    """Return the cells of each row by its place."""
    found = re.findall(r'scope="row"[^>]*>([^<]*)</th>(.*?)</tr>', page, re.DOTALL)
    return {
        where: [_text(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL)] for where, cells in found
    }


def _text(markup: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", markup).split()))


def _lines(page: str, label: str) -> str:
    """Return the text to copy under a label."""
    found = re.search(rf'aria-label="{re.escape(label)}">(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


async def test_parts_are_beside_what_was_sent(site: Site) -> None:
    """Each row has a mark in words, what was expected, the value, and the evidence with its page."""
    instance_id = await site.register()
    body = {"request_id": GUID, "instance_id": instance_id, "activity_type_id": "none", "metadata": METADATA}
    page = await _sent(site.http, site.url, REQUEST, body)
    rows = _rows(page)
    assert rows["$.request_id"] == [
        "✓ fits",
        "a GUID such as 85d71683-7dac-4762-8120-76a9a564fdc1 (required)",
        f'"{GUID}"',
        "P printed on a screenshot in the documentation: request.png",
    ]
    assert rows["$.activity_type_id"] == [
        "✗ differs",
        "a sys_id, 32 hexadecimal digits (required)",
        '"none"',
        "I inferred; no source documents it",
    ]
    assert rows["$.metadata.PolicyName"][0] == "· not sent, optional"
    assert rows["status"][2] == "403: refused by an ACL or a business rule"
    assert _text(page).count("It did not keep its contract: activity_type_id has value") == 1
    (row,) = re.findall(r'<a href="#([^"]+)"><code>\$\.activity_type_id</code>', page)
    assert re.search(rf'<tr role="row" id="{row}" class="problem">\s*<th[^>]*>\$\.activity_type_id<', page)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "; expected a registered Instance Id. It kept its contract.",
        ),
        (
            {"metadata": f'{{"PolicyId": "{{{GUID}}}", "PolcyName": "x"}}'},
            "It kept its contract, but has a doubtful value: metadata.PolcyName is not part of approval-request.",
        ),
        ({"request_id": "none", "instance_id": "none"}, "There is 1 more difference."),
    ],
)
async def test_page_begins_with_what_happened(site: Site, changes: dict[str, str], sentence: str) -> None:
    """In sentences: who asked whom for what, what was answered, and whether the contract was kept."""
    body = {"request_id": GUID, "instance_id": "a" * 32, "activity_type_id": "b" * 32, "metadata": METADATA} | changes
    text = _text(await _sent(site.http, site.url, REQUEST, body))
    assert "admin to ServiceNow: Send an approval request." in text
    assert sentence in text


async def test_copied_lines_remove_the_difference(site: Site, tmp_path: Path) -> None:
    """An instance that is started with the override has the other spelling, and the same request keeps its contract."""
    file, body = tmp_path / "our-instance.yaml", {"requestid": GUID, "metadata": METADATA}
    page = await _sent(site.http, site.url, REQUEST, body)
    assert _rows(page)["$.requestid"][:2] == ["✗ differs", "nothing: the contract does not have this part"]
    file.write_text(_lines(page, "Lines that override columns.request.request_id, for $.requestid"))
    app = create_app(Settings(inferred=file), clock=VirtualClock(), ids=Ids(1))
    async with serving(app, "127.0.0.1", 0) as url:
        rows = _rows(await _sent(site.http, url, REQUEST, body))
    assert (rows["$.requestid"][0], "$.request_id" in rows) == ("✓ fits", False)
    assert rows["$.instance_id"][0] == "✗ missing"


async def test_page_says_how_to_tolerate_a_difference(site: Site) -> None:
    """By a step of a scenario, or a call of a test, which name the rule of the finding."""
    page = await _sent(site.http, site.url, REQUEST, {"request_id": "none"})
    label = "Step that tolerates approval-request at $.request_id"
    assert _lines(page, label) == "- servicenow.expect-finding: {rule: approval-request}"
    assert (
        _lines(page, "Call that tolerates approval-request at $.request_id")
        == 'servicenow.tolerate("approval-request")'
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("x_thyti_thycotic_p_requests", "POST /api/now/table/x_thyti_thycotic_p_request Send an approval request"),
        ("incident", "No contract has this path or a similar one."),
    ],
)
async def test_without_a_contract_those_that_are_near_are_named(site: Site, table: str, words: str) -> None:
    """With the table that it may be under another name; or the page says that none is near."""
    text = _text(await _sent(site.http, site.url, table, {"request_id": GUID}))
    assert "No contract describes this exchange." in text
    assert words in text


async def test_fault_and_size_are_why_nothing_is_a_finding(site: Site) -> None:
    """The parts are shown all the same where a fault struck; a body that is cut has none."""
    await site.call("POST", "/__admin/faults", json={"kind": "status", "status": 418})
    page = await _sent(site.http, site.url, REQUEST, {"request_id": GUID})
    assert "The fault status struck this exchange, so no difference is a finding." in _text(page)
    assert _rows(page)["status"][0] == "✗ differs"
    page = await _sent(site.http, site.url, REQUEST, {"metadata": "x" * 1024 * 1024})
    assert "A body has more than 1,048,576 bytes, so it is neither compared nor judged." in _text(page)
