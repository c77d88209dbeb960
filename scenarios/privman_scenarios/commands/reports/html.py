"""A run as one page that needs no other file, with a sequence diagram of each scenario."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from string import Template

from privman_scenarios.analysis.coverage import Section
from privman_scenarios.commands.reports.marked import Line, marked_lines
from privman_scenarios.commands.reports.run_record import RunRecord, ScenarioRecord
from privman_scenarios.commands.reports.sequence import LIFELINES, DiagramMessage, Lifeline, sequence
from privman_scenarios.output import printable
from privman_scenarios.playing.events import Failure, ScenarioEnded, StepPassed

NAMES = {"people": "People", "console": "Privilege Manager", "servicenow": "ServiceNow"}
# Pixels.
LANE, MARGIN, TOP, ROW = 360, 80, 40, 44
LONGEST_LABEL, LONGEST_BODY = 42, 600
FIRST_ERROR = 400


def diagram(messages: Sequence[DiagramMessage]) -> str:
    """Return the diagram; each message shows both bodies when it is pointed at."""
    height = TOP + ROW * len(messages) + ROW // 2
    width = 2 * MARGIN + LANE * (len(LIFELINES) - 1)
    lifelines = "".join(_lifeline(name, height) for name in LIFELINES)
    arrows = "".join(_svg_message(message, TOP + ROW * number + ROW // 2) for number, message in enumerate(messages))
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


def _svg_message(message: DiagramMessage, y: int) -> str:
    """Draw the request, and below it the answer on its way back."""
    start, end = _x(message.sender), _x(message.receiver)
    middle, back = (start + end) // 2, y + 16
    bad = " bad" if message.trouble or message.status >= FIRST_ERROR else ""
    label = _shortened(f"{message.method} {message.path}")
    outcome = ", ".join(filter(None, (str(message.status or ""), message.trouble)))
    return (
        f"<g><title>{_bodies(message)}</title>"
        f'<text x="{middle}" y="{y - 4}">{label}</text>{_arrow("asks", start, end, y)}'
        f"{_arrow(f'answers{bad}', end, start, back) if message.status else ''}"
        f'<text class="outcome{bad}" x="{middle}" y="{back - 3}">{_shortened(outcome)}</text></g>'
    )


def _arrow(kind: str, start: int, end: int, y: int) -> str:
    tip = -8 if end > start else 8
    return (
        f'<line class="{kind}" x1="{start}" y1="{y}" x2="{end}" y2="{y}"/>'
        f'<path class="{kind}" d="M{end + tip} {y - 4}L{end} {y}L{end + tip} {y + 4}"/>'
    )


def _x(name: Lifeline) -> int:
    return MARGIN + LANE * LIFELINES.index(name)


def _shortened(label: str) -> str:
    """Return the label's end, which tells more of a path than its beginning."""
    short = label if len(label) <= LONGEST_LABEL else f"{label.partition(' ')[0]} …{label[-LONGEST_LABEL:]}"
    return escape(printable(short))


def _bodies(message: DiagramMessage) -> str:
    lines = (f"{message.method} {message.path}", f"> {message.request}", f"< {message.status} {message.response}")
    return escape(printable("\n".join(line[:LONGEST_BODY] for line in lines)))


def html(record: RunRecord, further: Sequence[Section] = ()) -> str:
    """Return what has run so far, a sequence diagram with each scenario, and the further tables."""
    page = Template(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    ended = record.ended
    return page.substitute(
        summary=_escaped(record.summary),
        checks=ended.checks,
        seconds=f"{ended.seconds:.1f}",
        seed=record.seed,
        scenarios="\n".join(map(_scenario, record.played)),
        sections="\n".join(_section(section) for section in (*further, *_findings(record)) if section.rows),
    )


def _scenario(played: ScenarioRecord) -> str:
    ended = played.ended
    scenario = ended.scenario
    where = " · ".join(filter(None, (scenario.source, f"{scenario.file}:{scenario.line}", f"{ended.seconds:.2f} s")))
    return (
        f'<details data-outcome="{ended.outcome}"{" open" if ended.failure else ""}>'
        f'<summary><span class="{ended.outcome}">{ended.outcome}</span>'
        f'<span class="name">{_escaped(scenario.name)}</span><span class="where">{_escaped(where)}</span></summary>\n'
        f"{_why(ended)}{_steps(played)}{_diagram(played)}</details>"
    )


def _why(ended: ScenarioEnded) -> str:
    if ended.failure is None:
        return f"<p>{_escaped(ended.reason)}</p>\n" if ended.reason else ""
    return _failure(ended.failure)


def _failure(failure: Failure) -> str:
    compared = marked_lines(failure.comparison) if failure.comparison else []
    blocks = ("\n".join(map(_marked_line, compared)), _escaped("\n".join(failure.exchanges)))
    shown = "".join(f"<pre>{block}</pre>\n" for block in blocks if block)
    return f'<p class="failed">{_escaped(failure.message)}</p>\n{shown}{"".join(map(_failure, failure.further))}'


def _marked_line(line: Line) -> str:
    return f"<mark>{_escaped(str(line))}</mark>" if line.marks else _escaped(str(line))


def _steps(played: ScenarioRecord) -> str:
    steps = [f"<li>{each.step.verb}{_watched(each)}</li>" for each in played.passed]
    if failure := played.ended.failure:
        steps += [f'<li class="bad">{each.step}</li>' for each in failure.each]
    return f'<ol class="steps">{"".join(steps)}</ol>\n' if steps else ""


def _watched(passed: StepPassed) -> str:
    return f" (watched for {passed.watched} s)" if passed.watched else ""


def _diagram(played: ScenarioRecord) -> str:
    messages = sequence(played.journals)
    return f'<div class="diagram">{diagram(messages)}</div>' if messages else ""


def _findings(record: RunRecord) -> Iterable[Section]:
    rows = [(each.ended.scenario.name, finding) for each in record.played for finding in each.ended.findings]
    yield Section("Findings", ("Scenario", "What was swallowed, broken or not used"), rows)


def _section(section: Section) -> str:
    head = "".join(f'<th scope="col">{_escaped(name)}</th>' for name in section.head)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f"<h2>{_escaped(section.title)}</h2>\n{table}"


def _escaped(text: str) -> str:
    return escape(printable(text))
