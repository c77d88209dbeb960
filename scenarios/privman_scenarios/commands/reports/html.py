"""A run as one page that needs no other file, with a sequence diagram of each scenario."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from string import Template

from privman_contracts import Evidence
from privman_contracts.evidence import MEANING
from privman_scenarios.analysis.coverage import Coverage, Section, sections
from privman_scenarios.commands.reports.results import FailureResult, RunResult, ScenarioResult, StepResult
from privman_scenarios.commands.reports.sequence import LIFELINES, DiagramMessage, Lifeline
from privman_scenarios.output import printable

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
        f'<text class="at" x="4" y="{y + 4}">{_escaped(message.at[11:19])}</text>'
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
    return _escaped(short)


def _bodies(message: DiagramMessage) -> str:
    lines = (f"{message.method} {message.path}", f"> {message.request}", f"< {message.status} {message.response}")
    return _escaped("\n".join(line[:LONGEST_BODY] for line in lines))


def html(result: RunResult) -> str:
    """Return what has run so far: each scenario with a sequence diagram, the contract coverage and the findings."""
    page = Template(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    tags = sorted({tag for scenario in result.scenarios for tag in scenario.tags})
    return page.substitute(
        summary=_escaped(result.summary),
        verdict="passed" if result.held else "failed",
        outcome="passed" if result.held else "failed",
        facts="\n".join(f"<dt>{_escaped(name)}</dt><dd>{_escaped(text)}</dd>" for name, text in _facts(result) if text),
        tags="".join(f"<option>{_escaped(tag)}</option>" for tag in tags),
        scenarios="\n".join(map(_scenario, result.scenarios)),
        findings=_section(_findings(result)),
        sections="\n".join(f"<details>{_section(each, 'summary')}</details>" for each in sections(result.coverage)),
    )


def _facts(result: RunResult) -> Iterator[tuple[str, str]]:
    """Yield what a reader of the report must know of the run."""
    ended, context = result.ended, result.context
    yield "Build", context.build
    yield "Date", context.at
    yield "Duration", f"{ended.seconds:.1f} s in all scenarios"
    yield "Expectations", str(ended.checks)
    yield "Variations", "" if result.variations is None else str(result.variations)
    yield from context.targets.items()
    yield "Profile", context.profile
    yield from context.options.items()
    yield "Seed", str(result.seed)
    yield "Versions", ", ".join(f"{name} {version}" for name, version in context.versions.items())
    yield "Exercised by evidence", _by_mark(result.coverage) if result.coverage else ""


def _by_mark(coverage: Coverage) -> str:
    marks = dict.fromkeys(item.evidence for item in coverage.items)
    return ", ".join(f"{mark} {_exercised(coverage, mark)}" for mark in MEANING if mark in marks)


def _exercised(coverage: Coverage, mark: Evidence) -> str:
    items = [item.exercised for item in coverage.items if item.evidence == mark]
    return f"{sum(items)} of {len(items)}"


def _scenario(scenario: ScenarioResult) -> str:
    place, took = f"{scenario.file}:{scenario.line}", f"{scenario.seconds:.2f} s"
    where = " · ".join(filter(None, (scenario.source, ", ".join(scenario.tags), place, took)))
    tags = _escaped("\n".join(scenario.tags))
    return (
        f'<details class="scenario" data-outcome="{scenario.outcome}" data-tags="{tags}"'
        f"{' open' if scenario.failure else ''}>"
        f'<summary><span class="{scenario.outcome}">{scenario.outcome}</span>'
        f'<span class="name">{_escaped(scenario.name)}</span><span class="where">{_escaped(where)}</span></summary>\n'
        f"{_why(scenario)}{_steps(scenario)}{_diagram(scenario)}</details>"
    )


def _why(scenario: ScenarioResult) -> str:
    reason = f"<p>{_escaped(scenario.reason)}</p>\n" if scenario.reason else ""
    return reason + "".join(map(_failure, scenario.failures))


def _failure(failure: FailureResult) -> str:
    marked = "\n".join(map(_marked_line, failure.compared.splitlines()))
    blocks = (marked, _escaped("\n".join(failure.exchanges)))
    shown = "".join(f"<pre>{block}</pre>\n" for block in blocks if block)
    return f'<p class="failed">{_escaped(failure.message)}</p>\n{shown}'


def _marked_line(line: str) -> str:
    return f"<mark>{_escaped(line)}</mark>" if line.startswith(">") else _escaped(line)


def _steps(scenario: ScenarioResult) -> str:
    steps = "".join(map(_step, scenario.steps))
    return f'<ol class="steps">{steps}</ol>\n' if steps else ""


def _step(step: StepResult) -> str:
    watched = f" (watched for {step.watched} s)" if step.watched else ""
    arguments = f" <code>{_escaped(step.arguments)}</code>" if step.arguments else ""
    return f"{'<li class=bad>' if step.outcome == 'failed' else '<li>'}{_escaped(step.verb)}{watched}{arguments}</li>"


def _diagram(scenario: ScenarioResult) -> str:
    if not scenario.messages:
        return ""
    label = _escaped(f"Messages of {scenario.name}")
    return f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{diagram(scenario.messages)}</div>'


def _findings(result: RunResult) -> Section:
    rows = [(each.name, finding) for each in result.scenarios for finding in each.findings]
    return Section("Findings", ("Scenario", "What was swallowed, broken or not used"), rows)


def _section(section: Section, title: str = "h2") -> str:
    if not section.rows:
        return ""
    head = "".join(f'<th scope="col">{_escaped(name)}</th>' for name in section.head)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    name = _escaped(section.title)
    wide = f'<div class="wide" tabindex="0" role="region" aria-label="{name}">{table}</div>'
    return f"<{title}>{name}</{title}>\n{wide}"


def _escaped(text: str) -> str:
    return escape(printable(text))
