"""The cockpit says which rule of the instance refused a request, and what is lacking."""

import html
import re

import pytest
from aiohttp import encode_basic_auth

from .conftest import GUID, REQUEST, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
APPROVER = "privman.approver"
VALID = {
    "request_id": GUID,
    "instance_id": "a" * 32,
    "activity_type_id": "b" * 32,
    "metadata": f'{{"PolicyId": "{{{GUID}}}"}}',
}


async def _why(site: Site, user: str, method: str, path: str, body: object = None) -> str:
    """Send a request as a user, and return the first sentences on the page of the exchange."""
    headers = {"Authorization": encode_basic_auth(user, "admin")}
    async with site.http.request(method, f"{site.url}/api/now/table/{path}", json=body, headers=headers) as answer:
        assert answer.status in {403, 404}
        assert "demand" not in await answer.text()
    number = (await site.call("GET", "/__admin/requests"))["requests"][-1]["number"]
    async with site.http.get(f"{site.url}/__cockpit/exchanges/servicenow/{number}") as answer:
        found = re.search(r'id="summary">(.*?)</p>', await answer.text(), re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


async def test_access_rule_is_named_with_the_role_that_lacks(site: Site) -> None:
    """Before what else is wrong with the request, which is not why it was refused."""
    denied = f"Why: the access rules for create on {REQUEST} demand the role "
    kept = await _why(site, APPROVER, "POST", REQUEST, VALID)
    assert (denied in kept, f", which '{APPROVER}' lacks. It kept its contract." in kept) == (True, True)
    broken = await _why(site, APPROVER, "POST", REQUEST, VALID | {"instance_id": "none"})
    assert broken.index(denied) < broken.index("It did not keep its contract")
    await site.add_user("nobody.special")
    assert f"read on {REQUEST} demand" in await _why(site, "nobody.special", "GET", REQUEST)
    await site.change("sys_db_object", await _table(site), {"ws_access": "false"})
    assert f"Why: web services do not open {REQUEST}." in await _why(site, "admin", "GET", REQUEST)


async def test_record_that_cannot_be_reached_says_why(site: Site) -> None:
    """The answer to the caller does not tell one that is hidden from one that is gone."""
    for method in ("GET", "DELETE"):
        gone = await _why(site, "admin", method, f"{REQUEST}/{'c' * 32}")
        assert "Why: there is no such record." in gone
    sys_id = await site.ask()
    refused = await _why(site, APPROVER, "DELETE", f"{REQUEST}/{sys_id}")
    assert f"the access rules for delete on {REQUEST} demand the role" in refused


async def test_business_rule_is_named_with_its_reason(site: Site) -> None:
    """The caller gets its name only."""
    why = await _why(site, "privman.integration", "POST", REQUEST, VALID)
    assert f"Why: business rule 'Accept request' on {REQUEST}: 'instance_id' is" in why


async def _table(site: Site) -> str:
    """Return the sys_id of the record of the request table."""
    (found,) = (await site.call("GET", f"/api/now/table/sys_db_object?sysparm_query=name={REQUEST}"))["result"]
    return str(found["sys_id"])
