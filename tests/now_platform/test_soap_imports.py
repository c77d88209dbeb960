"""Import set tables over SOAP: an insert answers what its row became (Docs: insert, insertMultiple)."""

import asyncio
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from aiohttp import web
from aiohttp.test_utils import TestClient
from zeep import Client as Zeep
from zeep.transports import Transport

from mock_servicenow.now_platform.imports.import_sets import sweep
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, RuleAbort, RuleContext
from privman_core.virtual_clock import VirtualClock

from .import_sets import emails, make, make_map, rows

Client = TestClient[web.Request, web.Application]
ADDRESS = "/u_imp_user.do?SOAP"


def fields(element: ET.Element) -> dict[str, str]:
    """Return the texts of the children of an element."""
    return {child.tag: child.text or "" for child in element}


def row(user_id: str, email: str = "") -> str:
    """Return the elements of a row."""
    return f"<user_id>{user_id}</user_id><email>{email}</email>"


async def sent(client: Client, operation: str, content: str, status: int = 200) -> ET.Element:
    """Return the element in the body of the answer to a message."""
    envelope = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
    body = envelope.format(f"<{operation}>{content}</{operation}>")
    answer = await client.post(ADDRESS, data=body, headers={"Content-Type": "text/xml"})
    text = await answer.text()
    assert answer.status == status, text
    return ET.fromstring(text)[1][0]  # noqa: S314 - what our own server wrote


@pytest.mark.usefixtures("user_map")
async def test_an_insert_answers_what_the_row_became(client: Client) -> None:
    """Docs: sys_id, table, display_name, display_value and status of the record; without its key those of the row."""
    first = await sent(client, "insert", f"{row('john', 'a@import.example')}<first_name>John</first_name>")
    assert first.tag == "insertResponse"
    answered = fields(first)
    sys_id = answered.pop("sys_id")
    assert [*fields(first)][:5] == ["sys_id", "table", "display_name", "display_value", "status"]
    assert answered == {"table": "sys_user", "display_name": "name", "display_value": "John", "status": "inserted"}
    assert await emails(client) == ["a@import.example"]
    again = fields(await sent(client, "insert", row("john", "b@import.example")))
    assert (again["sys_id"], again["status"]) == (sys_id, "updated")
    same = fields(await sent(client, "insert", row("john", "b@import.example")))
    assert (same["status"], same["status_message"]) == ("ignored", "No field values changed")
    keyless = fields(await sent(client, "insert", "<first_name>x</first_name>"))
    [waiting] = await rows(client, first_name="x")
    assert (keyless["sys_id"], keyless["status"], keyless["display_value"]) == (waiting["sys_id"], "ignored", "")


@pytest.mark.usefixtures("user_map")
async def test_several_rows_are_one_import_set(client: Client) -> None:
    """Docs: one insertResponse for each, in their order."""
    records = "".join(f"<record>{row(f'user{number}', f'{number}@import.example')}</record>" for number in range(25))
    answer = await sent(client, "insertMultiple", records)
    outcomes = [fields(each) for each in answer]
    assert {each.tag for each in answer} == {"insertResponse"}
    assert [each["status"] for each in outcomes] == ["inserted"] * 25
    assert [each["sys_target_sys_id"] for each in await rows(client)] == [each["sys_id"] for each in outcomes]
    assert len({each["sys_import_set"]["value"] for each in await rows(client)}) == 1
    assert list(await sent(client, "insertMultiple", "")) == []


@pytest.mark.usefixtures("user_map")
async def test_several_maps_answer_each(client: Client) -> None:
    """Docs: in a multiInsertResponse, each with its map; one that fails says why."""
    await make_map(client, "u_toy", "user_id>u_name", name="Toys", order="200")
    await make_map(client, "u_bunk", "user_id>u_name", name="Bunk", order="300")
    answer = await sent(client, "insert", row("john"))
    assert answer.tag == "multiInsertResponse"
    outcomes = [fields(each) for each in answer]
    told = [(each["map"], each["table"], each["status"]) for each in outcomes]
    assert told == [("User", "sys_user", "inserted"), ("Toys", "u_toy", "inserted"), ("Bunk", "u_bunk", "error")]
    assert outcomes[2]["error_message"] == "Invalid table u_bunk"
    several = await sent(client, "insertMultiple", f"<record>{row('jane')}</record>")
    assert [[each.tag for each in group] for group in several] == [["insertResponse"] * 3]
    assert several[0].tag == "multiInsertResponse"


