"""The task *Create ServiceNow Approval Request Items*, which prepares a ServiceNow for the SOAP integration."""

from collections.abc import Mapping
from functools import partial

from console_sim.errors import ServiceNowError
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector
from console_sim.server_tasks import ServerTasks
from console_sim.servicenow_client import ServiceNowClient, table_url
from privman_contracts import WireNames

_TASK = "Create ServiceNow Approval Request Items"


class RequestItems:
    """Makes a catalog category, a catalog item with its variables, and three scripted services (integration 5, 7).

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

    async def _create(self, system: ForeignSystem) -> None:
        make = partial(_make, self._connector.open(system.credential), system.base_url)
        title, name = self._catalog["category"], self._catalog["item"]
        category = await make("sc_category", {"title": title}, {})
        about = {"category": category, "short_description": "Request approval to execute or elevate an application"}
        item = await make("sc_cat_item", {"name": name}, about)
        for number, variable in enumerate(self._variables, 1):
            shown = {"question_text": variable, "order": str(100 * number)}
            await make("item_option_new", {"cat_item": item, "name": variable}, shown)
        for service in self._services:
            await make("sys_web_service", {"name": service}, {})


async def _make(
    api: ServiceNowClient, base_url: str, table: str, key: Mapping[str, str], more: Mapping[str, str]
) -> str:
    """Return the sys_id of the record with the values of the key, which is made unless it exists."""
    url = table_url(base_url, table)
    found = await api.find(url, "^".join(f"{column}={value}" for column, value in key.items()), tuple(key))
    # An instance ignores terms with columns that it does not know.
    alike = (each.sys_id for each in found if key.items() <= each.texts.items())
    return next(alike, "") or await api.create(url, {**key, **more})
