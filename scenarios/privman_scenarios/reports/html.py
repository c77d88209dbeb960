"""A run as one page that needs no other file."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from string import Template

from privman_scenarios.events import Failure, ScenarioEnded, StepPassed
from privman_scenarios.reports.diagram import diagram
from privman_scenarios.reports.marked import Line, marked_lines
from privman_scenarios.reports.record import Played, Record
from privman_scenarios.reports.section import Section
from privman_scenarios.reports.sequence import sequence
from privman_scenarios.text import printable


def html(record: Record, further: Sequence[Section] = ()) -> str:
    """Return what has run so far, a sequence diagram with each scenario, and the further tables."""
    page = Template(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    ended = record.ended
    return page.substitute(
        summary=_text(record.summary),
        checks=ended.checks,
        seconds=f"{ended.seconds:.1f}",
        seed=record.seed,
        scenarios="\n".join(map(_scenario, record.played)),
        sections="\n".join(_section(section) for section in (*further, *_findings(record)) if section.rows),
    )


def _scenario(played: Played) -> str:
    ended = played.ended
    scenario = ended.scenario
    where = " · ".join(filter(None, (scenario.source, f"{scenario.file}:{scenario.line}", f"{ended.seconds:.2f} s")))
    return (
        f'<details data-outcome="{ended.outcome}"{" open" if ended.failure else ""}>'
        f'<summary><span class="{ended.outcome}">{ended.outcome}</span>'
        f'<span class="name">{_text(scenario.name)}</span><span class="where">{_text(where)}</span></summary>\n'
        f"{_why(ended)}{_steps(played)}{_diagram(played)}</details>"
    )


def _why(ended: ScenarioEnded) -> str:
    if ended.failure is None:
        return f"<p>{_text(ended.reason)}</p>\n" if ended.reason else ""
    return _failure(ended.failure)


def _failure(failure: Failure) -> str:
    compared = marked_lines(failure.comparison) if failure.comparison else []
    blocks = ("\n".join(map(_line, compared)), _text("\n".join(failure.exchanges)))
    shown = "".join(f"<pre>{block}</pre>\n" for block in blocks if block)
    return f'<p class="failed">{_text(failure.message)}</p>\n{shown}'


def _line(line: Line) -> str:
    return f"<mark>{_text(str(line))}</mark>" if line.marks else _text(str(line))


def _steps(played: Played) -> str:
    steps = [f"<li>{each.step.verb}{_watched(each)}</li>" for each in played.passed]
    if played.ended.failure:
        steps.append(f'<li class="bad">{played.ended.failure.step}</li>')
    return f'<ol class="steps">{"".join(steps)}</ol>\n' if steps else ""


def _watched(passed: StepPassed) -> str:
    return f" (watched for {passed.watched} s)" if passed.watched else ""


def _diagram(played: Played) -> str:
    messages = sequence(played.journals)
    return f'<div class="diagram">{diagram(messages)}</div>' if messages else ""


def _findings(record: Record) -> Iterable[Section]:
    rows = [(each.ended.scenario.name, finding) for each in record.played for finding in each.ended.findings]
    yield Section("Findings", ("Scenario", "What was swallowed or broken"), rows)


def _section(section: Section) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in section.head)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    return (
        f"<h2>{_text(section.title)}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _text(text: str) -> str:
    return escape(printable(text))
