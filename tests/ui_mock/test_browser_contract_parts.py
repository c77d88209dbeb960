import pytest

from tests.browser import Page, expect, misfits

from .conftest import GUID, REQUEST, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def _differing(site: Site) -> None:
    """Let a request be kept, one differ in a name, a word and a doubtful key, and one have no contract."""
    await site.ask()
    metadata = f'{{"PolicyId": "{GUID}", "PolcyName": "x"}}'
    body = {"requestid": GUID, "instance_id": "a" * 32, "status": "Requested", "metadata": metadata}
    for table in (REQUEST, "x_thyti_thycotic_p_requests"):
        async with site.http.post(f"{site.url}/api/now/table/{table}", json=body, headers=_AS_ADMIN):
            pass


_AS_ADMIN = {"Authorization": "Basic YWRtaW46YWRtaW4="}


async def test_comparisons_pass_axe_and_fit(site: Site, page: Page) -> None:
    """An exchange that kept its contract, one that did not, and one that has none."""
    await _differing(site)
    assert await misfits(page, [f"/__cockpit/exchanges/servicenow/{number}" for number in (3, 4, 5)]) == []


async def test_override_is_four_clicks_from_the_journal(site: Site, page: Page) -> None:
    """The exchange, its finding, and the override with the lines to copy."""
    await _differing(site)
    await page.goto("/__cockpit?find=verdict:broken")
    await page.get_by_role("link", name="4 in the journal of ServiceNow").click()
    await page.get_by_role("link", name="$.status", exact=True).click()
    await page.get_by_text("Override for $.status: if your instance really does this").click()
    lines = page.get_by_role("region", name="Lines that override words.request_status.pending, for $.status")
    await expect(lines).to_have_text("words:\n  request_status: {pending: Requested}\n")
    await expect(lines).to_be_in_viewport()
