"""Direct SOAP services: zeep, which reads their descriptions, and messages as the documentation prints them."""

import asyncio
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from aiohttp import web
from aiohttp.test_utils import TestClient
from zeep import Client as Zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
TOY = "http://www.service-now.com/u_toy"


@pytest.fixture(autouse=True)
def toys(create: Create) -> list[str]:
    """Make two toys and return their sys_ids."""
    ball = create("u_toy", u_name="Ball", u_color="r", u_pieces="1", u_owner=ADMIN, u_broken="true")
    return [ball, create("u_toy", u_name="Blocks <&>", u_color="b", u_pieces="30")]


async def in_zeep(origin: str, use: Callable[[Any], Any], address: str = "u_toy.do?WSDL") -> Any:
    """Return what a client does that has read a description."""

    def run() -> Any:
        with requests.Session() as session:
            session.auth = ("admin", "admin")
            return use(Zeep(f"{origin}/{address}", transport=Transport(session=session)).service)

    return await asyncio.to_thread(run)


def message(operation: str, content: str = "", namespace: str = TOY) -> str:
    """Return a message as the documentation prints one."""
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:toy="{namespace}"><soapenv:Header/><soapenv:Body><toy:{operation}>{content}</toy:{operation}>'
        "</soapenv:Body></soapenv:Envelope>"
    )


def parsed(text: str) -> ET.Element:
    """Return the root of a document."""
    return ET.fromstring(text)  # noqa: S314 - what our own server wrote


async def sent(client: Client, operation: str, content: str = "", address: str = "/u_toy.do?SOAP") -> ET.Element:
    """Return the response to a message."""
    answer = await client.post(address, data=message(operation, content), headers={"Content-Type": "text/xml"})
    text = await answer.text()
    assert answer.status == 200, text
    return parsed(text)[1][0]


async def refused(client: Client, body: str, address: str = "/u_toy.do?SOAP") -> str | None:
    """Return why a message was refused."""
    answer = await client.post(address, data=body, headers={"Content-Type": "text/xml"})
    root = parsed(await answer.text())
    assert (answer.status, root.findtext(".//faultcode")) == (500, "SOAP-ENV:Server")
    return root.findtext(".//faultstring")


async def test_zeep_reads(origin: str, toys: list[str]) -> None:
    """Records with the types of their columns, one by sys_id, keys by example."""

    def use(toy: Any) -> None:
        ball, blocks = toy.getRecords(__order_by="u_pieces")
        assert (ball.u_name, ball.u_pieces, ball.u_broken, ball.u_owner) == ("Ball", 1, True, ADMIN)
        assert (blocks.u_name, blocks.u_owner, blocks.u_broken) == ("Blocks <&>", None, False)
        assert toy.get(sys_id=toys[0]).u_name == "Ball"
        assert toy.get(sys_id="bunk").u_name is None
        keys = toy.getKeys(u_color="r")
        assert (keys.sys_id, keys["count"]) == (toys[0], 1)

    await in_zeep(origin, use)


@pytest.mark.long
async def test_zeep_writes(origin: str, client: Client) -> None:
    """Values as people read them; what an insert returns names the record; refusals are faults."""

    def use(toy: Any) -> str:
        kite = toy.insert(u_name="Kite", u_color="Blue", u_owner="System Administrator", u_pieces=2)
        assert kite.u_name == "Kite"
        with pytest.raises(Fault, match="Insert Aborted : Unique Key violation"):
            toy.insert(u_name="Kite")
        assert toy.update(sys_id=kite.sys_id, u_pieces=3) == kite.sys_id
        several = toy.insertMultiple(record=[{"u_name": "Top"}, {"u_name": "Kite"}])
        assert [each.u_name for each in several] == ["Top", None]
        assert toy.deleteRecord(sys_id=several[0].sys_id) == 1
        assert toy.deleteRecord(sys_id=several[0].sys_id) == 0
        return str(kite.sys_id)

    kite = await in_zeep(origin, use)
    record = (await (await client.get(f"/api/now/table/u_toy/{kite}")).json())["result"]
    assert (record["u_color"], record["u_owner"]["value"], record["u_pieces"]) == ("b", ADMIN, "3")


