"""Values that a step captures from an answer, and what later steps do with them."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

from .played_story import why_failed

LISTED = (
    "- console.ask:\n"
    "- servicenow.call:\n"
    "    {path: '/api/now/table/${table.request}?request_id=${request_id}', by: administrator, as: all}\n"
)
ROW = "/api/now/table/${table.request}/${all.body.result.0.sys_id}"
GROUPS = "- servicenow.call: {path: /api/now/table/sys_user_role, by: administrator, as: roles}\n"
HOLDS = {
    "a sys_id in a path": "- servicenow.call:\n"
    f"    {{path: '{ROW}', by: administrator, body: {{result: {{status: Pending}}}}}}\n",
    "a sys_id of a step": "- servicenow.update:\n"
    "    {table: request, sys_id: '${all.body.result.0.sys_id}', values: {status: Approve}, by: scenario.approver}\n"
    "- console.expect-approval: Approved\n",
    "a word": "- servicenow.expect-request: {status: '${all.body.result.0.status}'}\n",
    "a status within a text": "- servicenow.approve: {comment: 'It was ${all.status}'}\n"
    "- console.expect-approval: {comment: It was 200}\n",
    "a header, in any case": "- servicenow.approve: {comment: '${all.headers.X-Total-Count}'}\n"
    "- console.expect-approval: {comment: '1'}\n",
    "a record within a text": "- servicenow.approve: {comment: '${all.body.result.0}'}\n"
    "- console.expect-approval: {comment: {json: {status: Pending}}}\n",
    "a value that must be absent": "- servicenow.approve: {comment: Fine}\n"
    "- servicenow.expect-request: {comment: {not: '${all.body.result.0.comment}'}}\n"
    "- servicenow.expect-request: {status: {not: '${all.body.result.0.status}'}}\n",
    "an answer of the console": "- console.call: {path: /Tms/services/swagger/ui/index, as: no}\n"
    "- servicenow.approve: {comment: '${no.status}'}\n"
    "- console.expect-approval: {comment: '200'}\n",
    "a sys_id that no contract knows, checked once it is known": GROUPS
    + "- servicenow.delete: {table: sys_user_role, sys_id: '${roles.body.result.0.name}'}\n"
    + "- servicenow.expect-refusal: 404\n",
    "keys of a table without a contract": GROUPS
    + "- servicenow.approve: {comment: '${roles.body.result.0.grantable}'}\n",
}
FAILS = {
    "a value that the answer lacks": (
        GROUPS + "- servicenow.approve: {comment: '${roles.body.result.0.nam}'}\n",
        "7: servicenow.approve: expected a value of 'roles.body.result.0.nam' in that answer; got an object with ",
    ),
    "an item that the answer lacks": (
        "- servicenow.approve: {comment: '${all.body.result.7.comment}'}\n",
        "expected a value of 'all.body.result.7.comment' in that answer; got a list of 1",
    ),
    "a value within a text": (
        "- servicenow.approve: {comment: '${all.body.result.0.metadata.value}'}\n",
        "got '{",
    ),
    "a word that is none": (
        "- servicenow.expect-records: {table: request, where: {status: '${all.headers.content-type}'}}\n",
        "unknown request.status 'application/json",
    ),
    "another value than the captured one": (
        "- servicenow.approve:\n- servicenow.expect-request: {status: '${all.body.result.0.status}'}\n",
        "expected status 'Pending'; got status 'Approve'",
    ),
}
REFUSED = {
    "an answer that nobody captured": (
        "- servicenow.approve: {comment: '${al.status}'}\n",
        "no earlier step has saved 'al.status'. Did you mean 'all.status'?",
    ),
    "a part that answers have not": (
        "- servicenow.approve: {comment: '${all.bdy.result}'}\n",
        "no value 'all.bdy.result'. An answer has no 'bdy'. Did you mean 'body'?",
    ),
    "a part of a number": (
        "- servicenow.approve: {comment: '${all.status.code}'}\n",
        "no value 'all.status.code'. The status is a number and has no 'code'.",
    ),
    "an unknown header": (
        "- servicenow.approve: {comment: '${all.headers.locaton}'}\n",
        "unknown header 'locaton'. Did you mean 'location'? If it is your own, list it under 'own: headers'.",
    ),
    "no header": (
        "- servicenow.approve: {comment: '${all.headers}'}\n",
        "Expected one name of a header, such as headers.location.",
    ),
    "an unknown key": (
        "- servicenow.approve: {comment: '${all.body.result.0.statuss}'}\n",
        "unknown key 'statuss'. Did you mean 'status'? If it is your own, list it under 'own: keys'.",
    ),
    "a key of a list": (
        "- servicenow.approve: {comment: '${all.body.result.status}'}\n",
        "A list is there, which has no 'status'. Expected the number of an item, from 0.",
    ),
    "a sys_id of another table": (
        "- servicenow.delete: {table: response, sys_id: '${all.body.result.0.sys_id}'}\n",
        "sys_id: ${all.body.result.0.sys_id} is a sys_id of another table. Expected one of response.",
    ),
    "a name that no variable can have": (
        "- servicenow.call: {path: /api/now/table/sys_user, by: administrator, as: my list}\n",
        "invalid name 'my list'. Expected letters, digits, '_' and '-', and none of env, rule, table, text.",
    ),
    "a name that means something else": (
        "- servicenow.call: {path: /api/now/table/sys_user, by: administrator, as: table}\n",
        "invalid name 'table'.",
    ),
    "a name that is taken": (
        "- servicenow.call: {path: /api/now/table/sys_user, by: administrator, as: all}\n",
        "an earlier step has saved the name 'all'",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("steps", HOLDS.values(), ids=HOLDS)
def test_a_captured_value_is_used_by_later_steps(steps: str) -> None:
    """Status, headers and the JSON of the body, alone and within a text."""
    assert why_failed(f"title: T\nsteps:\n{LISTED}{steps}") == ""


@pytest.mark.long
@pytest.mark.parametrize(("steps", "message"), FAILS.values(), ids=FAILS)
def test_a_value_that_is_not_there_fails_the_step(steps: str, message: str) -> None:
    """The failure names the path and what is there; nothing is sent with a value that nobody knows."""
    assert message in why_failed(f"title: T\nsteps:\n{LISTED}{steps}")


@pytest.mark.parametrize(("steps", "message"), REFUSED.values(), ids=REFUSED)
def test_a_misspelt_path_is_refused_at_load(steps: str, message: str) -> None:
    """With file, line and the nearest name, before anything is sent."""
    with pytest.raises(ScenarioFileError) as caught:
        Loader(vocabulary()).parse(f"title: T\nsteps:\n{LISTED}{steps}", "story.yaml")
    assert str(caught.value).startswith("story.yaml:6: ")
    assert message in str(caught.value)


@pytest.mark.long
def test_captured_keys_are_those_of_the_packaged_spelling(tmp_path: Path) -> None:
    """A team's file of inferred names does not change what a scenario captures, in a list too."""
    names, story = tmp_path / "ours.yaml", tmp_path / "story.yaml"
    names.write_text("columns:\n  request: {request_id: u_request}\nwords:\n  request_status: {pending: Requested}\n")
    story.write_text(
        f"title: T\nsteps:\n{LISTED}"
        "- servicenow.expect-records:\n"
        "    {table: request, where: {request_id: '${all.body.result.0.request_id}'}, values: {status: Pending}}\n"
    )
    assert main(["run", str(story), "--inferred", str(names)]) == 0
