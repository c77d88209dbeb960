"""Locust users of this integration: endpoint users who ask at a console, approvers who decide in ServiceNow.

`privman-scenarios load` runs this file; a locustfile of your own may import and extend the classes. They obey the
environment variables of the settings of `load`, and no profile. Importing Locust replaces Python's sockets and threads
by gevent's, so import nothing of this module in a process that does anything else.
"""

import os
import random
import time
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from ssl import SSLContext
from typing import Any, TypeVar
from uuid import uuid4

import orjson
from locust import HttpUser, between, events, task
from locust.clients import HttpSession, LocustHttpAdapter
from locust.env import Environment
from locust.runners import WorkerRunner

from privman_contracts import WireNames
from privman_core.inputs import Trust, trust
from privman_core.resolution import resolve_variables
from privman_scenarios.analysis.acknowledged import Acknowledged
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.playing.log_in import LogIn, LogInRefusedError
from privman_scenarios.playing.named_targets import named_instance
from privman_scenarios.playing.party_answer import PartyAnswer

ACKNOWLEDGED = Acknowledged()
"""What users of this process were told since it was last reported; classes of your own may add to it."""
_DEFAULTS = {"SERVICENOW_URL": "http://127.0.0.1:8080", "CONSOLE_URL": "http://127.0.0.1:8090"}
_SETTINGS = resolve_variables("load", {**_DEFAULTS, **os.environ})
_TRUSTED = trust(_SETTINGS["ca_file"].value)
_SECONDS = _SETTINGS["timeout"].value
_SERVICENOW = named_instance(_SETTINGS)
CONSOLES = os.environ.get("LOAD_CONSOLE_URLS", _SETTINGS["console_url"].value).split()
"""The addresses of the consoles."""
_TOKEN = {"X-Admin-Token": _SETTINGS["console_admin_token"].value}
_NAMES = WireNames.load(_SETTINGS["inferred"].value)
_SPELLING = Spelling(_NAMES)
_LISTED = 50
_Result = TypeVar("_Result")


class EndpointUser(HttpUser):
    """Starts an application that needs approval, a new one each time; each user has one console."""

    host = CONSOLES[0]
    weight = 2
    wait_time = between(0.5, 1.5)
    _hosts = cycle(random.sample(CONSOLES, len(CONSOLES)))

    def on_start(self) -> None:
        """Choose a console, and trust the extra CA certificates."""
        self.client.base_url = next(self._hosts)
        _secure(self.client, _TRUSTED)

    @task
    def ask(self) -> None:
        """Ask for approval."""
        number = random.randrange(1_000)  # noqa: S311 - load needs no secrecy
        metadata = {
            "UserName": f"User {number}",
            "InitiatorUserName": f"EXAMPLE\\user{number}",
            "AgentName": f"WS-{number:04}",
            "FilePath": f"{uuid4()}.exe",
        }
        body = {"metadata": metadata}
        answer = self.client.post("/__admin/approval-requests", json=body, headers=_TOKEN, name="ask", timeout=_SECONDS)
        if answer.ok:
            ACKNOWLEDGED.requests.append(answer.json()["request_id"])


class Approver(HttpUser):
    """Approves or denies one of the oldest pending requests."""

    host = _SERVICENOW.url
    wait_time = between(0.2, 0.6)

    def on_start(self) -> None:
        """Log in with each request, and show the client certificate if there is one."""
        _secure(self.client, _SERVICENOW.certificate.context if _SERVICENOW.certificate else _TRUSTED)
        self.client.auth = _Authentication(_SERVICENOW.approver or _SERVICENOW.log_in, self.client)

    @task
    def decide(self) -> None:
        """Decide a request, unless none is pending; another approver may be faster."""
        path = f"/api/now/table/{_NAMES.table('request')}"
        [(column, pending)] = _SPELLING.record_to_wire("request", {"status": "Pending"}).items()
        pending_ones = f"{column}={pending}^ORDERBYsys_created_on"
        query = {"sysparm_query": pending_ones, "sysparm_fields": "sys_id", "sysparm_limit": _LISTED}
        with self.client.get(path, params=query, name="list", catch_response=True, timeout=_SECONDS) as listed:
            found = listed.json()["result"] if listed.ok else []
        if found:
            self._decide(path, random.choice(found)["sys_id"])  # noqa: S311 - as above

    def _decide(self, path: str, sys_id: str) -> None:
        response = random.choice(("Approve", "Deny"))  # noqa: S311 - as above
        decision = _SPELLING.record_to_wire("request", {"status": response, "comment": "Under load"})
        with self.client.patch(
            f"{path}/{sys_id}", json=decision, name="decide", catch_response=True, timeout=_SECONDS
        ) as answer:
            if answer.status_code == HTTPStatus.FORBIDDEN:  # decided before, as the checks at the end prove
                answer.success()
                ACKNOWLEDGED.late += 1
            elif answer.ok:
                ACKNOWLEDGED.decisions.append((sys_id, response))


class _Adapter(LocustHttpAdapter):
    """Trusts and shows the certificates of a context."""

    def __init__(self, context: SSLContext) -> None:
        self._context = context
        super().__init__(None)

    def build_connection_pool_key_attributes(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Return what a connection is made with."""
        host, pool = super().build_connection_pool_key_attributes(*given, **named)  # type: ignore[no-untyped-call] # Locust's
        return host, {**pool, "ssl_context": self._context}


def _secure(client: HttpSession, tls: Trust) -> None:
    if isinstance(tls, SSLContext):
        client.mount(client.base_url, _Adapter(tls))


class _Authentication:
    """Sends requests as a user, whatever way they log in."""

    def __init__(self, log_in: LogIn, client: HttpSession) -> None:
        self._log_in = log_in
        self._client = client

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Return the request with the headers of the log-in."""
        try:
            sent = _finished(self._log_in.headers(self._post))
        except LogInRefusedError:  # the failed request "log in" says so
            return request
        request.headers.update(sent)
        request.register_hook("response", lambda answer, **_: self._forget_if_refused(answer, sent))
        return request

    def _forget_if_refused(self, answer: Any, sent: Mapping[str, str]) -> None:  # noqa: ANN401 - as requests has it
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._log_in.forget(sent)

    async def _post(self, path: str, form: Mapping[str, str]) -> PartyAnswer:
        answer = self._client.post(path, form, name="log in", auth=lambda request: request, timeout=_SECONDS)
        return PartyAnswer("POST", path, answer.status_code, {}, answer.content or b"")


def _finished(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine that never waits: gevent's sockets wait within it."""
    try:
        work.send(None)
    except StopIteration as end:
        result: _Result = end.value
        return result
    raise RuntimeError("a log-in waited for something other than the instance")


def _report_acknowledged(environment: Environment, **_: object) -> None:
    """Let the process that ends the run write what users of all processes were told."""
    time.sleep(0.001)  # gevent's clock stands still while modules are imported, which would be taken off the run time
    if isinstance(environment.runner, WorkerRunner):
        environment.events.report_to_master.add_listener(_send)
        return
    environment.events.worker_report.add_listener(_receive)
    environment.events.quit.add_listener(_write)


def _send(data: dict[str, Any], **_: object) -> None:
    data["acknowledged"] = ACKNOWLEDGED.take()


def _receive(data: Mapping[str, Any], **_: object) -> None:
    ACKNOWLEDGED.add(data["acknowledged"])


def _write(**_: object) -> None:
    if file := os.environ.get("LOAD_ACKNOWLEDGED"):
        Path(file).write_bytes(orjson.dumps(ACKNOWLEDGED.take()))


events.init.add_listener(_report_acknowledged)
