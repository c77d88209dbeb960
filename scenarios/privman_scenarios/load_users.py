"""Locust users of this integration: endpoint users who ask at a console, approvers who decide in ServiceNow.

`privman-scenarios load` runs this file; a locustfile of your own may import and extend the classes. They read
`CONSOLE_URL`, `CONSOLE_ADMIN_TOKEN`, `SERVICENOW_URL`, `SERVICENOW_USER`, `SERVICENOW_PASSWORD`, `PRIVMAN_INFERRED` and
`PRIVMAN_CA_FILE`. Importing Locust replaces Python's sockets and threads by gevent's, so import nothing of this module
in a process that does anything else.
"""

import os
import random
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

from locust import HttpUser, between, task

from privman_contracts import WireNames
from privman_scenarios.language.spelling import Spelling

_NAMES = WireNames.load(Path(os.environ["PRIVMAN_INFERRED"]) if os.environ.get("PRIVMAN_INFERRED") else None)
_SPELLING = Spelling(_NAMES)
_LISTED = 50


class _Client(HttpUser):
    """A user who trusts the CA certificates of the run."""

    abstract = True

    def on_start(self) -> None:
        """Trust the extra CA certificates."""
        self.client.verify = os.environ.get("PRIVMAN_CA_FILE") or True


class EndpointUser(_Client):
    """Starts an application that needs approval, a new one each time."""

    host = os.environ.get("CONSOLE_URL", "http://127.0.0.1:8090")
    weight = 2
    wait_time = between(0.5, 1.5)

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
        token = {"X-Admin-Token": os.environ.get("CONSOLE_ADMIN_TOKEN", "")}
        self.client.post("/__admin/approval-requests", json={"metadata": metadata}, headers=token, name="ask")


class Approver(_Client):
    """Approves or denies one of the oldest pending requests."""

    host = os.environ.get("SERVICENOW_URL", "http://127.0.0.1:8080")
    wait_time = between(0.2, 0.6)

    def on_start(self) -> None:
        """Log in with each request."""
        super().on_start()
        self.client.auth = (os.environ.get("SERVICENOW_USER", "admin"), os.environ.get("SERVICENOW_PASSWORD", "admin"))

    @task
    def decide(self) -> None:
        """Decide a request, unless none is pending; another approver may be faster."""
        path = f"/api/now/table/{_NAMES.table('request')}"
        [(column, pending)] = _SPELLING.record_to_wire("request", {"status": "Pending"}).items()
        pending_ones = f"{column}={pending}^ORDERBYsys_created_on"
        query = {"sysparm_query": pending_ones, "sysparm_fields": "sys_id", "sysparm_limit": _LISTED}
        with self.client.get(path, params=query, name="list", catch_response=True) as listed:
            found = listed.json()["result"] if listed.ok else []
        if found:
            self._decide(f"{path}/{random.choice(found)['sys_id']}")  # noqa: S311 - as above

    def _decide(self, path: str) -> None:
        response = random.choice(("Approve", "Deny"))  # noqa: S311 - as above
        decision = _SPELLING.record_to_wire("request", {"status": response, "comment": "Under load"})
        with self.client.patch(path, json=decision, name="decide", catch_response=True) as answer:
            if answer.status_code == HTTPStatus.FORBIDDEN:  # decided before, as the checks at the end prove
                answer.success()
