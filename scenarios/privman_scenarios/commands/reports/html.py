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
        failed=_failed(result),
        scenarios="\n".join(_scenario(each, number) for number, each in _failed_first(result)),
        findings=_section(_findings(result)),
        sections="\n".join(f"<details>{_section(each, 'summary')}</details>" for each in sections(result.coverage)),
    )


def _facts(result: RunResult) -> Iterator[tuple[str, str]]:
    """Yield what a reader of the report must know of the run."""
    ended = result.ended
    yield from result.context.facts()
    yield "Duration", f"{ended.seconds:.1f} s in all scenarios"
    yield "Expectations", str(ended.checks)
    yield "Variations", "" if result.variations is None else str(result.variations)
    yield "Seed", str(result.seed)
    yield "Exercised by evidence", _by_mark(result.coverage) if result.coverage else ""
    yield "Evidence marks", "; ".join(f"{mark}: {meaning}" for mark, meaning in MEANING.items())


def _by_mark(coverage: Coverage) -> str:
    marks = dict.fromkeys(item.evidence for item in coverage.items)
    return ", ".join(f"{mark} {_exercised(coverage, mark)}" for mark in MEANING if mark in marks)


def _exercised(coverage: Coverage, mark: Evidence) -> str:
    items = [item.exercised for item in coverage.items if item.evidence == mark]
    return f"{sum(items)} of {len(items)}"


def _failed_first(result: RunResult) -> list[tuple[int, ScenarioResult]]:
    """Return the scenarios with their places in the run."""
    return sorted(enumerate(result.scenarios, 1), key=lambda placed: placed[1].outcome != "failed")


def _failed(result: RunResult) -> str:
    """Return a list of the failures that leads to each."""
    lines = [
        f'<li><a href="#scenario-{number}">{_escaped(scenario.name)}</a>: {_escaped(failure.message)}</li>'
        for number, scenario in _failed_first(result)
        for failure in scenario.failures
    ]
    return f"<h2>Failed</h2>\n<ol>{''.join(lines)}</ol>" if lines else ""


def _scenario(scenario: ScenarioResult, number: int) -> str:
    place, took = f"{scenario.file}:{scenario.line}", f"{scenario.seconds:.2f} s"
    where = " · ".join(filter(None, (scenario.source, ", ".join(scenario.tags), place, took)))
    tags = _escaped("\n".join(scenario.tags))
    return (
        f'<details class="scenario" id="scenario-{number}" data-outcome="{scenario.outcome}" data-tags="{tags}"'
        f"{' open' if scenario.failure else ''}>"
        f'<summary><span class="{scenario.outcome}">{scenario.outcome}</span>'
        f'<span class="name">{_escaped(scenario.name)}</span><span class="where">{_escaped(where)}</span></summary>\n'
        f"{_why(scenario)}{_steps(scenario)}{_exchanges(scenario)}{_diagram(scenario)}</details>"
    )


def _why(scenario: ScenarioResult) -> str:
    reason = f"<p>{_escaped(scenario.reason)}</p>\n" if scenario.reason else ""
    return reason + "".join(map(_failure, scenario.failures)) + _list("findings", scenario.other_findings)


def _failure(failure: FailureResult) -> str:
    marked = "\n".join(map(_marked_line, failure.compared.splitlines()))
    compared = f"<pre>{marked}</pre>\n" if marked else ""
    findings = _list("findings", failure.findings)
    return f'<p class="failed">{_escaped(failure.message)}</p>\n{findings}{compared}'


def _list(kind: str, texts: Sequence[str]) -> str:
    items = "".join(f"<li>{_escaped(text)}</li>" for text in texts)
    return f'<ul class="{kind}">{items}</ul>\n' if items else ""


def _marked_line(line: str) -> str:
    return f"<mark>{_escaped(line)}</mark>" if line.startswith(">") else _escaped(line)


def _steps(scenario: ScenarioResult) -> str:
    steps = "".join(map(_step, scenario.steps))
    return f'<ol class="steps">{steps}</ol>\n' if steps else ""


def _step(step: StepResult) -> str:
    watched = f" (watched for {step.watched} s)" if step.watched else ""
    arguments = f" <code>{_escaped(step.arguments)}</code>" if step.arguments else ""
    findings = _list("findings", step.findings)
    item = "<li class=bad>" if step.outcome == "failed" else "<li>"
    return f"{item}{_escaped(step.verb)}{watched}{arguments}{findings}</li>"


def _exchanges(scenario: ScenarioResult) -> str:
    """Return the last exchanges before each failure, closed."""
    texts = ("\n".join(failure.exchanges) for failure in scenario.failures)
    shown = (
        f"<details><summary>Last exchanges before the failure</summary><pre>{_escaped(text)}</pre></details>\n"
        for text in texts
        if text
    )
    return "".join(shown)


def _diagram(scenario: ScenarioResult) -> str:
    if not scenario.messages:
        return ""
    label = _escaped(f"Messages of {scenario.name}")
    return f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{diagram(scenario.messages)}</div>'


def _findings(result: RunResult) -> Section:
    rows = [row for each in result.scenarios for row in _findings_of(each)]
    return Section("Findings", ("Scenario", "Step", "What was swallowed, broken or not used"), rows)


def _findings_of(scenario: ScenarioResult) -> Iterator[tuple[str, str, str]]:
    yield from ((scenario.name, "", finding) for finding in scenario.other_findings)
    for step in scenario.steps:
        yield from ((scenario.name, f"{step.verb} in line {step.line}", finding) for finding in step.findings)


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
