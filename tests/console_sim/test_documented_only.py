"""What `--documented-only` leaves out."""

import pytest
from aiohttp import ClientSession

from console_sim.settings import Settings

from .command import serving
from .conftest import BUSY, REQUESTS, ConsoleUnderTest

OTHER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def settings() -> Settings:
    """Without what the vendor does not document."""
    return Settings(documented_only=True)


async def test_nothing_is_tried_again(console: ConsoleUnderTest) -> None:
    """A request that ServiceNow did not take waits until something is saved."""
    console.servicenow.conditions.append(BUSY)
    asked = await console.ask()
    assert (asked["sent"], "retrying" in asked["last_error"]) == (False, False)
    await console.advance(19 * 60)
    assert console.servicenow.rows(REQUESTS) == []
    await console.admin("POST", "/foreign-system", {})
    assert [each["request_id"] for each in console.servicenow.rows(REQUESTS)] == [asked["request_id"]]


@pytest.mark.parametrize("instance_id", [OTHER, "none", None])
async def test_instance_id_is_not_compared(console: ConsoleUnderTest, instance_id: str | None) -> None:
    """Any InstanceId will do, and none."""
    decision = console.decision((await console.ask())["request_id"])
    assert (await console.deliver(decision | {"InstanceId": instance_id}))[0] == 200


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"comment": "Fine"}, "'comment' is given; the product's page has none, and only what it has is served"),
        (
            {"duration": "00:07:13"},
            "'duration' is 00:07:13; the product's page has whole hours, and only what it has is served",
        ),
    ],
)
async def test_own_decision_is_that_of_the_page(console: ConsoleUnderTest, part: dict[str, str], told: str) -> None:
    """Confirm Approval has One Time and For N hours (manage-appr-3.png), so the control plane has no more."""
    path = f"/__admin/approval-requests/{(await console.ask())['request_id']}/decide"
    assert await console.call("POST", path, {"response": "Approve", **part}) == (400, {"error": told})
    status, decided = await console.call("POST", path, {"response": "Approve", "duration": "02:00:00"})
    assert (status, decided["duration"]) == (200, "02:00:00")


@pytest.mark.long
async def test_command_has_the_option() -> None:
    """`console-sim serve --documented-only` has no history of approvals."""
    for options, status in ((["--documented-only"], 404), ([], 200)):
        async with (
            serving(*options) as url,
            ClientSession() as session,
            session.get(f"{url}/manage-approvals/history") as page,
        ):
            assert page.status == status
