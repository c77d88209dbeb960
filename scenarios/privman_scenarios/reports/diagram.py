"""A sequence diagram as SVG that stands in a page."""

from collections.abc import Sequence
from html import escape

from privman_scenarios.reports.sequence import LIFELINES, Lifeline, Message
from privman_scenarios.text import printable

NAMES = {"people": "People", "console": "Privilege Manager", "servicenow": "ServiceNow"}
# Pixels.
LANE, MARGIN, TOP, ROW = 360, 80, 40, 44
LONGEST_LABEL, LONGEST_BODY = 42, 600
FIRST_ERROR = 400


def diagram(messages: Sequence[Message]) -> str:
    """Return the diagram; each message shows both bodies when it is pointed at."""
    height = TOP + ROW * len(messages) + ROW // 2
    width = 2 * MARGIN + LANE * (len(LIFELINES) - 1)
    lifelines = "".join(_lifeline(name, height) for name in LIFELINES)
    arrows = "".join(_message(message, TOP + ROW * number + ROW // 2) for number, message in enumerate(messages))
    label = f"{len(messages)} exchanges between {', '.join(NAMES.values())}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}">{lifelines}{arrows}</svg>'
    )


def _lifeline(name: Lifeline, height: int) -> str:
    x = _x(name)
    return (
        f'<line class="life" x1="{x}" y1="{TOP - 10}" x2="{x}" y2="{height}"/>'
        f'<text class="name" x="{x}" y="{TOP - 18}">{NAMES[name]}</text>'
    )


def _message(message: Message, y: int) -> str:
    """Draw the request, and below it the answer on its way back."""
    start, end = _x(message.sender), _x(message.receiver)
    middle, back = (start + end) // 2, y + 16
    bad = " bad" if message.trouble or message.status >= FIRST_ERROR else ""
    label = _shown(f"{message.method} {message.path}")
    outcome = ", ".join(filter(None, (str(message.status or ""), message.trouble)))
    return (
        f"<g><title>{_bodies(message)}</title>"
        f'<text x="{middle}" y="{y - 4}">{label}</text>{_arrow("asks", start, end, y)}'
        f"{_arrow(f'answers{bad}', end, start, back) if message.status else ''}"
        f'<text class="outcome{bad}" x="{middle}" y="{back - 3}">{_shown(outcome)}</text></g>'
    )


def _arrow(kind: str, start: int, end: int, y: int) -> str:
    tip = -8 if end > start else 8
    return (
        f'<line class="{kind}" x1="{start}" y1="{y}" x2="{end}" y2="{y}"/>'
        f'<path class="{kind}" d="M{end + tip} {y - 4}L{end} {y}L{end + tip} {y + 4}"/>'
    )


def _x(name: Lifeline) -> int:
    return MARGIN + LANE * LIFELINES.index(name)


def _shown(label: str) -> str:
    """Return the label's end, which tells more of a path than its beginning."""
    short = label if len(label) <= LONGEST_LABEL else f"{label.partition(' ')[0]} …{label[-LONGEST_LABEL:]}"
    return escape(printable(short))


def _bodies(message: Message) -> str:
    lines = (f"{message.method} {message.path}", f"> {message.request}", f"< {message.status} {message.response}")
    return escape(printable("\n".join(line[:LONGEST_BODY] for line in lines)))
