"""Exports by address: ``/incident_list.do?CSV`` and the like."""

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from openpyxl import load_workbook

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.processors import PROCESSORS
from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
FORMATS = ("CSV", "XML", "UNL", "XLSX")


@pytest.fixture(autouse=True)
def toys(create: Create) -> list[str]:
    """Make two toys and return their sys_ids."""
    ball = create("u_toy", u_name="Ball", u_color="r", u_pieces="1", u_owner=ADMIN, u_secret="hush", u_notes="Bounces")
    blocks = create("u_toy", u_name="=Blocks, 3 €", u_color="b", u_pieces="3000", u_sold="2026-01-02 03:04:05")
    return [ball, blocks]


def parsed(text: str | bytes) -> ET.Element:
    """Return the root of a document."""
    return ET.fromstring(text)  # noqa: S314 - what our own server wrote


def cells(body: bytes, sheet: str = "Page 1") -> list[tuple[object, ...]]:
    """Return the rows of a sheet."""
    return list(load_workbook(BytesIO(body))[sheet].values)


async def rows(client: Client, address: str) -> list[list[str]]:
    """Return the rows of a CSV file, which is in the instance's usual character set."""
    answer = await client.get(address)
    assert answer.status == 200, await answer.text()
    return list(csv.reader(StringIO((await answer.read()).decode("windows-1252"), newline="")))


async def test_csv_has_what_a_list_shows(client: Client) -> None:
    """Docs: names of columns, displayed values, windows-1252; formulas escaped; a character that it lacks."""
    answer = await client.get("/u_toy_list.do?CSV&sysparm_fields=u_name,u_color,u_pieces,u_owner")
    assert answer.headers["Content-Type"] == "text/csv;charset=WINDOWS-1252"
    assert answer.headers["Content-Disposition"] == "attachment;filename=u_toy.csv"
    assert (await answer.read()).decode("windows-1252") == (
        '"u_name","u_color","u_pieces","u_owner"\r\n'
        '"Ball","Red","1","System Administrator"\r\n'
        '"\'=Blocks, 3 €","Blue","3,000",""\r\n'
    )


@pytest.mark.parametrize("text", ["=1", "\t=1", "\r\n+1", "\n@x"])
async def test_no_cell_is_a_formula(client: Client, create: Create, text: str) -> None:
    """Nor behind what spreadsheets skip, nor as a label of a column."""
    create("sys_dictionary", name="u_toy", element="u_odd", column_label=text, internal_type="string")
    create("u_toy", u_name=f"{text}{text}")
    address = "/u_toy_list.do?CSV&sysparm_fields=u_name,u_odd&sysparm_export_column_header_label=true"
    found = await rows(client, address)
    assert found[0][1] == f"'{text}"
    assert [f"'{text}{text}", ""] in found


async def test_an_address_chooses_rows_and_columns(client: Client, toys: list[str], swallowed: Swallowed) -> None:
    """Docs: sysparm_query, sysparm_orderby, sysparm_record_count, sysparm_fields with dot-walks, a record's address."""
    named = "sysparm_fields=u_name,u_owner.user_name"
    heading = ["u_name", "u_owner.user_name"]
    assert await rows(client, f"/u_toy_list.do?CSV&{named}&sysparm_query=u_pieces=1") == [heading, ["Ball", "admin"]]
    assert await rows(client, f"/u_toy.do?CSV&{named}&sys_id={toys[0]}") == [heading, ["Ball", "admin"]]
    first = f"/u_toy_list.do?CSV&{named}&sysparm_orderby=u_name&sysparm_record_count=1"
    assert await rows(client, first) == [heading, ["'=Blocks, 3 €", ""]]
    assert swallowed() == []
    await rows(client, "/u_toy_list.do?CSV&sysparm_bunk=1&bunk=2&sysparm_fields=u_bunk,u_name")
    assert sorted(swallowed()) == ["field-ignored", "parameter-ignored", "parameter-ignored"]


async def test_all_columns_or_those_of_a_view(client: Client, create: Create) -> None:
    """Docs: sysparm_default_export_fields=all names the sys_id as well; sysparm_view."""
    for position, element in enumerate(("u_pieces", "u_name")):
        create("sys_ui_list_element", name="u_toy", view="ess", element=element, position=str(position))
    assert (await rows(client, "/u_toy_list.do?CSV&sysparm_view=ess"))[0] == ["u_pieces", "u_name"]
    (heading, *_) = await rows(client, "/u_toy_list.do?CSV&sysparm_default_export_fields=all&sysparm_view=ess")
    assert {"sys_id", "u_secret", "u_name"} <= set(heading)
    (usual, *_) = await rows(client, "/u_toy_list.do?CSV")
    assert usual[0] == "u_name"
    assert "sys_id" not in usual


