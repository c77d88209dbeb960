"""Words in scenario files and in fixtures: a typo is refused before anything is played."""

import re
from pathlib import Path

import pytest
import yaml

from console_sim.accounts import Role
from console_sim.approval_items import POLICIES, PROCESSES, TYPES, ProcessTemplate
from console_sim.approval_request import RequestState
from console_sim.approvals import RunOutcome
from console_sim.webhook import WebhookEvent
from mock_servicenow.finding_rules import finding_rules
from privman_scenarios.analysis.regressions import to_yaml
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, ScenarioFileError, UnknownWordError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.language import known
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import set_up_steps

ASKED = "  - console.ask:\n"
TYPOS = yaml.safe_load(Path(__file__).with_name("typos.yaml").read_text(encoding="utf-8"))
OWN = """
title: Words of our own
own:
  tables: [incident]
  columns: [u_team]
  roles: [itil]
  words: [Escalate]
  keys: [Colour]
  headers: [X-Acme]
  paths: ["/api/acme/*"]
  findings: [acme-rule]
  events: [Escalation Event]
steps:
  - console.expect-set-up: {webhook: {absent: false}}
  - console.call: {path: /Tms/services/api/v1/version/Current, body: {Messages: []}}
  - console.call: {path: /Tms/services/api/v1/version/Current, answer-headers: {x-acme: {absent: true}}}
  - servicenow.call: {path: /api/now/table/incident?state=70, by: administrator, body: {result: []}}
  - servicenow.call:
      path: "/api/now/table/x_thyti_thycotic_p_request?sysparm_query=u_team=x^commentLIKEx^status=javascript:gs.x()^-"
      by: administrator
  - console.call: {path: /Tms/services/api/v1/version/Current, answer-headers: {Content-Type: {matches: json}}}
  - console.ask:
  - servicenow.insert: {table: incident, values: {short_description: Printer, as: anything}, as: ours}
  - servicenow.expect-records: {table: incident, where: {sys_id: "${ours.sys_id}", sys_mod_count: 0}, count: 1}
  - servicenow.create-user: {name: theirs, roles: [x_thyti_thycotic_p.approver, itil]}
  - servicenow.approve: {by: theirs}
  - servicenow.expect-request: {status: {not: Escalate}, metadata: {json: {Colour: {absent: true}}}}
  - servicenow.expect-request: {status: {matches: "^(App|Esc)"}, comment: {matches: "^$"}}
  - servicenow.expect-request: {comment: {not: {matches: "(?i)escal.te"}}}
  - servicenow.expect-exchanges: {path: "/api/acme/*", count: 0}
  - servicenow.expect-exchanges: {path: "/api/acme/*", method: PUT, count: 0}
  - servicenow.expect-exchanges: {path: "*/${ours.sys_id}", count: 0}
  - servicenow.expect-finding: {rule: acme-rule, count: 0}
  - console.expect-webhooks: [{event: {not: Escalation Event}}]
  - console.expect-approval: Approved
"""


