"""Descriptions of web services: WSDL, and the XML schema in it (Docs: direct web services)."""

from collections.abc import Container, Iterable, Mapping
from functools import partial
from xml.sax.saxutils import quoteattr

from msgspec import Struct
from multidict import CIMultiDict

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.xml_text import HEAD
from mock_servicenow.now_platform.rest.call import Answer
from mock_servicenow.now_platform.rest.soap.scripted_services import EXECUTE, ScriptedService
from mock_servicenow.now_platform.rest.soap.soap_message import OWN_NAMESPACE
from mock_servicenow.now_platform.rest.soap.table_operations import (
    COLUMNS,
    DISPLAY,
    DISPLAYED,
    NUMBERS,
    RECORD,
    TableOperation,
)

UNQUALIFIED = Property("glide.wsdl.schema.UnqualifiedElementFormDefault", "true")
ADDRESS_BASE = Property("com.glide.soap_address_base_url")
_OWN_NAMESPACE = Property("glide.wsdl.definition.use_unique_namespace", "true")
_OWN_NAME = Property("glide.wsdl.unique_service_name", "true")
"""The property that replaces the instance's own address in descriptions."""
_SYSTEM = frozenset(column.name for column in SYSTEM_COLUMNS)
_TYPES = {Family.BOOLEAN: "boolean", Family.INTEGER: "integer", Family.DECIMAL: "double"}
_NUMBERS = frozenset({*NUMBERS, "count"})
_NAMESPACES = {
    "soapenc": "http://schemas.xmlsoap.org/soap/encoding/",
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "http": "http://schemas.xmlsoap.org/wsdl/http/",
    "xsd": "http://www.w3.org/2001/XMLSchema",
    "mime": "http://schemas.xmlsoap.org/wsdl/mime/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
}
_XML = "text/xml;charset=UTF-8"


class Member(Struct, frozen=True):
    """One element in a message.

    Attributes:
        type: of XML schema.
        required: whether it must be there.
        many: whether it may be there more than once.
    """

    name: str
    type: str = "string"
    required: bool = False
    many: bool = False


class Message(Struct, frozen=True):
    """One message of a description: its element, and the elements in that as XML schema."""

    name: str
    content: str


class Description(Struct, frozen=True):
    """The description of one service.

    Attributes:
        operations: by name, each with the message it takes and the one it gives.
        parameters: what its address has before the word SOAP, such as ``displayvalue=all&``.
    """

    name: str
    operations: Mapping[str, tuple[Message, Message]]
    parameters: str = ""

    def wsdl(self, session: Session, origin: str) -> Answer:
        """Return it as WSDL."""
        return _document(_wsdl(self, session, origin))

    def xsd(self, session: Session) -> Answer:
        """Return the schema of its messages."""
        return _document(_schema(self, session, f' xmlns:xsd="{_NAMESPACES["xsd"]}"'))


def namespace_of(session: Session, name: str) -> str:
    """Return the namespace of a service, which is its own unless a property says otherwise."""
    own = session.is_on(_OWN_NAMESPACE)
    return f"{OWN_NAMESPACE}/{name}" if own else OWN_NAMESPACE


def is_qualified(session: Session) -> bool:
    """Return whether the elements in messages are in the service's namespace."""
    return session.system_property(UNQUALIFIED) == "false"


def describe_table(
    table: str,
    columns: list[Column],
    display: str,
    operations: Mapping[str, TableOperation],
    form: str = "false",
) -> Description:
    """Return the description of a table's service.

    Args:
        table: its name.
        columns: those that the user may see.
        display: its display column.
        operations: those that it has.
        form: what responses show of a column: ``false``, ``true`` or ``all``.
    """
    messages = {name: _messages(name, operation, columns, display, form) for name, operation in operations.items()}
    return Description(table, messages)


def describe_scripted(service: ScriptedService) -> Description:
    """Return the description of a scripted service."""
    takes, gives = (_sequence(Member(name) for name in names) for names in (service.inputs, service.outputs))
    return Description(service.name, {EXECUTE: (Message(EXECUTE, takes), Message(f"{EXECUTE}Response", gives))})


def _messages(
    name: str, operation: TableOperation, columns: list[Column], display: str, form: str
) -> tuple[Message, Message]:
    inserts = name.startswith("insert")
    own = [_of_column(column, required=inserts) for column in columns if not (inserts and column.name in _SYSTEM)]
    takes = (
        _repeated(RECORD, _sequence(own))
        if operation.takes == (RECORD,)
        else _sequence(_members(operation.takes, own, display, operation.lists))
    )
    shown = _shown(columns, form if operation.displays else "false")
    gives = _sequence(_members(operation.gives, shown, display, operation.lists))
    return Message(name, takes), Message(f"{name}Response", _repeated(operation.repeated, gives))


