"""What the parties of a run do not offer, each with the reason that a skipped scenario gives."""

from privman_scenarios.language.vocabulary import Need
from privman_scenarios.playing.log_in import InstanceUsers
from privman_scenarios.playing.reaching import Connection


def lacking_beside(
    far_servicenow: Connection | None, far_console: Connection | None, users: InstanceUsers
) -> dict[Need, str]:
    """Return what a run does not start or create, because it is there already."""
    lacking: dict[Need, str] = {}
    if far_console is not None:
        lacking["a second console"] = f"none is started beside {far_console.api.url}"
    if far_servicenow is not None:
        lacking["a second instance"] = f"none is started beside {far_servicenow.api.url}"
    if users.approver:
        lacking["users of its own"] = f"with an existing approver, here {users.approver.user!r}, none are created"
    return lacking


def lacking_in(servicenow: Connection, console: Connection, *, one_clock: bool) -> dict[Need, str]:
    """Return what two parties do not offer, whose virtual time may have one clock."""
    lacking: dict[Need, str] = {}
    if servicenow.api.shared:
        lacking["an instance of its own"] = f"others may use {servicenow.api.url}"
        lacking["a request_id of its own"] = f"others may use {servicenow.api.url}, so write ${{new_guid}}"
    if console.api.shared:
        lacking["a console of its own"] = f"others may use {console.api.url}"
    if servicenow.control is None:
        lacking["a servicenow control plane"] = servicenow.why_not
    if console.control is None:
        lacking["a console control plane"] = console.why_not
    if not (servicenow.virtual and console.virtual):
        lacking["virtual time"] = (console if servicenow.virtual else servicenow).why_real
    elif not one_clock:
        lacking["a shared clock"] = f"{servicenow.api.url} and {console.api.url} have one each"
    return lacking
