"""A record that the console keeps in ServiceNow."""

from dataclasses import dataclass, field

from console_sim.servicenow.failures import ServiceNowError
from console_sim.servicenow.table_api import Fields, TableApi


@dataclass(slots=True)
class RemoteRecord:
    """A record in ServiceNow that must hold what the console says.

    Attributes:
        sys_id: empty until ServiceNow has acknowledged the record.
        fields: what ServiceNow acknowledged last.
        doubtful: whether a record may exist though its insert was never acknowledged.
    """

    sys_id: str = ""
    fields: Fields = field(default_factory=dict, repr=False)
    doubtful: bool = False

    def holds(self, fields: Fields) -> bool:
        """Tell whether ServiceNow has acknowledged exactly this."""
        return bool(self.sys_id) and self.fields == fields

    async def bring_in_line(self, api: TableApi, table: str, fields: Fields, query: str) -> None:
        """Insert or update the record, or leave it alone when it holds that already.

        ``query`` finds a record whose insert was committed though its answer was lost, so that there are never two.
        Raises ServiceNowError.
        """
        if self.holds(fields):
            return
        if self.doubtful:
            self.sys_id = await api.find(table, query)
            self.doubtful = False
        if self.sys_id:
            await api.update(table, self.sys_id, fields)
        else:
            self.sys_id = await self._insert(api, table, fields)
        self.fields = fields

    async def _insert(self, api: TableApi, table: str, fields: Fields) -> str:
        try:
            return await api.create(table, fields)
        except ServiceNowError as error:
            self.doubtful = error.doubtful
            raise
