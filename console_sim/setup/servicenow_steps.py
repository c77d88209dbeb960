"""The steps that follow a save in the background, and those that verify it (integration 2.8 to 2.13)."""

from collections.abc import Awaitable

from console_sim import webhook
from console_sim.foreign_systems import ForeignSystems
from console_sim.servicenow.failures import NoSuchRecordError, ServiceNowError, UnreachableError
from console_sim.servicenow.registrar import Registrar
from console_sim.setup.order import SetupOrder
from console_sim.setup.steps import StepFailedError


class ServiceNowSteps:
    """The steps of one run; each method takes or verifies one and returns what holds."""

    def __init__(self, foreign_systems: ForeignSystems, registrar: Registrar) -> None:
        self._foreign_systems = foreign_systems
        self._registrar = registrar
        self._failure: ServiceNowError | None = None

    async def create_webhook(self, _order: SetupOrder) -> str:
        """Tell which webhook the save has created in the background."""
        return ", ".join(repr(hook.name) for hook in self._foreign_systems.webhooks())

    async def register(self, _order: SetupOrder) -> str:
        """Run the server task once, which registers the webhook and then the activity type.

        What was registered before may be lost, such as by a reset of the instance; it is registered anew.
        """
        await self._registrar.forget_lost(self._foreign_systems.get())
        self._failure = await self._registrar.run()
        system = self._foreign_systems.get()
        if not self._registrar.has_registered(system):
            raise _step_failed(self._failure)
        return f"Instance Id {system.registration.sys_id}"

    async def register_activity_type(self, _order: SetupOrder) -> str:
        """Tell how the server task fared with the activity type."""
        system = self._foreign_systems.get()
        if not self._registrar.has_activity_type(system):
            raise _step_failed(self._failure)
        return f"ActivityType Id {system.activity_type.sys_id}"

    async def verify_webhook(self, _order: SetupOrder) -> str:
        """Look the webhook up on the Messaging tab."""
        hooks = self._foreign_systems.webhooks()
        return ", ".join(f"{hook.name!r} sends {webhook.EVENT!r} to {hook.endpoint_url}" for hook in hooks)

    async def verify_registration(self, _order: SetupOrder) -> str:
        """Read the Integration Configuration tab, which shows the registration's body."""
        differing = await _differing(self._registrar.read_back(self._foreign_systems.get()))
        if differing:
            raise StepFailedError(f"the Integration Configuration tab shows another {', '.join(differing)}")
        return "the Integration Configuration tab shows the registration"

    async def verify_activity_type(self, _order: SetupOrder) -> str:
        """Read the activity type in ServiceNow, which shows its valid responses."""
        differing = await _differing(self._registrar.read_back_activity_type(self._foreign_systems.get()))
        if differing:
            raise StepFailedError(f"the activity type in ServiceNow shows another {', '.join(differing)}, or none")
        return "the activity type in ServiceNow shows what was registered"

    async def save_again(self, _order: SetupOrder) -> str:
        """Save without changes, which must create neither webhook nor registration (integration 2.13)."""
        system = self._foreign_systems.get()
        self._foreign_systems.save(system.name, system.base_url, system.credential)
        await self._registrar.run()
        return f"one webhook, and still Instance Id {self._foreign_systems.get().registration.sys_id}"


async def _differing(reading: Awaitable[list[str]]) -> list[str]:
    try:
        return await reading
    except NoSuchRecordError as error:
        raise StepFailedError(f"{error}; set up again to register anew") from None
    except ServiceNowError as error:
        raise _step_failed(error) from None


def _step_failed(failure: ServiceNowError | None) -> StepFailedError:
    return StepFailedError(str(failure), unreachable=isinstance(failure, UnreachableError))
