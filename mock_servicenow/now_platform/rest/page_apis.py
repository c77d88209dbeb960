"""What the platform's own pages ask for: ``doc/table/schema``, ``ui/meta/{table}``, ``ui/user/current_user``.

ServiceNow does not document them (users); connectors read tables and columns there where the dictionary is closed to
them, and who they are.
"""

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.list_columns import readable
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.endpoints import Endpoints, Verbs
from mock_servicenow.now_platform.rest.formats import Document


class TableListApi:
    """Lists the tables that the user may read."""

    def __init__(self, instance: Instance) -> None:
        self._endpoints = Endpoints(instance, {"table/schema": {"GET": _tables}})

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``doc/table/schema``; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


class UiApi:
    """Lists the columns of a table that the user may read, and names the user."""

    def __init__(self, instance: Instance) -> None:
        paths: dict[str, Verbs] = {"meta/{table}": {"GET": _columns}, "user/current_user": {"GET": _current_user}}
        self._endpoints = Endpoints(instance, paths)

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call below ``ui``; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


def _tables(call: Call, session: Session) -> Answer:
    served = (table for table in session.dictionary if session.sight.serves(table.name))
    return value_answer(call, [{"label": table.label, "value": table.name} for table in served])


def _columns(call: Call, session: Session, table: str) -> Answer:
    session.check_reach(table)
    columns = {name: _column(session, column) for name, column in readable(session, table).items()}
    known = session.dictionary.table(table)
    return value_answer(call, {"table": table, "label": known.label if known else table, "columns": columns})


def _column(session: Session, column: Column) -> Document:
    described: dict[str, Document] = {
        "name": column.name,
        "label": column.label,
        "type": column.type,
        "max_length": column.max_length,
        "mandatory": column.mandatory,
        "read_only": column.read_only,
        "default_value": column.default or "",
        "filterable": not column.family.concealed,
    }
    if column.reference:
        shown = session.dictionary.display_column(column.reference)
        described |= {"reference": column.reference, "reference_display_field": shown}
    if column.choices:
        described["choices"] = [{"label": choice.label, "value": choice.value} for choice in column.choices]
    return described


def _current_user(call: Call, session: Session) -> Answer:
    user = session.user
    words = user.name.split()
    named: dict[str, Document] = {
        "user_avatar": "",
        "user_sys_id": user.sys_id,
        "user_name": user.user_name,
        "user_display_name": user.name,
        "user_initials": "".join(word[0] for word in words[:1] + words[1:][-1:]),
    }
    return value_answer(call, named)
