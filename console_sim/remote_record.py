"""A record that the console keeps in ServiceNow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from console_sim.servicenow_client import Fields, ServiceNowClient


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """The console's knowledge of its own record in ServiceNow.

    Attributes:
        sys_id: empty until ServiceNow has acknowledged the record.
        acknowledged: digest of the last acknowledged fields, which may include a Secret.
        doubtful: whether ServiceNow may have a record whose sys_id the console does not know.
    """

    sys_id: str = ""
    acknowledged: str = ""
    doubtful: bool = False

    def holds(self, fields: Fields) -> bool:
        """Return whether ServiceNow has acknowledged exactly these fields."""
        return bool(self.sys_id) and self.acknowledged == _digest(fields)


Keep = Callable[[RemoteRecord], None]


@dataclass(frozen=True, slots=True)
class OwnRecordSearch:
    """A search for the console's own record in ServiceNow.

    Attributes:
        query: an encoded query; an instance drops terms with unknown columns.
        columns: those that identify the owner.
        fits: whether a record with these columns is the console's own.
    """

    query: str
    columns: tuple[str, ...]
    fits: Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields that a record must have, the URL of its table, and how to find the record."""

    table: str
    fields: Fields
    own: OwnRecordSearch


async def bring_in_line(api: ServiceNowClient, record: RemoteRecord, wanted: Wanted, keep: Keep) -> None:
    """Insert or update the record, unless it is up to date; raises ServiceNowError.

    A record that may exist unacknowledged is searched for before one is inserted, so that there are never two. ``keep``
    receives what is known after each step, and before an insert that the record is doubtful: if the attempt or even the
    process ends, the next attempt knows that the insert may have been committed.
    """
    if record.holds(wanted.fields):
        return
    sys_id = record.sys_id
    if record.doubtful and not sys_id:
        sys_id = await _find(api, wanted)
    if sys_id:
        await api.update(wanted.table, sys_id, wanted.fields)
    else:
        sys_id = await _insert(api, wanted, keep)
    keep(RemoteRecord(sys_id, _digest(wanted.fields)))


async def _insert(api: ServiceNowClient, wanted: Wanted, keep: Keep) -> str:
    # Even after a crash or a refusal ServiceNow may have the record (platform 1.9).
    keep(RemoteRecord(doubtful=True))
    return await api.create(wanted.table, wanted.fields)


async def _find(api: ServiceNowClient, wanted: Wanted) -> str:
    """Return the sys_id of the console's newest own record, empty if there is none."""
    found = await api.find(wanted.table, wanted.own.query, wanted.own.columns)
    return next((record.sys_id for record in found if wanted.own.fits(record.texts)), "")


def _digest(fields: Fields) -> str:
    return sha256(orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)).hexdigest()
