"""Posts what happens to the webhooks that were made by hand, for any endpoint (integration 7)."""

import asyncio
from base64 import b64encode
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec

from console_sim.accounts import Credential
from console_sim.api_users import CredentialShelf
from console_sim.approval_request import ApprovalRequest
from console_sim.errors import RefusedError
from console_sim.foreign_systems import Webhooks
from console_sim.ongoing import Ongoing
from console_sim.post_line import MOST_WAITING, Countdown, Post, PostLine
from console_sim.server_tasks import ServerTasks
from console_sim.shelf import Shelf
from console_sim.webhook import Webhook, WebhookEvent
from privman_contracts import WireNames
from privman_core.outbound import HttpCaller, NoAnswerError
from privman_core.turns import PreemptedError, Turns

MOST_POSTS = 32
"""Posts that are under way, each to another webhook and with up to 1 MiB of metadata."""
CALLER_SECONDS = 5.0
"""Real seconds that whoever asks for approval waits for all posts."""


class Messenger:
    """Tells each enabled webhook that was made by hand of each new approval request, once.

    Nobody documents the body, nor what happens when an endpoint does not take it: a failure is a line of the server
    tasks, and is not tried again. A webhook gets its posts one after the other; a post that waits is only the id of its
    request. If others wait for the console's turns, a post ends after five seconds, so that silent endpoints block
    nobody else.
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
        ongoing: Ongoing,
        answer_seconds: float,
    ) -> None:
        self._webhooks = webhooks
        self._requests = requests
        self._credentials = credentials
        self._key = names.group("keys.system_approval_request")
        self._events = names.group("words.webhook_event")
        self._caller = caller
        self._server_tasks = server_tasks
        self._ongoing = ongoing
        self._answer_seconds = answer_seconds
        self._turns = Turns(1, MOST_POSTS)
        self._lines: defaultdict[str, PostLine] = defaultdict(PostLine)

    async def tell(self, request: ApprovalRequest) -> None:
        """Post the request to each webhook; what takes longer than `CALLER_SECONDS` goes on in the background.

        Raises ResetError.
        """
        told = [webhook for webhook in self._webhooks if webhook.made_by_hand and webhook.enabled]
        if not told:
            return
        post = Post(request.request_id, Countdown(len(told)))
        for webhook in told:
            self._queue(webhook, post)
        with suppress(TimeoutError):
            async with asyncio.timeout(CALLER_SECONDS):
                await self._ongoing.result_of(post.ended.wait())

    def forget(self) -> None:
        """Forget what waits."""
        self._lines.clear()

    def _queue(self, webhook: Webhook, post: Post) -> None:
        line = self._lines[webhook.id]
        if line.is_full:
            reason = f"not sent: {MOST_WAITING} posts to this webhook are waiting"
            self._server_tasks.note(_task_name(webhook, post.request_id), RefusedError(reason))
            post.ended.count()
            return
        line.waiting.append(post)
        if not line.is_served:
            line.is_served = True
            self._ongoing.start(self._serve(webhook.id, line))

    async def _serve(self, webhook_id: str, line: PostLine) -> None:
        while line.waiting:
            post = line.waiting.popleft()
            await self._send(self._webhooks.get(webhook_id), post.request_id)
            post.ended.count()
        line.is_served = False

    async def _send(self, webhook: Webhook, request_id: str) -> None:
        if webhook.enabled:
            work = partial(self._post, webhook, request_id)
            await self._server_tasks.run(_task_name(webhook, request_id), work, retried=False)

    async def _post(self, webhook: Webhook, request_id: str) -> None:
        try:
            async with self._turns.turn(webhook.id):
                await self._post_now(webhook, request_id)
        except PreemptedError:
            raise RefusedError("given up without an answer, because other posts were waiting") from None

    def _body(self, webhook: Webhook, request: ApprovalRequest) -> bytes:
        word = self._events[_WORDS[webhook.event]]
        values = {
            "Event": word,
            "RequestId": request.request_id,
            "RequestedAt": _utc(request.asked_at),
            "Metadata": msgspec.Raw(request.metadata.encode()),
        }
        return msgspec.json.encode({self._key[key]: value for key, value in values.items()})

    async def _post_now(self, webhook: Webhook, request_id: str) -> None:
        request = self._requests.get(request_id)
        if request is None:
            raise RefusedError("not sent: the console has dropped the request meanwhile")
        headers = {"Content-Type": "application/json"}
        if webhook.credential:
            headers["Authorization"] = _basic(self._credentials.get(webhook.credential))
        body = self._body(webhook, request)
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


def _task_name(webhook: Webhook, request_id: str) -> str:
    return f"Send {webhook.event} of {request_id} to webhook {webhook.name!r}"


def _basic(credential: Credential) -> str:
    return f"Basic {b64encode(f'{credential.account_name}:{credential.password}'.encode()).decode()}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
