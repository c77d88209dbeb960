"""A record that the console keeps in ServiceNow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from console_sim.table_api import Fields, TableApi


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """What the console knows of a record in ServiceNow that must hold what the console says.

    Attributes:
        sys_id: empty until ServiceNow has acknowledged the record.
        acknowledged: digest of the fields that ServiceNow acknowledged last; they may hold a Secret.
        doubtful: whether ServiceNow may have a record of which the console does not know the sys_id.
    """

    sys_id: str = ""
    acknowledged: str = ""
    doubtful: bool = False

    def holds(self, fields: Fields) -> bool:
        """Tell whether ServiceNow has acknowledged exactly this."""
        return bool(self.sys_id) and self.acknowledged == _digest(fields)


Keep = Callable[[RemoteRecord], None]


@dataclass(frozen=True, slots=True)
class Own:
    """How to find the console's own record in ServiceNow.

    Attributes:
        query: an encoded query; an instance drops the terms whose columns it does not know.
        columns: those that tell whose record it is.
        fits: tells from these columns whether a record is the console's own.
    """

    query: str
    columns: tuple[str, ...]
    fits: Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ServiceNow is to hold, and how to find it there."""

    table: str
    fields: Fields
    own: Own


async def bring_in_line(api: TableApi, record: RemoteRecord, wanted: Wanted, keep: Keep) -> None:
    """Insert or update the record, or leave it alone when it holds that already; raises ServiceNowError.

    A record that may exist although ServiceNow never acknowledged it is looked for before one is inserted, so that
    there are never two. ``keep`` gets what is known after each step, and before an insert that its answer is awaited:
    whatever ends the attempt, even the process, the next one knows that the record may have been committed.
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


async def _insert(api: TableApi, wanted: Wanted, keep: Keep) -> str:
    # Whatever ends the attempt, the process or a refusal, ServiceNow may have the record (platform 1.9).
    keep(RemoteRecord(doubtful=True))
    return await api.create(wanted.table, wanted.fields)


async def _find(api: TableApi, wanted: Wanted) -> str:
    """Return the sys_id of the newest record that is the console's own, empty when there is none."""
    found = await api.find(wanted.table, wanted.own.query, wanted.own.columns)
    return next((record.sys_id for record in found if wanted.own.fits(record.texts)), "")


def _digest(fields: Fields) -> str:
    return sha256(orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)).hexdigest()
