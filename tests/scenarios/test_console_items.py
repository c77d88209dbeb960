"""Things of the console in scenario files: what steps create, change and name."""

import json
import re
from pathlib import Path

import pytest

from console_sim.accounts import Role
from console_sim.approval_items import POLICIES, PROCESSES, TYPES, ProcessTemplate
from console_sim.approval_request import RequestState
from console_sim.approvals import RunOutcome
from console_sim.webhook import WebhookEvent
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language import known
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.unused import warnings
from privman_scenarios.language.variables import long_text
from privman_scenarios.playing.verbs import vocabulary

MADE = """
title: Each thing that a set-up makes has the name by which later steps know it
given: {name: Desk, api_user: Key, approval_type: Requests of the desk, policy: Elevate for the desk}
steps:
  - console.change-process: {process: Desk Approval Process, server: Desk}
  - console.change-type: {approval_type: Requests of the desk, process: Desk Approval Process}
  - console.change-policy: {policy: Elevate for the desk, approval_type: Requests of the desk}
  - console.change-webhook: {webhook: New Webhook for Desk setting, credential: Desk user}
  - console.save-foreign-system: {foreign_system: Desk, credential: Desk user, api_credential: Desk webhook}
  - console.reset-secret: {user: Key, update_credential: true}
  - console.ask: {metadata: {PolicyName: Elevate for the desk}}
  - console.expect-approval: {process: Desk Approval Process}
---
title: So has each thing that a set-up makes for a second foreign system
steps:
  - console.set-up: {name: Desk}
  - console.change-type: {approval_type: Desk Default Execute Application Request Type, process: Desk Approval Process}
  - console.change-policy:
      {policy: Elevate installers (Desk), approval_type: Desk Default Execute Application Request Type}
  - console.ask: {as: first}
  - console.expect-approval: {process: ServiceNow Approval Process}
  - console.ask: {as: second, metadata: {PolicyName: Elevate installers (Desk)}}
  - console.expect-approval: {process: Desk Approval Process}
"""
ELSEWHERE = """title: T
steps:
  - console.create-process: {name: Ours}
  - console.use: second
  - console.set-up:
  - %s
  - console.expect-webhooks: [{enabled: true}]
"""


def test_what_is_known_is_what_the_console_has() -> None:
    """States, outcomes, events, roles and templates are those of the console, and so is what it comes with."""
    assert set(known.STATES) == set(RequestState)
    assert set(known.RUN_OUTCOMES) == set(RunOutcome)
    assert set(known.EVENTS) == set(WebhookEvent)
    assert set(known.TEMPLATES) == set(ProcessTemplate)
    assert {Role.named(name) for name in known.CONSOLE_ROLES} == set(Role) < set(known.CONSOLE_ROLES)
    assert {"View Password Role", "Privilege Manager View Password Role"} < set(known.CONSOLE_ROLES)
    assert {
        "approval process": tuple(each.name for each in PROCESSES),
        "approval type": tuple(each.name for each in TYPES),
        "policy": tuple(each.name for each in POLICIES),
    } == known.ITEMS


