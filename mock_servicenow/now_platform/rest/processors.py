"""The processors of a table's address, one row each: ``/incident_list.do?CSV`` (Docs: JSONv2 web service, exports).

A processor is asked for by a parameter without a value. To add one, add a row to `PROCESSORS`: authentication, rate
limits, headers, journal and faults follow, as for a REST API. An address without one is a page.
"""

import re
from collections.abc import Callable, Mapping

from mock_servicenow.now_platform.errors import UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.exports import Csv, RowExport, Xml
from mock_servicenow.now_platform.rest.jsonv2 import JsonService
from mock_servicenow.now_platform.rest.table_schema import TableSchema
from mock_servicenow.now_platform.rest.workbooks import Xlsx

Processor = Callable[[Call, str], Answer | Steps]
# The OAuth endpoints have the form of a table's address.
_ADDRESS = re.compile(r"/(?!oauth_(?:auth|token|revoke_token)[.])([a-z0-9_]+?)(?:_list)?[.]do")

PROCESSORS: Mapping[str, Callable[[Instance], Processor]] = {
    "CSV": lambda instance: RowExport(instance, Csv()).answer,
    "XML": lambda instance: RowExport(instance, Xml("xml")).answer,
    "UNL": lambda instance: RowExport(instance, Xml("unload", "INSERT_OR_UPDATE")).answer,
    "XLSX": lambda instance: RowExport(instance, Xlsx()).answer,
    "SCHEMA": lambda instance: TableSchema(instance).answer,
    "JSON": lambda instance: JsonService(instance).answer,
    "JSONv2": lambda instance: JsonService(instance).answer,
}


def processor_of(path: str, query: Mapping[str, str]) -> str:
    """Return the name of the processor that an address asks for; empty for an address that is a page's."""
    if not query or _ADDRESS.fullmatch(path) is None:
        return ""
    return next((name for name in PROCESSORS if query.get(name) == ""), "")


class Processors:
    """The processors of the tables of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._processors = {name: build(instance) for name, build in PROCESSORS.items()}

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call, or return the work to be done for it; both raise PlatformError."""
        name, address = processor_of(call.path, call.query), _ADDRESS.fullmatch(call.path)
        if not name or address is None or "%00" in call.raw_query:
            raise UnknownPath
        del call.query[name]
        return self._processors[name](call, address[1])
