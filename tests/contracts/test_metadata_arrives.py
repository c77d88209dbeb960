"""What an endpoint reports reaches ServiceNow's Requests table and is read back unaltered.

Release 10.8 sends ServiceNow "SHA1 hash, commandline arguments, company name, version" (10.8-combined.md).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow

TABLE = "/api/now/table/x_thyti_thycotic_p_request"
OF_RELEASE_10_8 = ("Sha1Hash", "CommandLineArguments", "CompanyName", "FileVersion")
TEXTS = (*OF_RELEASE_10_8, "UserName", "AgentName", "ProcessName", "FilePath", "UserReason")
GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
HOSTILE = {
    "empty": "",
    "quotes": "\"double\" 'single' `back` “curly”",
    "backslashes": r"C:\a\\b\n\u0041\"\ " + "\\",
    "braces": '{"json": [1, {"x": null}]} {{ name }} ${name} {0} %s',
    "a GUID in braces": f"{{{GUID}}}",
    "a GUID": f"{GUID[:-1]}2",  # the same one with and without braces would be one request
    "a GUID in two braces": f"{{{{{GUID}}}}}",
    "other scripts": "Ünïcode Пример 例え 𠀀 🙂 e\u0301 \u202eright to left",
    "blanks around it": "  \t blanks \u00a0\u3000 ",
    "line breaks": "\r\none\ntwo\rthree\u2028four\n",
    "control characters": "\x01\x1f\x7f\x85",
    "markup": "<b>&amp; &lt; ]]> <!-- <?xml?>",
    "a query": "^status=Approve^ORstatusISNOTEMPTY^NQjavascript:gs.getUserID()",
    "a number": "007",
    "words of JSON": "null",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A console and an instance that is set up with it."""

    servicenow: MockServiceNow
    console: ConsoleSim

    def ask(self, metadata: dict[str, str]) -> str:
        """Return the id of a request with that metadata."""
        url = f"{self.console.url}/__admin/approval-requests"
        answer = requests.post(url, json={"metadata": metadata}, timeout=60)
        assert (answer.status_code, answer.json()["sent"]) == (201, True)
        request_id: str = answer.json()["request_id"]
        return request_id

    def received(self, request_id: str, **parameters: str) -> Any:
        """Return the metadata column as the Table API answers it."""
        query = {"sysparm_query": f"request_id={request_id}", **parameters}
        answer = requests.get(f"{self.servicenow.url}{TABLE}", query, auth=self.servicenow.auth, timeout=60)
        [record] = answer.json()["result"]
        return record["metadata"]

    def kept(self, request_id: str) -> str:
        """Return the metadata as the console has it."""
        answer = requests.get(f"{self.console.url}/__admin/approval-requests/{request_id}", timeout=60)
        text: str = answer.json()["metadata"]
        return text


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Both fakes in this process, set up against each other."""
    with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console:
        yield Pair(servicenow, console)


def _arrives(pair: Pair, reported: dict[str, str]) -> None:
    """Check that ServiceNow received, and displays, what the console was told; the console adds the policy."""
    request_id = pair.ask(reported)
    raw = pair.received(request_id)
    assert {key: value for key, value in json.loads(raw).items() if key in reported} == reported
    assert pair.received(request_id, sysparm_display_value="all") == {"value": raw, "display_value": raw}
    assert pair.kept(request_id) == raw


@pytest.mark.long
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_metadata_arrives_unaltered(pair: Pair, text: str) -> None:
    """Every text, character by character."""
    _arrives(pair, dict.fromkeys(TEXTS, text))


@pytest.mark.long
def test_64_kb_arrive_unaltered(pair: Pair) -> None:
    """In each of the four keys, with characters that JSON escapes."""
    _arrives(pair, dict.fromkeys(OF_RELEASE_10_8, ('é"\\{}' * 65_536)[:65_536]))


@pytest.mark.parametrize(
    "text", ["da39a3ee5e6b4b0d3255bfef95601890afd80709", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"]
)
def test_a_hash_keeps_its_case(pair: Pair, text: str) -> None:
    """Nobody documents in which case the console sends it."""
    assert json.loads(pair.received(pair.ask({"Sha1Hash": text})))["Sha1Hash"] == text


def test_a_decision_leaves_the_metadata_alone(pair: Pair) -> None:
    """An approver changes the status; what was asked stays as it was received."""
    request_id = pair.ask({"CommandLineArguments": HOSTILE["backslashes"]})
    before = pair.received(request_id)
    query = {"sysparm_query": f"request_id={request_id}", "sysparm_fields": "sys_id"}
    found = requests.get(f"{pair.servicenow.url}{TABLE}", query, auth=pair.servicenow.auth, timeout=60)
    record = f"{pair.servicenow.url}{TABLE}/{found.json()['result'][0]['sys_id']}"
    decided = requests.patch(record, json={"status": "Approve"}, auth=pair.servicenow.auth, timeout=60)
    pair.servicenow.clock.settle()
    assert (decided.status_code, decided.json()["result"]["metadata"]) == (200, before)
    assert pair.kept(request_id) == before
