"""Files attached to records: their metadata in sys_attachment, their bytes in sys_attachment_doc (platform 3.1)."""

import gzip
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import AccessDenied, BadRequest, RecordNotFound
from mock_servicenow.now_platform.records import access
from mock_servicenow.now_platform.rest.limits import megabytes
from mock_servicenow.now_platform.rules.rules import EVERY_TABLE, BusinessRule, RuleContext

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

TABLE = "sys_attachment"
CHUNKS = "sys_attachment_doc"
ATTRIBUTES = "sys_attachment_attribute"
CHUNK_BYTES = 700_000
LARGEST = ("com.glide.attachment.max_size", 1024)
"""The property that limits a file, in megabytes, and its default."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be attached."""

    name: str
    content_type: str
    content: bytes
    encryption_context: str = ""


def attach(session: "Session", table: str, sys_id: str, file: File) -> "Record":
    """Attach a file to a record and return its metadata.

    Raises:
        InvalidTable: there is no such table.
        RecordNotFound: there is no such record, or the user may not see it.
        AccessDenied: the user may not change it.
        BadRequest: the file is larger than the property `LARGEST` allows.
    """
    parent = session.get(table, sys_id)
    if parent is None:
        raise RecordNotFound
    _check_writable(session, parent, "Insert")
    _check_size(session, file)
    # The fastest level: what is already compressed gains nothing from a better one and takes long.
    compressed = gzip.compress(file.content, 1, mtime=0)
    record = session.insert(TABLE, _metadata(table, sys_id, file, compressed))
    session.store_rows(CHUNKS, _chunks(session, record.sys_id, compressed))
    return record


def find(session: "Session", sys_id: str) -> "Record":
    """Return an attachment's metadata; raises RecordNotFound, also if the user may not see its record."""
    attachment = session.get(TABLE, sys_id)
    if attachment is None:
        raise RecordNotFound
    return attachment


def changeable(session: "Session", sys_id: str) -> "Record":
    """Return an attachment's metadata, to be changed.

    Raises:
        RecordNotFound: there is no such attachment, or the user may not see its record.
        AccessDenied: he may not change it.
    """
    attachment = find(session, sys_id)
    _check_writable(session, attachment, "Update")
    return attachment


def content(session: "Session", attachment: "Record") -> bytes:
    """Return the bytes of the file."""
    chunks = session.elevated.find_all(CHUNKS, sys_attachment=attachment.sys_id)
    ordered = sorted(chunks, key=lambda chunk: int(chunk["position"]))
    return gzip.decompress(b"".join(b64decode(chunk["data"]) for chunk in ordered))


def attachment_rules() -> list[BusinessRule]:
    """Return the rules by which attachments vanish with their record, and bytes with their attachment."""
    return [
        BusinessRule("delete_attachments", EVERY_TABLE, "after", frozenset({"delete"}), _delete_attachments),
        BusinessRule("delete_attachment_content", TABLE, "after", frozenset({"delete"}), _delete_content),
    ]


def _delete_attachments(context: RuleContext) -> None:
    session = context.session
    classes = session.dictionary.lineage(context.table)
    for attachment in session.find_all(TABLE, table_sys_id=context.current["sys_id"]):
        if attachment["table_name"] in classes:
            session.delete(TABLE, attachment.sys_id)


def _delete_content(context: RuleContext) -> None:
    for table in (CHUNKS, ATTRIBUTES):
        physical = context.session.dictionary.sql_table(table)
        of_it = physical.c.sys_attachment == context.current["sys_id"]
        context.session.work.transaction.execute(sa.delete(physical).where(of_it))


def _check_writable(session: "Session", record: "Record", operation: str) -> None:
    if session.secure and not access.allowed(session, "write", [record]):
        raise AccessDenied(operation)


def _check_size(session: "Session", file: File) -> None:
    most = megabytes(session, *LARGEST)
    if len(file.content) > most:
        raise BadRequest(
            "Failed to create the attachment",
            f"'{file.name}' has {len(file.content)} bytes; {LARGEST[0]} allows {most}",
        )


def _metadata(table: str, sys_id: str, file: File, compressed: bytes) -> dict[str, str]:
    return {
        "file_name": file.name,
        "content_type": file.content_type,
        "table_name": table,
        "table_sys_id": sys_id,
        "size_bytes": str(len(file.content)),
        "size_compressed": str(len(compressed)),
        "chunk_size_bytes": str(CHUNK_BYTES),
        "hash": sha256(file.content).hexdigest(),
        "encryption_context": file.encryption_context,
    }


def _chunks(session: "Session", attachment_id: str, compressed: bytes) -> Iterator[Mapping[str, str]]:
    for position, start in enumerate(range(0, len(compressed), CHUNK_BYTES)):
        chunk = compressed[start : start + CHUNK_BYTES]
        yield {
            "sys_id": session.ids.sys_id(),
            "sys_attachment": attachment_id,
            "position": str(position),
            "length": str(len(chunk)),
            "data": b64encode(chunk).decode(),
        }
