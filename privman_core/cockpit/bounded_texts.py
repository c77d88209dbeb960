"""Types of texts that one party reads from the other, each with a pattern or a largest length.

Pages, copied commands and saved files rely on them. msgspec checks each when it decodes an answer, so a foreign program
at the other party's address cannot put anything else there.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from msgspec import Meta

T = TypeVar("T")
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # noqa: S105 - a token of RFC 9110
MOST_ROWS = 200
"""Rows of one answer."""
Rows = Annotated[list[T], Meta(max_length=MOST_ROWS)]
Method = Annotated[str, Meta(pattern=rf"\A{TOKEN}{{1,200}}\Z")]
HeaderName = Annotated[str, Meta(pattern=rf"\A{TOKEN}{{1,1000}}\Z")]
Line = Annotated[str, Meta(pattern=r"\A[^\0\r\n]*\Z", max_length=100_000)]
"""An address, or the value of a header."""
PartyName = Annotated[str, Meta(pattern=r"\A(?:Console|ServiceNow)\Z")]
PagePath = Annotated[str, Meta(pattern=r"\A(?:(?![^?#]*/__)/(?![/\\])[!-\[\]-~]*)?\Z", max_length=8_000)]
"""A path of the product's pages; empty for none.

None leads to ``/__cockpit``, also by way of ``/./``: browsers share cookies between the ports of a host, so a click
would send the cookie of this cockpit to the other party.
"""
Verdict = Annotated[str, Meta(pattern=r"\A(?:kept|broken|running|fault|none|large)\Z")]
Word = Annotated[str, Meta(max_length=300)]
"""A name, a state or a version."""
Values = Annotated[dict[Word, Annotated[list[Word], Meta(max_length=20)]], Meta(max_length=20)]
"""Values by the word of a search line."""
Sentence = Annotated[str, Meta(max_length=100_000)]
Moment = Annotated[datetime, Meta(tz=True)]
Tone = Literal["good", "bad", "quiet"]
"""The colour of an answer, a verdict or a state."""
