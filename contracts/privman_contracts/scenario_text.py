"""Writes exchanges as a scenario that plays: what was asked as steps, what was answered as expectations."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from privman_contracts.contracts import Contracts
from privman_contracts.left_out import SizeLimit
from privman_contracts.scenario_steps import StepWriter, party_of
from privman_contracts.scenario_values import escaped
from privman_contracts.scenario_variables import Step, with_tables
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.exchange import path_of

_WITH_STATUS = frozenset({"status", "hibernating", "maintenance"})
"""Faults whose option is the status that was answered."""


def scenario_text(title: str, exchanges: Sequence[ExchangeToSave], contracts: Contracts) -> str:
    """Return the YAML of a scenario that sends the same requests and expects the same answers.

    It is empty if a party sends all the exchanges of its own accord, so that no step is needed.
    """
    limit, writer = SizeLimit(), StepWriter(contracts)
    kept = [*limit.keep(exchanges)]
    for each in kept:
        writer.add(each)
    if not writer.steps:
        return ""
    document = {
        "title": title,
        **writer.given(),
        "steps": [*_faults(kept, contracts), *writer.steps, *writer.expected()],
    }
    notes = "".join(f"# {' '.join(note.split())}\n" for note in (*writer.remarks(), *limit.notes))
    return notes + yaml.dump(document, Dumper=_ScenarioDumper, sort_keys=False, allow_unicode=True, width=120)


class _ScenarioDumper(yaml.SafeDumper):
    """Indents lists, and writes equal values twice, not as anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - of PyYAML
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, _data: Any) -> bool:  # noqa: ANN401 - of PyYAML
        return True


def _faults(exchanges: Sequence[ExchangeToSave], contracts: Contracts) -> Iterator[Step]:
    """Yield steps that arm the faults that struck; each first lets as many requests pass as were not struck."""
    spared: dict[tuple[str, str, str], int] = {}
    for each in exchanges:
        path = path_of(each.target)
        place = each.server, each.method, path
        if not each.fault:
            spared[place] = spared.get(place, 0) + 1
            continue
        skip = {"skip": spared[place]} if spared.get(place) else {}
        options = {"options": {"status": each.status}} if each.fault in _WITH_STATUS and each.status else {}
        what = {"kind": each.fault, "method": escaped(each.method), "path": with_tables(contracts.names, path)}
        yield {f"{party_of(each)}.fault": {**what, **skip, **options}}
        spared[place] = 0
