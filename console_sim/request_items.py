"""The task *Create ServiceNow Approval Request Items*, which prepares a ServiceNow for the SOAP integration."""

from collections.abc import Mapping
from functools import partial

from console_sim.errors import ServiceNowError
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector
from console_sim.server_tasks import ServerTasks, WorkReport
from console_sim.servicenow_client import ServiceNowClient, table_url
from privman_contracts import WireNames

_TASK = "Create ServiceNow Approval Request Items"


class RequestItems:
    """Makes a catalog category, a catalog item with its variables, and three scripted services.

    What is there already stays. That the task uses the Table API is inferred; the services' scripts are printed nowhere
    and stay empty.
    """

    def __init__(self, names: WireNames, connector: Connector, server_tasks: ServerTasks) -> None:
        self._catalog = names.group("words.soap_catalog")
        self._variables = tuple(names.group("keys.soap_create").values())
        self._services = tuple(names.group("words.soap_service").values())
        self._connector = connector
        self._server_tasks = server_tasks

    async def create(self, system: ForeignSystem) -> ServiceNowError | None:
        """Run the task once as the foreign system's user, who must be an administrator; return why it failed.

        Raises ResetError.
        """
        key = f"{_TASK} {system.id}"
        return await self._server_tasks.run(_TASK, partial(self._create, system), key=key, retried=False)

    async def _create(self, system: ForeignSystem) -> WorkReport:
        maker = _RecordMaker(self._connector.open(system.credential), system.address)
        title, name = self._catalog["category"], self._catalog["item"]
        category = await maker.make("sc_category", {"title": title}, {})
        about = {"category": category, "short_description": "Request approval to execute or elevate an application"}
        item = await maker.make("sc_cat_item", {"name": name}, about)
        for number, variable in enumerate(self._variables, 1):
            shown = {"question_text": variable, "order": str(100 * number)}
            await maker.make("item_option_new", {"cat_item": item, "name": variable}, shown)
        for service in self._services:
            await maker.make("sys_web_service", {"name": service}, {})
        return WorkReport(f"records made: {maker.made}, found: {maker.found}")


class _RecordMaker:
    """Makes records in a ServiceNow unless they exist; ``made`` and ``found`` count them."""

    def __init__(self, api: ServiceNowClient, base_url: str) -> None:
        self._api = api
        self._base_url = base_url
        self.made = self.found = 0

    async def make(self, table: str, key: Mapping[str, str], more: Mapping[str, str]) -> str:
        """Return the sys_id of the record with the values of the key, which is made unless it exists."""
        url = table_url(self._base_url, table)
        query = "^".join(f"{column}={value}" for column, value in key.items())
        # An instance ignores terms with columns that it does not know.
        alike = [each for each in await self._api.find(url, query, tuple(key)) if key.items() <= each.texts.items()]
        if alike:
            self.found += 1
            return alike[0].sys_id
        sys_id = await self._api.create(url, {**key, **more})
        self.made += 1
        return sys_id
