"""Configuration, Messaging: the webhooks."""

from typing import Any

from aiohttp import web

from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import flags, read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import MESSAGING, link
from console_sim.ui.outcome_messages import changes_text, see_registration
from console_sim.webhook import CREATED_BY, WEBHOOK_TYPE, Webhook, WebhookEvent
from privman_core.pages.forms import Form

ONE = f"{MESSAGING}/webhook"


class MessagingPages:
    """The list of webhooks, and the page of each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._webhooks = console.webhooks

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        new = f"{MESSAGING}/create"
        webhooks = read_list(
            visit,
            self._webhooks,
            ListColumn("Name", lambda webhook: webhook.name),
            ListColumn("Description", lambda webhook: webhook.description),
            ListColumn("Last Modified By", lambda _webhook: CREATED_BY),
            ListColumn("Last Modified", lambda webhook: webhook.last_modified),
        )
        return await visit.page("messaging.html", webhooks=webhooks, author=CREATED_BY, new=new, one=ONE)

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a webhook that is made by hand."""
        return await self._new(visit, Form())

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create a webhook for any endpoint, and open its page."""
        form = visit.form
        name = read_name(form, [each.name for each in self._webhooks])
        credential, url = self._read_credential(form, required=False), form.url("request_url")
        if form.errors:
            return await self._new(visit, form)
        webhook = self._webhooks.create(name, credential, url)
        return visit.see(link(ONE, id=webhook.id), f"Webhook {webhook.name!r} created")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show a webhook; raises NotFoundError."""
        webhook = self._find(visit)
        return await self._page(visit, Form(_values(webhook)), webhook)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a webhook and send the requests that wait for it; raises NotFoundError and ConflictError."""
        webhook, form = self._find(visit), visit.form
        visit.require(_version(visit, webhook))
        values = self._read(form, webhook)
        if form.errors:
            return await self._page(visit, form, webhook)
        changes = changes_text(webhook, self._webhooks.change(webhook.id, **values))
        failure = await self._console.registrar.run(webhook.id)
        return see_registration(visit, link(ONE, id=webhook.id), changes, failure)

    def _read(self, form: Form, webhook: Webhook) -> dict[str, Any]:
        event = form.one_of("event", tuple(WebhookEvent))
        return {
            "name": read_name(form, [each.name for each in self._webhooks if each.id != webhook.id]),
            "description": read_description(form),
            "event": next((each for each in WebhookEvent if each == event), webhook.event),
            "credential": self._read_credential(form, required=not webhook.made_by_hand),
            "endpoint_url": form.url("endpoint_url"),
            "enabled": form.ticked("enabled"),
        }

    def _read_credential(self, form: Form, *, required: bool) -> str:
        """Return a credential's name; an endpoint other than ServiceNow may need none."""
        return form.one_of("credential", self._credentials()) if required or form.value("credential") else ""

    def _credentials(self) -> list[str]:
        return [credential.name for credential in self._console.credentials]

    def _find(self, visit: ConsoleVisit) -> Webhook:
        return self._webhooks.get(visit.query.get("id", ""))

    async def _new(self, visit: ConsoleVisit, form: Form) -> web.Response:
        return await visit.form_page("webhook_new.html", form, credentials=self._credentials(), list=MESSAGING)

    async def _page(self, visit: ConsoleVisit, form: Form, webhook: Webhook) -> web.Response:
        return await visit.form_page(
            "webhook.html",
            form,
            webhook=webhook,
            type=WEBHOOK_TYPE,
            events=tuple(WebhookEvent),
            credentials=self._credentials(),
            version=_version(visit, webhook),
            list=MESSAGING,
        )


def _version(visit: ConsoleVisit, webhook: Webhook) -> str:
    return visit.version(webhook)


def _values(webhook: Webhook) -> dict[str, str]:
    return {
        "name": webhook.name,
        "description": webhook.description,
        "event": webhook.event,
        "credential": webhook.credential,
        "endpoint_url": webhook.endpoint_url,
        **flags(enabled=webhook.enabled),
    }
