"""Records as the Table API shapes them."""

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.fields import Field, Fields
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.formats import Result, Value
from mock_servicenow.now_platform.rest.parameters import Parameters
from privman_core.findings import MOST_FINDINGS


class Shapes:
    """Shapes the records of one answer with the fields to show."""

    def __init__(self, session: Session, call: Call, parameters: Parameters, fields: Fields) -> None:
        self._session = session
        self._display = parameters.display
        self._links = not parameters.exclude_reference_link
        self._base = f"{call.origin}{call.prefix}/table"
        self._fields = fields

    @property
    def repeats(self) -> bool:
        """Whether the results may show texts of other records, each any number of times."""
        return self._display != "false" or bool(self._fields.walked)

    def results(self, records: list[Record]) -> list[Result]:
        """Return the records with the fields to show."""
        return self._displayed(records) if self._display != "false" else self._raw(records)

    def _displayed(self, records: list[Record]) -> list[Result]:
        fields, displays = self._fields.fields, self._session.displays
        paths = [field.path for field in fields if len(field.path) > 1 or field.column.reference]
        if paths:
            displays.prefetch(records, paths)
        if any(field.column.family is Family.JOURNAL for field in fields):
            displays.prefetch_entries(records)
        results: list[dict[str, Value]] = [{} for _ in records]
        for field in fields:
            self._display_field(field, records, results)
        return list(results)

    def _raw(self, records: list[Record]) -> list[Result]:
        fields = self._fields
        if fields.walked:
            self._session.displays.prefetch(records, [field.path[:-1] for field in fields.walked])
        references = fields.references if self._links else ()
        results: list[Result] = []
        for record in records:
            values = record.values
            whole = fields.whole and len(values) == len(fields.names)
            result: dict[str, Value] = {**values} if whole else {name: values.get(name, "") for name in fields.names}
            result.update(fields.unreadable)
            for name, table in references:
                if value := values[name]:
                    result[name] = {"link": f"{self._base}/{table}/{value}", "value": value}
            for field in fields.walked:
                result[field.key] = self._walked(record, field)
            results.append(result)
        return results

    def _walked(self, record: Record, field: Field) -> Value:
        end = self._end(record, field)
        value = "" if end is None or field.column.family.concealed else end[0][end[1]]
        if not (value and field.column.is_reference and self._links):
            return value
        return {"link": f"{self._base}/{field.column.reference}/{value}", "value": value}

    def _display_field(self, field: Field, records: list[Record], results: list[dict[str, Value]]) -> None:
        """Add a field to the results; what it shows depends on one value of a record only, which many records share."""
        key, column = field.key, field.column
        source = "sys_id" if column.family is Family.JOURNAL else field.path[0]
        known: dict[tuple[str, str], Value] = {}
        for record, result in zip(records, results, strict=True):
            found = record.table, record.values[source]
            if found not in known:
                known[found] = self._cell(self._end(record, field), column)
            result[key] = known[found]

    def _cell(self, end: tuple[Record, str] | None, column: Column) -> Value:
        value = "" if end is None or column.family.concealed else end[0][end[1]]
        display = "" if end is None else self._session.display(*end)
        linked = column.is_reference and value and self._links
        link = {"link": f"{self._base}/{column.reference}/{value}"} if linked else {}
        if self._display == "all":
            return {"display_value": display, **link, "value": value}
        return {"display_value": display, **link} if linked else display

    def _end(self, record: Record, field: Field) -> tuple[Record, str] | None:
        """Return the record and the column to which a field leads; None if a reference on the way is empty."""
        if len(field.path) == 1:
            return record, field.key
        return self._session.displays.walk(record, field.path)


def shown_fields(session: Session, call: Call, parameters: Parameters, table: str) -> Fields:
    """Return the fields of an answer: those asked for, or of the view, or all, less what the user may not read."""
    names = parameters.fields or (_view(session, call, table, parameters.view) if parameters.view else None)
    fields = session.schema.fields.find(table, names)
    for name in fields.unknown[: MOST_FINDINGS + 1]:
        call.swallowed("field-ignored", f"{table} has no field '{name}': left out", "sysparm_fields")
    sight = session.sight
    guarded = fields.fields if sight.hidden(table) else fields.walked
    if not guarded:
        return fields
    hidden = {field.key for field in guarded if not sight.reads(table, field.path)}
    if not hidden:
        return fields
    for name in sorted(hidden) if names else ():
        message = f"the user may not read field '{name}' of {table}: left out"
        call.swallowed("field-unreadable", message, "sysparm_fields")
    return fields.where(lambda field: field.key not in hidden)


def _view(session: Session, call: Call, table: str, view: str) -> tuple[str, ...] | None:
    """Return the columns of a view, of the nearest class that has one; None if there is none."""
    for name in session.dictionary.lineage(table):
        elements = session.elevated.find_all("sys_ui_list_element", name=name, view=view)
        if elements:
            return tuple(element["element"] for element in elements)
    call.swallowed("view-ignored", f"{table} has no view '{view}': every column was returned", "sysparm_view")
    return None
