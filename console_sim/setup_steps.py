"""The steps of the documented set-up (set-up-servicenow-webhook.md), one method each."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec import Struct

from console_sim.accounts import CREDENTIAL_TYPE, DEFAULT_ROLE, ApiClientUser, Credential
from console_sim.api_users import CredentialShelf, Users
from console_sim.approval_items import ProcessTemplate
from console_sim.automation import Automation
from console_sim.console_store import ConsoleStore
from console_sim.errors import API_DISABLED, ServiceNowError, StepFailedError, StepSkippedError
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import ForeignSystems, Webhooks
from console_sim.json_object import GUID, without_braces
from console_sim.registrar import Registrar
from console_sim.setup_names import SetupNames
from console_sim.setup_parameters import SetupParameters
from console_sim.step_outcomes import as_step_failure, differing_columns
from privman_core.clock import Clock

_Act = TypeVar("_Act", bound=Callable[["SetupSteps", SetupParameters], Awaitable[str]])


class SetupStep(Struct, frozen=True):
    """One row of the set-up.

    Attributes:
        needs: steps before it without which it is skipped.
        asks: whether it asks ServiceNow, so that a success says that ServiceNow was reached.
        act: returns a sentence for the report; raises StepFailedError and StepSkippedError.
    """

    name: str
    needs: tuple[str, ...]
    act: Callable[["SetupSteps", SetupParameters], Awaitable[str]]
    asks: bool = False


STEPS: dict[str, SetupStep] = {}
"""The documented steps in order, and checks of the outcome."""


def _step(*needs: str, asks: bool = False) -> Callable[[_Act], _Act]:
    """Return the decorator that adds a method to `STEPS`; the method's name, with hyphens, names the step."""

    def add(act: _Act) -> _Act:
        name = act.__name__.replace("_", "-")
        # Looked up only so that a need that is not a step before it fails at import.
        STEPS[name] = SetupStep(name, tuple(STEPS[need].name for need in needs), act, asks)
        return act

    return add


