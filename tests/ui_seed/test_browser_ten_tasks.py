"""Ten tasks of a tester, each solved from the journal page alone in at most five clicks."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import encode_basic_auth

from privman_core.virtual_clock import VirtualClock
from tests.browser import Chromium, Page, expect

from .both_fakes import BothFakes, both_fakes

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
MOST_CLICKS = 5
TABLE = "x_thyti_thycotic_p_request"


@dataclass
class Person:
    """A person with a mouse, at the journal of the cockpit."""

    fakes: BothFakes
    page: Page
    clicks: int = 0

    async def click(self, role: str, name: str, *, nth: int = 0) -> None:
        """Click what has that role and name; only the ``nth`` of several."""
        self.clicks += 1
        assert self.clicks <= MOST_CLICKS, name
        await self.page.get_by_role(role, name=name).nth(nth).click()  # type: ignore[arg-type]

    async def unfold(self, summary: str) -> None:
        """Click the summary of a part that is folded."""
        self.clicks += 1
        assert self.clicks <= MOST_CLICKS, summary
        await self.page.locator("summary", has_text=summary).first.click()

    async def search(self, line: str) -> None:
        """Type a search line, which is live."""
        await self.page.get_by_label("Search", exact=True).fill(line)
        await self.page.keyboard.press("Enter")

    async def sees(self, text: str) -> None:
        """Find a text on the page."""
        await expect(self.page.get_by_text(text).first).to_be_visible()

    async def refuse(self, key: str = "request_id") -> None:
        """Let somebody post a request of no registered console, with its id under a key of their own."""
        headers = {"Authorization": encode_basic_auth("privman.integration", "admin")}
        body = {key: "85d71683-7dac-4762-8120-76a9a564fdc1", "instance_id": "0" * 32, "metadata": "{}"}
        url = f"{self.fakes.servicenow}/api/now/table/{TABLE}"
        async with self.fakes.http.post(url, json=body, headers=headers) as answer:
            assert answer.status == 403


@pytest_asyncio.fixture(loop_scope="session")
async def tester(chromium: Chromium) -> AsyncIterator[Person]:
    """Open the journal of two fakes that have said something to each other."""
    clock, other = VirtualClock(), VirtualClock()
    async with both_fakes(clock, other) as fakes, chromium.page(fakes.servicenow) as page:
        await fakes.set_up()
        await page.goto("/__cockpit")
        yield Person(fakes, page)


async def test_why_was_this_refused(tester: Person) -> None:
    """The exchange says which rule refused it."""
    await tester.refuse()
    await tester.search("status:403")
    await tester.click("link", "in the journal of ServiceNow")
    await tester.sees("'instance_id' is '00000000000000000000000000000000'; expected a registered Instance Id")


async def test_the_next_delivery_fails_twice(tester: Person) -> None:
    """A recipe arms it; the deliveries show both failures and the third attempt."""
    await tester.fakes.ask()
    await tester.click("link", "Faults")
    await tester.unfold("The next delivery fails")
    await tester.click("button", "Arm: The next delivery fails")
    await tester.sees("Strikes the next 2 POST requests")
    await tester.fakes.approve()
    await tester.click("link", "Deliveries")
    await tester.sees("pending")
    await expect(tester.page.get_by_text("09:00:50").first).to_be_visible()


async def test_jump_sixteen_hours(tester: Person) -> None:
    """Both clocks move."""
    await tester.click("link", "Clock")
    await tester.page.get_by_label("Jump", exact=True).fill("16h")
    await tester.click("button", "Advance")
    await expect(tester.page.get_by_role("timer")).to_have_text("2026-01-06 01:00:00 UTC")
    assert await tester.fakes.times() == ("01:00:00", "01:00:00")


async def test_replay(tester: Person) -> None:
    """The page of the new exchange opens."""
    await tester.search("method:POST table:activity_type")
    await tester.click("link", "in the journal of ServiceNow")
    await tester.click("button", "Replay")
    await tester.sees("replayed.")


async def test_save_as_a_scenario_and_play_it(tester: Person, tmp_path: Path) -> None:
    """What is downloaded plays as it was seen."""
    await tester.fakes.ask_and_approve()
    await tester.search("path:*/approve")
    await tester.click("link", "in the journal of ServiceNow")
    await tester.click("link", "Save everything of request")
    async with tester.page.expect_download() as download:
        await tester.click("link", "Download scenario")
    file = tmp_path / "saved.yaml"
    await (await download.value).save_as(file)
    playing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "privman_scenarios", "run", str(file)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await playing.communicate()
    assert (playing.returncode, b"1 passed" in output) == (0, True), output.decode()


async def test_find_every_403_of_one_table(tester: Person) -> None:
    """A search line, or clicks on the values of two cells."""
    await tester.refuse()
    await tester.click("link", "403")
    await tester.click("link", TABLE)
    await expect(tester.page.get_by_label("Search", exact=True)).to_have_value(f"status:403 table:{TABLE}")
    await expect(tester.page.get_by_role("checkbox", name="Select")).to_have_count(1)
    await tester.click("button", "Save as scenario")
    await expect(tester.page.locator("#find")).to_have_value(f"status:403 table:{TABLE}")
    await expect(tester.page.get_by_role("row")).to_have_count(2)


async def test_compare_two_answers(tester: Person) -> None:
    """Ticked exchanges are compared field by field."""
    await tester.fakes.ask("ann")
    await tester.fakes.ask("ben")
    await tester.search("method:POST table:request")
    await expect(tester.page.get_by_role("checkbox", name="Select")).to_have_count(2)
    await tester.click("checkbox", "All shown")
    await tester.sees("of 2 ticked exchanges")
    await tester.click("button", "Compare two")
    await expect(tester.page.get_by_role("heading", level=1)).to_have_text("Compare")
    await expect(tester.page.get_by_role("row", name="request $.metadata")).to_contain_text("ann")


async def test_which_override_explains_this(tester: Person) -> None:
    """The difference has the line of a file for --inferred beside it."""
    await tester.refuse("request_guid")
    await tester.search("verdict:broken")
    await tester.click("link", "in the journal of ServiceNow")
    await tester.unfold("if your instance really does this")
    await tester.sees("request: {request_id: request_guid}")


async def test_who_decided(tester: Person) -> None:
    """The page of a request says it."""
    await tester.fakes.ask_and_approve()
    await tester.click("link", "Approvals")
    await tester.page.get_by_role("main").get_by_role("link").first.click()
    tester.clicks += 1
    await tester.sees("privman.approver answered Approve")


async def test_what_falls_due_next(tester: Person) -> None:
    """The clock lists it, with the request that waits for it."""
    await tester.fakes.ask()
    await tester.click("link", "Clock")
    await tester.sees("Time out in the console")
