"""Keys and values that clients keep with an attachment, such as alternative text (platform 3.1)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import BadRequest, RecordNotFound
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.records.attachments import ATTRIBUTES
from mock_servicenow.now_platform.rest.bodies import read_record
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.envelope import result_answer
from mock_servicenow.now_platform.rest.limits import longest_body
from mock_servicenow.now_platform.rest.list_parts import Page, page_answer
from mock_servicenow.now_platform.rest.xml_text import Result

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

_ALL = 2**31 - 1
Verb = Callable[[Call, "Session"], Answer]


def list_attributes(call: Call, session: "Session") -> Answer:
    """Answer every attribute of the attachment; raises PlatformError, as the others here do."""
    attachment = attachments.find(session, call.resource[1])
    own = session.elevated.compiled(ATTRIBUTES, f"sys_attachment={attachment.sys_id}")
    # Asked again of each part: another file's attribute may have taken the position of one that has been deleted.
    query = replace(own, readable=own.where)
    page = Page(ATTRIBUTES, query, _ALL, 0)
    return page_answer(call, session, page, page.beginning(session.elevated), lambda _, rows: list(map(_result, rows)))


def add_attribute(call: Call, session: "Session") -> Answer:
    """Add the attribute in the body, whose key must be new."""
    attachment = attachments.changeable(session, call.resource[1])
    values = _read(call, session, "key", "value")
    session.work.transaction.reserve(f"{ATTRIBUTES} {attachment.sys_id}")
    if session.elevated.find(ATTRIBUTES, sys_attachment=attachment.sys_id, key=values["key"]) is not None:
        raise BadRequest("Failed to add the attribute", f"the attachment has an attribute '{values['key']}' already")
    attribute = session.elevated.insert(ATTRIBUTES, {"sys_attachment": attachment.sys_id, **values})
    return result_answer(call, [_result(attribute)], many=False, status=201)


def delete_attributes(call: Call, session: "Session") -> Answer:
    """Delete every attribute of the attachment."""
    attachment = attachments.changeable(session, call.resource[1])
    attachments.delete_attributes(session, [attachment.sys_id])
    return Answer(204)


def get_attribute(call: Call, session: "Session") -> Answer:
    """Answer the attribute that the path names."""
    attachments.find(session, call.resource[1])
    return result_answer(call, [_result(_named(call, session))], many=False)


def set_attribute(call: Call, session: "Session") -> Answer:
    """Give the attribute that the path names the value in the body."""
    attachments.changeable(session, call.resource[1])
    attribute = _named(call, session)
    changed = session.elevated.update(ATTRIBUTES, attribute.sys_id, _read(call, session, "value"))
    return result_answer(call, [_result(changed)], many=False)


def delete_attribute(call: Call, session: "Session") -> Answer:
    """Delete the attribute that the path names."""
    attachments.changeable(session, call.resource[1])
    session.elevated.delete(ATTRIBUTES, _named(call, session).sys_id)
    return Answer(204)


ON_ALL: dict[str, Verb] = {"GET": list_attributes, "POST": add_attribute, "DELETE": delete_attributes}
ON_ONE: dict[str, Verb] = {"GET": get_attribute, "PUT": set_attribute, "DELETE": delete_attribute}


def _named(call: Call, session: "Session") -> "Record":
    attribute = session.elevated.find(ATTRIBUTES, sys_attachment=call.resource[1], key=call.resource[3])
    if attribute is None:
        raise RecordNotFound
    return attribute


def _read(call: Call, session: "Session", *names: str) -> dict[str, str]:
    body = read_record(call, longest_body(session))
    missing = [name for name in names if name not in body]
    if missing:
        raise BadRequest("Failed to write the attribute", f"mandatory and missing: {', '.join(missing)}")
    return {name: body[name] for name in names}


def _result(attribute: "Record | Mapping[str, str]") -> Result:
    return {"key": attribute["key"], "value": attribute["value"]}
