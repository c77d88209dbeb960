"""The server tasks of a console as the cockpit shows them: a row for each task, with its attempts."""

from collections.abc import Callable, Mapping, Sequence

from console_sim.server_tasks import Outcome, Run, ServerTasks, WaitingTask
from privman_core.cockpit.approval_facts import AttemptRow, DeliveryState
from privman_core.cockpit.bounded_texts import Tone

MOST_ATTEMPTS = 20
"""Attempts that are shown of a task."""
_TONES: Mapping[Outcome, Tone] = {"completed": "good", "nothing to do": "quiet"}


def console_deliveries(tasks: ServerTasks, mask: Callable[[str], str], about: str = "") -> list[DeliveryState]:
    """Return the tasks: first those that wait for another attempt, by its time, then the others, newest attempt first.

    Args:
        tasks: of the console, with their attempts.
        mask: hides secrets that ServiceNow's messages may repeat.
        about: RequestId of the approval request whose tasks are wanted; empty for all.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in tasks.runs:
        key = run.task_name, run.about
        some = runs[key] = runs.pop(key, [])  # so that the keys are in the order of their newest attempts
        some.append(run)
    waiting = [_waiting(each, runs.pop((each.task_name, each.about), []), mask) for each in tasks.waiting()]
    found = [*waiting, *(_ended(some, mask) for some in reversed(runs.values()))]
    return [each for each in found if about in ("", each.about)]


def _waiting(task: WaitingTask, runs: Sequence[Run], mask: Callable[[str], str]) -> DeliveryState:
    shown = runs[-MOST_ATTEMPTS:]
    return DeliveryState(
        name=task.task_name,
        state="waiting",
        tone="quiet",
        about=task.about,
        attempts=[_attempt(each) for each in shown],
        earlier=max(task.failures, len(runs)) - len(shown),
        next_at=task.next_at,
        error=mask(runs[-1].failure) if runs else "",
    )


def _ended(runs: Sequence[Run], mask: Callable[[str], str]) -> DeliveryState:
    last, shown = runs[-1], runs[-MOST_ATTEMPTS:]
    return DeliveryState(
        name=last.task_name,
        state=last.outcome,
        tone=_TONES.get(last.outcome, "bad"),
        about=last.about,
        attempts=[_attempt(each) for each in shown],
        earlier=len(runs) - len(shown),
        error=mask(last.failure),
    )


def _attempt(run: Run) -> AttemptRow:
    return AttemptRow(run.ended_at, run.outcome, run.calls[-1].number if run.calls else 0)
