"""SOAP services of import set tables: a row that is inserted is transformed at once (Docs: SOAP import sets)."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mock_servicenow.now_platform.errors import PlatformError, SoapError
from mock_servicenow.now_platform.imports.import_sets import ImportSets
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Call, Steps
from mock_servicenow.now_platform.rest.import_set_api import outcome_results
from mock_servicenow.now_platform.rest.soap.direct_services import OPERATIONS, DirectServices
from mock_servicenow.now_platform.rest.soap.soap_message import elements
from mock_servicenow.now_platform.rest.soap.table_operations import FAILED, RECORD, SoapCall, TableOperation

_OUTCOME = ("sys_id", "table", "display_name", "display_value", "status", "status_message", "error_message")
_SEVERAL = "multiInsert"
_AT_ONCE = 20
"""Rows whose outcomes are read before others get a turn."""
Outcomes = Sequence[Mapping[str, str]]


class ImportServices:
    """The operations that import set tables have: inserts answer what the rows became; the others are those of tables.

    Attributes:
        operations: by name.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._import_sets = ImportSets(instance)
        one, several = OPERATIONS["insert"], OPERATIONS["insertMultiple"]
        self.operations: Mapping[str, TableOperation] = {
            **OPERATIONS,
            "insert": replace(one, run=self._insert, gives=_OUTCOME),
            "insertMultiple": replace(several, run=self._insert_multiple, gives=_OUTCOME),
        }

    def _insert(self, _services: DirectServices, asked: SoapCall) -> Steps:
        """A row that has been deleted meanwhile has no outcome."""
        outcomes: Outcomes = []
        try:
            ids = yield from self._import_sets.take(asked.call.user, asked.call.findings, asked.table, [asked.values])
            with self._instance.next_transaction(asked.call.user, asked.call.findings) as session:
                for sys_id in ids:
                    outcomes = _outcomes(asked.call, session, asked.table, sys_id)
        except PlatformError as error:
            raise SoapError(f"{FAILED}: Insert Aborted : {error.detail or error.message}") from None
        if len(outcomes) > 1:
            return asked.writer.of(_SEVERAL).answer(_written(outcomes).encode())
        return asked.writer.answer("".join(map(elements, outcomes)).encode())

    def _insert_multiple(self, _services: DirectServices, asked: SoapCall) -> Steps:
        """A refused row refuses all of them (I)."""
        rows = (each.values for each in asked.operation.children if each.name == RECORD)
        ids = yield from self._import_sets.take(asked.call.user, asked.call.findings, asked.table, rows)
        written: list[str] = []
        for start in range(0, len(ids), _AT_ONCE):
            with self._instance.next_transaction(asked.call.user, asked.call.findings) as session:
                for sys_id in ids[start : start + _AT_ONCE]:
                    outcomes = _outcomes(asked.call, session, asked.table, sys_id)
                    several = len(outcomes) > 1
                    content = _written(outcomes)
                    written.append(f"<{_SEVERAL}Response>{content}</{_SEVERAL}Response>" if several else content)
            yield None
        return asked.writer.answer("".join(written).encode())


def _outcomes(call: Call, session: Session, staging: str, sys_id: str) -> Outcomes:
    """Return what became of a row, by map; its own state where no map has transformed it (I); empty if it is gone."""
    row = session.elevated.get(staging, sys_id)
    if row is None:
        return []
    results = outcome_results(call, session, row)
    if not results:
        return [_of_row(session, row)]
    outcomes = [{name: str(result[name]) for name in _OUTCOME if name in result} for result in results]
    if len(results) == 1:
        return outcomes
    maps = ({"map": str(result["transform_map"])} for result in results)
    return [{**outcome, **named} for outcome, named in zip(outcomes, maps, strict=True)]


def _of_row(session: Session, row: Record) -> Mapping[str, str]:
    name = session.dictionary.display_column(row.table)
    shown = {"display_name": name, "display_value": session.display(row, name)}
    return {"sys_id": row.sys_id, "table": row.table, **shown, "status": row["sys_import_state"]}


def _written(outcomes: Iterable[Mapping[str, str]]) -> str:
    return "".join(f"<insertResponse>{elements(outcome)}</insertResponse>" for outcome in outcomes)
