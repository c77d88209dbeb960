"""The columns of a table as XML: ``/incident.do?SCHEMA``."""

from xml.sax.saxutils import escape, quoteattr

from multidict import CIMultiDict

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import MethodNotAllowed, PlatformError
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.list_columns import readable
from mock_servicenow.now_platform.records.xml_text import HEAD
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.parameters import read_parameters

_READS = ("GET", "HEAD")


class TableSchema:
    """Answers with the columns of a table that the user may read."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def answer(self, call: Call, table: str) -> Answer:
        """Return an ``element`` for each column; an error is an element of that name (users)."""
        try:
            return _document(200, self._elements(call, table))
        except PlatformError as error:
            return _document(error.status, f"<error>{escape(error.message)}</error>")

    def _elements(self, call: Call, table: str) -> str:
        if call.verb not in _READS:
            raise MethodNotAllowed(call.verb, _READS)
        read_parameters(call)
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            columns = readable(session, table).values()
            elements = "".join(_element(session.dictionary, column) for column in columns)
        return f"<{table}>{elements}</{table}>"


def _document(status: int, root: str) -> Answer:
    return Answer(status, f"{HEAD}{root}".encode(), CIMultiDict({"Content-Type": "text/xml;charset=UTF-8"}))


def _element(dictionary: Dictionary, column: Column) -> str:
    attributes = {
        "name": column.name,
        "internal_type": column.type,
        "max_length": str(column.max_length),
        "choice_list": str(bool(column.choices)).lower(),
        "active_status": "true",
        **(_reference(dictionary, column.reference) if column.reference else {}),
    }
    return f"<element {' '.join(f'{name}={quoteattr(value)}' for name, value in attributes.items())}/>"


def _reference(dictionary: Dictionary, table: str) -> dict[str, str]:
    """Return the attributes that tell of the table that a column refers to."""
    shown = dictionary.columns(table)[dictionary.display_column(table)]
    return {
        "reference_table": table,
        "display_field": shown.name,
        "reference_field_max_length": str(shown.max_length),
    }
