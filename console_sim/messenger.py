"""Posts new approval requests to the webhooks that were made by hand, for any endpoint."""

import asyncio
from base64 import b64encode
from collections import deque
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec
from msgspec import Struct

from console_sim.accounts import Credential
from console_sim.api_users import CredentialShelf
from console_sim.approval_request import ApprovalRequest
from console_sim.background_tasks import BackgroundTasks
from console_sim.errors import RefusedError
from console_sim.foreign_systems import Webhooks
from console_sim.server_tasks import ServerTasks, WorkReport
from console_sim.shelf import Shelf
from console_sim.webhook import Webhook, WebhookEvent
from privman_contracts import WireNames
from privman_core.outbound import HttpCaller, NoAnswerError, Purpose
from privman_core.turns import PreemptedError, Turns

MOST_POSTS = 32
"""Posts in progress, each to another webhook and with up to 1 MiB of metadata."""
MOST_WAITING = 100
"""Posts that wait for one webhook."""


class _Post(Struct, frozen=True):
    """A post that waits; ``done`` gets its result once it was sent or has failed."""

    request_id: str
    done: asyncio.Future[None]


class Messenger:
    """Posts each new approval request once to every enabled webhook that was made by hand.

    Nobody documents the body, nor what the console does if an endpoint refuses it: here a failure is an entry of the
    server tasks, and is not retried. Each webhook gets one post at a time, in the order of asking. If other webhooks
    wait for a turn, a post is given up after five seconds, so that silent endpoints block no others.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        webhooks: Webhooks,
        requests: Shelf[ApprovalRequest],
        credentials: CredentialShelf,
        names: WireNames,
        caller: HttpCaller,
        server_tasks: ServerTasks,
        background: BackgroundTasks,
        answer_seconds: float,
    ) -> None:
        self._webhooks = webhooks
        self._requests = requests
        self._credentials = credentials
        self._key = names.group("keys.system_approval_request")
        self._events = names.group("words.webhook_event")
        self._caller = caller
        self._server_tasks = server_tasks
        self._background = background
        self._answer_seconds = answer_seconds
        self._turns = Turns(1, MOST_POSTS)
        self._queues: dict[str, deque[_Post]] = {}  # by id, of the webhooks that are being served

    async def post(self, request: ApprovalRequest) -> None:
        """Post the request to each webhook; what takes longer than `CALLER_SECONDS` goes on in the background."""
        enabled = [webhook for webhook in self._webhooks if webhook.posts_messages and webhook.enabled]
        posts = [self._enqueue(webhook, request.request_id) for webhook in enabled]
        await self._background.wait_briefly(posts)

    def forget(self) -> None:
        """Drop the posts that wait."""
        self._queues.clear()

    def _enqueue(self, webhook: Webhook, request_id: str) -> asyncio.Future[None]:
        """Return a future, resolved when the post succeeds or fails."""
        post = _Post(request_id, asyncio.get_running_loop().create_future())
        queue = self._queues.get(webhook.id)
        if queue is None:
            queue = self._queues[webhook.id] = deque()
            self._background.start(self._serve(webhook.id, queue))
        if len(queue) < MOST_WAITING:
            queue.append(post)
            return post.done
        reason = f"not sent: {MOST_WAITING} posts to this webhook are waiting"
        self._server_tasks.note(_task_name(webhook, request_id), RefusedError(reason), about=request_id)
        post.done.set_result(None)
        return post.done

    async def _serve(self, webhook_id: str, queue: deque[_Post]) -> None:
        while queue:
            post = queue.popleft()
            await self._send(self._webhooks.get(webhook_id), post.request_id)
            post.done.set_result(None)
        del self._queues[webhook_id]

    async def _send(self, webhook: Webhook, request_id: str) -> None:
        if webhook.enabled:
            work, key = partial(self._post, webhook, request_id), f"{webhook.id} {request_id}"
            name = _task_name(webhook, request_id)
            await self._server_tasks.run(name, work, key=key, retried=False, about=request_id)

    async def _post(self, webhook: Webhook, request_id: str) -> WorkReport:
        try:
            async with self._turns.turn(webhook.id):
                return await self._post_now(webhook, request_id)
        except PreemptedError:
            raise RefusedError("given up after five seconds, because other posts were waiting") from None

    def _body(self, webhook: Webhook, request: ApprovalRequest) -> bytes:
        word = self._events[_WORDS[webhook.event]]
        values = {
            "Event": word,
            "RequestId": request.request_id,
            "RequestedAt": _utc(request.asked_at),
            "Metadata": msgspec.Raw(request.metadata.encode()),
        }
        return msgspec.json.encode({self._key[key]: value for key, value in values.items()})

    async def _post_now(self, webhook: Webhook, request_id: str) -> WorkReport:
        request = self._requests.get(request_id)
        if request is None:
            raise RefusedError("not sent: the console has dropped the request meanwhile")
        headers = {"Content-Type": "application/json"}
        if webhook.credential:
            headers["Authorization"] = _basic(self._credentials.get(webhook.credential))
        body = self._body(webhook, request)
        try:
            answer = await self._caller.send(
                "POST", webhook.endpoint_url, headers, body, self._answer_seconds, purpose=Purpose((request_id,))
            )
        except NoAnswerError as error:
            raise RefusedError(str(error)) from None
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RefusedError(f"{webhook.endpoint_url} answers {answer.status}")
        return WorkReport(f"the endpoint answered {answer.status}")


_WORDS = {
    WebhookEvent.APPROVAL_REQUEST: "approval_request",
    WebhookEvent.SYSTEM_APPROVAL_REQUEST: "system_approval_request",
}


def _task_name(webhook: Webhook, request_id: str) -> str:
    return f"Send {webhook.event} of {request_id} to webhook {webhook.name!r}"


def _basic(credential: Credential) -> str:
    return f"Basic {b64encode(f'{credential.account_name}:{credential.password}'.encode()).decode()}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
