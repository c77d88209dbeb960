"""The command ``privman-scenarios contracts diff``: which changes break whom."""

import re
import shutil
import zipfile
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pytest

from privman_scenarios.commands.cli import main

PACKAGED = Path(str(resources.files("privman_contracts")))
APPROVAL, DECISION, ENVELOPE, INDEX = (
    "schemas/approval-request.yaml",
    "schemas/decision.yaml",
    "schemas/envelope.yaml",
    "index.yaml",
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a copy of the packaged contract set, for a test to change."""
    folder = tmp_path / "privman_contracts"
    shutil.copytree(PACKAGED / "schemas", folder / "schemas")
    for name in ("inferred.yaml", "index.yaml"):
        shutil.copy(PACKAGED / name, folder / name)
    return folder


class Edit(NamedTuple):
    """Text of one file of a release replaced; a plus before ``new`` adds it to ``old`` instead.

    Attributes:
        line: what the command says of it.
    """

    file: str
    old: str
    new: str
    line: str

    def apply(self, release: Path) -> None:
        """Edit the file."""
        path = release / self.file
        text = path.read_text(encoding="utf-8")
        assert self.old in text
        path.write_text(text.replace(self.old, self.new.replace("+", self.old, 1)), encoding="utf-8")


def diff(old: str | Path, new: str | Path) -> int:
    """Run the command."""
    return main(["contracts", "diff", str(old), str(new)])


@pytest.mark.long
def test_the_same_set_has_no_changes(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing changed, exit code 0."""
    assert diff("packaged", release) == 0
    assert capsys.readouterr().out == "Nothing changed.\n"


CHANGES = [
    # A request that must hold more breaks who sends it, and who does not know the property where none may be further.
    Edit(
        APPROVAL,
        "metadata]",
        "metadata, status]",
        "approval-request $.status: is required now; breaks console as sender",
    ),
    Edit(
        APPROVAL,
        "properties:\n",
        "+  urgency: {type: string, x-evidence: D}\n",
        "approval-request $.urgency: is new; breaks servicenow as receiver",
    ),
    Edit(
        APPROVAL,
        "  status: {x-words: [words.request_status.pending]}\n",
        "",
        "approval-request $.status: is gone; breaks console as sender",
    ),
    Edit(
        APPROVAL,
        "activity_type_id, metadata]",
        "metadata]",
        "approval-request $.activity_type_id: is no longer required; breaks servicenow as receiver",
    ),
    Edit(
        APPROVAL,
        "additionalProperties: false\n",
        "",
        "approval-request $: is open now; breaks servicenow as receiver",
    ),
    Edit(
        APPROVAL,
        "additionalProperties: false\n",
        "additionalProperties: {type: string}\n",
        "approval-request $: may have only some further properties now; breaks servicenow as receiver",
    ),
    Edit(
        "schemas/instance-metadata.yaml",
        "additionalProperties: {type: string}\n",
        "additionalProperties: false\n",
        "registration-request $.instance_metadata: may not have further properties now; breaks console as sender",
    ),
    Edit(
        "schemas/instance-metadata.yaml",
        "additionalProperties: {type: string}\n",
        "additionalProperties: {type: [string, 'null']}\n",
        'registration-request $.instance_metadata.*: may also be "null" now; breaks servicenow as receiver',
    ),
    # An answer the other way round: who reads it breaks when it may be more, who sends it when it may be less.
    Edit(
        ENVELOPE,
        "required: [Result, Status, Messages]",
        "required: [Result, Status]",
        "envelope $.Messages: is no longer required; breaks servicenow as receiver",
    ),
    Edit(
        ENVELOPE,
        "Result: {description",
        "Result: {type: [object, string], description",
        'envelope $.Result: may only be "object" or "string" now; breaks console as sender',
    ),
    Edit(
        ENVELOPE,
        "items: {type: string}",
        "items: {}",
        "envelope $.Messages[]: may be anything now; breaks servicenow as receiver",
    ),
    # A word, a length, a form.
    Edit(
        DECISION,
        "Response: {x-words: [words.response]}",
        "Response: {x-words: [words.response.approve]}",
        'decision $.Response: may no longer be "deny"; breaks servicenow as sender',
    ),
    Edit(
        DECISION,
        "minLength: 1",
        "minLength: 3",
        "decision $.RespondedBy: minLength is 3, was 1; breaks servicenow as sender",
    ),
    Edit(
        DECISION,
        "RequestId: {$ref: 'common.yaml#/$defs/guid_in_braces_or_not'}",
        "RequestId: {$ref: 'common.yaml#/$defs/sys_id'}",
        (
            "decision $.RequestId: must be a sys_id, 32 hexadecimal digits, was a GUID such as 85d71683-7dac-4762-8120-"
            "76a9a564fdc1; breaks servicenow as sender, console as receiver"
        ),
    ),
    Edit(
        DECISION,
        "    Duration: {not: {}",
        "    Duration: {not: {type: string}",
        "decision $: then is another; breaks servicenow as sender, console as receiver",
    ),
    # The exchanges.
    Edit(
        INDEX,
        "path: /Tms/services/api/v1/version/Current",
        "path: /Tms/services/api/v2/version/Current",
        (
            "read_version (GET): is at /Tms/services/api/v2/version/Current, was at /Tms/services/api/v1/version/"
            "Current; breaks servicenow as sender, console as receiver"
        ),
    ),
    Edit(
        INDEX,
        "path: /Tms/services/swagger/docs/v1\n    open: true\n",
        "path: /Tms/services/swagger/docs/v1\n",
        "read_api_document (GET): needs credentials now; breaks servicenow as sender",
    ),
    Edit(
        INDEX,
        "    method: [DELETE]\n    path: /Tms/services/api/logon/token\n",
        "+    open: true\n",
        "log_out (DELETE): needs no credentials now; breaks console as receiver",
    ),
    Edit(
        INDEX,
        "    request: decision\n",
        "    request: decision-update\n",
        (
            "deliver_decision (POST): asks with decision-update now, asked with decision; breaks servicenow as sender, "
            "console as receiver"
        ),
    ),
    Edit(
        INDEX,
        "    request: decision\n",
        "",
        (
            "deliver_decision (POST): asks with no body now, asked with decision; breaks servicenow as sender, "
            "console as receiver"
        ),
    ),
    Edit(
        INDEX,
        "log_out_status: {schema: envelope, meaning: logged out",
        "200: {empty: true, meaning: logged out",
        "log_out (DELETE): may be answered with 200 now; breaks servicenow as receiver",
    ),
    Edit(
        INDEX,
        "log_out_status: {schema: envelope, meaning: logged out",
        "200: {empty: true, meaning: logged out",
        "log_out (DELETE): is no longer answered with 204; breaks console as sender",
    ),
    Edit(
        INDEX,
        "204: {empty: true, meaning: deleted",
        "204: {meaning: deleted",
        "delete_request (DELETE): 204 has any body now, had no body; breaks servicenow as sender, approver as receiver",
    ),
    Edit(
        INDEX,
        "  - name: log_out\n",
        "  - name: log_off\n",
        "log_out (DELETE): is gone; breaks servicenow as sender",
    ),
    Edit(
        INDEX,
        "  - name: log_out\n",
        "  - name: log_off\n",
        "log_off (DELETE): is new; breaks console as receiver",
    ),
    # What the wire calls something breaks both ends of every message that has it.
    Edit(
        "inferred.yaml",
        "Comment: {name: Comment,",
        "Comment: {name: Reason,",
        (
            "inferred.yaml keys.decision.Comment: is called 'Reason', was 'Comment'; breaks servicenow as sender, "
            "console as receiver"
        ),
    ),
    Edit(
        "inferred.yaml",
        "ok: {name: ok,",
        "ok: {name: fine,",
        (
            "inferred.yaml words.envelope_status.ok: is called 'fine', was 'ok'; breaks console as sender, servicenow "
            "as receiver"
        ),
    ),
    Edit(
        "inferred.yaml",
        "response: {name: x_thyti_thycotic_p_response,",
        "response: {name: x_thyti_thycotic_p_answer,",
        (
            "inferred.yaml tables.response: is called 'x_thyti_thycotic_p_answer', was 'x_thyti_thycotic_p_response'; "
            "breaks approver as sender, servicenow as receiver"
        ),
    ),
    Edit(
        "inferred.yaml",
        "x_thyti_thycotic_p.approver",
        "approver",
        (
            "inferred.yaml roles.approver: is called 'approver', was 'x_thyti_thycotic_p.approver'; breaks approver as "
            "sender, servicenow as receiver"
        ),
    ),
    Edit(
        "inferred.yaml",
        "[0, 408, 429, 5xx]",
        "[0, 5xx]",
        "inferred.yaml rules.retried_statuses: is [0, '5xx'], was [0, 408, 429, '5xx']; breaks console as sender",
    ),
    Edit(
        "inferred.yaml",
        "{value: 201,",
        "{value: 200,",
        "request_approval (POST): may be answered with 200 now; breaks console as receiver",
    ),
    Edit(
        "schemas/common.yaml",
        "enum: [true, false, 'true', 'false']",
        "enum: [1, false, 'true', 'false']",
        "activity-type-request $.include_comment: may no longer be true; breaks console as sender",
    ),
    Edit(
        INDEX,
        "    caller: console\n    method: [POST]\n    path: /api/now/table/{integration_configuration}\n",
        "    caller: approver\n    method: [POST]\n    path: /api/now/table/{integration_configuration}\n",
        (
            "register (POST): is asked by approver of servicenow, was asked by console of servicenow; breaks approver "
            "as sender, console as sender, servicenow as receiver"
        ),
    ),
    Edit(
        INDEX,
        'shaped: record-answer, meaning: "registered; sys_id is the Instance Id"',
        'shaped: list-answer, meaning: "registered; sys_id is the Instance Id"',
        (
            "register (POST): 201 has registration-answer (or list-answer in a form that the caller chose) now, had "
            "registration-answer (or record-answer in a form that the caller chose); breaks servicenow as sender, "
            "console as receiver"
        ),
    ),
    # A webhook's message breaks whoever is at its Request URL.
    Edit(
        "inferred.yaml",
        "RequestedAt: {name: RequestedAt,",
        "RequestedAt: {name: Date,",
        (
            "inferred.yaml keys.system_approval_request.RequestedAt: is called 'Date', was 'RequestedAt'; breaks "
            "console as sender, endpoint as receiver"
        ),
    ),
    Edit(
        "schemas/system-approval-request.yaml",
        "required: [Event, ",
        "required: [",
        "system-approval-request $.Event: is no longer required; breaks endpoint as receiver",
    ),
    Edit(
        INDEX,
        "  - message: system-approval-request\n",
        "  - message: approval-request\n",
        "system-approval-request (webhook): is gone; breaks endpoint as receiver",
    ),
]


@pytest.mark.long
@pytest.mark.parametrize("edit", CHANGES, ids=lambda edit: edit.line.partition(";")[0])
def test_a_change_breaks_whom_it_breaks(release: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """The change is named with its place, its parties and their roles; exit code 1."""
    edit.apply(release)
    assert diff("packaged", release) == 1
    assert edit.line in capsys.readouterr().out.splitlines()


HARMLESS = [
    Edit(
        INDEX,
        "webhooks:\n",
        "+  - {message: decision, summary: x, sender: console, receiver: endpoint, evidence: I, source: x}\n",
        "decision (webhook): is new; breaks nobody",
    ),
    # A new status of refusal breaks nobody, nor does a property that already was allowed.
    Edit(
        INDEX,
        "  open: &open\n",
        "+    418: {meaning: a teapot, evidence: I}\n",
        "log_on (POST): may be answered with 418 now; breaks nobody",
    ),
    Edit(
        INDEX,
        "    failure_statuses:",
        "    429:",
        "log_on (POST): is no longer answered with 408; breaks nobody",
    ),
    Edit(
        "schemas/request-metadata.yaml",
        "properties:\n",
        "+  Ticket: {type: string, x-evidence: D}\n",
        "approval-request $.metadata.Ticket: is new; breaks nobody",
    ),
    Edit(
        "schemas/request-metadata.yaml",
        "  FileVersion: {type: string}\n",
        "",
        "approval-request $.metadata.FileVersion: is gone; breaks nobody",
    ),
    Edit(
        "inferred.yaml",
        "[0, 408, 429, 5xx]",
        "[0, 404, 408, 429, 5xx]",
        "inferred.yaml rules.retried_statuses: is [0, 404, 408, 429, '5xx'], was [0, 408, 429, '5xx']; breaks nobody",
    ),
    Edit(
        "inferred.yaml",
        "admin: {name: x_thyti_thycotic_p.admin, evidence: I,",
        "admin: {name: x_thyti_thycotic_p.admin, evidence: D,",
        "inferred.yaml roles.admin: is known as D, was I; breaks nobody",
    ),
]


@pytest.mark.long
@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.line.partition(";")[0])
def test_a_harmless_change_is_told_and_held(release: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed, and exit code 0 lets CI go on."""
    edit.apply(release)
    assert diff("packaged", release) == 0
    out = capsys.readouterr().out
    assert edit.line in out.splitlines()
    assert re.search(r"^\d+ changed, 0 of them breaking; breaks nobody\.$", out, re.MULTILINE)


@pytest.mark.long
def test_a_file_of_names_and_a_wheel_are_sets_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A released version is compared with what an instance calls things."""
    names, wheel = tmp_path / "ours.yaml", tmp_path / "mock_servicenow-0.1.0-py3-none-any.whl"
    names.write_text("words: {request_status: {pending: Requested}}\n", encoding="utf-8")
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in PACKAGED.rglob("*.yaml"):
            archive.write(file, f"privman_contracts/{file.relative_to(PACKAGED)}")
    assert diff("packaged", wheel) == 0
    assert diff(wheel, names) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        (
            "inferred.yaml words.request_status.pending: is called 'Requested', was 'Pending'; breaks console as "
            "sender, servicenow as sender, approver as receiver, console as receiver, servicenow as receiver"
        ),
        "1 changed, 1 of them breaking; breaks approver, console, servicenow.",
    ]


def test_a_set_that_is_none_is_named(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what is missing or cannot be read; exit code 2."""
    (release / "index.yaml").write_text("exchanges: [{name: register}]\nerrors: {}\n", encoding="utf-8")
    (tmp_path / "x.whl").write_text("no ZIP file", encoding="utf-8")
    complaints = {
        release: "not a contract set: KeyError: 'answers'.",
        tmp_path: "has no inferred.yaml. Expected the folder privman_contracts of a release.",
        tmp_path / "x.whl": "not a wheel: File is not a zip file.",
        tmp_path / "none.yaml": "cannot be read: No such file or directory.",
    }
    for name, complaint in complaints.items():
        assert diff("packaged", name) == 2
        assert capsys.readouterr().err == f"privman-scenarios: {name}: {complaint}\n"


@pytest.mark.parametrize(
    "edit",
    [
        Edit(
            "schemas/list-answer.yaml",
            "x-evidence: D",
            "x-evidence: X",
            "list-answer $.result has evidence 'X'. Expected",
        ),
        Edit(
            "inferred.yaml",
            "evidence: S,",
            "evidence: s,",
            "inferred.yaml words.response.approve has evidence 's'. Exp",
        ),
        Edit(
            INDEX,
            "server: console",
            "server: consol",
            "exchange 'log_on' has server 'consol'. Expected one of servicenow, con",
        ),
        Edit(
            INDEX,
            "caller: approver",
            "caller: aprover",
            "has caller 'aprover'. Expected one of console, servicenow, approver, client.",
        ),
        Edit(
            INDEX,
            "method: [DELETE]",
            "method: [DELET]",
            "has method 'DELET'. Expected one of CONNECT, DELETE, GET, HEAD,",
        ),
        Edit(
            INDEX,
            "evidence: D,",
            "evidence: X,",
            "answer 201 of exchange 'register' has evidence 'X'. Expected one of S, D,",
        ),
        Edit(
            INDEX,
            "request: registration-request",
            "request: registration",
            "'register' names the message 'registration'.",
        ),
    ],
)
def test_misspelt_words_of_a_contract_set_are_refused(
    edit: Edit, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A party that does not exist answers nothing, so everything it answered would seem removed."""
    edit.apply(release)
    assert diff("packaged", release) == 2
    assert edit.line in capsys.readouterr().err
