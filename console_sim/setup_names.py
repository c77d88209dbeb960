"""Names under which a set-up saves things, chosen so that it changes nothing of another foreign system or purpose."""

from console_sim.api_users import CredentialShelf
from console_sim.approval_items import APPLICATION_TYPE, ApprovalProcess, ApprovalType
from console_sim.automation import Automation
from console_sim.foreign_system import ForeignSystem
from console_sim.free_names import first_free

DEFAULT_POLICY = "Elevate installers"


class SetupNames:
    """Names for a foreign system that exists, or that a set-up is about to create under a name."""

    def __init__(self, credentials: CredentialShelf, automation: Automation) -> None:
        self._credentials = credentials
        self._automation = automation

    def api_account(self, name: str, system: ForeignSystem | None) -> str:
        """Return the account of the system's API credential, or of one that an interrupted set-up left; else empty."""
        selected = "" if system is None else system.api_credential
        kept = self._credentials.find(selected or _api_credential(name))
        if kept is None or (not selected and self._credentials.is_used(kept.name)):
            return ""
        return kept.account_name

    def api_credential(self, name: str, system: ForeignSystem | None, client_id: str) -> str:
        """Return the name of the credential for that Client Id."""
        selected = "" if system is None else system.api_credential
        kept = self._credentials.find(selected)
        if kept is not None and kept.account_name == client_id:
            return selected
        return self._free_credential(system, selected, _api_credential(name), client_id)

    def servicenow_credential(self, name: str, system: ForeignSystem | None, login: tuple[str, str]) -> str:
        """Return the name of the credential for that user and password."""
        selected = "" if system is None else system.credential
        kept = self._credentials.find(selected)
        if kept is not None and (kept.account_name, kept.password) == login:
            return selected
        return self._free_credential(system, selected, f"{name} user", login[0])

    def process(self, name: str, system_id: str) -> str:
        """Return the name of the approval process with that ServiceNow Server."""

        def is_free(each: str) -> bool:
            process = self._automation.processes.find_named(each)
            return process is None or not (process.is_manual or self._leads_elsewhere(process, system_id))

        return first_free(is_free, f"{name} Approval Process")

    def approval_type(self, name: str, system_id: str) -> str:
        """Return the name of the approval type that uses the process: the product's own, unless others have it."""

        def is_free(each: str) -> bool:
            kind = self._automation.types.find_named(each)
            return kind is None or not self._is_of_others(kind, system_id)

        return first_free(is_free, APPLICATION_TYPE.name, f"{name} {APPLICATION_TYPE.name}")

    def policy(self, name: str, system_id: str, approval_type: str) -> str:
        """Return the name of the policy that uses the approval type."""

        def is_free(each: str) -> bool:
            policy = self._automation.policies.find_named(each)
            kind = None if policy is None else self._automation.approval_type_of(policy)
            return kind is None or not self._is_of_others(kind, system_id)

        own = f"{DEFAULT_POLICY} ({name})"
        return first_free(is_free, *([DEFAULT_POLICY] if approval_type == APPLICATION_TYPE.name else []), own)

    def _free_credential(self, system: ForeignSystem | None, selected: str, usual: str, account: str) -> str:
        """Return a new name, or that of a credential that is the system's own and that nothing else uses."""

        def is_free(each: str) -> bool:
            kept = self._credentials.find(each)
            is_own = kept is None or each == selected or kept.account_name == account
            return is_own and not self._credentials.is_used(each, besides="" if system is None else system.id)

        return first_free(is_free, *filter(None, (selected, usual)))

    def _is_of_others(self, kind: ApprovalType, system_id: str) -> bool:
        return self._leads_elsewhere(self._automation.processes.get(kind.process_id), system_id)

    @staticmethod
    def _leads_elsewhere(process: ApprovalProcess, system_id: str) -> bool:
        return process.server_id not in {"", system_id}


def _api_credential(name: str) -> str:
    return f"{name} webhook"
