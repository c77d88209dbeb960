"""The section of the tutorial that sets the console up by clicking, done as it is written."""

import re
from pathlib import Path

import pytest

from tests.browser import Page, expect

from .conftest import Products

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEPS = TUTORIAL.partition("## The same by clicking")[2].partition("The request is now")[0]
_ACT = re.compile(
    r"\b(open|tick|press|copy|enter|select) (?:(?:`([^`]+)`|the ([\w ]+?)) in )?\*([^*]+)\*", re.IGNORECASE
)


def _acts() -> list[tuple[str, str, str]]:
    """Return each act of the numbered steps: the verb, a value, and the name of a link, a button or a field."""
    steps = " ".join(STEPS.split())
    return [(verb.lower(), given or known, name) for verb, given, known, name in _ACT.findall(steps)]


class Reader:
    """Somebody who does what the tutorial says."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._page: Page = products.console
        self._copied: dict[str, str] = {}

    async def do(self, verb: str, value: str, name: str) -> None:
        """Do one act."""
        if verb in ("open", "press"):
            words = re.compile(rf"^{re.escape(name.rstrip('…'))}{'' if name.endswith('…') else '$'}")
            await self._page.get_by_role("link" if verb == "open" else "button", name=words).first.click()
        elif verb == "copy":
            self._copied[name] = await self._page.locator(f"#{name.lower().replace(' ', '-')}").inner_text()
        else:
            await self._fill(verb, value, name)

    async def _fill(self, verb: str, value: str, name: str) -> None:
        field = self._page.get_by_label(re.compile(rf"^{name}( \*)?$")).first
        value = value.replace("http://127.0.0.1:8080", self._products.servicenow_url)
        value = value.replace("http://127.0.0.1:8090", self._products.console_url)
        if verb == "tick":
            await field.check()
        elif verb == "select":
            await field.select_option(value)
        else:
            if name == "Password":
                await self._page.get_by_text("Edit", exact=True).click()
            await field.fill(self._copied.get(value, value))


async def test_set_up_by_clicking(products: Products) -> None:
    """At the end the approval has been asked for, and ServiceNow has the request."""
    await products.console.goto("/")
    reader, acts = Reader(products), _acts()
    assert len(acts) == STEPS.count("*") // 2 - 1  # the button that shows a field is an aside
    for act in acts:
        await reader.do(*act)
    await expect(products.console.get_by_role("status")).to_contain_text("Approval requested")
    await products.servicenow.goto("/login.do")
    async with products.servicenow.expect_navigation():
        await products.servicenow.get_by_label("User name").fill("privman.approver")
        await products.servicenow.get_by_label("Password").fill("admin")
        await products.servicenow.get_by_role("button", name="Log in").click()
    await products.servicenow.get_by_role("link", name="Requests").first.click()
    await expect(products.servicenow.locator("tbody").get_by_role("row")).to_have_count(1)