async def test_an_answer_has_the_prefixes_of_its_request(client: Client) -> None:
    """Docs: the samples."""
    answer = await client.post("/u_toy.do?SOAP", data=message("getKeys", "<u_color>b</u_color>"))
    assert answer.headers["Content-Type"] == "text/xml;charset=UTF-8"
    start = '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    assert (await answer.text()).startswith(
        f'{start} xmlns:toy="{TOY}"><soapenv:Header/><soapenv:Body><toy:getKeysResponse>'
    )
    plain = f'<e:Envelope xmlns:e="{ENVELOPE[1:-1]}"><e:Body><getKeys xmlns="{TOY}"/></e:Body></e:Envelope>'
    assert (
        f'<tns:getKeysResponse xmlns:tns="{TOY}"><sys_id>'
        in await (await client.post("/u_toy.do?SOAP", data=plain)).text()
    )
    bare = f'<e:Envelope xmlns:e="{ENVELOPE[1:-1]}"><e:Body><getKeys/></e:Body></e:Envelope>'
    assert "<getKeysResponse><sys_id>" in await (await client.post("/u_toy.do?SOAP", data=bare)).text()


async def test_extended_query_parameters(client: Client, create: Create, toys: list[str]) -> None:
    """Docs: query, order, window, view, excluded columns; values of columns beside them."""

    async def names(content: str) -> list[str | None]:
        return [each.findtext("u_name") for each in await sent(client, "getRecords", content)]

    create("u_toy", u_name="Kite", u_color="r", u_pieces="5")
    assert await names(
        "<__encoded_query>u_pieces&lt;10</__encoded_query><__order_by_desc>u_name</__order_by_desc>"
    ) == [
        "Kite",
        "Ball",
    ]
    query = "<__encoded_query>u_pieces&lt;10^ORDERBYu_name</__encoded_query>"
    assert await names(f"{query}<u_color>r</u_color><u_name>Kite</u_name>") == ["Kite"]
    by_name = "<__order_by>u_name</__order_by>"
    assert await names(f"{by_name}<__limit>1</__limit>") == ["Ball"]
    assert await names(f"{by_name}<__first_row>1</__first_row><__last_row>2</__last_row>") == ["Blocks <&>"]
    (ball,) = await sent(
        client, "getRecords", "<__exclude_columns>u_name,u_color</__exclude_columns><u_name>Ball</u_name>"
    )
    assert (ball.find("u_color"), ball.findtext("u_pieces")) == (None, "1")
    create("sys_ui_list_element", name="u_toy", view="soap", element="u_owner.user_name", position="0")
    response = await sent(client, "get", f"<sys_id>{toys[0]}</sys_id><__use_view>soap</__use_view>")
    assert [(each.tag, each.text) for each in response] == [("u_owner.user_name", "admin")]


async def test_display_values_and_empty_elements(client: Client, create: Create, toys: list[str]) -> None:
    """Docs: by a parameter of the address, or a property."""
    asked = f"<sys_id>{toys[0]}</sys_id>"
    shown = await sent(client, "get", asked, "/u_toy.do?displayvalue=true&SOAP")
    assert (shown.findtext("u_owner"), shown.findtext("u_broken")) == ("System Administrator", "1")
    both = await sent(client, "get", asked, "/u_toy.do?SOAP&displayvalue=all")
    assert (both.findtext("u_owner"), both.findtext("dv_u_owner")) == (ADMIN, "System Administrator")
    assert (both.findtext("u_sold"), both.findtext("dv_u_name"), both.findtext("dv_u_broken")) == ("", "Ball", "true")
    create("sys_properties", name="glide.soap.omit_null_values", value="true")
    both = await sent(client, "get", asked, "/u_toy.do?SOAP&displayvalue=all")
    assert (both.findtext("dv_u_name"), both.find("dv_u_sold")) == ("Ball", None)
    create("sys_properties", name="glide.soap.return_displayValue", value="true")
    shown = await sent(client, "get", asked)
    assert (shown.findtext("u_owner"), shown.find("u_sold")) == ("System Administrator", None)


