"""The Attachment API: files of records, and the keys and values that clients keep with a file."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import SEEK_END
from urllib.parse import quote

from msgspec import structs
from multidict import CIMultiDict

from mock_servicenow.now_platform.dictionary.values import date_time
from mock_servicenow.now_platform.errors import (
    BadRequest,
    MethodNotAllowed,
    RecordNotFound,
    UnknownPath,
    UnreadableBody,
)
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.records.attachments import ATTRIBUTES, AttachmentTarget, File
from mock_servicenow.now_platform.records.intake import LONGEST_VALUE
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import RowRange, add_links, list_answer, page_parts, result_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.formats import Result
from mock_servicenow.now_platform.rest.parameters import read_parameters
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_record
from privman_core.multipart import MultipartError, parts

_ALL = 2**31 - 1
LIMIT = 1_000
UNKNOWN_TYPE = "application/octet-stream"
_METADATA = (
    "table_sys_id",
    "size_bytes",
    "sys_updated_on",
    "sys_id",
    "image_height",
    "sys_created_on",
    "file_name",
    "sys_created_by",
    "compressed",
    "average_image_color",
    "sys_updated_by",
    "sys_tags",
    "table_name",
    "image_width",
    "sys_mod_count",
    "content_type",
    "size_compressed",
    "chunk_size_bytes",
    "hash",
    "state",
)
SHORT = 1024 * 1024
"""Bytes up to which a file is answered as a whole; a longer one is read while it is sent."""
_LONGEST_NAME = 255
Verb = Callable[[Call, Instance], Answer | Steps]
SessionVerb = Callable[[Call, Session], Answer]


class AttachmentApi:
    """Lists, reads, uploads, renames and deletes files attached to records."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``attachment`` and what is below it; raises PlatformError."""
        verbs = _verbs(call.resource[1:])
        verb = verbs.get("GET" if call.verb == "HEAD" else call.verb)
        if verb is None:
            raise MethodNotAllowed(call.verb, {*verbs, "HEAD"} if "GET" in verbs else verbs)
        return verb(call, self._instance)


def _verbs(below: tuple[str, ...]) -> Mapping[str, Verb]:
    verbs: Mapping[str, Verb]
    match below:
        case ():
            verbs = {"GET": _list}
        case ("file",):
            verbs = {"POST": _upload}
        case ("upload",):
            verbs = {"POST": _upload_form}
        case (_,):
            verbs = {"GET": _in_session(_get), "PATCH": _in_session(_rename), "DELETE": _in_session(_delete)}
        case (_, "file"):
            verbs = {"GET": _download}
        case (_, "attributes"):
            verbs = {
                "GET": _list_attributes,
                "POST": _in_session(_add_attribute),
                "DELETE": _in_session(_delete_attributes),
            }
        case (_, "attributes", _):
            verbs = {
                "GET": _in_session(_get_attribute),
                "PUT": _in_session(_set_attribute),
                "DELETE": _in_session(_delete_attribute),
            }
        case _:
            raise UnknownPath
    return verbs


def _in_session(verb: SessionVerb) -> Verb:
    def answer(call: Call, instance: Instance) -> Answer:
        with instance.transaction(call.user, call.findings) as session:
            return verb(call, session)

    return answer


def _list(call: Call, instance: Instance) -> Answer:
    with instance.transaction(call.user, call.findings) as session:
        parameters = read_parameters(call)
        if "sysparm_limit" not in call.query:
            parameters = structs.replace(parameters, limit=LIMIT)
        query = session.compiled(attachments.TABLE, parameters.query)
        page = RowRange(attachments.TABLE, query, parameters.limit, parameters.offset)
        first, total = page.beginning(session), session.work.count(attachments.TABLE, query)

        def show(session: Session, rows: list[Values]) -> list[Result]:
            return _results(call, session, [session.record(attachments.TABLE, row) for row in rows])

        answer = list_answer(call, *page_parts(call, instance, session, page, first, show, repeats=True))
        answer.headers["X-Total-Count"] = str(total)
        if not parameters.suppress_pagination_header:
            add_links(answer, call, parameters, total, more=parameters.end < total)
        return answer


def _get(call: Call, session: Session) -> Answer:
    attachment = attachments.find(session, call.resource[1])
    return result_answer(call, _results(call, session, [attachment]), many=False)


