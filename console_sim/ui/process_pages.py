"""Tasks, Automation, Approval Processes."""

from aiohttp import web
from msgspec.structs import replace

from console_sim.approval_items import ApprovalProcess, ProcessTemplate
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import UNITS, read_description, read_name, read_span, span_values
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import AUTOMATION_FOLDERS, PROCESSES, link
from console_sim.ui.outcome_messages import changes_text
from privman_core.pages.forms import Form

ONE = f"{PROCESSES}/process"
_TEMPLATES = tuple(ProcessTemplate)
NEW_NAME = f"New {ProcessTemplate.SERVICENOW}"


class ProcessPages:
    """The list of approval processes, and the page of each; those of the product are read-only."""

    def __init__(self, console: Console) -> None:
        self._automation = console.automation
        self._processes = console.automation.processes
        self._systems = console.foreign_systems

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        items = read_list(visit, self._processes, ListColumn("Name", lambda each: each.name))
        new = f"{PROCESSES}/create"
        return await visit.page(
            "automation_list.html", folders=AUTOMATION_FOLDERS, kind="Approval Processes", items=items, new=new, one=ONE
        )

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a new process."""
        return await self._new(visit, Form({"template": ProcessTemplate.SERVICENOW, "name": NEW_NAME}))

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create a process and open its page; it has no ServiceNow Server yet."""
        form = _with_usual_name(visit.form)
        template = form.one_of("template", _TEMPLATES)
        name, description = read_name(form, self._others()), read_description(form)
        if form.errors:
            return await self._new(visit, form)
        process = self._automation.save_process(name, description=description, template=ProcessTemplate(template))
        return visit.see(link(ONE, id=process.id), f"Approval process {process.name!r} created")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show a process; raises NotFoundError."""
        process = self._find(visit)
        return await self._page(visit, Form(self._values(process)), process)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a process; raises NotFoundError, ForbiddenError and ConflictError."""
        process, form = self._find(visit), visit.form
        self._processes.require_editable(process)
        visit.require(visit.version(process))
        changed = self._read(form, process)
        if form.errors:
            return await self._page(visit, form, process)
        self._processes.save(changed)
        return visit.see(link(ONE, id=process.id), changes_text(process, changed))

    def _read(self, form: Form, process: ApprovalProcess) -> ApprovalProcess:
        named = replace(process, name=read_name(form, self._others(process)), description=read_description(form))
        if process.is_manual:
            return named
        server = form.one_of("server", [system.name for system in self._systems])
        return replace(
            named,
            server_id="" if "server" in form.errors else self._systems.named(server).id,
            check_every=read_span(form, "check_every"),
            timeout=read_span(form, "timeout"),
        )

    def _others(self, process: ApprovalProcess | None = None) -> list[str]:
        return [each.name for each in self._processes if process is None or each.id != process.id]

    def _find(self, visit: ConsoleVisit) -> ApprovalProcess:
        return self._processes.get(visit.query.get("id", ""))

    async def _new(self, visit: ConsoleVisit, form: Form) -> web.Response:
        return await visit.form_page("process_new.html", form, templates=_TEMPLATES, list=PROCESSES)

    async def _page(self, visit: ConsoleVisit, form: Form, process: ApprovalProcess) -> web.Response:
        return await visit.form_page(
            "process.html",
            form,
            process=process,
            read_only=self._processes.is_built_in(process.id),
            servers=[system.name for system in self._systems],
            units=tuple(UNITS),
            version=visit.version(process),
            list=PROCESSES,
        )

    def _values(self, process: ApprovalProcess) -> dict[str, str]:
        server = next((system.name for system in self._systems if system.id == process.server_id), "")
        return {
            "name": process.name,
            "description": process.description,
            "server": server,
            **span_values("check_every", process.check_every),
            **span_values("timeout", process.timeout),
        }


def _with_usual_name(form: Form) -> Form:
    """Return the form; a name that was not edited becomes that of the chosen template."""
    template = form.value("template")
    if form.value("name") != NEW_NAME or template not in _TEMPLATES:
        return form
    return Form({"template": template, "name": f"New {template}", "description": form.value("description")})