async def test_aggregates(client: Client, create: Create) -> None:
    """Docs: functions, groups, HAVING, a query and values."""
    create("u_toy", u_name="Kite", u_color="r", u_pieces="5")
    counted = await sent(client, "aggregate", "<COUNT>u_name</COUNT><u_color>r</u_color>")
    assert [(each.tag, each.text) for each in counted[0]] == [("count", "2")]
    grouped = await sent(
        client,
        "aggregate",
        "<AVG>u_pieces</AVG><GROUP_BY>u_color</GROUP_BY><__encoded_query>u_pieces&lt;30</__encoded_query>",
    )
    assert [[(each.tag, each.text) for each in group] for group in grouped] == [[("avg", "3.0000"), ("u_color", "r")]]
    having = "<COUNT>u_name</COUNT><GROUP_BY>u_color</GROUP_BY><HAVING>COUNT^*^&gt;^1</HAVING>"
    assert [group.findtext("u_color") for group in await sent(client, "aggregate", having)] == ["r"]


async def test_an_empty_element_clears_only_where_the_address_says_so(client: Client, toys: list[str]) -> None:
    """Docs: clear values from a target instance."""
    emptied = f"<sys_id>{toys[0]}</sys_id><u_pieces/><u_owner></u_owner><u_color>b</u_color>"
    await sent(client, "update", emptied)
    ball = await sent(client, "get", f"<sys_id>{toys[0]}</sys_id>")
    assert [ball.findtext(name) for name in ("u_pieces", "u_owner", "u_color")] == ["1", ADMIN, "b"]
    await sent(client, "update", emptied, "/u_toy.do?SOAP&allow_empty_value=true")
    ball = await sent(client, "get", f"<sys_id>{toys[0]}</sys_id>")
    assert [ball.findtext(name) for name in ("u_pieces", "u_owner", "u_color")] == ["", "", "b"]
    states: list[str | None] = []
    for address in ("/incident.do?SOAP", "/incident.do?SOAP&allow_empty_value=true"):
        made = await sent(client, "insert", "<short_description>x</short_description><urgency/>", address)
        read = await sent(client, "get", f"<sys_id>{made.findtext('sys_id')}</sys_id>", "/incident.do?SOAP")
        states.append(read.findtext("urgency"))
    assert states == ["3", ""]


async def test_records_deleted_by_example(client: Client, swallowed: Swallowed) -> None:
    """Docs: the number of them; without an example nothing is deleted (inferred)."""
    assert "needs a value" in str(await refused(client, message("deleteMultiple")))
    assert (await sent(client, "deleteMultiple", "<u_color>r</u_color>")).findtext("count") == "1"
    assert (await sent(client, "getKeys")).findtext("count") == "1"
    assert swallowed() == []


@pytest.mark.parametrize(
    ("example", "why"),
    [
        ("<u_colr>r</u_colr>", "table 'u_toy' has no column 'u_colr' (did you mean 'u_color'?)"),
        ("<u_color>r</u_color><u_pices>1</u_pices>", "'u_pices=1': table 'u_toy' has no column 'u_pices' (did you"),
        ("<u_owner.nme>x</u_owner.nme>", "table 'sys_user' has no column 'nme' (did you mean 'name'?)"),
        ("<COUNT>u_name</COUNT>", "table 'u_toy' has no column 'COUNT'"),
        ("<__encoded_query>u_colr=r</__encoded_query>", "no column 'u_colr' (did you mean 'u_color'?)"),
        ("<__encoded_query>u_color=r^u_name like B</__encoded_query>", "'u_name like B': expected a column name, an"),
        ("<__encoded_query>u_color=r^ORu_x=1</__encoded_query>", "table 'u_toy' has no column 'u_x'"),
        ("<u_color>r</u_color><__order_by>u_nme</__order_by><__limit>1</__limit>", "no column 'u_nme' (did you mean"),
        ("<u_color>r</u_color><__limit>one</__limit>", "__limit is 'one'; expected a whole number"),
        (
            "<u_color>r</u_color><__encoded_qury>u_pieces=1</__encoded_qury>",
            "unknown parameter '__encoded_qury' (did you mean '__encoded_query'?)",
        ),
        ("<__encoded_query/><__order_by>u_name</__order_by>", "needs a value to look for"),
    ],
)
async def test_a_deletion_by_example_that_would_lose_a_part_is_refused(client: Client, example: str, why: str) -> None:
    """Nothing is deleted (inferred)."""
    refusal = str(await refused(client, message("deleteMultiple", example)))
    assert why in refusal
    assert "\n" not in refusal
    assert (await sent(client, "getKeys")).findtext("count") == "2"


