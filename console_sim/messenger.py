"""Posts what happens to the webhooks that were made by hand, for any endpoint (integration 7)."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec

from console_sim.accounts import Credential
from console_sim.api_users import CredentialShelf
from console_sim.approval_request import ApprovalRequest
from console_sim.errors import RefusedError
from console_sim.foreign_systems import Webhooks
from console_sim.server_tasks import ServerTasks
from console_sim.webhook import Webhook, WebhookEvent
from privman_contracts import WireNames
from privman_core.outbound import HttpCaller, NoAnswerError


class Messenger:
    """Tells each enabled webhook that was made by hand of each new approval request, once.

    Nobody documents the body, nor what happens when an endpoint does not take it: a failure is a line of the server
    tasks, and is not tried again.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        webhooks: Webhooks,
        credentials: CredentialShelf,
        names: WireNames,
        caller: HttpCaller,
        server_tasks: ServerTasks,
        answer_seconds: float,
    ) -> None:
        self._webhooks = webhooks
        self._credentials = credentials
        self._key = names.group("keys.system_approval_request")
        self._events = names.group("words.webhook_event")
        self._caller = caller
        self._server_tasks = server_tasks
        self._answer_seconds = answer_seconds

    async def tell(self, request: ApprovalRequest) -> None:
        """Post the request to each webhook."""
        told = [webhook for webhook in self._webhooks if webhook.made_by_hand and webhook.enabled]
        await asyncio.gather(*(self._tell(webhook, request) for webhook in told))

    async def _tell(self, webhook: Webhook, request: ApprovalRequest) -> None:
        task_name = f"Send {webhook.event} of {request.request_id} to webhook {webhook.name!r}"
        work = partial(self._post, webhook, self._body(webhook, request))
        await self._server_tasks.run(task_name, work, retried=False)

    def _body(self, webhook: Webhook, request: ApprovalRequest) -> bytes:
        word = self._events[_WORDS[webhook.event]]
        values = {
            "Event": word,
            "RequestId": request.request_id,
            "RequestedAt": _utc(request.asked_at),
            "Metadata": msgspec.Raw(request.metadata.encode()),
        }
        return msgspec.json.encode({self._key[key]: value for key, value in values.items()})

    async def _post(self, webhook: Webhook, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        if webhook.credential:
            headers["Authorization"] = _basic(self._credentials.get(webhook.credential))
        try:
            answer = await self._caller.send("POST", webhook.endpoint_url, headers, body, self._answer_seconds)
        except NoAnswerError as error:
            raise RefusedError(str(error)) from None
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RefusedError(f"{webhook.endpoint_url} answers {answer.status}")


_WORDS = {
    WebhookEvent.APPROVAL_REQUEST: "approval_request",
    WebhookEvent.SYSTEM_APPROVAL_REQUEST: "system_approval_request",
}


def _basic(credential: Credential) -> str:
    return f"Basic {b64encode(f'{credential.account_name}:{credential.password}'.encode()).decode()}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
