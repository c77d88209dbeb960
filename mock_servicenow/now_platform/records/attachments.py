"""Files attached to records: their metadata in sys_attachment, their bytes in sys_attachment_doc."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import PurePath
from typing import IO

import sqlalchemy as sa
from msgspec import Struct

from mock_servicenow.now_platform.errors import AccessDenied, BadRequest, RecordNotFound, UniqueKeyViolation
from mock_servicenow.now_platform.records.kernel import Kernel
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import VALUES_PER_STATEMENT, Record
from mock_servicenow.now_platform.records.rulebook import EVERY_TABLE
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, RunRules, Session
from mock_servicenow.now_platform.records.unit_of_work import Platform, UnitOfWork
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.bodies import SpooledBody
from privman_core.findings import Finding

TABLE = "sys_attachment"
CHUNKS = "sys_attachment_doc"
ATTRIBUTES = "sys_attachment_attribute"
CHUNK_BYTES = 700_000
PIECE_BYTES = 256 * 1024
"""Bytes of a file that are processed at a time."""
_CHUNKS_AT_A_TIME = 4
_GZIP = zlib.MAX_WBITS + 16
_FASTEST = 1
_SAMPLE, _GAIN = 16 * 1024, 0.9
LARGEST = Property("com.glide.attachment.max_size", "1024")
"""The largest size of a file, in megabytes."""

EXTENSIONS = Property("glide.attachment.extensions")
"""The extensions that files may have, separated by commas; empty for any."""


class File(Struct, frozen=True):
    """A file to be attached: ``size`` bytes of ``content`` from ``start`` on.

    Attributes:
        created: when it was made, in stored form; empty for now.
    """

    name: str
    content_type: str
    content: IO[bytes]
    size: int
    start: int = 0
    encryption_context: str = ""
    created: str = ""

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes, `PIECE_BYTES` at a time."""
        self.content.seek(self.start)
        for left in range(self.size, 0, -PIECE_BYTES):
            yield self.content.read(min(left, PIECE_BYTES))


class AttachmentTarget(Struct, frozen=True):
    """The record that a file is attached to, and the user who attaches it."""

    instance: Platform
    user: User
    table: str
    sys_id: str

    def check(self, session: Session, file: File) -> None:
        """Raise PlatformError unless the file may be attached."""
        session.check_reach(self.table)
        parent = session.get(self.table, self.sys_id)
        if parent is None:
            raise RecordNotFound
        _check_writable(session, parent, "Insert")
        _check_size(session, file)
        check_extension(session, file.name)


def attach(target: AttachmentTarget, file: File, findings: list[Finding]) -> Generator[None, None, Record]:
    """Attach a file to a record and return its metadata; yields between pieces of the file.

    Chunks are stored one by one, each in a transaction of its own, and removed if attaching fails.

    Raises:
        InvalidTable: there is no such table.
        ApiAccessDenied: the table is closed to web services, or to the user.
        RecordNotFound: there is no such record, or the user may not see it.
        AccessDenied: the user may not change it.
        BadRequest: the file is larger than the property `LARGEST` allows.
    """
    with target.instance.transaction(target.user, findings) as session:
        target.check(session, file)
        sys_id = session.ids.sys_id()
    try:
        packing = yield from _store_chunks(target, sys_id, file)
        with target.instance.next_transaction(target.user, findings) as session:
            target.check(session, file)
            metadata = {"sys_id": sys_id, **_metadata(target, file, packing)}
            return session.insert(TABLE, metadata, system_columns=bool(file.created))
    except BaseException:
        with target.instance.transaction(SYSTEM) as session:
            _delete_content(session, [sys_id])
        raise


def sweep(session: Session, before: str) -> None:
    """Remove chunks, older than that, of files that a process was storing when it was killed."""
    session.work.transaction.lock()
    chunks, files = (session.dictionary.sql_table(name) for name in (CHUNKS, TABLE))
    attached = sa.exists().where(files.c.sys_id == chunks.c.sys_attachment)
    session.work.transaction.execute(sa.delete(chunks).where(chunks.c.sys_created_on <= before, ~attached))


def find(session: Session, sys_id: str) -> Record:
    """Return an attachment's metadata; raises RecordNotFound, also if the user may not see its record."""
    attachment = session.get(TABLE, sys_id)
    if attachment is None:
        raise RecordNotFound
    return attachment


def changeable(session: Session, sys_id: str) -> Record:
    """Return an attachment's metadata, to be changed.

    Raises:
        RecordNotFound: there is no such attachment, or the user may not see its record.
        AccessDenied: the user may not change it.
    """
    attachment = find(session, sys_id)
    _check_writable(session, attachment, "Update")
    return attachment


