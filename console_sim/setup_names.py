"""Names for the items that a set-up saves, chosen so that it changes no item that was made for another purpose."""

from collections.abc import Callable, Iterator
from itertools import chain

from console_sim.accounts import Credential
from console_sim.api_users import CredentialShelf
from console_sim.approval_items import APPLICATION_TYPE, MANUAL_PROCESS, ApprovalProcess, ApprovalType, Policy
from console_sim.automation import Automation
from console_sim.foreign_system import ForeignSystem
from console_sim.names import derived_name, free_name

DEFAULT_POLICY = "Elevate installers"
_API_CREDENTIAL = "{} webhook"
_SERVICENOW_CREDENTIAL = "{} user"


def usual_api_credential(name: str) -> str:
    """Return the usual name of the credential with which the ServiceNow of that foreign system calls back."""
    return derived_name(_API_CREDENTIAL, name)


class SetupNames:
    """Names for a foreign system that exists, or that a set-up is about to create under a name.

    Each is the name of an item that serves that foreign system already, or a free one.
    """

    def __init__(self, credentials: CredentialShelf, automation: Automation) -> None:
        self._credentials = credentials
        self._automation = automation

    def api_account(self, name: str, system: ForeignSystem | None) -> str:
        """Return the account of the system's API credential, or of one that an interrupted set-up left; else empty."""
        selected = "" if system is None else system.api_credential
        kept = self._credentials.find(selected or usual_api_credential(name))
        if kept is None or (not selected and self._credentials.is_used(kept.name)):
            return ""
        return kept.account_name

    def api_credential(self, name: str, system: ForeignSystem | None, client_id: str) -> str:
        """Return the name of the credential for that Client Id."""
        selected = "" if system is None else system.api_credential

        def fits(kept: Credential) -> bool:
            return kept.account_name.lower() == client_id

        return self._selected(selected, system, fits) or self._unused(name, _API_CREDENTIAL, fits)

    def servicenow_credential(self, name: str, system: ForeignSystem | None, login: tuple[str, str]) -> str:
        """Return the name of the credential for that user and password."""
        selected = "" if system is None else system.credential

        def fits(kept: Credential) -> bool:
            return (kept.account_name, kept.password) == login

        return self._selected(selected, system, fits) or self._unused(name, _SERVICENOW_CREDENTIAL, fits)

    def process(self, name: str, system_id: str) -> str:
        """Return the name of the approval process with that ServiceNow Server, first of one that is used."""

        def is_free(each: str) -> bool:
            return self._automation.processes.find_named(each) is None

        used = map(self._process_of, self._types_of(system_id))
        others = (each for each in self._automation.processes if each.server_id == system_id)
        existing = next((each.name for each in chain(used, others)), "")
        return existing or free_name(is_free, name, "{} Approval Process")

    def approval_type(self, name: str, system_id: str) -> str:
        """Return the name of the type whose requests that system decides, else the built-in one if unmodified."""

        def is_free(each: str) -> bool:
            approval_type = self._automation.types.find_named(each)
            return approval_type is None or self._is_as_delivered(approval_type)

        existing = next((each.name for each in self._types_of(system_id)), "")
        return existing or free_name(is_free, name, APPLICATION_TYPE.name, f"{{}} {APPLICATION_TYPE.name}")

    def existing_policy(self, system_id: str) -> str:
        """Return the name of the policy whose requests that system decides, first of a usual one; empty if none."""
        return next((each.name for each in self._policies_of(system_id)), "")

    def policy(self, name: str, system_id: str, approval_type: str) -> str:
        """Return a name for a policy with that approval type, whose requests that system decides."""

        def is_free(each: str) -> bool:
            policy = self._automation.policies.find_named(each)
            return policy is None or self._is_decided_by(system_id, self._automation.approval_type_of(policy))

        own = f"{DEFAULT_POLICY} ({{}})"
        return free_name(is_free, name, *([DEFAULT_POLICY] if approval_type == APPLICATION_TYPE.name else []), own)

    def _selected(self, name: str, system: ForeignSystem | None, fits: Callable[[Credential], bool]) -> str:
        """Return the credential that the system has selected if it fits, or may be changed to fit; else empty."""
        kept = self._credentials.find(name)
        if kept is None or system is None:
            return ""
        is_shared = system.credential == system.api_credential or self._credentials.is_used(name, except_for=system.id)
        return name if fits(kept) or not is_shared else ""

    def _unused(self, name: str, form: str, fits: Callable[[Credential], bool]) -> str:
        """Return a free name, or that of a credential that fits and is not used."""

        def is_free(each: str) -> bool:
            kept = self._credentials.find(each)
            return kept is None or (fits(kept) and not self._credentials.is_used(each))

        return free_name(is_free, name, form)

    def _policies_of(self, system_id: str) -> list[Policy]:
        """Return the policies whose requests that system decides, those with a usual name first."""
        asking = self._automation.approval_type_of
        found = [each for each in self._automation.policies if self._is_decided_by(system_id, asking(each))]
        return sorted(found, key=lambda policy: not policy.name.startswith(DEFAULT_POLICY))

    def _types_of(self, system_id: str) -> Iterator[ApprovalType]:
        """Yield the approval types whose requests that system decides, those of policies first."""
        of_policies = map(self._automation.approval_type_of, self._policies_of(system_id))
        for each in (*of_policies, *self._automation.types):
            if each is not None and self._is_decided_by(system_id, each):
                yield each

    def _is_decided_by(self, system_id: str, approval_type: ApprovalType | None) -> bool:
        return approval_type is not None and self._process_of(approval_type).server_id == system_id

    def _process_of(self, approval_type: ApprovalType) -> ApprovalProcess:
        return self._automation.processes.get(approval_type.process_id)

    def _is_as_delivered(self, approval_type: ApprovalType) -> bool:
        """Return whether it is the product's own type and nobody has selected another process."""
        process = self._process_of(approval_type)
        return approval_type.id == APPLICATION_TYPE.id and process.id == MANUAL_PROCESS.id and process.is_manual
