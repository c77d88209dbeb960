"""Tasks, Automation, Approval Types."""

from aiohttp import web
from msgspec.structs import replace

from console_sim.approval_items import MANUAL_PROCESS, ApprovalType
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import flags, read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import AUTOMATION_FOLDERS, TYPES, link
from console_sim.ui.outcome_messages import changes_text
from privman_core.pages.forms import Form

ONE = f"{TYPES}/type"
DUPLICATE = f"{TYPES}/duplicate"


class TypePages:
    """The list of approval types, and the page of each."""

    def __init__(self, console: Console) -> None:
        self._automation = console.automation
        self._types = console.automation.types
        self._processes = console.automation.processes

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        items = read_list(visit, self._types, ListColumn("Name", lambda each: each.name))
        new = f"{TYPES}/create"
        return await visit.page(
            "automation_list.html", folders=AUTOMATION_FOLDERS, kind="Approval Types", items=items, new=new, one=ONE
        )

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a new type."""
        return await _new(visit, Form(), "New")

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create a type and open its page; its requests are decided in the console until it has another process."""
        return await self._create(visit, ApprovalType("", "", MANUAL_PROCESS.id), "New")

    async def show_duplicate(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a duplicate; raises NotFoundError."""
        approval_type = self._find(visit)
        return await _new(visit, Form({"description": approval_type.description}), f"Duplicate {approval_type.name}")

    async def duplicate(self, visit: ConsoleVisit) -> web.Response:
        """Create a duplicate and open its page; raises NotFoundError."""
        approval_type = self._find(visit)
        return await self._create(visit, approval_type, f"Duplicate {approval_type.name}")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show a type; raises NotFoundError."""
        approval_type = self._find(visit)
        return await self._page(visit, Form(self._values(approval_type)), approval_type)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a type; its process counts from the next request on. Raises NotFoundError and ConflictError."""
        approval_type, form = self._find(visit), visit.form
        visit.require(visit.version(approval_type))
        changed = replace(
            approval_type,
            name=read_name(form, self._others(approval_type)),
            description=read_description(form),
            policy_specific=form.ticked("policy_specific"),
            file_specific=form.ticked("file_specific"),
        )
        process = form.one_of("process", [each.name for each in self._processes])
        if form.errors:
            return await self._page(visit, form, approval_type)
        saved = self._types.save(replace(changed, process_id=self._processes.named(process).id))
        return visit.see(link(ONE, id=approval_type.id), changes_text(approval_type, saved))

    async def _create(self, visit: ConsoleVisit, model: ApprovalType, title: str) -> web.Response:
        form = visit.form
        name, description = read_name(form, self._others()), read_description(form)
        if form.errors:
            return await _new(visit, form, title)
        new = replace(model, id=self._automation.new_id(), name=name, description=description)
        self._types.save(new)
        return visit.see(link(ONE, id=new.id), f"Approval type {new.name!r} created")

    def _others(self, approval_type: ApprovalType | None = None) -> list[str]:
        return [each.name for each in self._types if approval_type is None or each.id != approval_type.id]

    def _find(self, visit: ConsoleVisit) -> ApprovalType:
        return self._types.get(visit.query.get("id", ""))

    async def _page(self, visit: ConsoleVisit, form: Form, approval_type: ApprovalType) -> web.Response:
        return await visit.form_page(
            "type.html",
            form,
            approval_type=approval_type,
            processes=[each.name for each in self._processes],
            version=visit.version(approval_type),
            duplicate=DUPLICATE,
            list=TYPES,
        )

    def _values(self, approval_type: ApprovalType) -> dict[str, str]:
        process = self._processes.find(approval_type.process_id)
        return {
            "name": approval_type.name,
            "description": approval_type.description,
            "process": "" if process is None else process.name,
            **flags(policy_specific=approval_type.policy_specific, file_specific=approval_type.file_specific),
        }


async def _new(visit: ConsoleVisit, form: Form, title: str) -> web.Response:
    return await visit.form_page("type_new.html", form, heading=title, list=TYPES)