def _of_column(column: Column, *, required: bool = False) -> Member:
    return Member(column.name, _TYPES.get(column.family, "string"), required=required and column.mandatory)


def _shown(columns: list[Column], form: str) -> list[Member]:
    """Return the columns as a response has them: what people read is text, whatever the column holds."""
    if form == "true":
        return [Member(column.name) for column in columns]
    if form == "false":
        return [_of_column(column) for column in columns]
    names = {column.name for column in columns}
    pairs = ((_of_column(column), Member(DISPLAYED.format(column.name))) for column in columns)
    return [member for value, shown in pairs for member in (value, shown) if member is value or shown.name not in names]


def _members(words: Iterable[str], columns: list[Member], display: str, lists: Container[str]) -> Iterable[Member]:
    """Yield what a message holds by the names of an operation."""
    for word in words:
        if word == COLUMNS:
            yield from columns
            continue
        name = display if word == DISPLAY else word
        yield Member(name, "integer" if name in _NUMBERS else "string", many=name in lists)


def _sequence(members: Iterable[Member]) -> str:
    """Return elements in a row; a schema may have each name once, as the first member that has it."""
    named: dict[str, Member] = {}
    for each in members:
        named.setdefault(each.name, each)
    return "".join(map(_element, named.values()))


def _element(member: Member) -> str:
    most, least = "unbounded" if member.many else "1", int(member.required)
    return (
        f'<xsd:element maxOccurs="{most}" minOccurs="{least}" name={quoteattr(member.name)} type="xsd:{member.type}"/>'
    )


def _repeated(name: str, content: str) -> str:
    """Return an element that holds others and may stand any number of times; just the others without a name."""
    if not name:
        return content
    inner = f"<xsd:complexType><xsd:sequence>{content}</xsd:sequence></xsd:complexType>"
    return f'<xsd:element maxOccurs="unbounded" minOccurs="0" name="{name}">{inner}</xsd:element>'


def _schema(description: Description, session: Session, declared: str = "") -> str:
    form = "qualified" if is_qualified(session) else "unqualified"
    target = quoteattr(namespace_of(session, description.name))
    messages = (
        f'<xsd:element name="{message.name}"><xsd:complexType><xsd:sequence>{message.content}'
        "</xsd:sequence></xsd:complexType></xsd:element>"
        for pair in description.operations.values()
        for message in pair
    )
    return (
        f'<xsd:schema{declared} elementFormDefault="{form}" targetNamespace={target}>{"".join(messages)}</xsd:schema>'
    )


def _wsdl(description: Description, session: Session, origin: str) -> str:
    name, namespace = description.name, namespace_of(session, description.name)
    unique = session.is_on(_OWN_NAME)
    service = f"ServiceNow_{name}" if unique else "ServiceNow"
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    messages = "".join(map(partial(_parts, name), description.operations))
    ports = "".join(map(_port, description.operations))
    bindings = "".join(map(partial(_binding, namespace), description.operations))
    base = session.system_property(ADDRESS_BASE).rstrip("/") or origin
    address = quoteattr(f"{base}/{name}.do?{description.parameters}SOAP")
    return (
        f"<wsdl:definitions{declared} xmlns:tns={quoteattr(namespace)} targetNamespace={quoteattr(namespace)}>"
        f"<wsdl:types>{_schema(description, session)}</wsdl:types>{messages}"
        f'<wsdl:portType name="ServiceNowSoap">{ports}</wsdl:portType>'
        '<wsdl:binding name="ServiceNowSoap" type="tns:ServiceNowSoap">'
        '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'{bindings}</wsdl:binding><wsdl:service name="{service}">'
        '<wsdl:port binding="tns:ServiceNowSoap" name="ServiceNowSoap">'
        f"<soap:address location={address}/></wsdl:port></wsdl:service></wsdl:definitions>"
    )


def _parts(service: str, name: str) -> str:
    return "".join(
        f'<wsdl:message name="{name}Soap{way}"><wsdl:part element="tns:{element}" name="{service}"/></wsdl:message>'
        for way, element in (("In", name), ("Out", f"{name}Response"))
    )


def _port(name: str) -> str:
    ways = f'<wsdl:input message="tns:{name}SoapIn"/><wsdl:output message="tns:{name}SoapOut"/>'
    return f'<wsdl:operation name="{name}">{ways}</wsdl:operation>'


def _binding(namespace: str, name: str) -> str:
    body, action = '<soap:body use="literal"/>', quoteattr(f"{namespace}/{name}")
    return (
        f'<wsdl:operation name="{name}"><soap:operation soapAction={action} style="document"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>"
    )


def _document(root: str) -> Answer:
    return Answer(200, f"{HEAD}{root}".encode(), CIMultiDict({"Content-Type": _XML}))
