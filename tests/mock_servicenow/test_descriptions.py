"""Descriptions of SOAP services, judged by a schema validator: they are valid, and requests and answers fit them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from lxml import etree
from zeep import Client as Zeep
from zeep.transports import Transport

from mock_servicenow import MockServiceNow, Settings

XSD = "{http://www.w3.org/2001/XMLSchema}"
# Columns with the names of elements that the operations have themselves, and one that inserts must have.
WORDS = """
- name: u_words
  columns:
    u_need: {mandatory: true, display: true}
    count: {type: integer}
    sum: {type: decimal}
    last: {}
    status: {}
    error_message: {}
    record: {type: boolean}
    dv_last: {}
    chosen: {type: integer, choices: {1: One}}
"""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServiceNow]:
    """Serve an instance with a table of such columns."""
    tables = Path(tmp_path_factory.mktemp("tables"), "tables.yaml")
    tables.write_text(WORDS, encoding="utf-8")
    with MockServiceNow(Settings(tables=(tables,))) as served:
        yield served


@pytest.fixture(scope="module")
def session(instance: MockServiceNow) -> Iterator[requests.Session]:
    """Give a client that is logged in."""
    with requests.Session() as client:
        client.auth = instance.auth
        yield client


def schema_of(text: str) -> etree.XMLSchema:
    """Return the schema of a service; raises XMLSchemaParseError for one that is invalid."""
    return etree.XMLSchema(etree.fromstring(text.encode()))


def structure_of(text: str) -> etree.XMLSchema:
    """Return the schema without its types: an instance writes an empty element for an empty number."""
    return schema_of(re.sub(r'type="xsd:\w+"', 'type="xsd:string"', text))


@pytest.mark.long
def test_the_description_of_every_table_is_valid(instance: MockServiceNow, session: requests.Session) -> None:
    """And lets a client send each operation but an insert without any value."""
    tables = session.get(f"{instance.url}/api/now/table/sys_db_object?sysparm_fields=name").json()["result"]
    services = session.get(f"{instance.url}/api/now/table/sys_web_service?sysparm_fields=name").json()["result"]
    assert len(tables) > 50
    for name in [each["name"] for each in (*tables, *services)]:
        schema_of(session.get(f"{instance.url}/{name}.do?displayvalue=all&XSD").text)
        text = session.get(f"{instance.url}/{name}.do?XSD").text
        schema, namespace = schema_of(text), f"http://www.service-now.com/{name}"
        for operation in re.findall(r'<xsd:element name="(\w+)"><xsd:complexType>', text):
            if not operation.startswith("insert") and not operation.endswith("Response"):
                schema.assertValid(etree.Element(f"{{{namespace}}}{operation}"))


def use(instance: MockServiceNow, session: requests.Session, table: str, asked: str = "") -> Any:
    """Return a client that has read the description of a table."""
    return Zeep(f"{instance.url}/{table}.do?{asked}WSDL", transport=Transport(session=session)).service


def test_zeep_asks_about_a_table_with_a_mandatory_column(instance: MockServiceNow, session: requests.Session) -> None:
    """The column is mandatory in new records alone."""
    words = use(instance, session, "u_words")
    made = words.insert(u_need="x", count=3)
    assert made.u_need == "x"
    assert words.update(sys_id=made.sys_id, count=4) == made.sys_id
    assert [each.u_need for each in words.getRecords(count=4)] == ["x"]
    assert words.getKeys(count=4)["count"] == 1
    (result,) = words.aggregate(COUNT="u_need")
    assert result["count"] == 1
    assert words.deleteMultiple(count=4) == 1


@pytest.mark.parametrize("form", ["true", "all"])
def test_zeep_reads_display_values(instance: MockServiceNow, session: requests.Session, form: str) -> None:
    """The address in the description keeps the parameter, as clients rely on; what people read is text."""
    made = use(instance, session, "u_words").insert(u_need="x", count=1234, chosen=1, last="z", dv_last="own")
    shown = use(instance, session, "u_words", f"displayvalue={form}&").get(sys_id=made.sys_id)
    if form == "true":
        assert (shown.chosen, shown["count"]) == ("One", "1,234")
    else:
        assert (shown.chosen, shown.dv_chosen, shown.dv_u_need) == (1, "One", "x")
        assert (shown.last, shown.dv_last, shown.dv_dv_last) == ("z", "own", "own")
        assert (shown.sys_id, shown.dv_sys_created_by) == (shown.dv_sys_id, "admin")


OPERATIONS = {
    "insert": "<u_need>a</u_need><count>1</count><sum>1.5</sum><record>true</record>",
    "insertMultiple": "<record><u_need>b</u_need><last>z</last></record><record><u_need/></record>",
    "update": "<sys_id>{sys_id}</sys_id><u_need>c</u_need>",
    "get": "<sys_id>{sys_id}</sys_id>",
    "getRecords": "<__limit>2</__limit>",
    "getKeys": "",
    "aggregate": "<COUNT>u_need</COUNT><SUM>count</SUM><SUM>sum</SUM><MIN>u_need</MIN><MAX>sum</MAX><AVG>count</AVG>"
    "<LAST>last</LAST><GROUP_BY>u_need</GROUP_BY><GROUP_BY>error_message</GROUP_BY><GROUP_BY>status</GROUP_BY>",
    "deleteRecord": "<sys_id>{sys_id}</sys_id>",
    "deleteMultiple": "<u_need>a</u_need>",
}


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        *((operation, "") for operation in OPERATIONS),
        ("get", "displayvalue=true&"),
        ("getRecords", "displayvalue=all&"),
    ],
)
def test_requests_and_answers_fit_the_description(
    instance: MockServiceNow, session: requests.Session, operation: str, asked: str
) -> None:
    """Names and order of their elements."""
    made = session.post(f"{instance.url}/api/now/table/u_words", json={"u_need": "m", "last": "l"}).json()["result"]
    schema = structure_of(session.get(f"{instance.url}/u_words.do?{asked}XSD").text)
    content = OPERATIONS[operation].format(sys_id=made["sys_id"])
    request = f'<w:{operation} xmlns:w="http://www.service-now.com/u_words">{content}</w:{operation}>'
    schema.assertValid(etree.fromstring(request))
    envelope = (
        f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{request}</e:Body></e:Envelope>'
    )
    answer = session.post(f"{instance.url}/u_words.do?{asked}SOAP", data=envelope, headers={"Content-Type": "text/xml"})
    response = etree.fromstring(answer.content)[-1][0]
    assert response.tag.endswith(f"{operation}Response"), answer.text
    schema.assertValid(response)
