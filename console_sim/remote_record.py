"""The console's own records in ServiceNow: the registration and the activity type."""

from collections.abc import Callable, Mapping
from hashlib import sha256

import orjson
from msgspec import Struct

from console_sim.servicenow_client import Fields, ServiceNowClient


class RemoteRecord(Struct, frozen=True):
    """The console's own record in ServiceNow, as far as the console knows it.

    Attributes:
        sys_id: empty until ServiceNow has acknowledged the record.
        acknowledged: digest of the last acknowledged fields, which may include a Secret.
        may_exist: whether ServiceNow may have the record although its sys_id is unknown.
    """

    sys_id: str = ""
    acknowledged: str = ""
    may_exist: bool = False

    def has_acknowledged(self, fields: Fields) -> bool:
        """Return whether ServiceNow has acknowledged exactly these fields."""
        return bool(self.sys_id) and self.acknowledged == _digest(fields)


Save = Callable[[RemoteRecord], None]


class OwnRecordSearch(Struct, frozen=True):
    """A search for the console's own record in ServiceNow.

    Attributes:
        query: an encoded query; ServiceNow ignores terms with unknown columns.
        columns: names of the columns that ``is_own`` needs.
        is_own: whether a record with these columns is the console's own.
    """

    query: str
    columns: tuple[str, ...]
    is_own: Callable[[Mapping[str, str]], bool]


class WantedRecord(Struct, frozen=True):
    """The fields that a record must have, the URL of its table, and how to find the record."""

    table: str
    fields: Fields
    search: OwnRecordSearch


async def update_record(api: ServiceNowClient, record: RemoteRecord, wanted: WantedRecord, save: Save) -> bool:
    """Insert or update the record, unless it is up to date; return whether it was not. Raises ServiceNowError.

    A record that may exist is searched for before one is inserted, so that there are never two. ``save`` receives what
    is known after each step, and before an insert that the record may exist: if the attempt, or even the process, ends
    before the answer, the next attempt searches.
    """
    if record.has_acknowledged(wanted.fields):
        return False
    sys_id = record.sys_id
    if record.may_exist and not sys_id:
        sys_id = await _find(api, wanted)
    if sys_id:
        await api.update(wanted.table, sys_id, wanted.fields)
    else:
        sys_id = await _insert(api, wanted, save)
    save(RemoteRecord(sys_id, _digest(wanted.fields)))
    return True


async def _insert(api: ServiceNowClient, wanted: WantedRecord, save: Save) -> str:
    # Even after a crash or a refusal ServiceNow may have the record.
    save(RemoteRecord(may_exist=True))
    return await api.create(wanted.table, wanted.fields)


async def _find(api: ServiceNowClient, wanted: WantedRecord) -> str:
    """Return the sys_id of the console's newest own record, empty if there is none."""
    found = await api.find(wanted.table, wanted.search.query, wanted.search.columns)
    return next((record.sys_id for record in found if wanted.search.is_own(record.texts)), "")


def _digest(fields: Fields) -> str:
    return sha256(orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)).hexdigest()
