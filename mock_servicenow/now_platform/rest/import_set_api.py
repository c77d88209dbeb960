"""The Import Set API."""

from collections.abc import Callable, Iterator, Mapping

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import MethodNotAllowed, RecordNotFound, UnknownPath, UnreadableBody
from mock_servicenow.now_platform.imports.import_sets import (
    OUTCOMES,
    SETS,
    ImportSets,
    check_loader,
    check_staging,
    multiple,
)
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import document_answer, json_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.formats import Result, response_format
from mock_servicenow.now_platform.rest.parameters import report_ignored
from mock_servicenow.now_platform.rest.record_bodies import check_length, longest_body, read_json, read_record

SETTINGS = "sys_rest_insert_multiple"
Verb = Callable[[Call, str, str], Answer | Steps]


class ImportSetApi:
    """Takes rows into staging tables and answers what they were transformed into."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._import_sets = ImportSets(instance)

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``import/{staging}`` and what is below it; raises PlatformError."""
        verbs: dict[str, Verb]
        match call.resource:
            case (_, staging):
                verbs, sys_id = {"POST": self._insert}, ""
            case (_, staging, "insertMultiple"):
                verbs, sys_id = {"POST": self._insert_multiple}, ""
            case (_, staging, sys_id):
                verbs = {"GET": self._get, "HEAD": self._get}
            case _:
                raise UnknownPath
        verb = verbs.get(call.verb)
        if verb is None:
            raise MethodNotAllowed(call.verb, verbs)
        report_ignored(call, call.query)
        response_format(call.headers.get("Accept", ""))
        return verb(call, staging, sys_id)

    def _insert(self, call: Call, staging: str, _sys_id: str) -> Steps:
        with self._instance.transaction(call.user, call.findings) as session:
            values = read_record(call, longest_body(session), java_text)
        import_set = yield from self._import_sets.load(call.user, call.findings, staging, [values])
        yield from self._import_sets.transform(call.user, import_set.sys_id, call.findings)
        with self._instance.next_transaction(call.user, call.findings) as session:
            row = session.elevated.find(staging, sys_import_set=import_set.sys_id)
            return _answer(call, session, row, status=201)

    def _insert_multiple(self, call: Call, staging: str, _sys_id: str) -> Steps:
        with self._instance.transaction(call.user, call.findings) as session:
            check_length(call, longest_body(session))
            check_loader(session, staging)
            settings = session.elevated.find(SETTINGS, source_table=staging)
            rows = _rows(call, session, staging, settings)
            group = multiple(session, call.query.get("multi_import_set_id", ""))
        columns = {"multi_import_set": group, "run_after": call.query.get("run_after", "")}
        import_set = yield from self._import_sets.load(call.user, call.findings, staging, rows, **columns)
        if settings is not None and settings["transformation"] == "synchronous":
            yield from self._import_sets.transform(call.user, import_set.sys_id, call.findings)
        else:
            with self._instance.transaction(call.user, call.findings) as session:
                self._import_sets.transform_later(session, import_set)
        return json_answer({"import_set_id": import_set.sys_id, "multi_import_set_id": group}, 201)

    def _get(self, call: Call, staging: str, sys_id: str) -> Answer:
        with self._instance.transaction(call.user, call.findings) as session:
            check_staging(session, staging)
            return _answer(call, session, session.get(staging, sys_id), status=200)


def java_text(value: object) -> str:
    """Return a JSON value as the platform's language prints it: objects as ``{name=value}``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={java_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(java_text, value)) + "]"
    return json_text(value)


def _rows(call: Call, session: Session, staging: str, settings: Record | None) -> Iterator[dict[str, str]]:
    """Return the rows in the body, each converted when it is asked for.

    Their keys are the labels of columns, unless the settings say that they are names.
    """
    body = read_json(call)
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UnreadableBody("insertMultiple takes an object with records, an array of objects")
    columns = session.dictionary.columns(staging)
    by_label = settings is None or settings["column_mapping"] == "label"
    known = {column.label if by_label else name: name for name, column in columns.items()}
    unknown = {key for record in records for key in record} - known.keys()
    named = {key: columns[key].label for key in sorted(unknown & columns.keys())}
    if named:
        spelled = ", ".join(f"'{name}' is a name; expected the label '{label}'" for name, label in named.items())
        call.swallowed(
            "name-for-label", f"table {staging}: {spelled}, unless a record of {SETTINGS} says otherwise: ignored"
        )
    if others := sorted(unknown - named.keys()):
        kind = "labels" if by_label else "names"
        call.swallowed("column-ignored", f"table {staging}: no columns have the {kind} {', '.join(others)}: ignored")
    return (_known(record, known) for record in records)


def _known(record: dict[str, object], columns: Mapping[str, str]) -> dict[str, str]:
    return {columns[key]: java_text(value) for key, value in record.items() if key in columns}


def _answer(call: Call, session: Session, row: Record | None, status: int) -> Answer:
    import_set = None if row is None else session.elevated.get(SETS, row["sys_import_set"])
    if row is None or import_set is None:
        raise RecordNotFound
    head = {"import_set": import_set["number"], "staging_table": row.table}
    return document_answer(call, head, outcome_results(call, session, row), status)


def outcome_results(call: Call, session: Session, row: Record) -> list[Result]:
    """Return what each map made of a row; empty if none has transformed it."""
    outcomes = session.elevated.find_all(OUTCOMES, import_set_row=row.sys_id)
    return [_result(call, session, row, outcome) for outcome in outcomes]


def _result(call: Call, session: Session, row: Record, outcome: Record) -> Result:
    table, sys_id, message = outcome["target_table"], outcome["target_sys_id"], outcome["message"]
    target = session.get(table, sys_id) if sys_id and table not in session.sight.closed else None
    told = {"error_message" if outcome["status"] == "error" else "status_message": message} if message else {}
    return {
        "transform_map": outcome["transform_map"],
        "table": table,
        **_shown(call, session, table, target),
        "status": outcome["status"],
        "sys_id": sys_id or row.sys_id,
        **told,
    }


def _shown(call: Call, session: Session, table: str, target: Record | None) -> Mapping[str, str]:
    if target is None:
        return {"display_name": "", "display_value": "", "record_link": ""}
    column = session.dictionary.display_column(table)
    link = f"{call.origin}/api/now/table/{table}/{target.sys_id}"
    return {"display_name": column, "display_value": session.display(target, column), "record_link": link}