async def test_parameters_come_before_properties(client: Client, create: Create) -> None:
    """Docs: display values and labels, by a parameter or else by a property; the character set; the limits."""
    create("sys_properties", name="glide.export.csv.raw.value", value="true")
    create("sys_properties", name="glide.export.csv.column_header_label", value="true")
    create("sys_properties", name="glide.export.escape_formulas", value="false")
    create("sys_properties", name="glide.export.csv.charset", value="UTF-8")
    answer = await client.get("/u_toy_list.do?CSV&sysparm_fields=u_name,u_color,u_sold")
    blocks = '"=Blocks, 3 €","b","2026-01-02 03:04:05"'
    assert (await answer.read()).decode() == f'"Name","Color","Sold"\r\n"Ball","r",""\r\n{blocks}\r\n'
    asked = "sysparm_display_value=true&sysparm_export_column_header_label=false"
    answer = await client.get(f"/u_toy_list.do?CSV&sysparm_fields=u_color&{asked}")
    assert (await answer.read()).decode() == '"u_color"\r\n"Red"\r\n"Blue"\r\n'
    create("sys_properties", name="glide.ui.export.limit", value="1")
    assert len(await rows(client, "/u_toy_list.do?CSV&sysparm_record_count=5")) == 2
    create("sys_properties", name="glide.csv.export.limit", value="2")
    assert len(await rows(client, "/u_toy_list.do?CSV&sysparm_record_count=5")) == 3


async def test_xml_has_every_column_and_names(client: Client, toys: list[str]) -> None:
    """Docs: an element for each column, no journal; users: references name their record in an attribute."""
    answer = await client.get("/u_toy_list.do?XML&sysparm_orderby=u_pieces")
    assert answer.headers["Content-Type"] == "text/xml;charset=UTF-8"
    root = parsed(await answer.text())
    assert (root.tag, [child.tag for child in root]) == ("xml", ["u_toy", "u_toy"])
    ball, blocks = root
    owner = ball.find("u_owner")
    assert owner is not None
    assert (owner.text, owner.get("display_value")) == (ADMIN, "System Administrator")
    assert (ball.findtext("sys_id"), ball.findtext("u_color"), ball.findtext("u_notes")) == (toys[0], "r", "")
    assert (blocks.findtext("u_name"), blocks.find("u_owner").attrib) == ("=Blocks, 3 €", {})  # type: ignore[union-attr]
    displayed = parsed(await (await client.get("/u_toy.do?XML&sysparm_display_value=true")).text())
    assert displayed[0].findtext("u_owner") == "System Administrator"


async def test_an_unload_can_be_imported(client: Client) -> None:
    """Users: the form of "Export to XML", which another instance imports."""
    root = parsed(await (await client.get("/u_toy_list.do?UNL&sysparm_query=u_color=r")).text())
    assert (root.tag, list(root.attrib), root[0].attrib) == ("unload", ["unload_date"], {"action": "INSERT_OR_UPDATE"})


async def test_a_workbook(client: Client, create: Create) -> None:
    """Docs: labels and displayed values, 32,000 rows a sheet; beyond a number of cells it says that it is not whole."""
    answer = await client.get("/u_toy_list.do?XLSX&sysparm_fields=u_name,u_pieces&sysparm_query=ORDERBYu_pieces")
    assert answer.headers["Content-Disposition"] == "attachment;filename=u_toy.xlsx"
    whole = load_workbook(BytesIO(await answer.read()))
    assert whole.sheetnames == ["Page 1"]
    sheet = [tuple(row) for row in whole["Page 1"].values]
    assert sheet == [("Name", "Pieces"), ("Ball", "1"), ("'=Blocks, 3 €", "3,000")]
    create("sys_properties", name="glide.xlsx.max_cells", value="3")
    answer = await client.get("/u_toy_list.do?XLSX&sysparm_fields=u_name,u_pieces&sysparm_query=ORDERBYu_pieces")
    cut = cells(await answer.read())
    assert cut[2][0] == "Export stopped due to excessive size. Use CSV for a complete export"


async def test_a_link_needs_no_token(client: Client, anonymous: Client) -> None:
    """Docs: a person who has logged in opens such an address; what changes records needs the token of the session."""
    session = (await client.get("/api/now/table/u_toy")).cookies["JSESSIONID"].value
    cookie = {"Cookie": f"JSESSIONID={session}"}
    assert (await anonymous.get("/u_toy_list.do?CSV", headers=cookie)).status == 200
    assert (await anonymous.get("/api/now/table/u_toy", headers=cookie)).status == 401
    assert (await anonymous.get("/api/now/table/u_toy/x.do", headers=cookie)).status == 401
    refused = await anonymous.post("/u_toy.do?JSONv2&sysparm_action=insert", json={"u_name": "x"}, headers=cookie)
    assert refused.status == 401


async def test_the_schema_of_a_table(client: Client) -> None:
    """Users: one element a column, with its type and length; a reference has more; an error is an element."""
    answer = await client.get("/u_toy.do?SCHEMA")
    root = parsed(await answer.text())
    columns = {element.get("name"): dict(element.attrib) for element in root}
    assert root.tag == "u_toy"
    assert columns["u_color"] == {
        "name": "u_color",
        "internal_type": "string",
        "max_length": "40",
        "choice_list": "true",
        "active_status": "true",
    }
    owner = columns["u_owner"]
    assert (owner["reference_table"], owner["display_field"]) == ("sys_user", "name")
    answer = await client.get("/u_bunk.do?SCHEMA")
    assert (answer.status, parsed(await answer.text()).text) == (400, "Invalid table u_bunk")
    assert (await client.post("/u_toy.do?SCHEMA")).status == 405


