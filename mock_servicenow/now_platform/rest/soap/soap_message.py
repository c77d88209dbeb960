"""SOAP 1.1 messages: requests as they are read, answers and faults as they are written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar
from xml.sax.saxutils import quoteattr

from msgspec import Struct, field
from msgspec.structs import replace
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import PlatformError, SoapError, UnreadableBody
from mock_servicenow.now_platform.records.xml_text import HEAD, character_data
from mock_servicenow.now_platform.rest.answers import Layout, laid_out
from mock_servicenow.now_platform.rest.bounded_xml import BoundedXml
from mock_servicenow.now_platform.rest.call import Answer

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
OWN_NAMESPACE = "http://www.service-now.com"
UNREADABLE = "Unable to parse SOAP document"
INCOMPLETE = "Error completing SOAP request"
_TYPE = "text/xml;charset=UTF-8"


class Element(Struct):
    """An element of a message, without its namespace."""

    name: str
    text: str = ""
    children: "list[Element]" = field(default_factory=list)

    @property
    def values(self) -> dict[str, str]:
        """The texts of its children by their names; of several with one name the last."""
        return {child.name: child.text for child in self.children}

    def texts(self, name: str) -> list[str]:
        """Return the texts of the children of that name."""
        return [child.text for child in self.children if child.name == name]


class SoapRequest(Struct, frozen=True):
    """What a message asks for.

    Attributes:
        operation: its name, with the elements that it gives.
        namespace: the operation's; empty for none.
        declared: the namespaces that the envelope declares, by their prefixes.
    """

    operation: Element
    namespace: str
    declared: Mapping[str, str]


_Entry = TypeVar("_Entry")


def read_request(body: bytes) -> SoapRequest:
    """Return what a message asks for; raises SoapError for what is no message."""
    message = _Message()
    try:
        message.read(body)
    except UnreadableBody:
        raise SoapError(UNREADABLE) from None
    if message.operation is None:
        raise SoapError(UNREADABLE)
    return SoapRequest(message.operation, message.namespace, message.declared)


class _Message(BoundedXml):
    """Hears the first operation of a message."""

    def __init__(self) -> None:
        super().__init__()
        self.operation: Element | None = None
        self.namespace = ""
        self.declared: dict[str, str] = {}
        self._open: list[Element] = []
        self._path: list[str] = []

    def declare(self, prefix: str, uri: str) -> None:
        if not self.depth and prefix:
            self.declared[prefix] = uri

    def begin(self, tag: str) -> None:
        namespace, _, name = tag.rpartition("}")
        self._path.append(name)
        if self._open:
            child = Element(name)
            self._open[-1].children.append(child)
            self._open.append(child)
        elif self._path[:-1] == ["Envelope", "Body"] and self.operation is None:
            self.operation, self.namespace = Element(name), namespace
            self._open.append(self.operation)

    def end(self, tag: str, text: str) -> None:  # noqa: ARG002 - the path knows it
        self._path.pop()
        if self._open:
            self._open.pop().text = text


class Writer:
    """Writes the answer to a request: in its envelope's prefixes, the response in the operation's namespace.

    Args:
        request: what is answered.
        qualified: whether the elements of the response are in its namespace, too.
    """

    def __init__(self, request: SoapRequest, *, qualified: bool) -> None:
        prefix = next((name for name, uri in request.declared.items() if uri == ENVELOPE), "soapenv")
        declared = {**request.declared, prefix: ENVELOPE}
        name = f"{request.operation.name}Response"
        namespaces = "".join(f" xmlns:{each}={quoteattr(uri)}" for each, uri in declared.items())
        tag, namespace = _response(name, request, declared, qualified=qualified)
        start = f"{HEAD}<{prefix}:Envelope{namespaces}><{prefix}:Header/><{prefix}:Body><{tag}{namespace}>"
        self._start = start.encode()
        self._end = f"</{tag}></{prefix}:Body></{prefix}:Envelope>".encode()
        self._request, self._qualified = request, qualified

    def of(self, operation: str) -> "Writer":
        """Return what writes the answer as that of another operation."""
        return Writer(replace(self._request, operation=Element(operation)), qualified=self._qualified)

    def answer(self, content: bytes) -> Answer:
        """Return the answer with this content of its response."""
        return Answer(200, self._start + content + self._end, CIMultiDict({"Content-Type": _TYPE}))

    def pieces(
        self,
        write: Callable[[list[_Entry]], bytes],
        results: list[_Entry],
        further: Iterator[list[_Entry]] | None,
    ) -> Answer:
        """Return the answer whose response holds many results, written as they are read."""
        layout = Layout(self._start, write, b"", self._end)
        return laid_out(layout, results, further, CIMultiDict({"Content-Type": _TYPE}))


def _response(name: str, request: SoapRequest, declared: Mapping[str, str], *, qualified: bool) -> tuple[str, str]:
    """Return the name of the element that answers, and what it declares."""
    if not request.namespace:
        return name, ""
    if qualified:
        return name, f" xmlns={quoteattr(request.namespace)}"
    prefix = next((each for each, uri in declared.items() if uri == request.namespace), "")
    return (f"{prefix}:{name}", "") if prefix else (f"tns:{name}", f" xmlns:tns={quoteattr(request.namespace)}")


def elements(values: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return an element for each value; an empty one closes itself."""
    pairs = values.items() if isinstance(values, Mapping) else values
    return "".join(f"<{name}>{character_data(text)}</{name}>" if text else f"<{name}/>" for name, text in pairs)


def fault(error: PlatformError, status: int = SoapError.status) -> Answer:
    """Return the fault that says why a request failed, or was not let in."""
    text = error.message if error.detail is None else f"{error.message}: {error.detail}"
    content = elements({"faultcode": "SOAP-ENV:Server", "faultstring": text, "detail": INCOMPLETE})
    body = f"<SOAP-ENV:Fault>{content}</SOAP-ENV:Fault>"
    envelope = f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{ENVELOPE}"><SOAP-ENV:Header/><SOAP-ENV:Body>{body}'
    whole = f"{HEAD}{envelope}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    return Answer(status, whole.encode(), CIMultiDict({"Content-Type": _TYPE}))
