"""Requests that pages of other sites make a browser send."""

import pytest
from aiohttp import web

from privman_core.serving import serving
from tests.browser import Page, expect

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
FORM = (
    """<form method="post" enctype="text/plain" action="{url}"><input name="a" value="b"><button>Go</button></form>"""
)
FETCH = """<script>
const options = {{method: "POST", mode: "no-cors", credentials: "include", body: "x"}};
fetch("{url}", options).finally(() => document.title = "asked");
</script>"""


@pytest.mark.long
async def test_other_sites_cannot_post_to_the_apis(site: Site, page: Page) -> None:
    """Credentials in the form's address do not help, and neither do those that the browser remembers."""
    path = "/api/now/attachment/file?table_name=sys_user&table_sys_id=6816f79cc0a8016401c5a33be04be441&file_name=x"
    trusted = site.url.replace("//", "//admin:admin@")

    async def show(request: web.Request) -> web.Response:
        html = FORM.format(url=trusted + path) if request.path == "/form" else FETCH.format(url=site.url + path)
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{name}", show)
    async with serving(app) as other:
        await page.goto(f"{other}/form")
        await page.get_by_role("button").click()
        await expect(page.locator("body")).to_contain_text("Posted by a page of another site")
        await page.goto(f"{trusted}/api/now/table/sys_user?sysparm_limit=1")
        await page.goto(f"{other}/fetch")
        await expect(page).to_have_title("asked")
    assert (await site.call("GET", "/api/now/attachment"))["result"] == []
