"""Where the console's calls to ServiceNow start."""

from console_sim.credentials import Credentials
from console_sim.foreign_system import ForeignSystem
from console_sim.servicenow.table_api import TableApi
from privman_core.clock import Clock
from privman_core.outbound import HttpCaller


class Connector:
    """Opens the Table API of a foreign system with the credential that it was saved with."""

    def __init__(self, credentials: Credentials, caller: HttpCaller, clock: Clock, answer_seconds: float) -> None:
        self._credentials = credentials
        self._caller = caller
        self._clock = clock
        self._answer_seconds = answer_seconds

    def open(self, system: ForeignSystem) -> TableApi:
        """Return the Table API of that instance, as the ServiceNow user."""
        credential = self._credentials.get(system.credential)
        return TableApi(self._caller, self._clock, system.base_url, credential, self._answer_seconds)
