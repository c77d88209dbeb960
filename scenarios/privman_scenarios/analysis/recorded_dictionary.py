"""Names that an instance's own dictionary, or its refusals, show to be missing."""

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privman_contracts import Contracts
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.definition_clues import ColumnClues, find_tables, word_of
from privman_scenarios.analysis.instance_facts import CannotLearnError, InstanceFacts, SeenTable
from privman_scenarios.analysis.recorded import Recorded, to_json
from privman_scenarios.analysis.renamed import Renamed
from privman_scenarios.playing.record_pages import next_page

LABEL = "the instance's dictionary"
_DICTIONARY = "/table/sys_dictionary"
_EVERY_TABLE = "sys_"
_LIMIT = re.compile(r"[0-9]{1,9}")

Dictionary = Mapping[str, set[str]]


def dictionary_of(recording: Sequence[Recorded]) -> Dictionary:
    """Return each table with its columns, but for those that every table has.

    It is empty where nobody asked, and where the last page was not read: what is not in it may be on another page.
    """
    asked = [each for each in recording if urlsplit(each.url).path.endswith(_DICTIONARY)]
    if not asked or not _is_last_page(asked[-1]):
        return {}
    tables: dict[str, set[str]] = {}
    for recorded in asked:
        for row in _rows(recorded) or ():
            if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("element"), str):
                columns = tables.setdefault(row["name"], set())
                columns |= {row["element"]} - {""} if not row["element"].startswith(_EVERY_TABLE) else set()
    return tables


def _rows(recorded: Recorded) -> list[Any] | None:
    """Return the entries that were answered; None where it was something else, such as a refusal."""
    answer = to_json(recorded.response)
    rows = answer.get("result") if isinstance(answer, dict) else None
    return rows if isinstance(rows, list) else None


def _is_last_page(recorded: Recorded) -> bool:
    limit = parse_qs(urlsplit(recorded.url).query).get("sysparm_limit", [""])[-1]
    rows = _rows(recorded)
    is_full = rows is None or (_LIMIT.fullmatch(limit) is not None and len(rows) >= int(limit))
    links = (value for name, value in recorded.response_headers if name.lower() == "link")
    return not is_full and not any(map(next_page, links))


def renamed_in_dictionary(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the tables and columns that the dictionary has by another name, as far as clues lead."""
    dictionary = dictionary_of(recording)
    # One that contradicts itself says nothing.
    with suppress(CannotLearnError):
        facts = InstanceFacts.of(recording) if dictionary else InstanceFacts()
        known = {name: SeenTable(name, "", "") for name in dictionary}
        yield from _renamed(replace(facts, tables={**known, **facts.tables}), contracts)


def _renamed(facts: InstanceFacts, contracts: Contracts) -> Iterator[Renamed]:
    names = contracts.names
    scope = os.path.commonprefix([*names.group("tables").values()])  # noqa: RUF071 - characters are meant
    tables = find_tables(facts, names, scope).found
    columns = ColumnClues(facts, names, {word_of(path): each.candidate for path, each in tables.items()}).find().found
    seen = {path: each.candidate for path, each in tables.items()}
    seen |= {path: each.candidate.name for path, each in columns.items()}
    for path, value in seen.items():
        if value != names.find(path).value:
            yield Renamed(names.find(path), value, LABEL)


def lacking_in_dictionary(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[str]:
    """Yield each name that the dictionary lacks, once others have been tried, with the names that might be meant."""
    dictionary = dictionary_of(recording)
    tables = contracts.names.group("tables")
    known = {table: _known(contracts, word) for word, table in tables.items()}
    for word, table in tables.items() if dictionary else ():
        if table not in dictionary:
            yield _lacking(contracts.names.find(f"tables.{word}"), dictionary.keys() - tables.values())
            continue
        for column, spelling in contracts.names.group(f"columns.{word}").items():
            if spelling not in dictionary[table]:
                yield _lacking(contracts.names.find(f"columns.{word}.{column}"), dictionary[table] - known[table])


def mend(name: WireName, value: str) -> str:
    """Return the line of a file for ``--inferred`` that gives the name this value."""
    line = f"{name.word}: {value}"
    for group in reversed(name.group.split(".")):
        line = f"{group}: {{{line}}}"
    return line


def _lacking(name: WireName, others: set[str]) -> str:
    perhaps = f" Perhaps it is {' or '.join(sorted(others))}:" if others else ""
    value = min(others) if len(others) == 1 else "NAME"
    return f"{name.path} [{name.evidence}]: the dictionary has no {name.value}.{perhaps} {mend(name, value)}"


def _known(contracts: Contracts, word: str) -> set[str]:
    return set(contracts.names.group(f"columns.{word}").values())


_BAD_REQUEST = 400


def missing_names(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each answer that tells of such a table or role, with what it means."""
    names = {f"{name.group}/{name.value}": name for name in contracts.names}
    for recorded in recording:
        name = names.get(_missing_table(recorded)) or names.get(_missing_role(recorded))
        if name:
            kind = name.group.removesuffix("s")
            yield recorded, f"{name.path} [{name.evidence}]: no {kind} is called {name.value}. {mend(name, 'NAME')}"


def _missing_table(recorded: Recorded) -> str:
    """Return the table that was asked for and, as the answer says, is none."""
    answer = to_json(recorded.response)
    error = answer.get("error") if isinstance(answer, dict) else None
    table = urlsplit(recorded.url).path.partition("/table/")[2].partition("/")[0]
    told = recorded.status == _BAD_REQUEST and isinstance(error, dict) and table in str(error.get("message"))
    return f"tables/{table}" if told else ""


def _missing_role(recorded: Recorded) -> str:
    """Return the role that was looked up and not found."""
    parts = urlsplit(recorded.url)
    query = parse_qs(parts.query).get("sysparm_query", [""])[0]
    none = parts.path.endswith("/table/sys_user_role") and to_json(recorded.response) == {"result": []}
    return f"roles/{query.removeprefix('name=')}" if none else ""
