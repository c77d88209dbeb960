"""Application Policies: which action a policy asks with."""

from aiohttp import web
from msgspec.structs import replace

from console_sim.approval_items import FORM_ACTION, Action, Policy, PolicyAction
from console_sim.automation import USUAL_ACTIONS
from console_sim.console import Console
from console_sim.ui.action_pages import ONE as ONE_ACTION
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import flags, read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import POLICIES, link
from console_sim.ui.outcome_messages import changes_text
from privman_core.pages.forms import Form

ONE = f"{POLICIES}/policy"


class PolicyPages:
    """The list of policies, and the page of each; those of the product are read-only.

    Of a policy's actions only the one that asks for approval is edited.
    """

    def __init__(self, console: Console) -> None:
        self._automation = console.automation
        self._policies = console.automation.policies
        self._actions = console.automation.actions

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        policies = read_list(
            visit,
            self._policies,
            ListColumn("Name", lambda policy: policy.name),
            ListColumn("Description", lambda policy: policy.description),
            ListColumn("Approval Type", self._type_name),
            ListColumn("Active", _state),
        )
        return await visit.page(
            "policies.html",
            policies=policies,
            type_name=self._type_name,
            state=_state,
            new=f"{POLICIES}/create",
            one=ONE,
        )

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a new policy."""
        return await self._new(visit, Form({"action": FORM_ACTION.name}))

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create a policy, which is inactive (approval/helpdesk.md), and open its page."""
        form = visit.form
        name, description = read_name(form, self._others()), read_description(form)
        self._read_action(form)
        if form.errors:
            return await self._new(visit, form)
        new = Policy(self._automation.new_id(), name, description, enabled=False, actions=USUAL_ACTIONS)
        self._policies.save(self._asking(new, form))
        return visit.see(link(ONE, id=new.id), f"Policy {new.name!r} created; it is not active")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show a policy; raises NotFoundError."""
        policy = self._find(visit)
        return await self._page(visit, Form(self._values(policy)), policy)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a policy; raises NotFoundError, ForbiddenError and ConflictError."""
        policy, form = self._find(visit), visit.form
        self._policies.require_editable(policy)
        visit.require(visit.version(policy))
        changed = replace(
            policy,
            name=read_name(form, self._others(policy)),
            description=read_description(form),
            enabled=form.ticked("active"),
        )
        self._read_action(form)
        if form.errors:
            return await self._page(visit, form, policy)
        saved = self._policies.save(self._asking(changed, form))
        return visit.see(link(ONE, id=policy.id), changes_text(policy, saved))

    def _type_name(self, policy: Policy) -> str:
        approval_type = self._automation.approval_type_of(policy)
        return "none" if approval_type is None else approval_type.name

    def _read_action(self, form: Form) -> None:
        if form.value("action"):
            form.one_of("action", [each.name for each in self._asking_actions()])

    def _asking(self, policy: Policy, form: Form) -> Policy:
        """Return the policy with the chosen action, or without an action that asks for approval."""
        asking = [PolicyAction(self._actions.named(form.value("action")).id)] if form.value("action") else []
        ids = {each.id for each in self._asking_actions()}
        return replace(policy, actions=(*asking, *(each for each in policy.actions if each.id not in ids)))

    def _actions_of(self, policy: Policy) -> list[Action]:
        found = (self._actions.find(each.id) for each in policy.actions)
        return [each for each in found if each is not None]

    def _asking_actions(self) -> list[Action]:
        return [each for each in self._actions if each.approval_type_id]

    def _others(self, policy: Policy | None = None) -> list[str]:
        return [each.name for each in self._policies if policy is None or each.id != policy.id]

    def _find(self, visit: ConsoleVisit) -> Policy:
        return self._policies.get(visit.query.get("id", ""))

    async def _new(self, visit: ConsoleVisit, form: Form) -> web.Response:
        actions = [each.name for each in self._asking_actions()]
        return await visit.form_page("policy_new.html", form, actions=actions, list=POLICIES)

    async def _page(self, visit: ConsoleVisit, form: Form, policy: Policy) -> web.Response:
        approval_type = self._automation.approval_type_of(policy)
        return await visit.form_page(
            "policy.html",
            form,
            policy=policy,
            read_only=self._policies.is_built_in(policy.id),
            actions=self._actions_of(policy),
            asking=[each.name for each in self._asking_actions()],
            approval_type=approval_type,
            process=None if approval_type is None else self._automation.processes.find(approval_type.process_id),
            version=visit.version(policy),
            list=POLICIES,
            action=ONE_ACTION,
        )

    def _values(self, policy: Policy) -> dict[str, str]:
        asking = (each.name for each in self._actions_of(policy) if each.approval_type_id)
        return {
            "name": policy.name,
            "description": policy.description,
            "action": next(asking, ""),
            **flags(active=policy.enabled),
        }


def _state(policy: Policy) -> str:
    return "Active" if policy.enabled else "Inactive"