async def test_a_row_without_a_map_stays(client: Client) -> None:
    """Its own state is the answer (inferred)."""
    answered = fields(await sent(client, "insert", row("john")))
    [stored] = await rows(client)
    assert (answered["sys_id"], answered["table"], answered["status"]) == (stored["sys_id"], "u_imp_user", "ignored")


@pytest.mark.usefixtures("user_map")
async def test_an_open_asynchronous_import_set_takes_the_rows(
    client: Client, instance: Instance, clock: VirtualClock
) -> None:
    """Docs, import set mode: they are pending, and the answer names the import set table; no start removes them."""
    waiting = await make(client, "sys_import_set", table_name="u_imp_user", state="loading", mode="asynchronous")
    answered = fields(await sent(client, "insert", row("john", "a@import.example")))
    await sent(client, "insertMultiple", f"<record>{row('jane', 'b@import.example')}</record>")
    assert (answered["table"], answered["status"]) == ("u_imp_user", "pending")
    with instance.transaction(instance.system) as session:
        sweep(session, clock.now().strftime("%Y-%m-%d %H:%M:%S"))
    stored = await rows(client)
    assert [(each["sys_import_set"]["value"], each["sys_import_row"]) for each in stored] == [
        (waiting, "0"),
        (waiting, "1"),
    ]
    assert await emails(client) == []


async def test_refused_rows(client: Client, user: Client, instance: Instance, grant: Any) -> None:
    """A fault with the reason, and no import set is left; roles for SOAP and for imports are both needed (inferred)."""
    grant("plain", "soap_create")
    assert "User Not Authorized" in str((await sent(user, "insert", row("john"), 500)).findtext("faultstring"))
    instance.add_rule(BusinessRule("refuse", "u_imp_user", "before", frozenset({"insert"}), _refuse))
    for operation, content in (("insert", row("john")), ("insertMultiple", f"<record>{row('john')}</record>")):
        assert "no johns" in str((await sent(client, operation, content, 500)).findtext("faultstring"))
    answer = await client.get("/api/now/table/sys_import_set")
    assert (await answer.json())["result"] == []


def _refuse(_context: RuleContext) -> None:
    raise RuleAbort("refused", "no johns")


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
async def test_rows_that_are_deleted_meanwhile(client: Client, instance: Instance, mode: str) -> None:
    """They have no outcome (inferred)."""
    await make(client, "sys_import_set", table_name="u_imp_user", state="loading", mode=mode)
    instance.add_rule(BusinessRule("drop", "u_imp_user", "after", frozenset({"insert"}), _drop))
    assert list(await sent(client, "insert", row("john"))) == []
    assert list(await sent(client, "insertMultiple", f"<record>{row('john')}</record>")) == []


def _drop(context: RuleContext) -> None:
    context.session.delete(context.table, context.current["sys_id"])


async def test_the_other_operations_are_those_of_tables(client: Client) -> None:
    """Rows are read, changed and deleted as records."""
    sys_id = await make(client, "u_imp_user", user_id="john")
    assert (await sent(client, "getKeys", "<user_id>john</user_id>")).findtext("sys_id") == sys_id
    assert (await sent(client, "deleteMultiple", "<user_id>john</user_id>")).findtext("count") == "1"


@pytest.mark.long
@pytest.mark.usefixtures("user_map")
async def test_zeep_reads_the_description(origin: str) -> None:
    """Docs: the WSDL of the import set table; its responses are those of the import."""

    def run() -> tuple[Any, list[Any]]:
        with requests.Session() as session:
            session.auth = ("admin", "admin")
            service = Zeep(f"{origin}/u_imp_user.do?WSDL", transport=Transport(session=session)).service
            return service.insert(user_id="john"), service.insertMultiple(record=[{"user_id": "jane"}])

    one, several = await asyncio.to_thread(run)
    assert (one.table, one.status, one.error_message) == ("sys_user", "inserted", None)
    assert [each.status for each in several] == ["inserted"]