def pieces(instance: Platform, user: User, attachment: Record) -> Iterator[bytes]:
    """Return the bytes of the file, at most `PIECE_BYTES` at a time.

    Raises:
        BadRequest: a chunk is damaged.
        NotAuthenticated: the user may not act any more.
        RecordNotFound: the attachment is gone, or the user may not see it.
    """
    unpacking, position = zlib.decompressobj(_GZIP), 0
    while (packed := _chunk(instance, user, attachment, position)) is not None:
        try:
            for part in packed.pieces():
                yield from _unpacked(unpacking, part)
        except zlib.error:
            raise _damaged(position) from None
        position += 1


def _chunk(instance: Platform, user: User, attachment: Record, position: int) -> SpooledBody | None:
    """Return a chunk, still packed, in a file: nothing long is in memory while a client reads what was sent of it."""
    begin = instance.next_transaction if position else instance.transaction
    with begin(user) as session:
        if position:
            find(session, attachment.sys_id)
        chunk = session.elevated.find(CHUNKS, sys_attachment=attachment.sys_id, position=str(position))
    if chunk is None:
        return None
    packed = SpooledBody()
    packed.write(_decoded(chunk["data"], position))
    return packed


def _decoded(data: str, position: int) -> bytes:
    try:
        return b64decode(data)
    except ValueError:
        raise _damaged(position) from None


def _damaged(position: int) -> BadRequest:
    return BadRequest("Failed to read the attachment", f"chunk {position} of the file is damaged")


def attachment_rules() -> list[BusinessRule]:
    """Return the rules that delete attachments with their record, and bytes with their attachment."""
    return [
        BusinessRule("delete_attachments", EVERY_TABLE, "after", frozenset({"delete"}), _delete_attachments),
        BusinessRule("delete_attachment_content", TABLE, "after", frozenset({"delete"}), _delete_belongings),
        BusinessRule("refuse_vanishing_attachment", TABLE, "before", frozenset({"insert"}), _refuse_vanishing),
    ]


def _delete_attachments(context: RuleContext) -> None:
    """Delete the files of a record, however many, at once; then the files attached to those."""
    session = context.session
    if not session.work.find(TABLE, {"table_sys_id": context.current["sys_id"]}, most=1):
        return
    found, classes = [context.current["sys_id"]], session.dictionary.lineage(context.table)
    while found:
        found = [each for some in _some(found) for each in _files(session, some, classes)]
        for some in _some(found):
            _delete_files(session, some)
        classes = (TABLE,)


def _some(ids: list[str]) -> Iterator[list[str]]:
    """Yield ids, as many at a time as a statement takes."""
    return (ids[start : start + VALUES_PER_STATEMENT] for start in range(0, len(ids), VALUES_PER_STATEMENT))


def _files(session: Session, records: list[str], tables: Iterable[str]) -> list[str]:
    """Return the sys_ids of the files of records of some tables."""
    files = session.dictionary.sql_table(TABLE)
    attached = sa.select(files.c.sys_id).where(files.c.table_sys_id.in_(records), files.c.table_name.in_(tables))
    return list(session.work.transaction.execute(attached).scalars())


def _delete_files(session: Session, ids: list[str]) -> None:
    files = session.dictionary.sql_table(TABLE)
    session.work.transaction.execute(sa.delete(files).where(files.c.sys_id.in_(ids)))
    delete_attributes(session, ids)
    _delete_content(session, ids)


def _delete_belongings(context: RuleContext) -> None:
    delete_attributes(context.session, [context.current["sys_id"]])
    _delete_content(context.session, [context.current["sys_id"]])


def delete_attributes(session: Session, ids: list[str]) -> None:
    """Delete the attributes of files, however many."""
    session.work.transaction.lock()
    attributes = session.dictionary.sql_table(ATTRIBUTES)
    session.work.transaction.execute(sa.delete(attributes).where(attributes.c.sys_attachment.in_(ids)))


def _delete_content(session: Session, ids: list[str]) -> None:
    """Delete the bytes of files: at once where nobody waits for the database meanwhile, else in steps after the commit.

    The next start sweeps the leftovers of a killed process.
    """
    kernel = session.kernel
    if not kernel.store.embedded:  # another process would not know which files are vanishing
        chunks = session.dictionary.sql_table(CHUNKS)
        session.work.transaction.lock()
        session.work.transaction.execute(sa.delete(chunks).where(chunks.c.sys_attachment.in_(ids)))
        return

    def vanish() -> None:
        kernel.vanishing.update(ids)
        kernel.go_on(_vanishing(kernel, session.run_rules, ids))

    session.on_commit(vanish)


