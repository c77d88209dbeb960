"""A run as JSON, for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from privman_scenarios.events import Failure
from privman_scenarios.reports.marked import marked_text
from privman_scenarios.reports.record import Played, Record


def json_report(record: Record, coverage: Mapping[str, Any] | None = None) -> str:
    """Return what has run so far: the counts of `RunEnded`, the scenarios, and the contract coverage where measured."""
    run = {
        "seed": record.seed,
        "complete": record.complete,
        "held": record.complete and not record.ended.failed and not record.error,
    }
    scenarios = [_scenario(each) for each in record.played]
    report = {**run, "error": record.error, **asdict(record.ended), "scenarios": scenarios, "coverage": coverage}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _scenario(played: Played) -> dict[str, Any]:
    ended = played.ended
    scenario = ended.scenario
    return {
        "name": scenario.name,
        "file": scenario.file,
        "line": scenario.line,
        "tags": sorted(scenario.tags),
        "source": scenario.source,
        "outcome": ended.outcome,
        "seconds": round(ended.seconds, 3),
        "checks": ended.checks,
        "reason": ended.reason,
        "watched": [
            {"step": each.step.verb, "line": each.step.line, "seconds": each.watched} for each in played.watched
        ],
        "findings": list(ended.findings),
        "failure": _failure(ended.failure) if ended.failure else None,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "step": failure.step,
        "line": failure.line,
        "expected": failure.expected,
        "came": failure.came,
        "compared": marked_text(failure.comparison) if failure.comparison else "",
        "exchanges": list(failure.exchanges),
    }
