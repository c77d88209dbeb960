"""The Link header of lists (platform 1.5)."""

from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.parameters import Parameters

_BRACKETS = str.maketrans({"<": "%3C", ">": "%3E"})
"""What a client may leave as it is in a query string, but not within the brackets of the header."""


LONGEST = 60_000
"""Characters of the header: clients refuse one of 64 KiB, which a query that a tiny URL stands for may come to."""


def add_links(answer: Answer, call: Call, parameters: Parameters, total: int | None, *, more: bool) -> None:
    """Add the header to the answer of a list, as `links` returns it, unless nobody could read it."""
    value = links(call, parameters, total, more=more)
    if len(value) <= LONGEST:
        answer.headers["Link"] = value
        return
    message = f"the header Link would have {len(value):,} characters; one of more than {LONGEST:,} is left out"
    call.swallowed("links-left-out", message, "sysparm_tiny")


def links(call: Call, parameters: Parameters, total: int | None, *, more: bool) -> str:
    """Return the header's value: the pages around this one; the last one only if the total is known.

    There is a next page if there are ``more`` rows.
    """
    kept = [
        part.translate(_BRACKETS)
        for part in call.raw_query.split("&")
        if part and not part.startswith(("sysparm_limit=", "sysparm_offset="))
    ]
    limit = max(1, parameters.limit)
    base = f"{call.origin}{call.path}?{'&'.join([*kept, f'sysparm_limit={parameters.limit}'])}"
    offsets = {"first": 0}
    if parameters.offset > 0:
        offsets["prev"] = max(0, parameters.offset - limit)
    if more:
        offsets["next"] = parameters.end
    if total is not None:
        offsets["last"] = max(0, total - 1) // limit * limit
    return ",".join(f'<{base}&sysparm_offset={offset}>;rel="{rel}"' for rel, offset in offsets.items())