@pytest.mark.parametrize(("step", "message"), [tuple(typo.values()) for typo in TYPOS.values()], ids=TYPOS)
def test_typos_are_refused(step: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line is named with the nearest valid word; nothing is played and the exit code is 2."""
    file = tmp_path / "one.yaml"
    file.write_text(f"title: T\nsteps:\n{ASKED}  - {step}\n  - console.expect-approval: Pending\n")
    assert main(["run", str(file)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"privman-scenarios: {file}:4: ")
    assert message in told


def test_a_user_is_created_or_declared_before_acting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name is no approver of its own; one under own: users is made when it first acts."""
    file = tmp_path / "one.yaml"
    steps = "  - servicenow.create-user: {name: bob}\n  - console.ask:\n  - servicenow.approve: {by: %s}\n"
    file.write_text(f"title: T\nsteps:\n{steps % 'bbo'}  - console.expect-approval: Approved\n")
    assert main(["run", str(file)]) == 2
    assert f"{file}:5: servicenow.approve: by: unknown user 'bbo'. Did you mean 'bob'?" in capsys.readouterr().err
    file.write_text(f"title: T\nown: {{users: [bbo]}}\nsteps:\n{steps % 'bbo'}  - console.expect-approval: Approved\n")
    assert main(["run", str(file)]) == 0, capsys.readouterr().out


def test_a_name_is_given_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first request would never be looked at."""
    file = tmp_path / "one.yaml"
    ask = "  - console.ask: {as: first}\n"
    file.write_text(f"title: T\nsteps:\n{ask}{ask}  - console.expect-approval: {{request: first, state: Pending}}\n")
    assert main(["run", str(file)]) == 2
    assert f"{file}:4: console.ask: an earlier step has saved the name 'first'" in capsys.readouterr().err


def test_the_line_is_that_of_the_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a step of several lines the word's own line is named."""
    file = tmp_path / "one.yaml"
    file.write_text(
        "title: T\nsteps:\n  - servicenow.expect-records:\n      table: request\n      where:\n        staus: Approve\n"
    )
    assert main(["run", str(file)]) == 2
    assert f"{file}:6: servicenow.expect-records: where: unknown column" in capsys.readouterr().err


def test_own_words_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a scenario declares under own is not checked: another table, column, role, word or key."""
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    assert main(["run", str(file)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "step",
    [
        "console.expect-approval: {responded_by: {not: admin}}",
        "console.expect-approval: {responded_by: {not: scenario.approver}}",
        'servicenow.expect-response: {response_status_code: {not: "500"}}',
        "servicenow.expect-request: {metadata: {not: {matches: CommandLine}}}",
        'servicenow.call: {path: "/api/now/table/${table.request}", body: {error: {absent: true}}}',
        "servicenow.call: {path: /api/now/table/sys_user, by: '', status: 401, body: {result: {absent: true}}}",
        "servicenow.expect-refusal: {status: 403, body: {result: {absent: true}}}",
        "servicenow.call: {path: /nothing, unknown_path: true, body: {result: [{u_team: {absent: true}}]}}",
    ],
)
def test_what_may_be_there_may_be_absent(step: str) -> None:
    """Default users, statuses, keys of messages, another answer's body and own columns are known without a step."""
    text = f"title: T\nown: {{columns: [u_team]}}\nsteps: [{{console.ask: }}, {{{step}}}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    assert scenario.steps[1].verb == step.partition(":")[0]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("[u_team]", "'own' is ['u_team']. Expected lists of words by kind."),
        ("{colums: [u_team]}", "'own' has no kind 'colums'. Did you mean 'columns'?"),
        ("{columns: u_team}", "own columns is 'u_team'. Expected a list of words."),
    ],
)
def test_own_words_are_checked_too(own: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kind of words that there is not is refused with the nearest."""
    file = tmp_path / "own.yaml"
    file.write_text(f"title: T\nown: {own}\nsteps: [{{console.ask: }}]\n")
    assert main(["run", str(file)]) == 2
    assert f"{file}:2: {message}" in capsys.readouterr().err


def test_a_column_that_the_instance_drops_fails_the_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An instance ignores a term with a column it does not know and answers every record; that never passes."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "title: T\nown: {columns: [u_team]}\nsteps:\n"
        "  - servicenow.expect-records: {table: activity_type, where: {u_team: x}, count: 1}\n"
    )
    assert main(["run", str(file)]) == 1
    assert "expected a column 'u_team' of x_thyti_thycotic_p_activity_type" in capsys.readouterr().out


@pytest.mark.parametrize("expected", ["{absent: true}", "{not: x}"])
def test_a_column_that_a_record_lacks_never_holds(
    expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt column of another table is neither absent nor different; the records show which there are."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "title: T\nown: {tables: [sys_user], words: [x]}\nsteps:\n"
        f"  - servicenow.expect-records: {{table: sys_user, values: {{emial: {expected}}}}}\n"
    )
    assert main(["run", str(file)]) == 1
    assert "expected a column 'emial' of sys_user" in capsys.readouterr().out


def test_own_words_stay_with_a_kept_failure() -> None:
    """A regression that is written to a file can be loaded again."""
    (scenario,) = Loader(vocabulary()).parse(
        "title: T\nown: {words: [Maybe]}\nsteps: [{servicenow.decide: Maybe}]", "t"
    )
    (again,) = Loader(vocabulary()).parse(to_yaml(scenario), "t")
    assert again.own == {"words": ["Maybe"]}


def test_fixtures_refuse_typos(world: WorldFixture) -> None:
    """A misspelt column, word, table or response raises, and never finds everything."""
    with pytest.raises(UnknownWordError, match=r"unknown column of request 'staus'. Did you mean 'status'"):
        world.servicenow.find("request", staus="Approve")
    with pytest.raises(UnknownWordError, match=r"unknown request\.status 'Aprove'"):
        world.servicenow.find("request", status="Aprove")
    with pytest.raises(UnknownWordError, match=r"'request_id' is .*, which selects nothing. Expected a GUID."):
        world.servicenow.find("request", request_id=world.console.instance_id)
    with pytest.raises(UnknownWordError, match=r"'sys_id' is .*, which selects nothing. Expected a sys_id."):
        world.servicenow.find("request", sys_id="85d71683-7dac-4762-8120-76a9a564fdc1")
    with pytest.raises(UnknownWordError, match="unknown table 'requst'"):
        world.servicenow.find("requst")
    with pytest.raises(UnknownWordError, match=r"unknown path '\*/aprove'"):
        world.console.faults.arm("status", status=503, path="*/aprove")
    with pytest.raises(UnknownWordError, match="unknown response 'Aprove'"):
        world.decide("85d71683-7dac-4762-8120-76a9a564fdc1", "Aprove")


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"InitatorUserName": "x"}, "unknown key 'InitatorUserName'. Did you mean 'InitiatorUserName'?"),
        ({"policyName": "Elevate installers"}, "unknown key 'policyName'. Did you mean 'PolicyName'?"),
        ({"PolicyName": "Elevate instalers"}, "policy 'Elevate instalers' is nearly 'Elevate installers'."),
        ({"PolicyName": "Elevate script"}, "policy 'Elevate script' is nearly 'Elevate scripts'."),
        ("setup.exe", "the metadata are 'setup.exe'. Expected a mapping of what the endpoint reports"),
    ],
)
def test_fixtures_refuse_metadata_that_are_nearly_right(
    metadata: dict[str, str], told: str, console: ConsoleFixture
) -> None:
    """A test of another key, or of another policy, would pass without what it is about."""
    console.create_policy("Elevate scripts")
    for report in (console.ask, console.run):
        with pytest.raises(UnknownWordError, match=re.escape(told)):
            report(metadata)
    assert console.approvals() == []


def test_fixtures_take_metadata_of_ones_own(console: ConsoleFixture) -> None:
    """Declared as in a scenario, or like nothing that is known."""
    own = {"keys": ["PolcyName"], "names": ["Elevate instalers"]}
    console.ask({"PolcyName": "x", "PolicyName": "Elevate instalers", "Vendor": "y", "Sha256Hash": "z"}, own=own)
    assert console.run({"PolicyName": "Something else"})["outcome"] == "asked"


@pytest.mark.parametrize("nothing", [None, 5, 5.0, True])
def test_fixtures_find_nothing_by_what_no_text_is(servicenow: ServiceNowFixture, nothing: object) -> None:
    """A value that a test has not got, or of another type, selects neither nothing nor everything."""
    with pytest.raises(UnknownWordError, match=r"'request_id' is .*, which selects nothing"):
        servicenow.find("request", request_id=nothing)  # type: ignore[arg-type]  # that is the point


def test_fixtures_find_by_numbers_and_truths(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """Where a column holds such."""
    found = servicenow.find("activity_type", include_comment=True, sys_mod_count=0)  # type: ignore[arg-type]
    assert [each["sys_id"] for each in found] == [console.activity_type_id]


def test_a_caret_ends_no_condition(world: WorldFixture) -> None:
    """Nothing escapes it in a query, so that other records would be found."""
    world.console.ask({})
    with pytest.raises(ExpectationError, match="a value of 'comment' without '\\^', which ends a condition"):
        world.servicenow.find("request", comment="x^NQstatus=Pending")


@pytest.mark.parametrize("duration", ["", "1000:00:00", "a while"])
def test_durations_pass(duration: str) -> None:
    """None, one in hours, minutes and seconds, and one that the scenario declares."""
    approve = f"{{servicenow.approve: {{duration: '{duration}'}}}}"
    text = f"title: T\nown: {{words: [a while]}}\nsteps: [{{console.ask: }}, {approve}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    assert scenario.steps[1].arguments == {"duration": duration}


def test_fixtures_take_no_duration_in_words(world: WorldFixture) -> None:
    """As in a scenario, it is written as the console writes it."""
    request_id = world.console.ask({})
    with pytest.raises(UnknownWordError, match="invalid duration '2 hours'"):
        world.decide(request_id, "Approve", duration="2 hours")
    assert world.console.approval(request_id)["state"] == "Pending"


def test_fixtures_take_own_words(world: WorldFixture) -> None:
    """A response of the user's own is tried, and a column of their own is asked for."""
    request_id = world.console.ask({})
    world.servicenow.tolerate("decision-update")
    assert world.decide(request_id, "Maybe", own={"words": ["Maybe"]}).status == 403
    assert world.servicenow.find("request", own={"columns": ["sys_tags"]}, request_id=request_id)


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


def test_what_a_set_up_makes_has_its_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loader knows them without a console, and the console has them: no second one is made."""
    file = tmp_path / "made.yaml"
    file.write_text(MADE, encoding="utf-8")
    assert main(["run", str(file)]) == 0, capsys.readouterr().out


ELSEWHERE = """title: T
steps:
  - console.create-process: {name: Ours}
  - console.use: second
  - console.set-up:
  - %s
  - console.expect-webhooks: [{enabled: true}]
"""


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
    assert scenario.own == {"names": [policy]}


def test_a_kept_failure_declares_what_looks_like_an_example() -> None:
    """It has no examples, so that a name in angle brackets is a name."""
    text = "title: T\nown: {names: [<<b>>]}\nsteps: [{console.ask: {metadata: {PolicyName: <<b>>}}}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    (again,) = Loader(vocabulary()).parse(to_yaml(scenario), "t.yaml")
    assert again.own == {"names": ["<b>"]}


def test_every_finding_rule_is_known() -> None:
    """Whatever way a module reports, its rule can be expected."""
    reported = {"query-term-ignored", "column-ignored", "parameter-ignored", "rule-aborted", "batch-ended"}
    assert reported <= set(finding_rules())


def test_patterns_of_some_words_pass(tmp_path: Path) -> None:
    """Of several states, of both events, and of words that stand in a list."""
    file = tmp_path / "one.yaml"
    file.write_text(
        "title: T\nsteps:\n- console.ask:\n"
        "- console.expect-approval: {state: {matches: ^(Pending|Approved)$}}\n"
        "- console.expect-webhooks: [{event: {matches: Approval Request}}]\n"
        "- servicenow.expect-records: {table: activity_type, values: {valid_responses: {matches: 'Approve,Deny'}}}\n"
    )
    assert main(["run", str(file)]) == 0


def test_several_words_are_no_status(servicenow: ServiceNowFixture) -> None:
    """Only the valid responses of an activity type are several words."""
    with pytest.raises(UnknownWordError, match=r"unknown request\.status 'Pending,Approve'"):
        servicenow.find("request", status="Pending,Approve")
    assert servicenow.find("activity_type", valid_responses="Deny,Approve") == []


@pytest.mark.parametrize("text", ["Looks fin", "ooks fine", "k"])
def test_half_a_word_is_named_by_no_step(text: str) -> None:
    """It is absent wherever the whole text was written."""
    steps = "title: T\nsteps: [{console.ask: }, {servicenow.approve: {comment: Looks fine}}, {%s}]"
    looks = f"servicenow.expect-records: {{table: request, where: {{comment: {text}}}, count: 0}}"
    with pytest.raises(ScenarioFileError, match=f"no earlier step names '{text}'"):
        list(Loader(vocabulary()).parse(steps % looks, "t.yaml"))
    assert list(Loader(vocabulary()).parse(steps % looks.replace(f" {text}}}", " Looks}"), "t.yaml"))


SAVED = """title: Saved
own: {words: ["%s"]}
steps:
  - console.ask:
  - servicenow.insert: {table: response, values: {request_id: "%s"}, as: ours}
  - %s
"""


@pytest.mark.parametrize(
    ("saved", "step", "told"),
    [
        (
            "zz",
            'servicenow.expect-finding: {rule: "*", message: "${ours.request_id}"}',
            "'zz' is in almost any message.",
        ),
        ("x*", 'servicenow.expect-request: {comment: {matches: "${ours.request_id}"}}', "'x*' matches every text."),
        (
            "(",
            'servicenow.expect-request: {comment: {matches: "${ours.request_id}"}}',
            "invalid regular expression '('",
        ),
    ],
)
def test_what_a_step_saved_is_checked_when_it_is_known(
    saved: str, step: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the same words would be in a file, which fails the step."""
    file = tmp_path / "one.yaml"
    file.write_text(SAVED % (saved, saved, step), encoding="utf-8")
    assert main(["run", str(file)]) == 1
    out = capsys.readouterr().out
    assert f"{file}:6: {step.partition(':')[0]}\n" in out
    assert told in out


@pytest.mark.parametrize(
    "step",
    [
        "servicenow.expect-records: {table: response, where: {request_id: '${request_id}'}, count: 0}",
        "servicenow.expect-request: {activity_type_id: {not: '${theirs.sys_id}'}}",
        "servicenow.expect-exchanges: {path: '/api/now/table/${table.request}/${record.sys_id}', count: 0}",
        "servicenow.expect-exchanges: {path: '*/${record.sys_id}', count: 0}",
        "servicenow.expect-exchanges: {path: '*/0f8fad5bd9cb469fa16570867728950e', count: 0}",
    ],
)
def test_names_of_the_right_kind_pass(step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id may be absent where ids of its kind are."""
    file = tmp_path / "one.yaml"
    saved = (
        "  - servicenow.find: {table: request, as: record}\n"
        "  - servicenow.insert:\n      table: activity_type\n      as: theirs\n"
        "      values: {name: T, description: T, valid_responses: Approve, max_timeout: '01:00:00',"
        " include_comment: 'true', include_duration: 'true', instance_id: '${instance_id}'}\n"
    )
    file.write_text(f"title: T\nsteps:\n{ASKED}{saved}  - {step}\n", encoding="utf-8")
    assert main(["run", str(file)]) == 0, capsys.readouterr()


def test_catalog_expects_each_step_of_the_set_up() -> None:
    """A new step needs its outcome in the scenario of the documented set-up."""
    file = next(file for file in catalog_files() if file.stem == "setup-every-step")
    steps = yaml.safe_load(file.read_text())["steps"]
    expected = next(step["console.expect-set-up"]["steps"] for step in steps if "console.expect-set-up" in step)
    assert tuple(expected) == set_up_steps()


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
