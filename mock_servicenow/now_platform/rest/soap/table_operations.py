"""What requests on a table may hold, and what they mean (Docs: direct web services)."""

from collections.abc import Callable, Container, Iterable
from typing import Any

from msgspec import Struct

from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.soap.soap_message import Element, Writer
from privman_core.cuts import cut
from privman_core.natural_numbers import natural_number
from privman_core.near_words import hint

QUERY_WORDS = (
    "__use_view",
    "__encoded_query",
    "__limit",
    "__first_row",
    "__last_row",
    "__order_by",
    "__order_by_desc",
    "__exclude_columns",
)
NUMBERS = ("__limit", "__first_row", "__last_row")
"""Those of them that are numbers."""
COLUMNS = "the columns"
"""Stands for those of the table among the names of what a message holds."""
DISPLAY = "the display column"
"""Stands for it among the names of what a response holds."""
RECORD = "record"
"""Holds the columns of each record that is inserted with others."""
DISPLAYED = "dv_{}"
"""Names what people read of a column beside its value."""
LONGEST_NAME = 100
MOST = 2**31 - 1
FAILED = "com.glide.processors.soap.SOAPProcessingException"
Run = Callable[[Any, "SoapCall"], Answer | Steps]
"""Answers a call by the services of tables."""


class TableOperation(Struct, frozen=True):
    """One operation.

    Attributes:
        roles: any of them opens it.
        run: answers a call.
        takes: what a request may hold.
        gives: what the response holds.
        repeated: the element around each record of the response; empty for none.
        lists: what may stand in either more than once.
        displays: whether its response has what people read, as the address asks for it.
        strict: whether a request with anything else in it is refused; otherwise that becomes a finding.
    """

    roles: tuple[str, ...]
    run: Run
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    repeated: str = ""
    lists: Container[str] = ()
    displays: bool = False
    strict: bool = False

    def mistakes(self, request: Element) -> Iterable[str]:
        """Yield what is wrong with the names and numbers of a request."""
        for name, text in request.values.items():
            if name in NUMBERS and name in self.takes and number(text) is None:
                yield f"{name} is '{cut(text, LONGEST_NAME)}'; expected a whole number"
            if name not in self.takes and (name.startswith("__") or COLUMNS not in self.takes):
                expected = f"; expected {RECORD}" if self.takes == (RECORD,) else hint(name, self.takes)
                yield f"unknown parameter '{cut(name, LONGEST_NAME)}'{expected}"


class SoapCall(Struct, frozen=True):
    """One request on a table, and what writes its answer."""

    call: Call
    table: str
    operation: Element
    writer: Writer

    @property
    def values(self) -> dict[str, str]:
        """The values of columns in the request."""
        return {name: text for name, text in self.operation.values.items() if not name.startswith("__")}

    def word(self, name: str) -> str:
        """Return the text of an extended query parameter; empty for none."""
        return self.operation.values.get(f"__{name}", "")


def number(text: str) -> int | None:
    """Return a whole number, at most `MOST`; None for another text."""
    found = natural_number(text.strip())
    return None if found is None else min(found, MOST)