def _vanishing(kernel: Kernel, run_rules: RunRules, ids: list[str]) -> Generator[None, None, None]:
    chunks = kernel.first.dictionary.sql_table(CHUNKS)
    some = sa.select(chunks.c.sys_id).where(chunks.c.sys_attachment == sa.bindparam("file")).limit(_CHUNKS_AT_A_TIME)
    deletion = sa.delete(chunks).where(chunks.c.sys_id.in_(some))
    try:
        for sys_id in ids:
            more = True
            while more:
                with UnitOfWork(kernel, run_rules, SYSTEM) as session:
                    session.work.transaction.lock()
                    more = session.work.transaction.execute(deletion, {"file": sys_id}).rowcount == _CHUNKS_AT_A_TIME
                if not more:
                    kernel.vanishing.discard(sys_id)
                yield
    finally:  # a reset ends this, and its files may have the same sys_ids
        kernel.vanishing.difference_update(ids)


def _refuse_vanishing(context: RuleContext) -> None:
    """Refuse the sys_id of a deleted file whose bytes are still stored."""
    if context.current["sys_id"] in context.session.kernel.vanishing:
        raise UniqueKeyViolation(context.current["sys_id"], "PRIMARY")


def _check_writable(session: Session, record: Record, operation: str) -> None:
    if session.secure and not session.allowed("write", [record]):
        raise AccessDenied(operation)


def _check_size(session: Session, file: File) -> None:
    most = session.megabytes(LARGEST)
    if file.size > most:
        raise BadRequest(
            "Failed to create the attachment",
            f"'{file.name}' has {file.size} bytes; {LARGEST} allows {most}",
        )


def check_extension(session: Session, name: str) -> None:
    """Raise BadRequest for a file of another type than the property allows; one without extension is of none."""
    allowed = [each.strip() for each in session.system_property(EXTENSIONS).lower().split(",") if each.strip()]
    if allowed and PurePath(name.lower()).suffix.removeprefix(".") not in allowed:
        refused = f"'{name}' is not of a type that {EXTENSIONS} allows: {', '.join(allowed)}"
        raise BadRequest("Failed to store the attachment", refused)


class _Packing:
    """Compresses a file piece by piece.

    Attributes:
        size: bytes of the chunks so far.
        hash: of the file so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self.hash = sha256()
        self._packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
        self._pending = bytearray()

    def chunks(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield chunks of `CHUNK_BYTES`, the last one shorter; an empty one for a piece that fills none."""
        for number, piece in enumerate(pieces):
            if number == 0 and _is_packed(piece):
                self._packer = zlib.compressobj(zlib.Z_NO_COMPRESSION, zlib.DEFLATED, _GZIP)
            self.hash.update(piece)
            self._pending += self._packer.compress(piece)
            yield self._taken() if len(self._pending) >= CHUNK_BYTES else b""
        self._pending += self._packer.flush()
        while self._pending:
            yield self._taken()

    def _taken(self) -> bytes:
        chunk = bytes(self._pending[:CHUNK_BYTES])
        del self._pending[:CHUNK_BYTES]
        self.size += len(chunk)
        return chunk


def _is_packed(piece: bytes) -> bool:
    """Return whether a file that begins so is compressed already: packing it again would take long and gain nothing."""
    sample = piece[:_SAMPLE]
    return len(zlib.compress(sample, _FASTEST)) > _GAIN * len(sample)


def _metadata(target: AttachmentTarget, file: File, packing: _Packing) -> dict[str, str]:
    return {
        "file_name": file.name,
        "content_type": file.content_type,
        "table_name": target.table,
        "table_sys_id": target.sys_id,
        "size_bytes": str(file.size),
        "size_compressed": str(packing.size),
        "chunk_size_bytes": str(CHUNK_BYTES),
        "hash": packing.hash.hexdigest(),
        "encryption_context": file.encryption_context,
        **({"sys_created_on": file.created} if file.created else {}),
    }


def _store_chunks(target: AttachmentTarget, sys_id: str, file: File) -> Generator[None, None, _Packing]:
    packing = _Packing()
    stored = 0
    for chunk in packing.chunks(file.pieces()):
        if chunk:
            with target.instance.next_transaction(target.user) as session:
                session.store_rows(CHUNKS, [_row(session, sys_id, stored, chunk)])
            stored += 1
        yield
    return packing


def _row(session: Session, attachment_id: str, position: int, chunk: bytes) -> Mapping[str, str]:
    return {
        "sys_id": session.ids.sys_id(),
        "sys_attachment": attachment_id,
        "position": str(position),
        "length": str(len(chunk)),
        "data": b64encode(chunk).decode(),
    }


def _unpacked(unpacking: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    made = [unpacking.decompress(packed, PIECE_BYTES)]
    while made[-1]:
        yield made.pop()  # which is kept nowhere while it is being sent
        made.append(unpacking.decompress(unpacking.unconsumed_tail, PIECE_BYTES))
