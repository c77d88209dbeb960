"""An instance on which a console is set up and has made requests, whatever the instance calls things."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

import console_sim
import mock_servicenow
from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow
from privman_contracts import WireNames

_HOURS = 3_600
_BY_APPROVER = ("privman.approver", "admin")
THEIRS: dict[str, Any] = {
    "tables": {"request": "x_acme_pm_asked", "response": "u_answers"},
    "columns": {"request": {"instance_id": "registration", "comment": "why"}, "response": {"comment": "remark"}},
    "words": {
        "response": {"approve": "Grant", "deny": "Refuse"},
        "request_status": {"pending": "Requested", "timed_out": "Gone"},
        "authentication_type": {"get_token": "Fetch"},
    },
    "keys": {
        "instance_metadata": {"Token Url": "Log on at", "Username": "client", "Password": "pw", "Endpoint Url": "to"},
        "metadata": {"PolicyName": "policy_name"},
    },
    "roles": {"approver": "x_acme.request_approver", "admin": "x_acme.admins"},
}
"""Names of an instance, in a file for ``--inferred``."""
METADATA = {"PolicyName": "Elevate installers", "FilePath": "C:\\setup.exe", "UserReason": "Update"}


@contextmanager
def filled_instance(inferred: Path) -> Iterator[MockServiceNow]:
    """Serve an instance with these names; of its requests one each was approved, denied, let go and left alone."""
    names = WireNames.load(inferred)
    settings = mock_servicenow.Settings(inferred=inferred)
    with (
        MockServiceNow(settings) as instance,
        ConsoleSim(console_sim.Settings(inferred=inferred), servicenow=instance) as console,
    ):
        approved, denied = console.ask(METADATA), console.ask(METADATA)
        spelled = {canonical: names.column("request", canonical) for canonical in ("status", "comment", "duration")}
        approval = {spelled["status"]: names.word("response", "approve"), spelled["duration"]: "02:00:00"}
        _decide(instance, names, approved, {**approval, spelled["comment"]: "Fine"})
        _decide(instance, names, denied, {spelled["status"]: names.word("response", "deny")})
        console.ask(METADATA)
        console.clock.advance(20 * _HOURS)
        console.ask(METADATA)
        yield instance


def _decide(instance: MockServiceNow, names: WireNames, request_id: str, decision: Mapping[str, str]) -> None:
    [record] = instance.find("request", request_id=request_id)
    address = f"{instance.url}/api/now/table/{names.table('request')}/{record['sys_id']}"
    requests.patch(address, json=decision, auth=_BY_APPROVER, timeout=30).raise_for_status()
    instance.clock.settle()