class SetupSteps:
    """The steps of one set-up, those in the console first.

    Each changes only what differs, and returns a sentence for the report.

    To add a step, add a method in its place. Everything else derives from `STEPS`; the scenario `setup-every-step.yaml`
    must expect its outcome.
    """

    def __init__(  # noqa: PLR0913 - the parts of the console that a set-up changes
        self,
        *,
        store: ConsoleStore,
        credentials: CredentialShelf,
        clock: Clock,
        users: Users,
        webhooks: Webhooks,
        foreign_systems: ForeignSystems,
        automation: Automation,
        names: SetupNames,
        registrar: Registrar,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._users = users
        self._webhooks = webhooks
        self._foreign_systems = foreign_systems
        self._automation = automation
        self._names = names
        self._registrar = registrar
        self._system_id = ""
        self._client_id = ""
        self._api_credential = self._servicenow_credential = ""
        self._process_id = ""
        self._failure: ServiceNowError | None = None

    @_step()
    async def enable_api(self, parameters: SetupParameters) -> str:
        """Set API Enabled."""
        self._store.enable_api(enabled=parameters.api_enabled)
        if not parameters.api_enabled:
            raise StepFailedError(API_DISABLED)
        return "API Enabled is on"

    @_step()
    async def create_api_user(self, parameters: SetupParameters) -> str:
        """Create the API Client User, unless it exists; an unknown Client Id is an error."""
        user = self._known_user(parameters)
        if user is None:
            created, _ = self._users.create(parameters.api_user)
            self._client_id = created.client_id
            return f"{created.display_name!r} has a new Client Id and Secret"
        self._client_id = user.client_id
        reason = user.login_refusal(self._clock.now())
        if reason:
            raise StepFailedError(reason)
        return f"{user.display_name!r} exists"

    def _known_user(self, parameters: SetupParameters) -> ApiClientUser | None:
        """Return the user of that name, or that of the foreign system; None if there is none."""
        name = parameters.api_user
        if name:
            return self._users.named(name) if GUID.fullmatch(without_braces(name)) else self._users.find_named(name)
        account = self._names.api_account(parameters.name, self._known_system(parameters))
        return self._users.find(account) if account else None

    @_step("create-api-user")
    async def add_role(self, parameters: SetupParameters) -> str:
        """Give the API user its roles: those given, else those that it has, else the default one."""
        before = self._users.get(self._client_id)
        given = (before.roles or (DEFAULT_ROLE,)) if parameters.roles is None else parameters.roles
        user = self._users.change(self._client_id, roles=given)
        roles = " and ".join(repr(str(role)) for role in given)
        if not roles:
            raise StepFailedError("no role was added, so decisions will be refused with 403")
        if not user.may_approve:
            raise StepFailedError(f"role {roles} may not approve, so decisions will be refused with 403")
        return f"role {roles} may approve"

    @_step("create-api-user")
    async def save_api_credential(self, parameters: SetupParameters) -> str:
        """Save Client Id and Secret as a credential, unless there is one for the Client Id.

        A Secret of which the console has only the digest is reset.
        """
        name = self._names.api_credential(parameters.name, self._known_system(parameters), self._client_id)
        kept = self._credentials.find(name)
        if kept is None or kept.account_name.lower() != self._client_id:
            secret = self._users.known_secret(self._client_id) or self._users.reset_secret(self._client_id)
            self._credentials.save(Credential(name, self._client_id, secret))
        elif not self._users.get(self._client_id).accepts(kept.password):
            raise StepFailedError(
                f"credential {name!r} has another Secret than its API user, so ServiceNow cannot log on; "
                "save the Secret in the credential, or reset it with update_credential"
            )
        self._api_credential = name
        return f"{name!r} of type {CREDENTIAL_TYPE!r} holds Client Id and Secret"

    @_step()
    async def save_servicenow_credential(self, parameters: SetupParameters) -> str:
        """Save the ServiceNow user's name and password as a credential."""
        login = (parameters.servicenow_user, parameters.servicenow_password)
        name = self._names.servicenow_credential(parameters.name, self._known_system(parameters), login)
        self._credentials.save(Credential(name, *login))
        self._servicenow_credential = name
        return f"{name!r} of type {CREDENTIAL_TYPE!r} holds user {parameters.servicenow_user!r}"

    @_step("save-servicenow-credential")
    async def save_foreign_system(self, parameters: SetupParameters) -> str:
        """Create the foreign system, or change that of the name."""
        credential, before = self._servicenow_credential, self._known_system(parameters)
        system = (
            self._foreign_systems.create(parameters.name, parameters.servicenow_url, credential)
            if before is None
            else self._foreign_systems.change(before.id, base_url=parameters.servicenow_url, credential=credential)
        )
        self._system_id = system.id
        return f"{system.name!r} has Base URL {system.base_url} and credential {system.credential!r}"

    @_step("save-foreign-system")
    async def create_approval_process(self, parameters: SetupParameters) -> str:
        """Create the approval process with that ServiceNow Server."""
        values: dict[str, Any] = {"template": ProcessTemplate.SERVICENOW, "server_id": self._system_id}
        if parameters.process_timeout is not None:
            values["timeout"] = parameters.process_timeout
        name = self._names.process(parameters.name, self._system_id)
        process = self._automation.save_process(name, **values)
        self._process_id = process.id
        return f"{process.name!r} has ServiceNow Server {parameters.name!r} and times out after {process.timeout}"

    @_step("create-approval-process")
    async def use_approval_process(self, parameters: SetupParameters) -> str:
        """Select the process in the approval type, and the type in a policy's action."""
        usual = self._names.approval_type(parameters.name, self._system_id)
        existing = self._names.existing_policy(self._system_id)
        with self._store.transaction():
            approval_type = self._automation.save_type(parameters.approval_type or usual, process_id=self._process_id)
            new = self._names.policy(parameters.name, self._system_id, usual)
            policy_name = parameters.policy or existing or new
            policy = self._automation.save_policy(policy_name, approval_type=approval_type)
        asks = "asks" if policy.enabled else "is not active, and would ask"
        return f"policy {policy.name!r} {asks} for approval of type {approval_type.name!r}"

    @_step("enable-api", "save-api-credential", "save-foreign-system")
    async def use_webhook(self, parameters: SetupParameters) -> str:
        """Tick Use Webhook and save."""
        if not parameters.use_webhook:
            self._foreign_systems.change(self._system_id, use_webhook=False)
            raise StepSkippedError("Use Webhook is not ticked")
        self._foreign_systems.change(
            self._system_id,
            api_credential=self._api_credential,
            post_uri=parameters.post_uri,
            use_webhook=True,
        )
        return f"Use Webhook is ticked; Privilege Manager Post Uri is {parameters.post_uri}"

    @_step("use-webhook")
    async def create_webhook(self, _parameters: SetupParameters) -> str:
        """Report the webhook that this save, or an earlier one, has created."""
        webhook = self._webhooks.get(self._system_id)
        return f"{webhook.name!r} is {'enabled' if webhook.enabled else 'disabled'}"

    @_step("create-webhook")
    async def register(self, _parameters: SetupParameters) -> str:
        """Run the server task once, which registers the webhook and then the activity type.

        Records that the instance has lost, such as by a reset, are registered again.
        """
        await self._registrar.forget_lost(self._system())
        self._failure = await self._registrar.run(self._system_id)
        system = self._system()
        if not self._registrar.has_registered(system):
            raise as_step_failure(self._failure)
        return f"Instance Id {system.registration.sys_id}"

    @_step("register")
    async def register_activity_type(self, _parameters: SetupParameters) -> str:
        """Check that the server task has registered the activity type."""
        system = self._system()
        if not self._registrar.has_activity_type(system):
            raise as_step_failure(self._failure)
        return f"ActivityType Id {system.activity_type.sys_id}"

    @_step("create-webhook")
    async def verify_webhook(self, _parameters: SetupParameters) -> str:
        """Read the webhook on the Messaging tab."""
        hook = self._webhooks.get(self._system_id)
        state = "enabled" if hook.enabled else "disabled, so it sends nothing"
        return f"{hook.name!r} has event {str(hook.event)!r} and Endpoint URL {hook.endpoint_url}, and is {state}"

    @_step("register", asks=True)
    async def verify_registration(self, _parameters: SetupParameters) -> str:
        """Read the Integration Configuration tab, which shows the registration's body."""
        differing = await differing_columns(self._registrar.read_back(self._system()))
        if differing:
            told = f"the Integration Configuration tab shows a different {', '.join(differing)}"
            raise StepFailedError(told, reached=True)
        return "the Integration Configuration tab shows the registration"

    @_step("register-activity-type", "verify-registration", asks=True)
    async def verify_activity_type(self, _parameters: SetupParameters) -> str:
        """Compare the activity type in ServiceNow with what was registered."""
        differing = await differing_columns(self._registrar.read_back_activity_type(self._system()))
        if differing:
            told = f"the activity type in ServiceNow shows a different {', '.join(differing)}, or none"
            raise StepFailedError(told, reached=True)
        return "the activity type in ServiceNow shows what was registered"

    @_step("verify-activity-type")
    async def save_again(self, _parameters: SetupParameters) -> str:
        """Save without changes, which must create neither webhook nor registration."""
        before, webhook_count = self._system(), len(list(self._webhooks))
        self._foreign_systems.change(before.id)
        failure = await self._registrar.run(before.id)
        if failure is not None:
            raise as_step_failure(failure)
        known, after = before.registration.sys_id, self._system().registration.sys_id
        if after != known:
            raise StepFailedError(f"the Instance Id is {after or 'none'}; expected {known}, as before the save")
        return f"webhooks: {len(list(self._webhooks))} (before: {webhook_count}); Instance Id {known} as before"

    def _system(self) -> ForeignSystem:
        return self._foreign_systems.get(self._system_id)

    def _known_system(self, parameters: SetupParameters) -> ForeignSystem | None:
        return self._foreign_systems.find_named(parameters.name)
