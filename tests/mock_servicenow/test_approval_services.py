"""The scripted SOAP services of the older integration, called by zeep and as the platform's samples print messages."""

import asyncio
from typing import Any
from xml.sax.saxutils import escape

import pytest
import requests
from zeep import Client as Zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from tests.mock_servicenow.conftest import ADMIN, GUID, Instance

CREATE, CHECK, CANCEL = (
    "CreateExecuteAppApprovalRequest",
    "GetExecuteAppApprovalRequestStatus",
    "CancelExecuteAppApprovalRequest",
)
ITEM = "Execute Application Request"
NAMES = ("PMApprovalId", "PMPolicyName", "PMUserReason")


@pytest.fixture(autouse=True)
async def items(instance: Instance) -> str:
    """Make what the vendor's task makes, and return the sys_id of the catalog item."""
    category = (await instance.insert("sc_category", {"title": "Thycotic"})).result["sys_id"]
    item = (await instance.insert("sc_cat_item", {"name": ITEM, "category": category})).result["sys_id"]
    for name in NAMES:
        await instance.insert("item_option_new", {"name": name, "question_text": name, "cat_item": item})
    for name in (CREATE, CHECK, CANCEL):
        await instance.insert("sys_web_service", {"name": name})
    return str(item)


async def execute(instance: Instance, service: str, **inputs: str) -> Any:
    """Return what zeep returns that has read the description."""

    def run() -> Any:
        with requests.Session() as session:
            session.auth = ADMIN
            transport = Transport(session=session)
            return Zeep(f"{instance.url}/{service}.do?WSDL", transport=transport).service.execute(**inputs)

    return await asyncio.to_thread(run)


async def asked(instance: Instance, **inputs: str) -> str:
    """Ask for approval and return the sys_id of the requested item."""
    return str(await execute(instance, CREATE, **{"PMApprovalId": GUID, **inputs}))


async def status(instance: Instance, request_id: str) -> tuple[str | None, str | None]:
    """Return status and comment of a request."""
    found = await execute(instance, CHECK, PMGetRequestId=request_id)
    return found.PMApprovalStatus, found.PMComment


async def test_a_request_becomes_a_requested_item(instance: Instance, items: str) -> None:
    """It waits for approval, has the inputs as its variables, and nobody is to fulfil it yet."""
    sys_id = await asked(instance, PMPolicyName='R&D <all> "x" é', PMUserReason="", PMFilePath="no such variable")
    item = await instance.read("sc_req_item", sys_id)
    assert (item["cat_item"]["value"], item["approval"], item["active"]) == (items, "requested", "true")
    assert item["stage"] == "waiting_for_approval"
    assert not await instance.read("sc_task", query=f"request_item={sys_id}")
    request = await instance.read("sc_request", item["request"]["value"])
    assert request["number"].startswith("REQ")
    owned = await instance.read(
        "sc_item_option_mtom",
        query=f"request_item={sys_id}",
        sysparm_fields="sc_item_option.item_option_new.name,sc_item_option.value",
    )
    assert {each["sc_item_option.item_option_new.name"]: each["sc_item_option.value"] for each in owned} == {
        "PMApprovalId": GUID,
        "PMPolicyName": 'R&D <all> "x" é',
        "PMUserReason": "",
    }


@pytest.mark.parametrize(("decision", "seconds"), [("approved", 5), ("rejected", 0)])
async def test_the_status_is_that_of_the_approval(instance: Instance, decision: str, seconds: int) -> None:
    """With the newest comment, also of those of one moment."""
    sys_id = await asked(instance)
    assert await status(instance, sys_id) == ("pending", None)
    await instance.update("sc_req_item", sys_id, {"comments": "Wait"})
    await instance.clock.advance(seconds)
    await instance.update("sc_req_item", sys_id, {"approval": decision, "comments": "It's <fine> & done"})
    assert await status(instance, sys_id) == (decision, "It's <fine> & done")


async def test_what_cannot_be_decided_is_invalid(instance: Instance) -> None:
    """An unknown id, an item whose approval nobody was asked for, one that is closed."""
    assert await status(instance, "bunk") == ("invalid", None)
    sys_id = await asked(instance)
    await instance.update("sc_req_item", sys_id, {"approval": "not requested"})
    assert (await status(instance, sys_id))[0] == "invalid"


async def test_a_cancelled_request_is_closed(instance: Instance) -> None:
    """With the comment; a second time, and an unknown request, change nothing."""
    sys_id = await asked(instance)
    cancel = {"PMCancelRequestId": sys_id, "PMCancelComment": "Timed out"}
    assert await execute(instance, CANCEL, **cancel)
    item = await instance.read("sc_req_item", sys_id)
    assert (item["state"], item["active"]) == ("4", "false")
    assert await status(instance, sys_id) == ("invalid", "Timed out")
    assert not await execute(instance, CANCEL, **cancel)
    assert not await execute(instance, CANCEL, PMCancelRequestId="bunk")


async def test_no_other_requested_item_is_read_or_closed(instance: Instance) -> None:
    """The services act as the system, so a caller would reach what they may not read."""
    other = (await instance.insert("sc_req_item", {"approval": "approved", "comments": "private"})).result["sys_id"]
    assert await status(instance, other) == ("invalid", None)
    await execute(instance, CANCEL, PMCancelRequestId=other, PMCancelComment="closed")
    assert (await instance.read("sc_req_item", other))["active"] == "true"


async def test_the_documented_roles_suffice(instance: Instance) -> None:
    """web_service_admin and approval_admin; nobody else may call the services."""
    integration = await instance.add_user("console", "web_service_admin", "approval_admin")
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<execute xmlns="http://www.service-now.com/{CHECK}"/></e:Body></e:Envelope>'
    )
    answer = await instance.call("POST", f"/{CHECK}.do?SOAP", integration, data=body)
    assert (answer.status, b"<PMApprovalStatus>invalid<" in answer.body) == (200, True)
    refused = await instance.call("POST", f"/{CHECK}.do?SOAP", await instance.add_user("nobody"), data=body)
    assert (refused.status, b"Failed API level ACL Validation" in refused.body) == (500, True)


async def test_a_service_exists_while_its_record_is_active(instance: Instance) -> None:
    """Neither its description nor its endpoint otherwise, nor without the catalog item."""
    [record] = await instance.read("sys_web_service", query=f"name={CREATE}")
    [item] = await instance.read("sc_cat_item", query=f"name={ITEM}")
    await instance.update("sc_cat_item", item["sys_id"], {"active": "false"})
    with pytest.raises(Fault, match=escape(f"There is no active catalog item '{ITEM}'")):
        await asked(instance)
    await instance.update("sys_web_service", record["sys_id"], {"active": "false"})
    described = await instance.call("GET", f"/{CREATE}.do?WSDL")
    assert described.status == 400
    executed = await instance.call("POST", f"/{CREATE}.do?SOAP", data=b"<e/>")
    assert (executed.status, b"Unable to parse" in executed.body) == (500, True)


async def test_a_service_executes_and_nothing_else(instance: Instance) -> None:
    """Any other operation is a fault that names it."""
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<fetch xmlns="http://www.service-now.com/{CHECK}"/></e:Body></e:Envelope>'
    )
    answer = await instance.call("POST", f"/{CHECK}.do?SOAP", data=body, headers={"Content-Type": "text/xml"})
    assert "Unsupported SOAP operation fetch" in answer.body.decode()