@pytest.mark.parametrize("processor", ["XLS", "EXCEL", "PDF", "RSS"])
async def test_exports_that_are_not_here(client: Client, processor: str) -> None:
    """An instance has them; whoever calls one learns that, instead of a page to log in."""
    answer = await client.get(f"/u_toy_list.do?{processor}")
    assert answer.status == 501
    assert "CSV, XML, UNL, XLSX or JSONv2" in await answer.text()


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_guests_get_401(anonymous: Client, processor: str) -> None:
    """Docs: direct addresses need authentication."""
    answer = await anonymous.get(f"/u_toy_list.do?{processor}")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'BASIC realm="Service-now"'


@pytest.mark.parametrize("form", FORMATS)
async def test_a_user_gets_what_they_may_read(user: Client, form: str) -> None:
    """The toy that anybody may read, without the secret; no rule opens the vault; no such table."""
    answer = await user.get(f"/u_toy_list.do?{form}&sysparm_fields=u_name,u_secret")
    body = await answer.read()
    text = str(cells(body)) if form == "XLSX" else body.decode("windows-1252")
    assert "Ball" in text
    assert "Blocks" not in text
    assert "hush" not in text
    assert "u_secret" not in text
    assert (await user.get(f"/u_bunk_list.do?{form}")).status == 400
    assert (await user.post(f"/u_toy_list.do?{form}")).status == 405
    assert (await user.get(f"/u_toy_list.do?{form}&sysparm_query=u_name=%00")).status == 400


@pytest.mark.long
@pytest.mark.parametrize("form", FORMATS)
async def test_many_rows_are_read_as_they_are_sent(client: Client, create: Create, form: str) -> None:
    """More than are shown at a time, each once, in order."""
    for number in range(250):
        create("cmn_department", name=f"Department {number:03}")
    query = "sysparm_query=nameSTARTSWITHDepartment^ORDERBYname&sysparm_fields=name"
    answer = await client.get(f"/cmn_department_list.do?{form}&{query}")
    body = await answer.read()
    if form == "XLSX":
        names = [str(row[0]) for row in cells(body)][1:]
    elif form == "CSV":
        names = [row[0] for row in csv.reader(StringIO(body.decode()))][1:]
    else:
        names = [record.findtext("name") or "" for record in parsed(body)]
    assert names == [f"Department {number:03}" for number in range(250)]


async def test_an_address_without_a_processor_is_no_export(client: Client) -> None:
    """A parameter with a value, or of another name, asks for the page."""
    for address in ("/u_toy_list.do?CSV=1", "/u_toy_list.do?PDF", "/u_toy_list.do", "/oauth_token.do?CSV"):
        assert (await client.get(address)).headers.get("Content-Disposition") is None


@pytest.mark.long
async def test_a_workbook_has_several_sheets(client: Client, create: Create, instance: Instance) -> None:
    """Docs: 32,000 rows a sheet, each with its headings."""
    create("sys_properties", name="glide.xlsx.export.limit", value="40000")
    with instance.transaction(instance.system) as session:
        session.store_rows("cmn_department", ({"sys_id": f"{n:032}", "name": f"Many {n}"} for n in range(32_002)))
    answer = await client.get("/cmn_department_list.do?XLSX&sysparm_query=nameSTARTSWITHMany&sysparm_fields=name")
    workbook = load_workbook(BytesIO(await answer.read()), read_only=True)
    first, second = (list(sheet.values) for sheet in workbook)
    assert (len(first), second) == (32_001, [("Name",), ("Many 32000",), ("Many 32001",)])


async def test_a_cell_of_a_workbook_holds_what_excel_reads(client: Client, create: Create) -> None:
    """Excel: 32,767 UTF-16 code units, so half as many characters beyond the first plane."""
    for text in ("=" * 40_000, "\N{WINKING FACE}" * 20_000, "x" * 32_767):
        create("incident", description=text, short_description="long")
    address = "/incident_list.do?XLSX&sysparm_display_value=false&sysparm_fields=description"
    answer = await client.get(f"{address}&sysparm_query=short_description=long")
    with ZipFile(BytesIO(await answer.read())) as workbook:
        sheet = workbook.read("xl/worksheets/sheet1.xml").decode()
    _, *texts = [each.text or "" for each in parsed(sheet).iter() if each.tag.endswith("}t")]
    assert [len(text.encode("utf-16-le")) // 2 for text in texts] == [32_767, 32_766, 32_767]


@pytest.mark.parametrize("processor", ["CSV", "JSONv2"])
async def test_a_count_that_is_no_number_is_a_finding(client: Client, journal: Journal, processor: str) -> None:
    """It is ignored."""
    assert (await client.get(f"/u_toy_list.do?{processor}&sysparm_record_count=one")).status == 200
    assert [finding.message for _, finding in journal.findings()] == [
        "sysparm_record_count is 'one', expected a whole number: it was ignored"
    ]
