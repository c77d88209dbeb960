"""The page of the API, beside the vendor's picture of it."""

from urllib.parse import urlsplit

import pytest

from console_sim.app import CONSOLE
from tests.browser import Page, complaints, expect

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGE = "/Tms/services/swagger/ui/index"
TOKEN = "/Tms/services/api/logon/token"


@pytest.mark.long
async def test_it_has_what_the_picture_prints(site: Site, page: Page) -> None:
    """Title, base URL, address of the document, Schemes, Authorize, and a block for each heading."""
    await page.goto(PAGE)
    host = urlsplit(site.url).netloc
    await expect(page.get_by_role("heading", level=1)).to_have_text("Privilege Manager API v1")
    await expect(page.get_by_text(f"[ Base URL: {host}/Tms/services ]")).to_be_visible()
    await expect(page.get_by_role("link", name=f"{site.url}/Tms/services/swagger/docs/v1")).to_be_visible()
    await expect(page.get_by_role("heading", name="Authorization", exact=True)).to_be_visible()
    await expect(page.get_by_label("Schemes")).to_have_value("HTTP")
    await expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    headings = await page.locator("details.tag > summary").all_inner_texts()
    assert headings == [
        *("Actions", "API Authentication", "Approval", "Filters", "Policies"),
        *("Reports", "Tasks", "Version"),
    ]
    block = page.locator("details.tag", has=page.get_by_role("heading", name="API Authentication"))
    rows = block.locator("details.row > summary")
    assert [(await each.inner_text()).split()[:2] for each in await rows.all()] == [
        ["POST", "/api/logon/token"],
        ["DELETE", "/api/logon/token"],
    ]


@pytest.mark.long
async def test_it_passes_axe_and_fits(page: Page) -> None:
    """With everything unfolded, on a phone and on a wide screen."""
    await page.goto(PAGE)
    await expect(page.get_by_role("heading", name="API Authentication")).to_be_visible()
    await page.evaluate("() => document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (360, 1920):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await complaints(page) == []
        assert await page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.long
async def test_it_loads_nothing_from_elsewhere(site: Site, page: Page) -> None:
    """Neither script, style nor picture."""
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    await page.goto(PAGE)
    await expect(page.get_by_role("heading", name="API Authentication")).to_be_visible()
    assert {urlsplit(url).netloc for url in loaded} == {urlsplit(site.url).netloc}


@pytest.mark.long
async def test_a_report_as_the_pictures_have_it(site: Site, page: Page) -> None:
    """Its parameters, an empty list as the body, Request URL, code and the answer (api: post-reports.png)."""
    await site.set_up()
    await page.goto(PAGE)
    await _authorize(site, page)
    row = page.locator("details.row", has_text="/api/v1/reports/{reportId}")
    await row.locator("summary").click()
    await expect(row.get_by_text("array[object] (body)")).to_be_visible()
    await row.get_by_label("reportId").fill("85fedb4c-5110-4291-8de9-907294ab10bb")
    await row.get_by_label("bTestMode").select_option("false")
    await row.get_by_label("parameterValues").fill("[]")
    await row.get_by_role("button", name="Execute").click()
    url = f"{site.url}/Tms/services/api/v1/reports/85fedb4c-5110-4291-8de9-907294ab10bb?bTestMode=false"
    await expect(row.get_by_text(url)).to_be_visible()
    await expect(row.get_by_text("Code: 200")).to_be_visible()
    await expect(row.get_by_text('"columnName": "Computer Name"')).to_be_visible()


@pytest.mark.long
async def test_a_decision_is_tried_out(site: Site, page: Page) -> None:
    """As the documentation says: get a token, Authorize, paste it, and Execute."""
    await site.set_up()
    await page.goto(PAGE)
    row = page.locator("details.row", has_text="/api/v1/approval/approve")
    await row.locator("summary").click()
    await _authorize(site, page)
    await row.get_by_role("button", name="Execute").click()
    await expect(row.get_by_text("Code: 404")).to_be_visible()
    await expect(row.get_by_text(f"{site.url}/Tms/services/api/v1/approval/approve")).to_be_visible()
    await expect(row.get_by_text("unknown approval request")).to_be_visible()
    await row.get_by_role("button", name="Clear").click()
    await expect(row.get_by_text("Code: 404")).to_have_count(0)


async def _authorize(site: Site, page: Page) -> None:
    await page.get_by_role("button", name="Authorize").click()
    await page.get_by_label("Value:").fill(await _token(site))
    await page.get_by_role("dialog").get_by_role("button", name="Authorize").click()


async def _token(site: Site) -> str:
    """Return the body of the log-on's answer, quotes and all, as a person copies it from the page."""
    credential = site.app[CONSOLE].credentials.get("ServiceNow webhook")
    body = {"UserName": credential.account_name, "Password": credential.password}
    async with site.person.http.post(f"{site.url}{TOKEN}", json=body) as answer:
        return await answer.text()