async def test_the_property_for_invalid_queries_deletes_nothing(client: Client, create: Create) -> None:
    """Docs: glide.invalid_query.returns_no_rows."""
    create("sys_properties", name="glide.invalid_query.returns_no_rows", value="true")
    assert (await sent(client, "deleteMultiple", "<u_colr>r</u_colr>")).findtext("count") == "0"
    assert (await sent(client, "getKeys")).findtext("count") == "2"


async def test_windows_of_keys_and_deletions(client: Client) -> None:
    """Docs: a limit, a first and a last row."""
    by_name = "<__order_by>u_name</__order_by>"
    assert (await sent(client, "getKeys", f"{by_name}<__limit>1</__limit>")).findtext("count") == "1"
    window = f"<__encoded_query>u_pieces&gt;0</__encoded_query>{by_name}<__first_row>1</__first_row>"
    assert (await sent(client, "deleteMultiple", f"{window}<__last_row>2</__last_row>")).findtext("count") == "1"
    assert [each.findtext("u_name") for each in await sent(client, "getRecords")] == ["Ball"]


async def test_faults(client: Client) -> None:
    """Users: no XML, no envelope, another verb; an unknown operation, table or record."""
    assert await refused(client, "{}") == "Unable to parse SOAP document"
    assert await refused(client, "<a/>") == "Unable to parse SOAP document"
    assert await refused(client, message("fetch")) == "Unsupported SOAP operation fetch"
    assert await refused(client, message("getKeys"), "/u_bunk.do?SOAP") == "Invalid table u_bunk"
    assert "No Record found" in str(await refused(client, message("update", "<sys_id>bunk</sys_id>")))
    answer = await client.get("/u_toy.do?SOAP")
    assert parsed(await answer.text()).findtext(".//faultstring") == (
        "Error completing SOAP request - Only HTTP POST supported"
    )


async def test_roles(user: Client, grant: Callable[[str, str], None], create: Create) -> None:
    """Docs: with strict security a role opens each kind of operation; access control holds with and without."""
    assert "User Not Authorized" in str(await refused(user, message("getKeys")))
    assert (await user.get("/u_toy.do?WSDL")).status == 403
    grant("plain", "soap_query")
    assert (await sent(user, "getKeys")).findtext("count") == "1"
    assert (await user.get("/u_toy.do?WSDL")).status == 200
    assert "User Not Authorized" in str(await refused(user, message("insert", "<u_name>x</u_name>")))
    create("sys_properties", name="glide.soap.strict_security", value="false")
    assert "Insert Aborted" in str(await refused(user, message("insert", "<u_name>x</u_name>")))
    assert (await sent(user, "deleteMultiple", "<__encoded_query>u_color=r</__encoded_query>")).findtext("count") == "0"
    several = await sent(user, "insertMultiple", "<record><u_name>x</u_name></record>")
    assert several[0].findtext("status") == "error"


async def test_descriptions(client: Client, create: Create) -> None:
    """Docs: namespaces, names and types, and the properties that change them; the schema alone."""
    wsdl = await (await client.get("/u_toy.do?WSDL")).text()
    assert f'targetNamespace="{TOY}"' in wsdl
    assert '<xsd:element maxOccurs="1" minOccurs="0" name="u_broken" type="xsd:boolean"/>' in wsdl
    assert 'elementFormDefault="unqualified"' in wsdl
    assert '<wsdl:service name="ServiceNow_u_toy">' in wsdl
    assert 'location="https://dev12345.service-now.com/u_toy.do?SOAP"' in wsdl
    assert parsed(await (await client.get("/u_toy.do?XSD")).text()).tag == "{http://www.w3.org/2001/XMLSchema}schema"
    assert (await client.post("/u_toy.do?WSDL")).status == 405
    assert (await client.get("/u_bunk.do?WSDL")).status == 400
    create("sys_properties", name="com.glide.soap_address_base_url", value="https://proxy.example.com/service-now/")
    create("sys_properties", name="glide.wsdl.definition.use_unique_namespace", value="false")
    create("sys_properties", name="glide.wsdl.schema.UnqualifiedElementFormDefault", value="false")
    create("sys_properties", name="glide.wsdl.unique_service_name", value="false")
    wsdl = await (await client.get("/u_toy.do?WSDL")).text()
    assert 'location="https://proxy.example.com/service-now/u_toy.do?SOAP"' in wsdl
    assert 'targetNamespace="http://www.service-now.com"' in wsdl
    assert 'elementFormDefault="qualified"' in wsdl
    assert '<wsdl:service name="ServiceNow">' in wsdl
    response = await sent(client, "getKeys")
    assert response[0].tag == f"{{{TOY}}}sys_id"


