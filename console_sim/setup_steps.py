"""The steps of the documented set-up, one method each (integration 2)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from console_sim.accounts import CREDENTIAL_TYPE, DEFAULT_ROLE, Credential, role_may_approve
from console_sim.api_users import CredentialShelf, Users
from console_sim.console_store import ConsoleStore
from console_sim.errors import (
    API_DISABLED,
    NoSuchRecordError,
    ServiceNowError,
    StepFailedError,
    StepSkippedError,
    UnreachableError,
)
from console_sim.foreign_system import WEBHOOK_EVENT, read_url
from console_sim.foreign_systems import ForeignSystems
from console_sim.json_object import JsonObject
from console_sim.registrar import Registrar
from console_sim.settings import APPROVE_PATH
from privman_core.clock import Clock

DEFAULT_SYSTEM_NAME = "ServiceNow"
_KEYS = (
    "servicenow_url",
    "servicenow_user",
    "servicenow_password",
    "name",
    "api_enabled",
    "role",
    "use_webhook",
    "post_uri",
)


@dataclass(frozen=True, slots=True)
class SetupParameters:
    """The parameters of a set-up.

    Attributes:
        role: of the API user; empty for none.
        post_uri: the Privilege Manager Post Uri.
    """

    servicenow_url: str
    servicenow_user: str
    servicenow_password: str = field(repr=False)
    post_uri: str
    name: str
    api_enabled: bool
    role: str
    use_webhook: bool


def read_parameters(values: Mapping[str, Any], console_url: str) -> SetupParameters:
    """Read the parameters from a JSON object; raises BadRequestError that names the key."""
    body = JsonObject(values, _KEYS)
    return SetupParameters(
        servicenow_url=read_url("servicenow_url", body.text("servicenow_url")),
        servicenow_user=body.text("servicenow_user"),
        servicenow_password=body.text("servicenow_password"),
        post_uri=read_url("post_uri", body.text("post_uri", f"{console_url}{APPROVE_PATH}")),
        name=body.text("name", DEFAULT_SYSTEM_NAME),
        api_enabled=body.flag("api_enabled", default=True),
        role=body.text_or_null("role", DEFAULT_ROLE),
        use_webhook=body.flag("use_webhook", default=True),
    )


Status = Literal["ok", "failed", "skipped"]
_Act = TypeVar("_Act", bound=Callable[["SetupSteps", SetupParameters], Awaitable[str]])


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The outcome of a step.

    Attributes:
        unreachable: whether it failed because no ServiceNow answered.
    """

    step: str
    status: Status
    detail: str
    unreachable: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the outcome as the control plane prints it."""
        return {"step": self.step, "status": self.status, "detail": self.detail}


API_CREDENTIAL = "ServiceNow webhook"
SERVICENOW_CREDENTIAL = "ServiceNow user"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One row of the set-up.

    Attributes:
        needs: steps before it without which it is skipped.
        act: returns a sentence for the report; raises StepFailedError and StepSkippedError.
    """

    name: str
    needs: tuple[str, ...]
    act: Callable[["SetupSteps", SetupParameters], Awaitable[str]]


STEPS: dict[str, SetupStep] = {}
"""The steps of integration 2 in order, and checks of the outcome."""


