"""The task Create ServiceNow Approval Request Items."""

from tests.console_sim.conftest import ConsoleUnderTest, StubServiceNow, answering

SERVICES = [
    "CreateExecuteAppApprovalRequest",
    "GetExecuteAppApprovalRequestStatus",
    "CancelExecuteAppApprovalRequest",
]
TASK = "/request-items"


def made(servicenow: StubServiceNow) -> dict[str, int]:
    """Return how many records there are of each table that the task fills."""
    tables = ("sc_category", "sc_cat_item", "item_option_new", "sys_web_service")
    return {table: len(servicenow.rows(table)) for table in tables}


async def test_the_task_makes_what_the_vendor_lists(console: ConsoleUnderTest) -> None:
    """Once: what is there already stays."""
    servicenow = console.servicenow
    assert await console.admin("POST", TASK, {}) == {"failure": ""}
    [category], [item] = servicenow.rows("sc_category"), servicenow.rows("sc_cat_item")
    assert (category["title"], item["name"]) == ("Thycotic", "Execute Application Request")
    assert item["category"] == category["sys_id"]
    variables = servicenow.rows("item_option_new")
    assert {each["cat_item"] for each in variables} == {item["sys_id"]}
    assert [each["name"] for each in variables][:2] == ["PMApprovalId", "PMInitiatorId"]
    assert [each["name"] for each in servicenow.rows("sys_web_service")] == SERVICES
    before = made(servicenow)
    assert before == {"sc_category": 1, "sc_cat_item": 1, "item_option_new": 11, "sys_web_service": 3}
    assert await console.admin("POST", TASK, {"foreign_system": "ServiceNow"}) == {"failure": ""}
    assert made(servicenow) == before


async def test_the_task_says_why_it_failed(console: ConsoleUnderTest) -> None:
    """And is not tried again; another foreign system than there is gets 404."""
    console.servicenow.conditions.append(answering(403, '{"error": {"message": "Operation Failed", "detail": "ACL"}}'))
    assert await console.admin("POST", TASK, {}) == {"failure": "403 Operation Failed: ACL"}
    calls = len(console.servicenow.calls)
    await console.advance(3_600)
    assert len(console.servicenow.calls) == calls
    assert (await console.call("POST", f"/__admin{TASK}", {"foreign_system": "Other"}))[0] == 404


async def test_records_of_others_are_not_taken_for_its_own(console: ConsoleUnderTest) -> None:
    """An instance that does not know a column of the query answers every record."""
    every = '{"result": [{"sys_id": "%s", "title": "Hardware"}]}' % ("a" * 32)
    console.servicenow.conditions.append(answering(200, every))
    assert await console.admin("POST", TASK, {}) == {"failure": ""}
    assert [each["title"] for each in console.servicenow.rows("sc_category")] == ["Thycotic"]