async def test_zeep_reads_qualified_answers(origin: str, create: Create) -> None:
    """The property makes description and answers agree."""
    create("sys_properties", name="glide.wsdl.schema.UnqualifiedElementFormDefault", value="false")
    assert await in_zeep(origin, lambda toy: toy.getKeys(u_color="r")["count"]) == 1


@pytest.mark.long
async def test_many_records(client: Client, create: Create) -> None:
    """Docs: 250 at most; keys of all."""
    for number in range(260):
        create("cmn_department", name=f"Department {number:03}")
    asked = "<__encoded_query>nameSTARTSWITHDepartment^ORDERBYname</__encoded_query><__limit>300</__limit>"
    found = await sent(client, "getRecords", asked, "/cmn_department.do?SOAP")
    assert [each.findtext("name") for each in found] == [f"Department {number:03}" for number in range(250)]
    assert (await sent(client, "getKeys", asked, "/cmn_department.do?SOAP")).findtext("count") == "260"


async def test_aggregates_count_the_records_of_the_same_example_as_keys(client: Client) -> None:
    """Values as people read them; a caret in one is no query."""
    for example, count in (
        ("<u_owner>System Administrator</u_owner>", "1"),
        ("<u_color>Red</u_color>", "1"),
        ("<u_name>zz^NQu_color=r</u_name>", "0"),
        ("<__encoded_query>u_pieces=1^ORu_pieces=30</__encoded_query><u_color>Blue</u_color>", "1"),
    ):
        counted = await sent(client, "aggregate", f"<COUNT>u_name</COUNT>{example}")
        keys = await sent(client, "getKeys", example)
        assert (counted[0].findtext("count"), keys.findtext("count")) == (count, count), example


async def test_one_element_for_each_aggregate(client: Client, create: Create) -> None:
    """Of several columns by one function, too; LAST is the value of the record inserted last (both inferred)."""
    create("u_toy", u_name="Kite", u_color="r", u_pieces="5", u_weight="0.5", u_broken="true")
    asked = "<SUM>u_weight</SUM><SUM>u_pieces</SUM><LAST>u_name</LAST><LAST>u_weight</LAST>"
    ((*whole,),) = await sent(client, "aggregate", asked)
    assert [(each.tag, each.text) for each in whole] == [
        ("sum", "0.5"),
        ("sum", "36"),
        ("last", "Kite"),
        ("last", "0.5"),
    ]
    grouped = await sent(client, "aggregate", "<LAST>u_name</LAST><GROUP_BY>u_broken</GROUP_BY>")
    assert [[each.text for each in group] for group in grouped] == [["Blocks <&>", "0"], ["Kite", "1"]]


async def test_what_cannot_be_computed_is_a_finding(client: Client, journal: Journal) -> None:
    """In the words of the message."""

    def swallowed() -> list[str]:
        return [finding.message for _, finding in journal.findings()]

    await sent(client, "aggregate", "<SUM>u_pices</SUM><HAVING>COUNT^*^about^1</HAVING><LAST>u_key</LAST>")
    assert swallowed() == [
        "HAVING holds a text that is not aggregate^field^operator^number: it was ignored",
        "SUM holds 'u_pices', but table 'u_toy' has no column 'u_pices': it was ignored",
        "LAST holds 'u_key', but column 'u_key' holds passwords: it was ignored",
    ]
    await sent(client, "aggregate", "<u_color>r</u_color>")
    assert swallowed()[-1] == "no aggregate is asked for: none was computed"