def test_what_a_set_up_makes_has_its_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loader knows them without a console, and the console has them: no second one is made."""
    file = tmp_path / "made.yaml"
    file.write_text(MADE, encoding="utf-8")
    assert main(["run", str(file)]) == 0, capsys.readouterr().out


def test_what_one_console_has_another_lacks() -> None:
    """A process that a step has made is there on that console, and again when it is used again."""
    with pytest.raises(ScenarioFileError, match="no earlier step has made the approval process 'Ours'"):
        list(Loader(vocabulary()).parse(ELSEWHERE % "console.create-type: {name: T, process: Ours}", "t.yaml"))
    back = "console.use: first\n  - console.create-type: {name: T, process: Ours}"
    assert list(Loader(vocabulary()).parse(ELSEWHERE % back, "t.yaml"))


@pytest.mark.parametrize(
    "step",
    [
        "console.create-type: {name: T, process: Of our own}",
        "console.change-process: {process: Of our own, timeout: 1 hour}",
        "console.create-type: {name: T, process: '${request_id}'}",
        "console.change-api-user: {user: 'API User Created On Jan 5, 2026', active: true}",
        "console.create-process: {name: T, server: null}",
        "console.create-policy: {name: T, approval_type: null}",
    ],
)
def test_things_of_the_console_that_nobody_can_know_pass(step: str) -> None:
    """Those that are declared, saved, named after the day, or none at all."""
    text = f"title: T\nown: {{names: [Of our own]}}\nsteps: [{{console.ask: }}, {{{step}}}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    assert scenario.steps[1].verb == step.partition(":")[0]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            "[{console.ask: {metadata: {PolicyName: Elevate instalers}}}]",
            "PolicyName: no earlier step has made the policy 'Elevate instalers'. Did you mean 'Elevate installers'?",
        ),
        (
            "[{console.create-policy: {name: Mine}}, {console.run: {outcome: asked, metadata: {PolicyName: Minne}}}]",
            "no earlier step has made the policy 'Minne'. Did you mean 'Mine'?",
        ),
        ("[{console.ask: {metadata: {PolicyName: Payroll}}}]", "no earlier step has made the policy 'Payroll'. Expect"),
        (
            "[{console.ask: {metadata: {PolicyName: Late}}}, {console.create-policy: {name: Late}}]",
            "no earlier step has made the policy 'Late'.",
        ),
        (
            (
                "[{console.create-policy: {name: Ours}}, {console.use: second}, {console.set-up: }, "
                "{console.run: {outcome: asked, metadata: {PolicyName: Ours}}}]"
            ),
            "no earlier step has made the policy 'Ours'.",
        ),
        ("[{console.create-policy: {name: Elevate installer}}]", "policy 'Elevate installer' is nearly 'Elevate inst"),
        (
            "[{console.create-type: {name: Ours}}, {console.create-type: {name: Ourss}}]",
            "type 'Ourss' is nearly 'Ours'",
        ),
        (
            "[{console.create-process: {name: ServiceNow Aproval Process}}]",
            "approval process 'ServiceNow Aproval Process' is nearly 'ServiceNow Approval Process'.",
        ),
        (
            "[{console.create-webhook: {name: New Webhook for ServiceNow, endpoint_url: 'http://x.example'}}]",
            "webhook 'New Webhook for ServiceNow' is nearly 'New Webhook for ServiceNow setting'.",
        ),
        ("[{console.set-up: {name: ServiceNw}}]", "foreign system 'ServiceNw' is nearly 'ServiceNow'."),
        (
            "[{console.set-up: {name: Lab, policy: Elevate instalers}}]",
            "policy 'Elevate instalers' is nearly 'Elevate installers'.",
        ),
        ("[{servicenow.use: Labs}, {servicenow.use: Lab}]", "'Lab' starts another one, but is nearly 'Labs'."),
        ("[{console.use: frist}]", "'frist' starts another one, but is nearly 'first'."),
    ],
)
def test_what_is_nearly_another_thing_is_refused(steps: str, told: str) -> None:
    """Without it a typo would make a story of another policy, console or instance, and could pass."""
    with pytest.raises(ScenarioFileError, match=re.escape(told)):
        list(Loader(vocabulary()).parse(f"title: T\nsteps: {steps}", "t.yaml"))


@pytest.mark.parametrize("policy", ["Elevate instalers", "Something else", "Elevate installers", "${text.5000}", ""])
def test_a_policy_that_is_declared_can_be_asked_under(policy: str) -> None:
    """One that is nearly another, one that is like none, one that there is, a long one, and none."""
    head = f"title: T\nown: {{names: [<policy>]}}\nexamples: [{{policy: '{policy}'}}]\n"
    steps = "steps: [{console.ask: {metadata: {PolicyName: <policy>, Vendor: x}}}]"
    (scenario,) = Loader(vocabulary()).parse(head + steps, "t.yaml")
    assert scenario.own == {"names": [long_text(5000) if policy == "${text.5000}" else policy]}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            "[{console.create-process: {name: Default Manual Approval Process}}]",
            "approval process 'Default Manual Approval Process' exists already. Expected a new name; console.change-… ",
        ),
        ("[{console.create-type: {name: Ours}}, {console.create-type: {name: Ours}}]", "approval type 'Ours' exists"),
        ("[{console.create-policy: {name: Elevate installers}}]", "policy 'Elevate installers' exists already."),
        (
            "[{console.create-webhook: {name: New Webhook for ServiceNow setting, endpoint_url: 'http://x.example'}}]",
            "webhook 'New Webhook for ServiceNow setting' exists already.",
        ),
        (
            (
                "[{servicenow.create-user: {name: a}}, "
                "{console.create-credential: {name: ServiceNow user, servicenow_user: a}}]"
            ),
            "credential 'ServiceNow user' exists already.",
        ),
        ("[{console.create-api-user: {credential: ServiceNow webhook}}]", "credential 'ServiceNow webhook' exists alr"),
    ],
)
def test_what_exists_is_not_created(steps: str, told: str) -> None:
    """Whoever creates a thing does not mean one that the product or an earlier step has made."""
    with pytest.raises(ScenarioFileError, match=re.escape(told)):
        list(Loader(vocabulary()).parse(f"title: T\nsteps: {steps}", "t.yaml"))


@pytest.mark.parametrize(
    "step",
    [
        "console.change-process: {process: ServiceNow Aproval Process, timeout: 1 hour}",
        "console.change-type: {approval_type: Default Execute Aplication Request Type, file_specific: true}",
        "console.change-policy: {policy: Elevate instalers, enabled: false}",
        "console.change-webhook: {webhook: New Webhook for ServiceNw setting, enabled: false}",
        "console.change-credential: {credential: ServiceNow usr, servicenow_user: a}",
    ],
)
def test_what_does_not_exist_is_not_changed(step: str) -> None:
    """A typo in a name would make another thing, and the story would pass without the change."""
    text = f"title: T\nsteps: [{{servicenow.create-user: {{name: a}}}}, {{{step}}}]"
    with pytest.raises(ScenarioFileError, match=r"no earlier step has made the .* Did you mean '"):
        list(Loader(vocabulary()).parse(text, "t.yaml"))


def test_a_name_with_another_number_is_another_thing() -> None:
    """Nobody mistypes a number that often, and things of one kind are often numbered."""
    text = "title: T\nsteps: [{console.set-up: {name: ServiceNow 2}}, {servicenow.use: lab 1}, {servicenow.use: lab 2}]"
    assert list(Loader(vocabulary()).parse(text, "t.yaml"))


UNUSED = """
title: A thing that nobody uses
steps:
  - servicenow.create-user: {name: theirs}
  - %s
  - console.ask:
  - console.expect-approval: Pending
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("step", "things"),
    [
        ("console.create-process: {name: Ours}", "the approval process 'Ours'"),
        ("console.create-type: {name: Ours}", "the approval type 'Ours'"),
        ("console.create-policy: {name: Ours}", "the policy 'Ours'"),
        ("console.create-credential: {name: Ours, servicenow_user: theirs}", "the credential 'Ours'"),
        (
            "console.create-api-user: {display_name: Our key, credential: Ours}",
            "the API user 'Our key' and the credential 'Ours'",
        ),
    ],
)
def test_an_unused_thing_is_a_warning(
    step: str, things: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is printed before the scenario is played, and is a finding in reports; the scenario passes."""
    file, report = tmp_path / "one.yaml", tmp_path / "report.json"
    file.write_text(UNUSED % step)
    assert main(["run", str(file), "--json", str(report)]) == 0
    message = f"{file}:5: {step.partition(':')[0]}: no other step uses {things}"
    assert capsys.readouterr().out.startswith(f"warning: {message}\npassed  ")
    (scenario,) = json.loads(report.read_text())["scenarios"]
    assert scenario["findings"] == [message]


@pytest.mark.parametrize(
    "steps",
    [
        "[{console.create-type: {name: T}}, {console.change-type: {approval_type: T, file_specific: true}}]",
        "[{console.create-policy: {name: Ours}}, {console.ask: {metadata: {PolicyName: Ours}}}]",
        "[{console.create-policy: {name: Ours}}, {console.call: {path: '/x?name=Ours'}}]",
        "[{console.create-api-user: {display_name: K, credential: C}}, {console.change-api-user: {user: K}}]",
        "[{console.create-process: {name: Ours, server: ServiceNow}}, {console.expect-refusal: 400}]",
        "[{console.create-webhook: {name: Ours, endpoint_url: 'http://x.example'}}]",
        "[{console.create-process: {name: Ours}}, {console.ask: }, {console.expect-approval: {process: {not: Ours}}}]",
    ],
)
def test_a_used_thing_is_not_a_warning(steps: str) -> None:
    """A step uses what its arguments name, at any depth; webhooks and refused steps need no other."""
    (scenario,) = Loader(vocabulary()).parse(f"title: T\nown: {{paths: ['/x*']}}\nsteps: {steps}", "t.yaml")
    assert list(warnings(scenario, vocabulary())) == []


def test_values_wrong_on_purpose_are_declared() -> None:
    """The console refuses them when they are played."""
    text = (
        "title: T\nown: {words: [nowhere, nobody]}\nsteps: [{console.save-foreign-system: {base_url: nowhere}}, "
        "{console.ask: {metadata: {PolicyId: nobody}}}]"
    )
    assert Loader(vocabulary()).parse(text, "t.yaml")
