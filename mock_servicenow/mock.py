"""The mock in a test's own process."""

import logging
from functools import cached_property

from aiohttp import web

from mock_servicenow.app import ADMINISTRATOR, INSTANCE, create_app
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.embedded import ClockKind, Embedded
from privman_core.ids import Ids
from privman_core.serving import LOOPBACK


class MockServiceNow(Embedded):
    """A ServiceNow instance with the app, running in this process inside ``with`` or ``async with``.

    Args:
        settings: as for `create_app`.
        clock: ``virtual`` time stands still until it is advanced; ``real`` time passes.
        seed: the same seed gives the same identifiers.
        host: address to listen on.
        port: 0 takes a free one.
    """

    _log = logging.getLogger("mock_servicenow")

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: ClockKind = "virtual",
        seed: int | None = None,
        host: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed, host=host, port=port)
        self._settings = settings or Settings()

    def create(self, clock: Clock, ids: Ids) -> web.Application:
        """Return the application; raises StartError."""
        return create_app(self._settings, clock=clock, ids=ids, blueprint=self._blueprint)

    @cached_property
    def _blueprint(self) -> Blueprint:
        """Drawn once: reading files takes most of a start, and a run starts an instance for each scenario."""
        return Blueprint.of(self._settings)

    async def started(self) -> None:
        """Do nothing more: it serves its first state."""

    @property
    def auth(self) -> tuple[str, str]:
        """User name and password of the administrator, as requests and httpx take them."""
        return self.running.app[ADMINISTRATOR], self._settings.password

    def find(self, table: str, **columns: str) -> list[dict[str, str]]:
        """Return the records of a table whose columns have these values, oldest first, in stored form.

        The app's tables and their columns go by their canonical names, such as ``request`` and ``status``; any other
        table by its own. Raises PlatformError for an unknown table, ValueError for an unknown column.
        """
        return self.wait_for(self._find(table, columns))

    async def _find(self, table: str, columns: dict[str, str]) -> list[dict[str, str]]:
        names = WireNames.load(self._settings.inferred)
        known = table in names.group("tables")
        spelling = dict(names.group(f"columns.{table}")) if known else {}
        wanted = {spelling.get(name, name): value for name, value in columns.items()}
        instance, canonical = self.running.app[INSTANCE], {spelled: name for name, spelled in spelling.items()}
        real = names.table(table) if known else table

        def read() -> list[dict[str, str]]:
            with instance.transaction(instance.system) as session:
                session.check_table(real)
                unknown = wanted.keys() - session.dictionary.columns(real).keys()
                if unknown:
                    raise ValueError(f"table {table!r} has no column {', '.join(map(repr, sorted(unknown)))}")
                found = session.find_all(real, **wanted)
                return [{canonical.get(key, key): text for key, text in each.values.items()} for each in found]

        return await instance.run(read)