@pytest.mark.parametrize(
    ("operation", "content", "why"),
    [
        ("getKeys", "<__limt>1</__limt>", "unknown parameter '__limt' (did you mean '__limit'?): it was ignored"),
        ("getRecords", "<__limit>one</__limit>", "__limit is 'one'; expected a whole number: it was ignored"),
        (
            "get",
            "<__exclude_columns>u_name, u_nme</__exclude_columns>",
            "__exclude_columns names 'u_nme', which u_toy lacks: it was ignored",
        ),
        ("aggregate", "<COUNT>u_name</COUNT><__limit>1</__limit>", "unknown parameter '__limit': it was ignored"),
        ("get", "<sys_id>x</sys_id><u_name>Ball</u_name>", "unknown parameter 'u_name': it was ignored"),
        ("insert", "<__limit>1</__limit>", "unknown parameter '__limit': it was ignored"),
        ("insertMultiple", "<u_name>Stray</u_name>", "unknown parameter 'u_name'; expected record: it was ignored"),
        ("update", "<sys_id>{ball}</sys_id><__view>x</__view>", "unknown parameter '__view': it was ignored"),
        ("deleteRecord", "<sys_id>x</sys_id><u_name>Ball</u_name>", "unknown parameter 'u_name': it was ignored"),
    ],
)
async def test_what_an_operation_does_not_take_is_a_finding(
    client: Client, journal: Journal, operation: str, content: str, why: str
) -> None:
    """Whatever the operation (inferred); insertMultiple makes no record of it."""
    ball = (await sent(client, "getKeys", "<u_name>Ball</u_name>")).findtext("sys_id")
    await sent(client, operation, content.format(ball=ball))
    assert [finding.message for _, finding in journal.findings()] == [why]
    if operation != "insert":
        assert (await sent(client, "getKeys")).findtext("count") == "2"


async def test_who_is_not_let_in_reads_a_fault(client: Client, anonymous: Client) -> None:
    """401 as documented; that its body is a fault is inferred."""
    refusal = await anonymous.post("/u_toy.do?SOAP", data=message("getKeys"))
    assert (refusal.status, refusal.headers["WWW-Authenticate"]) == (401, 'BASIC realm="Service-now"')
    assert refusal.headers["Content-Type"] == "text/xml;charset=UTF-8"
    assert parsed(await refusal.text()).findtext(".//faultstring") == (
        "User is not authenticated: Required to provide Auth information"
    )
    assert (await anonymous.get("/u_toy.do?WSDL")).headers["Content-Type"].startswith("application/json")
    assert (await client.post("/u_toy.do?SOAP", data=message("getKeys"))).status == 200


@pytest.mark.parametrize(
    ("text", "count"), [("0000000001", "1"), (" 1 ", "1"), ("0", "0"), ("9" * 30, "2"), ("1.0", "2")]
)
async def test_a_number_is_read_as_xml_schema_reads_it(client: Client, text: str, count: str) -> None:
    """Zeros and spaces around it mean nothing; what is no whole number is ignored."""
    assert (await sent(client, "getKeys", f"<__limit>{text}</__limit>")).findtext("count") == count


async def test_excluded_columns_may_have_spaces_between_them(client: Client) -> None:
    """As people write lists."""
    excluded = "<__exclude_columns>u_name, u_color ,u_pieces</__exclude_columns>"
    (ball, _) = await sent(client, "getRecords", f"{excluded}<__order_by>u_pieces</__order_by>")
    assert {"u_name", "u_color", "u_pieces"}.isdisjoint(each.tag for each in ball)


@pytest.mark.parametrize("more", ["displayvalu=true", "displayvalue=yes", "hierarchical=true"])
async def test_what_an_address_may_not_have_is_a_finding(client: Client, journal: Journal, more: str) -> None:
    """Unknown parameters, and unknown words."""
    await sent(client, "getRecords", "", f"/u_toy.do?SOAP&{more}")
    [message] = [finding.message for _, finding in journal.findings()]
    assert more.partition("=")[0] in message
