"""A real console, which its administrators have set up."""

from dataclasses import dataclass

from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.servicenow import ServiceNow


@dataclass(frozen=True, slots=True)
class Registration:
    """What ServiceNow gave a console, as a set-up reports it.

    Attributes:
        activity_type_id: empty where the console has registered none.
    """

    instance_id: str
    activity_type_id: str


async def find_registration(servicenow: ServiceNow, console_url: str) -> Registration | None:
    """Return the newest registration of the console at that address; raises TargetUnreachableError."""
    try:
        found = [
            each["sys_id"]
            for each in await servicenow.find_of_all("integration_configuration")
            if f"{console_url}/".lower() in each.get("instance_metadata", "").lower()
        ]
        if not found:
            return None
        listed = await servicenow.find_of_all("activity_type", instance_id=found[-1])
        activity_types = [each for each in listed if each["instance_id"] == found[-1]]
    except ExpectationError as error:
        raise TargetUnreachableError(f"{servicenow.url} does not list its records: {error.came}.") from None
    return Registration(found[-1], activity_types[-1]["sys_id"] if activity_types else "")
