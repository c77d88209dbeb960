"""The processors of a table's address, one row each: ``/incident_list.do?CSV`` (Docs: JSONv2 web service, exports).

A parameter with an empty value selects the processor. To add one, add a row to `PROCESSORS`: authentication, rate
limits, headers, journal and faults follow, as for a REST API. An address without one is a page.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from mock_servicenow.now_platform.errors import NotSupported, UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.exports import Csv, RowExport, Xml
from mock_servicenow.now_platform.rest.jsonv2 import JsonService
from mock_servicenow.now_platform.rest.soap.scripted_services import ScriptedService
from mock_servicenow.now_platform.rest.soap.soap_processors import DescriptionProcessor, SoapProcessor
from mock_servicenow.now_platform.rest.table_schema import TableSchema
from mock_servicenow.now_platform.rest.workbooks import Xlsx

Processor = Callable[[Call, str], Answer | Steps]
Services = Mapping[str, ScriptedService]
# The OAuth endpoints have the form of a table's address. Clients add a slash to a base URL that ends with one.
_ADDRESS = re.compile(r"/+(?!oauth_(?:auth|token|revoke_token)[.])(\w+?)(?:_list)?[.]do", re.ASCII)

SOAP = "SOAP"
MISSING = ("XLS", "EXCEL", "PDF", "RSS")
"""Exports of an instance that are not here."""


def _missing(name: str) -> Callable[[Instance, Services], Processor]:
    def refuse(_call: Call, table: str) -> Answer:
        raise NotSupported(f"{table}.do?{name} is not supported here; expected CSV, XML, UNL, XLSX or JSONv2")

    return lambda _instance, _services: refuse


PROCESSORS: Mapping[str, Callable[[Instance, Services], Processor]] = {
    "CSV": lambda instance, _services: RowExport(instance, Csv()).answer,
    "XML": lambda instance, _services: RowExport(instance, Xml("xml")).answer,
    "UNL": lambda instance, _services: RowExport(instance, Xml("unload", "INSERT_OR_UPDATE")).answer,
    "XLSX": lambda instance, _services: RowExport(instance, Xlsx()).answer,
    "SCHEMA": lambda instance, _services: TableSchema(instance).answer,
    "JSON": lambda instance, _services: JsonService(instance).answer,
    "JSONv2": lambda instance, _services: JsonService(instance).answer,
    SOAP: lambda instance, services: SoapProcessor(instance, services).answer,
    "WSDL": lambda instance, services: DescriptionProcessor(instance, services).wsdl,
    "XSD": lambda instance, services: DescriptionProcessor(instance, services).xsd,
    **{name: _missing(name) for name in MISSING},
}


def processor_of(path: str, query: Mapping[str, str]) -> str:
    """Return the name of the processor that an address asks for; empty for an address that is a page's."""
    if not query or _ADDRESS.fullmatch(path) is None:
        return ""
    return next((name for name in PROCESSORS if query.get(name) == ""), "")


class Processors:
    """The processors of the tables of an instance, and of its scripted web services."""

    def __init__(self, instance: Instance, services: Iterable[ScriptedService]) -> None:
        named = {service.name: service for service in services}
        self._processors = {name: build(instance, named) for name, build in PROCESSORS.items()}

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call, or return the work to be done for it; both raise PlatformError."""
        name, address = processor_of(call.path, call.query), _ADDRESS.fullmatch(call.path)
        if not name or address is None or "%00" in call.raw_query:
            raise UnknownPath
        del call.query[name]
        return self._processors[name](call, address[1])