def _step(*needs: str) -> Callable[[_Act], _Act]:
    """Return the decorator that adds a method to `STEPS`; the method's name, with hyphens, names the step."""

    def add(act: _Act) -> _Act:
        name = act.__name__.replace("_", "-")
        STEPS[name] = SetupStep(name, tuple(STEPS[need].name for need in needs), act)
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
        foreign_systems: ForeignSystems,
        registrar: Registrar,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._users = users
        self._foreign_systems = foreign_systems
        self._registrar = registrar
        self._failure: ServiceNowError | None = None

    @_step()
    async def enable_api(self, parameters: SetupParameters) -> str:
        """Set API Enabled."""
        self._store.enable_api(enabled=parameters.api_enabled)
        if not parameters.api_enabled:
            raise StepFailedError(API_DISABLED)
        return "API Enabled is on"

    @_step()
    async def create_api_user(self, _parameters: SetupParameters) -> str:
        """Create the API Client User, unless there is one."""
        user = self._store.api_user
        if user is None:
            created, _ = self._users.create()
            return f"{created.display_name!r} has a new Client Id and Secret"
        reason = user.why_shut_out(self._clock.now())
        if reason:
            raise StepFailedError(reason)
        return f"{user.display_name!r} exists"

    @_step("create-api-user")
    async def add_role(self, parameters: SetupParameters) -> str:
        """Give the API user the role."""
        self._users.change(role=parameters.role)
        if not parameters.role:
            raise StepFailedError("no role was added, so decisions will be refused with 403")
        if not role_may_approve(parameters.role):
            raise StepFailedError(f"role {parameters.role!r} may not approve, so decisions will be refused with 403")
        return f"role {parameters.role!r} may approve"

    @_step("create-api-user")
    async def save_api_credential(self, _parameters: SetupParameters) -> str:
        """Save Client Id and Secret as a credential; a Secret of which only the digest is left is replaced."""
        if API_CREDENTIAL not in self._credentials:
            secret = self._users.secret_at_hand() or self._users.reset_secret()
            self._credentials.save(Credential(API_CREDENTIAL, self._users.get().client_id, secret))
        return f"{API_CREDENTIAL!r} of type {CREDENTIAL_TYPE!r} holds Client Id and Secret"

    @_step()
    async def save_servicenow_credential(self, parameters: SetupParameters) -> str:
        """Save the ServiceNow user's name and password as a credential."""
        self._credentials.save(
            Credential(SERVICENOW_CREDENTIAL, parameters.servicenow_user, parameters.servicenow_password)
        )
        return f"{SERVICENOW_CREDENTIAL!r} of type {CREDENTIAL_TYPE!r} holds user {parameters.servicenow_user!r}"

    @_step("save-servicenow-credential")
    async def save_foreign_system(self, parameters: SetupParameters) -> str:
        """Create the foreign system."""
        system = self._foreign_systems.save(parameters.name, parameters.servicenow_url, SERVICENOW_CREDENTIAL)
        return f"{system.name!r} has Base URL {system.base_url} and credential {system.credential!r}"

    @_step("enable-api", "save-api-credential", "save-foreign-system")
    async def use_webhook(self, parameters: SetupParameters) -> str:
        """Tick Use Webhook and save."""
        if not parameters.use_webhook:
            self._foreign_systems.untick_webhook()
            raise StepSkippedError("Use Webhook is not ticked")
        self._foreign_systems.use_webhook(API_CREDENTIAL, parameters.post_uri)
        return f"decisions are posted to {parameters.post_uri}"

    @_step("use-webhook")
    async def create_webhook(self, _parameters: SetupParameters) -> str:
        """Report the webhook that the save has created."""
        return ", ".join(repr(hook.name) for hook in self._foreign_systems.webhooks())

    @_step("create-webhook")
    async def register(self, _parameters: SetupParameters) -> str:
        """Run the server task once, which registers the webhook and then the activity type.

        Records that the instance has lost, such as by a reset, are registered again.
        """
        await self._registrar.forget_lost(self._foreign_systems.get())
        self._failure = await self._registrar.run()
        system = self._foreign_systems.get()
        if not self._registrar.has_registered(system):
            raise _as_step_failure(self._failure)
        return f"Instance Id {system.registration.sys_id}"

    @_step("register")
    async def register_activity_type(self, _parameters: SetupParameters) -> str:
        """Check that the server task has registered the activity type."""
        system = self._foreign_systems.get()
        if not self._registrar.has_activity_type(system):
            raise _as_step_failure(self._failure)
        return f"ActivityType Id {system.activity_type.sys_id}"

    @_step("create-webhook")
    async def verify_webhook(self, _parameters: SetupParameters) -> str:
        """Read the webhook on the Messaging tab."""
        hooks = self._foreign_systems.webhooks()
        return ", ".join(f"{hook.name!r} sends {WEBHOOK_EVENT!r} to {hook.endpoint_url}" for hook in hooks)

    @_step("register")
    async def verify_registration(self, _parameters: SetupParameters) -> str:
        """Read the Integration Configuration tab, which shows the registration's body."""
        differing = await _differing(self._registrar.read_back(self._foreign_systems.get()))
        if differing:
            raise StepFailedError(f"the Integration Configuration tab shows another {', '.join(differing)}")
        return "the Integration Configuration tab shows the registration"

    @_step("register-activity-type", "verify-registration")
    async def verify_activity_type(self, _parameters: SetupParameters) -> str:
        """Compare the activity type in ServiceNow with what was registered."""
        differing = await _differing(self._registrar.read_back_activity_type(self._foreign_systems.get()))
        if differing:
            raise StepFailedError(f"the activity type in ServiceNow shows another {', '.join(differing)}, or none")
        return "the activity type in ServiceNow shows what was registered"

    @_step("verify-activity-type")
    async def save_again(self, _parameters: SetupParameters) -> str:
        """Save without changes, which must create neither webhook nor registration (integration 2.13)."""
        before = self._foreign_systems.get()
        self._foreign_systems.save(before.name, before.base_url, before.credential)
        await self._registrar.run()
        hooks, system = self._foreign_systems.webhooks(), self._foreign_systems.get()
        known = f"Instance Id {system.registration.sys_id} (before: {before.registration.sys_id})"
        return f"webhooks: {len(hooks)}; {known}"


async def _differing(reading: Awaitable[list[str]]) -> list[str]:
    try:
        return await reading
    except NoSuchRecordError as error:
        raise StepFailedError(f"{error}; set up again to register anew") from None
    except ServiceNowError as error:
        raise _as_step_failure(error) from None


def _as_step_failure(failure: ServiceNowError | None) -> StepFailedError:
    return StepFailedError(str(failure), unreachable=isinstance(failure, UnreachableError))
