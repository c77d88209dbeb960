"""Words in scenario files and in fixtures: a typo is refused before anything is played."""

from pathlib import Path

import pytest
import yaml

from privman_scenarios.analysis.regressions import to_yaml
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.product_facts import finding_rules, set_up_steps
from privman_scenarios.playing.verbs import vocabulary

from .targets import packaged

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


@pytest.mark.long
def test_typos_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is named with the nearest valid word; nothing is played and the exit code is 2."""
    files = {name: tmp_path / f"{number:03}.yaml" for number, name in enumerate(TYPOS)}
    for name, file in files.items():
        file.write_text(f"title: T\nsteps:\n{ASKED}  - {TYPOS[name]['step']}\n  - console.expect-approval: Pending\n")
    assert main(["run", str(tmp_path)]) == 2
    told = dict(line.split(":4: ", 1) for line in capsys.readouterr().err.splitlines() if ":4: " in line)
    said = {name: told.get(f"privman-scenarios: {file}", told.get(str(file), "")) for name, file in files.items()}
    assert {name: said[name] for name, typo in TYPOS.items() if typo["message"] not in said[name]} == {}


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


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize("expected", ["{absent: true}", "{not: x}"])
def test_a_column_that_a_record_lacks_never_holds(
    expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt column of another table is neither absent nor different; the records show which there are."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "title: T\nown: {words: [x]}\nsteps:\n"
        f"  - servicenow.expect-records: {{table: sys_user, values: {{u_team: {expected}}}}}\n"
    )
    assert main(["run", str(file)]) == 1
    assert "expected a column 'u_team' of sys_user" in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["values", "where"])
def test_a_misspelt_column_of_a_platform_table_is_found_at_load(argument: str) -> None:
    """Unless it is listed as one's own; a misspelt table is found, too."""
    step = f"- servicenow.expect-records: {{table: sys_user, {argument}: {{emial: a}}}}\n"
    with pytest.raises(ScenarioFileError, match="column 'emial' of sys_user is nearly 'email'"):
        Loader(vocabulary()).parse(f"title: T\nown: {{words: [a]}}\nsteps:\n{step}", "t")
    assert Loader(vocabulary()).parse(f"title: T\nown: {{words: [a], columns: [emial]}}\nsteps:\n{step}", "t")
    with pytest.raises(ScenarioFileError, match=r"unknown table 'incidnt'\. Did you mean 'incident'\?"):
        Loader(vocabulary()).parse("title: T\nsteps: [{servicenow.find: {table: incidnt, as: a}}]", "t")


def test_own_words_stay_with_a_kept_failure() -> None:
    """A regression that is written to a file can be loaded again."""
    (scenario,) = Loader(vocabulary()).parse(
        "title: T\nown: {words: [Maybe]}\nsteps: [{servicenow.decide: Maybe}]", "t"
    )
    (again,) = Loader(vocabulary()).parse(to_yaml(scenario), "t")
    assert again.own == {"words": ["Maybe"]}


@pytest.mark.parametrize("duration", ["", "1000:00:00", "a while"])
def test_durations_pass(duration: str) -> None:
    """None, one in hours, minutes and seconds, and one that the scenario declares."""
    approve = f"{{servicenow.approve: {{duration: '{duration}'}}}}"
    text = f"title: T\nown: {{words: [a while]}}\nsteps: [{{console.ask: }}, {approve}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    assert scenario.steps[1].arguments == {"duration": duration}


def test_a_kept_failure_declares_what_looks_like_an_example() -> None:
    """It has no examples, so that a name in angle brackets is a name."""
    text = "title: T\nown: {names: [<<b>>]}\nsteps: [{console.ask: {metadata: {PolicyName: <<b>>}}}]"
    (scenario,) = Loader(vocabulary()).parse(text, "t.yaml")
    (again,) = Loader(vocabulary()).parse(to_yaml(scenario), "t.yaml")
    assert again.own == {"names": ["<b>"]}


def test_every_finding_rule_is_known() -> None:
    """Whatever way a module reports, its rule can be expected."""
    reported = {"query-term-ignored", "column-ignored", "parameter-ignored", "rule-aborted", "batch-ended"}
    assert reported <= set(finding_rules("servicenow"))


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


@pytest.mark.long
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
    file = Path(packaged("setup-every-step"))
    steps = yaml.safe_load(file.read_text())["steps"]
    expected = next(step["console.expect-set-up"]["steps"] for step in steps if "console.expect-set-up" in step)
    assert tuple(expected) == set_up_steps()
