"""Admin, Actions: which approval type an action uses."""

from aiohttp import web
from msgspec.structs import replace

from console_sim.approval_items import Action
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import ACTIONS, link
from console_sim.ui.outcome_messages import changes_text
from privman_core.pages.forms import Form

ONE = f"{ACTIONS}/action"
DUPLICATE = f"{ACTIONS}/duplicate"


class ActionPages:
    """The list of actions, and the page of each; those of the product are read-only and can be duplicated."""

    def __init__(self, console: Console) -> None:
        self._automation = console.automation
        self._actions = console.automation.actions
        self._types = console.automation.types

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        actions = read_list(
            visit,
            self._actions,
            ListColumn("Name", lambda action: action.name),
            ListColumn("Description", lambda action: action.description),
            ListColumn("Type", lambda action: action.type),
        )
        return await visit.page("actions.html", actions=actions, one=ONE)

    async def show_duplicate(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a duplicate; raises NotFoundError."""
        return await self._new(visit, Form(), self._find(visit))

    async def duplicate(self, visit: ConsoleVisit) -> web.Response:
        """Create a duplicate and open its page; raises NotFoundError."""
        action, form = self._find(visit), visit.form
        name = read_name(form, self._others())
        if form.errors:
            return await self._new(visit, form, action)
        new = self._actions.save(replace(action, id=self._automation.new_id(), name=name))
        return visit.see(link(ONE, id=new.id), f"Action {new.name!r} created")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show an action; raises NotFoundError."""
        action = self._find(visit)
        return await self._page(visit, Form(self._values(action)), action)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save an action; raises NotFoundError, ForbiddenError and ConflictError."""
        action, form = self._find(visit), visit.form
        self._actions.require_editable(action)
        visit.require(visit.version(action))
        changed = replace(action, name=read_name(form, self._others(action)), description=read_description(form))
        if action.approval_type_id:
            form.one_of("approval_type", [each.name for each in self._types])
        if form.errors:
            return await self._page(visit, form, action)
        saved = self._actions.save(replace(changed, approval_type_id=self._type_id(form, action)))
        return visit.see(link(ONE, id=action.id), changes_text(action, saved))

    def _type_id(self, form: Form, action: Action) -> str:
        return self._types.named(form.value("approval_type")).id if action.approval_type_id else ""

    def _others(self, action: Action | None = None) -> list[str]:
        return [each.name for each in self._actions if action is None or each.id != action.id]

    def _find(self, visit: ConsoleVisit) -> Action:
        return self._actions.get(visit.query.get("id", ""))

    async def _new(self, visit: ConsoleVisit, form: Form, action: Action) -> web.Response:
        return await visit.form_page("action_duplicate.html", form, action=action, list=ACTIONS)

    async def _page(self, visit: ConsoleVisit, form: Form, action: Action) -> web.Response:
        return await visit.form_page(
            "action.html",
            form,
            action=action,
            read_only=self._actions.is_built_in(action.id),
            types=[each.name for each in self._types],
            version=visit.version(action),
            duplicate=DUPLICATE,
            list=ACTIONS,
        )

    def _values(self, action: Action) -> dict[str, str]:
        approval_type = self._types.find(action.approval_type_id) if action.approval_type_id else None
        return {
            "name": action.name,
            "description": action.description,
            "approval_type": "" if approval_type is None else approval_type.name,
        }
