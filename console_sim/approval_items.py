"""Policies, actions, approval types and approval processes, which decide where an approval request goes.

A policy's action uses an approval type; the type names its process; a process is manual or has a ServiceNow server.
"""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct


class ProcessTemplate(StrEnum):
    """The templates of approval processes."""

    MANUAL = "Manual Approval Process"
    SERVICENOW = "ServiceNow Approval Process"


class ApprovalProcess(Struct, frozen=True):
    """Who decides: people in the console, or ServiceNow.

    Attributes:
        server_id: of the foreign system; empty if none is selected, and for a manual one.
        check_every: how often the SOAP integration asks ServiceNow; a webhook does not ask.
        timeout: the console's own time limit for decisions of ServiceNow; a manual process has none.
    """

    id: str
    name: str
    description: str = ""
    template: ProcessTemplate = ProcessTemplate.MANUAL
    server_id: str = ""
    check_every: timedelta = timedelta(seconds=20)
    timeout: timedelta = timedelta(minutes=20)

    @property
    def is_manual(self) -> bool:
        """Whether requests are decided in the console only."""
        return self.template is ProcessTemplate.MANUAL


class ApprovalType(Struct, frozen=True):
    """The type of an approval request: its scope and its process.

    Attributes:
        policy_specific: whether a request counts for its policy only.
        file_specific: whether a request counts for its file only.
        process_id: of the approval process, the printed Process Handler.
    """

    id: str
    name: str
    process_id: str
    description: str = ""
    policy_specific: bool = False
    file_specific: bool = True


class Action(Struct, frozen=True):
    """An action that a policy takes on the endpoint.

    Attributes:
        type: as the Actions page prints it.
        approval_type_id: of an action that asks for approval; empty for others.
    """

    id: str
    name: str
    type: str
    description: str = ""
    approval_type_id: str = ""


class PolicyFilter(Struct, frozen=True):
    """A filter of a policy; ``role`` is 1 application target, 2 inclusion, 3 exclusion."""

    id: str
    role: int


class PolicyAction(Struct, frozen=True):
    """An action of a policy."""

    id: str
    is_child: bool = False


class Policy(Struct, frozen=True):
    """A rule for applications that start on an endpoint.

    Attributes:
        os: ``win`` or ``mac``.
    """

    id: str
    name: str
    description: str = ""
    os: str = "win"
    enabled: bool = True
    filters: tuple[PolicyFilter, ...] = ()
    actions: tuple[PolicyAction, ...] = ()


MANUAL_PROCESS = ApprovalProcess("6a1d2f0e-53c8-4c1b-9a53-0d6f6f3f7a01", "Default Manual Approval Process")
OFFLINE_PROCESS = ApprovalProcess("6a1d2f0e-53c8-4c1b-9a53-0d6f6f3f7a02", "Default Offline Approval Process")
MOBILE_PROCESS = ApprovalProcess("6a1d2f0e-53c8-4c1b-9a53-0d6f6f3f7a03", "Mobile Message Approval Process")
APPLICATION_TYPE = ApprovalType(
    "c4b7a6de-8f0a-4f59-9c6e-2f3f0d1e5b01", "Default Execute Application Request Type", MANUAL_PROCESS.id
)
OFFLINE_TYPE = ApprovalType(
    "c4b7a6de-8f0a-4f59-9c6e-2f3f0d1e5b02", "Default Offline Execute Application Request Type", OFFLINE_PROCESS.id
)
FORM_ACTION = Action(
    "b0d0a7a5-2c0e-4d5e-8f5b-7a8d5f6c9e01",
    "Approval Request Form Action",
    "CustomXamlExecutionActionContract",
    "This action will display a approval request form for approval before allowing application to run.",
    APPLICATION_TYPE.id,
)
ITEM_NUMBER_FORM_ACTION = Action(
    "b0d0a7a5-2c0e-4d5e-8f5b-7a8d5f6c9e03",
    "Approval Request (with ServiceNow Request Item Number) Form Action",
    FORM_ACTION.type,
    FORM_ACTION.description,
    APPLICATION_TYPE.id,
)
ADMINISTRATIVE_RIGHTS = Action(
    "54bfa458-bdfc-4e1b-8033-9c7888179f6c", "Add Administrative Rights", "Adjust Process Rights Action"
)
FILE_DIALOGS = Action("b0d0a7a5-2c0e-4d5e-8f5b-7a8d5f6c9e02", "Restrict File Dialogs", "Restrict File Dialogs Action")
PROCESSES = (MANUAL_PROCESS, OFFLINE_PROCESS, MOBILE_PROCESS)
TYPES = (APPLICATION_TYPE, OFFLINE_TYPE)
ACTIONS = (FORM_ACTION, ITEM_NUMBER_FORM_ACTION, ADMINISTRATIVE_RIGHTS, FILE_DIALOGS)
POLICIES = (
    Policy(
        "44290cc3-9c86-4995-aa33-79b8ee74daf7",
        "Elevate Privilege Manager Remove Programs Utility Policy",
        "A read-only policy template.",
        enabled=False,
        actions=(PolicyAction(ADMINISTRATIVE_RIGHTS.id),),
    ),
)