def _download(call: Call, instance: Instance) -> Steps:
    with instance.transaction(call.user, call.findings) as session:
        return download(call, instance, session, attachments.find(session, call.resource[1]))


def download(call: Call, instance: Instance, session: Session, attachment: Record) -> Steps:
    """Return the content of an attachment; it is read after the transaction has ended."""
    [result] = _results(call, session, [attachment])
    # It escapes what no header can hold, and no client reads a header of any length.
    metadata = json.dumps({name: str(value)[:_LONGEST_NAME] for name, value in result.items()})
    headers = {
        "Content-Type": attachment["content_type"] or UNKNOWN_TYPE,
        "Content-Disposition": _saved_as(attachment["file_name"][:_LONGEST_NAME]),
        "X-Attachment-Metadata": metadata,
    }
    return _answered(CIMultiDict(headers), attachments.pieces(instance, call.user, attachment))


def _saved_as(file_name: str) -> str:
    """Return the header by which browsers save a file instead of running it in the instance's origin (RFC 6266)."""
    file_name = re.sub(r"[/\\]", "_", file_name)  # no folder
    plain = re.sub(r"[^ !#-\[\]-~]", "_", file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _answered(headers: CIMultiDict[str], pieces: Iterator[bytes]) -> Steps:
    """Return an answer with a body, or with pieces if the body is long.

    Reading it takes steps: one piece may be too much for work that is given up when it takes long.
    """
    beginning = bytearray()
    for piece in pieces:
        beginning += piece
        if len(beginning) > SHORT:
            return Answer(200, bytes(beginning), headers, pieces)
        yield None
    return Answer(200, bytes(beginning), headers)


def _upload(call: Call, instance: Instance) -> Steps:
    given = {name: call.query.get(name, "") for name in ("file_name", "table_name", "table_sys_id")}
    content_type, content = call.headers.get("Content-Type", UNKNOWN_TYPE), call.file()
    context = call.query.get("encryption_context", "")
    size, created = content.seek(0, SEEK_END), _creation_time(call)
    file = File(given["file_name"], content_type, content, size, encryption_context=context, created=created)
    return (yield from _attach(call, instance, given, file))


def _creation_time(call: Call) -> str:
    """Return the moment at which the client made the file; empty if it says none, or none that can be read."""
    asked = call.query.get("creation_time", "")
    created = date_time(asked) if len(asked) <= LONGEST_VALUE else None
    if asked and created is None:
        expected = "expected a date and time, as 2026-01-05 09:00:00"
        call.swallowed("parameter-ignored", f"creation_time is '{asked[:LONGEST_VALUE]}', {expected}", "creation_time")
    return created or ""


def _upload_form(call: Call, instance: Instance) -> Steps:
    content = call.file()
    try:
        read = yield from parts(call.headers.get("Content-Type", ""), content)
    except MultipartError:
        raise UnreadableBody from None
    files = [part for part in read if part.file_name]
    given = {part.name: part.text(content) for part in read if not part.file_name}
    if not files:
        raise BadRequest("Failed to create the attachment", "the form holds no file")
    if len(files) > 1:
        call.swallowed("files-ignored", f"the form holds {len(files)} files: all but the first were ignored")
    if read[-1] is not files[0]:
        call.swallowed("form-order", "the file is not the last part of the form, as the platform expects")
    first = files[0]
    given["file_name"] = first.file_name
    file = File(first.file_name, first.content_type or UNKNOWN_TYPE, content, first.size, first.start)
    return (yield from _attach(call, instance, given, file))


def _attach(call: Call, instance: Instance, given: dict[str, str], file: File) -> Steps:
    missing = [name for name in ("file_name", "table_name", "table_sys_id") if not given.get(name)]
    if missing:
        raise BadRequest("Failed to create the attachment", f"mandatory and missing: {', '.join(missing)}")
    target = AttachmentTarget(instance, call.user, given["table_name"], given["table_sys_id"])
    attachment = yield from attachments.attach(target, file, call.findings)
    with instance.transaction(call.user, call.findings) as session:
        answer = result_answer(call, _results(call, session, [attachment]), many=False, status=201)
    answer.headers["Location"] = f"{call.origin}{call.prefix}/attachment/{attachment.sys_id}/file"
    return answer


def _rename(call: Call, session: Session) -> Answer:
    attachment = attachments.find(session, call.resource[1])
    name = read_record(call, longest_body(session)).get("file_name")
    if not name:
        raise BadRequest("Failed to rename the attachment", "mandatory and missing: file_name")
    session.update(attachments.TABLE, attachment.sys_id, {"file_name": name})
    return Answer(204)


def _delete(call: Call, session: Session) -> Answer:
    session.delete(attachments.TABLE, call.resource[1])
    return Answer(204)


def _results(call: Call, session: Session, found: list[Record]) -> list[Result]:
    authors = {name for record in found for name in _authors(record)}
    names = {name: _full_name(session, name) for name in authors}
    return [_metadata(call, record, names) for record in found]


def _metadata(call: Call, record: Record, names: dict[str, str]) -> Result:
    created_by, updated_by = _authors(record)
    return {
        **{name: record[name] for name in _METADATA},
        "download_link": f"{call.origin}/api/now/attachment/{record.sys_id}/file",
        "created_by_name": names[created_by],
        "updated_by_name": names[updated_by],
    }


def _authors(record: Record) -> tuple[str, str]:
    return record["sys_created_by"], record["sys_updated_by"]


def _full_name(session: Session, user_name: str) -> str:
    user = session.find("sys_user", user_name=user_name)
    return "" if user is None else user["name"]


def _list_attributes(call: Call, instance: Instance) -> Answer:
    with instance.transaction(call.user, call.findings) as session:
        attachment = attachments.find(session, call.resource[1])
        own = session.elevated.compiled(ATTRIBUTES, f"sys_attachment={attachment.sys_id}")
        # Asked again of each part: another file's attribute may have taken the position of one that has been deleted.
        query = replace(own, readable=own.where)
        page = RowRange(ATTRIBUTES, query, _ALL, 0)
        first = page.beginning(session.elevated)

        def show(_session: Session, rows: list[Values]) -> list[Result]:
            return [_attribute_result(row) for row in rows]

        return list_answer(call, *page_parts(call, instance, session, page, first, show))


def _add_attribute(call: Call, session: Session) -> Answer:
    attachment = attachments.changeable(session, call.resource[1])
    values = _read_attribute(call, session, "key", "value")
    session.work.transaction.reserve(f"{ATTRIBUTES} {attachment.sys_id}")
    if session.elevated.find(ATTRIBUTES, sys_attachment=attachment.sys_id, key=values["key"]) is not None:
        raise BadRequest("Failed to add the attribute", f"the attachment has an attribute '{values['key']}' already")
    attribute = session.elevated.insert(ATTRIBUTES, {"sys_attachment": attachment.sys_id, **values})
    return result_answer(call, [_attribute_result(attribute)], many=False, status=201)


def _delete_attributes(call: Call, session: Session) -> Answer:
    attachment = attachments.changeable(session, call.resource[1])
    attachments.delete_attributes(session, [attachment.sys_id])
    return Answer(204)


def _get_attribute(call: Call, session: Session) -> Answer:
    attachments.find(session, call.resource[1])
    return result_answer(call, [_attribute_result(_named_attribute(call, session))], many=False)


def _set_attribute(call: Call, session: Session) -> Answer:
    attachments.changeable(session, call.resource[1])
    attribute = _named_attribute(call, session)
    changed = session.elevated.update(ATTRIBUTES, attribute.sys_id, _read_attribute(call, session, "value"))
    return result_answer(call, [_attribute_result(changed)], many=False)


def _delete_attribute(call: Call, session: Session) -> Answer:
    attachments.changeable(session, call.resource[1])
    session.elevated.delete(ATTRIBUTES, _named_attribute(call, session).sys_id)
    return Answer(204)


def _named_attribute(call: Call, session: Session) -> Record:
    attribute = session.elevated.find(ATTRIBUTES, sys_attachment=call.resource[1], key=call.resource[3])
    if attribute is None:
        raise RecordNotFound
    return attribute


def _read_attribute(call: Call, session: Session, *names: str) -> dict[str, str]:
    body = read_record(call, longest_body(session))
    missing = [name for name in names if name not in body]
    if missing:
        raise BadRequest("Failed to write the attribute", f"mandatory and missing: {', '.join(missing)}")
    return {name: body[name] for name in names}


def _attribute_result(attribute: Record | Mapping[str, str]) -> Result:
    return {"key": attribute["key"], "value": attribute["value"]}
