"""A record that the console keeps in ServiceNow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console_sim.servicenow.failures import ServiceNowError
from console_sim.servicenow.table_api import Fields, TableApi


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
    fits: Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class RemoteRecord:
    """A record in ServiceNow that must hold what the console says.

    Attributes:
        sys_id: empty until ServiceNow has acknowledged the record.
        fields: what ServiceNow acknowledged last.
        doubtful: whether ServiceNow may have a record of which the console does not know the sys_id.
    """

    sys_id: str = ""
    fields: Fields = field(default_factory=dict, repr=False)
    doubtful: bool = False

    def holds(self, fields: Fields) -> bool:
        """Tell whether ServiceNow has acknowledged exactly this."""
        return bool(self.sys_id) and self.fields == fields

    async def bring_in_line(self, api: TableApi, table: str, fields: Fields, own: Own) -> None:
        """Insert or update the record, or leave it alone when it holds that already; raises ServiceNowError.

        A record that may exist although ServiceNow never acknowledged it is looked for before one is inserted, so that
        there are never two.
        """
        if self.holds(fields):
            return
        if self.doubtful and not self.sys_id:
            self.sys_id = await self._find(api, table, own)
        if self.sys_id:
            await api.update(table, self.sys_id, fields)
        else:
            self.sys_id = await self._insert(api, table, fields)
        self.fields = fields
        self.doubtful = False

    async def _insert(self, api: TableApi, table: str, fields: Fields) -> str:
        # Noted first: whatever ends the attempt, even the process, the record may have been committed.
        self.doubtful = True
        try:
            return await api.create(table, fields)
        except ServiceNowError as error:
            self.doubtful = error.doubtful
            raise

    async def _find(self, api: TableApi, table: str, own: Own) -> str:
        """Return the sys_id of the newest record that is the console's own, empty when there is none."""
        found = await api.find(table, own.query, own.columns)
        return next((sys_id for sys_id, record in found if own.fits(record)), "")
