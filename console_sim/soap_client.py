"""Scripted SOAP services of a ServiceNow as the console calls them."""

import re
from collections.abc import Mapping
from datetime import datetime
from xml.etree import ElementTree as ET
from xml.parsers import expat

from console_sim.error_texts import brief
from console_sim.errors import BrokenAnswerError
from console_sim.servicenow_http import ServiceNowHttp, require_success
from privman_core.cuts import cut
from privman_core.outbound import HttpAnswer
from privman_core.safe_xml import XmlError, parse

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMESPACE = "http://www.service-now.com/"
_OPERATION = "execute"
_EXPECTED = f"{_OPERATION}Response"
_HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_RESPONSE, _OUTPUT = 3, 4
"""The depth of the response in its envelope, and that of its outputs."""
_BODY = ["Envelope", "Body"]
_LONGEST_BODY = 512 * 1024
"""Bytes: each of many tags takes time, and no answer that the console expects is longer."""
_LONGEST_TEXT = 1_000


class SoapClient:
    """Calls the scripted services of an instance as one user.

    Args:
        base_url: of the instance.
    """

    def __init__(self, http: ServiceNowHttp, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def execute(self, service: str, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Return the outputs of a service for these inputs; raises ServiceNowError.

        Characters that XML cannot hold are replaced.
        """
        return await self._http.send("POST", self.url(service), _HEADERS, _message(service, inputs), _outputs)

    def url(self, service: str) -> str:
        """Return the endpoint of a service."""
        return f"{self._base_url}/{service}.do?SOAP"


def _outputs(answer: HttpAnswer, now: datetime) -> Mapping[str, str]:
    """Return the outputs in an answer; raises ServiceNowError."""
    require_success(answer, now, _reason, "XML")
    response = _Response(answer)
    if response.name != _EXPECTED:
        raise BrokenAnswerError(f"{answer.status} {response.complaint}; expected {_EXPECTED}")
    return response.outputs


def _message(service: str, inputs: Mapping[str, str]) -> bytes:
    envelope = ET.Element(f"{{{_ENVELOPE}}}Envelope")
    ET.SubElement(envelope, f"{{{_ENVELOPE}}}Header")
    body = ET.SubElement(envelope, f"{{{_ENVELOPE}}}Body")
    execute = ET.SubElement(body, f"{{{_NAMESPACE}{service}}}{_OPERATION}")
    for name, text in inputs.items():
        ET.SubElement(execute, name).text = _UNWRITABLE.sub(_REPLACEMENT, text)
    message: bytes = ET.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return message


class _Response:
    """The response in an answer: its outputs, or what a fault says.

    Raises BrokenAnswerError for what is not a SOAP envelope with one.
    """

    def __init__(self, answer: HttpAnswer) -> None:
        if len(answer.body) > _LONGEST_BODY:
            raise BrokenAnswerError(f"{answer.status} with a body of more than {_LONGEST_BODY:,} bytes")
        self.name = ""
        self.outputs: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._responses = 0
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._hear
        try:
            for _ in parse(answer.body, parser):
                pass
        except XmlError as error:
            raise BrokenAnswerError(f"{answer.status} with a body that {error}") from None
        if not self.name:
            raise BrokenAnswerError(f"{answer.status} with XML that is not a SOAP envelope with a response")

    @property
    def complaint(self) -> str:
        """What came instead of a response: a fault with its text, or another element."""
        if self.name != "Fault":
            return f"with a body that holds {brief(self.name)}"
        return f"with a fault that says {brief(self.outputs.get('faultstring', ''))}"

    def _begin(self, tag: str, _attributes: object) -> None:
        self._path.append(tag.rpartition("}")[2])
        if len(self._path) == _RESPONSE and self._path[:-1] == _BODY:
            self.name = self.name or self._path[-1]
            self._responses += 1
        if self._is_output:
            self._text.clear()

    def _hear(self, text: str) -> None:
        if self._is_output:
            self._text.append(text)

    def _end(self, _tag: str) -> None:
        if self._is_output:
            self.outputs[self._path[-1]] = "".join(self._text)
        self._path.pop()

    @property
    def _is_output(self) -> bool:
        """Whether the innermost open element is an output of the first response."""
        return len(self._path) == _OUTPUT and self._responses == 1 and self._path[:-2] == _BODY


def _reason(answer: HttpAnswer) -> str:
    try:
        text = _Response(answer).outputs.get("faultstring", "")
    except BrokenAnswerError:
        return "without a SOAP fault"
    return cut(text, _LONGEST_TEXT) if text else f"with a fault that says {brief(text)}"
