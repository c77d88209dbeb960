"""A run as one page that needs no other file."""

from html import escape
from pathlib import Path

from privman_scenarios.events import Event, Failure, ScenarioEnded

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>privman-scenarios: {summary}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .4rem; text-align: left; vertical-align: top; }}
pre {{ background: #f4f4f4; color: #111; overflow-x: auto; padding: .5rem; white-space: pre-wrap; }}
.passed {{ color: #056d2b; }} .failed {{ color: #b00020; font-weight: bold; }} .skipped {{ color: #7a5200; }}
</style>
</head>
<body>
<h1>Scenarios: {summary}</h1>
<table>
<thead><tr><th scope="col">Outcome</th><th scope="col">Scenario</th><th scope="col">Source</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


class HtmlReport:
    """Collects scenarios; each is a row of a table."""

    def __init__(self) -> None:
        self._ended: list[ScenarioEnded] = []

    def __call__(self, event: Event) -> None:
        """Take note of a scenario's end."""
        if isinstance(event, ScenarioEnded):
            self._ended.append(event)

    def write(self, file: Path) -> None:
        """Write what has ended so far."""
        outcomes = [ended.outcome for ended in self._ended]
        summary = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
        rows = "\n".join(_row(ended) for ended in self._ended)
        file.write_text(_PAGE.format(summary=summary, rows=rows), encoding="utf-8")


def _row(ended: ScenarioEnded) -> str:
    details = f"<div>{escape(ended.reason)}</div>" if ended.reason else ""
    if ended.failure:
        details = _failure(ended.failure)
    return (
        f'<tr><td class="{ended.outcome}">{ended.outcome}</td>'
        f"<td>{escape(ended.scenario.name)}{details}</td><td>{escape(ended.scenario.source)}</td></tr>"
    )


def _failure(failure: Failure) -> str:
    return f"<pre>{escape(chr(10).join([failure.message, *failure.exchanges]))}</pre>"
