"""The Email API: messages as records of sys_email; nothing is sent (Docs: Email API)."""

from collections.abc import Mapping

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, OperationFailed
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.endpoints import Endpoints, Taking, check_role
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object

EMAILS = "sys_email"
MOST_ADDRESSES = 100
_SENDER = "email_api_send"
_LISTS = {"to": "recipients", "cc": "copied", "bcc": "blind_copied"}
_TEXTS = {"subject": "subject", "text": "body_text", "html": "body", "importance": "importance"}
_OF_RECORD = {"table_name": "target_table", "table_record_id": "instance"}


class EmailApi:
    """Creates and reads messages."""

    def __init__(self, instance: Instance) -> None:
        self._endpoints = Endpoints(instance, {"": {"POST": _send}, "{id}": {"GET": Taking(_get, {"sysparm_fields"})}})

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``email``; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


def _send(call: Call, session: Session) -> Answer:
    check_role(session, _SENDER)
    body = read_object(call, longest_body(session))
    values = {"type": "send-ready", "state": "ready", "headers": _headers(body)}
    values |= {column: ",".join(_addresses(body, key)) for key, column in _LISTS.items()}
    values |= {column: json_text(body.get(key)) for key, column in (_TEXTS | _OF_RECORD).items()}
    if not values["recipients"]:
        raise BadRequest("Missing required parameter", "to is missing; expected a list of addresses")
    if bool(values["target_table"]) != bool(values["instance"]):
        raise BadRequest("Missing required parameter", "table_name and table_record_id go together")
    email = session.insert(EMAILS, values)
    address = f"/now/{call.version or 'v1'}/email/{email.sys_id}"
    links: Document = [
        {"rel": "self", "href": address},
        {"rel": "status", "href": f"{address}?sysparm_fields=id,type,state,error"},
    ]
    return value_answer(call, {"id": email.sys_id, "links": links})


def _addresses(body: Mapping[str, object], key: str) -> list[str]:
    given = body.get(key) or []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise BadRequest("Invalid request body", f"{key} is {json_text(given)[:100]}; expected a list of addresses")
    if len(given) > MOST_ADDRESSES:
        raise BadRequest(
            "Invalid request body", f"{key} has {len(given)} addresses; at most {MOST_ADDRESSES} are taken"
        )
    return given


def _headers(body: Mapping[str, object]) -> str:
    given = body.get("headers") or {}
    pairs = given.items() if isinstance(given, dict) else ()
    return "\n".join(f"{name}:{json_text(value)}" for name, value in pairs)


def _get(call: Call, session: Session, sys_id: str) -> Answer:
    email = session.get(EMAILS, sys_id)
    if email is None:
        raise OperationFailed("No Record found")  # 403 as documented, not 404
    shown = _shown(email)
    asked = [name for name in call.query.get("sysparm_fields", "").split(",") if name]
    return value_answer(call, {name: value for name, value in shown.items() if not asked or name in asked})


def _shown(email: Record) -> dict[str, Document]:
    headers = (line.partition(":") for line in email["headers"].splitlines())
    return {
        "id": email.sys_id,
        "type": email["type"],
        "state": email["state"],
        "error": email["error_string"],
        **{key: email[column] for key, column in _TEXTS.items()},
        **{key: email[column].split(",") for key, column in _LISTS.items()},
        "headers": {name: value for name, _, value in headers if name},
    }
