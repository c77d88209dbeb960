"""Pages about the set-up: Home, API Settings and the server tasks."""

from itertools import islice

from aiohttp import web

from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ADVANCED, PROCESSES, TYPES
from console_sim.ui.outcome_messages import changes_text
from privman_core.pages.forms import Form

TASKS_SHOWN = 100


class SetupPages:
    """Home, API Settings and the tab Tasks."""

    def __init__(self, console: Console, *, extras: bool) -> None:
        self._console = console
        self._extras = extras
        self._store = console.store
        self._server_tasks = console.server_tasks

    async def home(self, visit: ConsoleVisit) -> web.Response:
        """Show which steps of the set-up are done."""
        automation, now = self._console.automation, self._console.clock.now()
        routed = [each for each in automation.processes if not each.is_manual]
        ids = {each.id for each in routed}
        types = [each for each in automation.types if each.process_id in ids]
        policies = [each for each in automation.policies if each.enabled and automation.approval_type_of(each) in types]
        return await visit.page(
            "home.html",
            store=self._store,
            users=[(user, user.login_refusal(now)) for user in self._store.api_users],
            registered=[each for each in self._store.foreign_systems if each.registration.sys_id],
            pending=len(self._console.approvals.pending(manual_only=not self._extras)),
            processes=routed,
            types=types,
            policies=policies,
        )

    async def general(self, visit: ConsoleVisit) -> web.Response:
        """Show the approval types and processes (general.png)."""
        automation = self._console.automation
        return await visit.page(
            "general.html",
            types=list(automation.types),
            processes=list(automation.processes),
            one_type=f"{TYPES}/type",
            one_process=f"{PROCESSES}/process",
        )

    async def api_settings(self, visit: ConsoleVisit) -> web.Response:
        """Show API Enabled."""
        form = Form({"api_enabled": "yes" if self._store.api_enabled else ""})
        return await visit.form_page("advanced.html", form, version=visit.version(self._store.api_enabled))

    async def change_api_settings(self, visit: ConsoleVisit) -> web.Response:
        """Set API Enabled; raises ConflictError."""
        before, after = self._store.api_enabled, visit.form.ticked("api_enabled")
        visit.require(visit.version(before))
        self._store.enable_api(enabled=after)
        return visit.see(ADVANCED, changes_text(before, after))

    async def server_tasks(self, visit: ConsoleVisit) -> web.Response:
        """Show the newest attempts of server tasks, and the next attempt of each task that waits for one."""
        runs, waiting = self._server_tasks.runs, self._server_tasks.waiting()
        newest = list(islice(reversed(runs), TASKS_SHOWN))
        promised = {(each.task_name, each.about, each.next_at) for each in waiting}
        return await visit.page("server_tasks.html", runs=newest, total=len(runs), promised=promised)
