"""An instance on which others work: records of theirs, and what became of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_contracts.wire_names import WireNames
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving

APP = "x_thyti_thycotic_p"
NAMES = WireNames.load()
TABLES = (*NAMES.group("tables").values(), "sys_user", "sys_user_has_role", "sys_user_group", "incident")
# An instance counts who has logged on, and when.
_LOGONS = ("last_login", "last_login_time", "failed_attempts", "sys_updated_on", "sys_updated_by", "sys_mod_count")
Records = dict[str, dict[str, dict[str, Any]]]


@contextmanager
def shared_mock(loop: LoopThread) -> Iterator[str]:
    """Serve a mock with a control plane and with records of others in it; gives its address."""
    clock = RealClock()
    served = serving(mock_servicenow.app.create_app(Settings(), clock=clock, ids=Ids(5)))
    url = loop.run(served.__aenter__())
    fill(url)
    try:
        yield url
    finally:
        loop.run(served.__aexit__(None, None, None))
        loop.run(clock.aclose())


def fill(url: str) -> None:
    """Create what colleagues may have: a registration, its activity type, requests, a user, groups and incidents."""
    metadata = {
        "Authentication Type": "Get Token",
        "Username": "9a3d6f66-53d0-4d22-8cd5-8a3c5d0d1d10",
        "Password": "colleagues-secret",
        "Minimum wait time": "00:00:50",
        "Token Url": "http://127.0.0.1:9/Tms/services/api/logon/token",
        "Endpoint Url": "http://127.0.0.1:9/Tms/services/api/v1/approval/approve",
        "Maximum retry attempts": "0",
    }
    instance_id = create(url, f"{APP}_integration_configuration", {"instance_metadata": json.dumps(metadata)})
    kind = {"name": "PM Approval Request", "description": "Approve or deny PM request", "max_timeout": "16:30:00"}
    more = {"valid_responses": "Approve,Deny", "include_comment": "true", "include_duration": "true"}
    activity = create(url, f"{APP}_activity_type", {**kind, **more, "instance_id": instance_id})
    for number in range(3):
        request = {"instance_id": instance_id, "activity_type_id": activity, "metadata": "{}"}
        create(url, f"{APP}_request", {**request, "request_id": f"0000000{number}-0000-4000-8000-000000000000"})
        create(url, "sys_user_group", {"name": f"Colleagues {number}"})
        create(url, "incident", {"short_description": f"Printer {number}"})
    create(url, "sys_user", {"user_name": "colleague"})


def create(url: str, table: str, values: dict[str, str]) -> str:
    """Create a record and return its sys_id."""
    answer = requests.post(f"{url}/api/now/table/{table}", json=values, auth=("admin", "admin"), timeout=10)
    assert answer.status_code == 201, answer.text
    sys_id: str = answer.json()["result"]["sys_id"]
    return sys_id


def read_all(url: str) -> Records:
    """Return every record of these tables by its sys_id."""
    return {table: {each["sys_id"]: each for each in _read(url, table)} for table in TABLES}


def _read(url: str, table: str) -> Iterator[dict[str, Any]]:
    answer = requests.get(f"{url}/api/now/table/{table}", auth=("admin", "admin"), timeout=10)
    assert answer.status_code == 200, answer.text
    for record in answer.json()["result"]:
        ignored = _LOGONS if table == "sys_user" else ()
        yield {column: value for column, value in record.items() if column not in ignored}


def arm(url: str, kind: str) -> None:
    """Arm a fault for every call of the Table API."""
    fault = {"kind": kind, "path": "/api/now/*", "times": None, "skip": 0}
    fault |= {"seconds": 0} if kind in ("slow", "rate-limited") else {}
    answer = requests.post(f"{url}/__admin/faults", json=fault, timeout=10)
    assert answer.status_code == 201, answer.text


def disarm(url: str) -> None:
    """Disarm every fault."""
    requests.delete(f"{url}/__admin/faults", timeout=10).raise_for_status()
