"""The steps that an administrator takes in the console (integration 2.1 to 2.7)."""

from console_sim import credential, roles
from console_sim.credential import Credential
from console_sim.credentials import Credentials
from console_sim.errors import API_DISABLED
from console_sim.foreign_systems import ForeignSystems
from console_sim.setup.order import SetupOrder
from console_sim.setup.steps import StepFailedError, StepSkippedError
from console_sim.store import Store
from console_sim.users import Users
from privman_core.clock import Clock

API_CREDENTIAL = "ServiceNow webhook"
SERVICENOW_CREDENTIAL = "ServiceNow user"


class ConsoleSteps:
    """Each method takes one step and returns what it did; taking it again changes only what differs."""

    def __init__(
        self, store: Store, credentials: Credentials, clock: Clock, users: Users, foreign_systems: ForeignSystems
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._users = users
        self._foreign_systems = foreign_systems

    async def enable_api(self, order: SetupOrder) -> str:
        """Set API Enabled."""
        self._store.enable_api(enabled=order.api_enabled)
        if not order.api_enabled:
            raise StepFailedError(API_DISABLED)
        return "API Enabled is on"

    async def create_api_user(self, _order: SetupOrder) -> str:
        """Create the API Client User, unless there is one."""
        user = self._store.api_user
        if user is None:
            created, _ = self._users.create()
            return f"{created.display_name!r} has a new Client Id and Secret"
        reason = user.why_shut_out(self._clock.now())
        if reason:
            raise StepFailedError(reason)
        return f"{user.display_name!r} exists"

    async def add_role(self, order: SetupOrder) -> str:
        """Give the API user the role."""
        self._users.change(role=order.role)
        if not order.role:
            raise StepFailedError("no role was added, so decisions will be refused with 403")
        if not roles.may_approve(order.role):
            raise StepFailedError(f"role {order.role!r} may not approve, so decisions will be refused with 403")
        return f"role {order.role!r} may approve"

    async def save_api_credential(self, _order: SetupOrder) -> str:
        """Keep Client Id and Secret as a credential; a Secret that can't be read any more is replaced."""
        if API_CREDENTIAL not in self._credentials:
            self._keep_api_credential(API_CREDENTIAL, self._users.secret_at_hand() or self._users.reset_secret())
        return f"{API_CREDENTIAL!r} of type {credential.TYPE!r} holds Client Id and Secret"

    async def save_servicenow_credential(self, order: SetupOrder) -> str:
        """Keep the ServiceNow user's name and password as a credential."""
        self._credentials.save(Credential(SERVICENOW_CREDENTIAL, order.servicenow_user, order.servicenow_password))
        return f"{SERVICENOW_CREDENTIAL!r} of type {credential.TYPE!r} holds user {order.servicenow_user!r}"

    async def save_foreign_system(self, order: SetupOrder) -> str:
        """Create the foreign system."""
        system = self._foreign_systems.save(order.name, order.servicenow_url, SERVICENOW_CREDENTIAL)
        return f"{system.name!r} has Base URL {system.base_url} and credential {system.credential!r}"

    async def use_webhook(self, order: SetupOrder) -> str:
        """Tick Use Webhook and save."""
        if not order.use_webhook:
            self._foreign_systems.untick_webhook()
            raise StepSkippedError("Use Webhook is not ticked")
        self._foreign_systems.use_webhook(API_CREDENTIAL, order.post_uri)
        return f"decisions are to be posted to {order.post_uri}"

    def reset_secret(self, credential_name: str) -> None:
        """Reset the Secret and copy it, with the Client Id, into the credential of that name."""
        with self._store.transaction():
            self._keep_api_credential(credential_name, self._users.reset_secret())

    def _keep_api_credential(self, name: str, secret: str) -> None:
        self._credentials.save(Credential(name, self._users.get().client_id, secret))
