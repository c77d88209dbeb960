"""Verbs: what each does, and how each fails."""

import pytest

from privman_core.clock import RealClock
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, Failure, JournalsRead, ScenarioEnded, StepFailed
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

WORLDS = WorldBuilder(0)
OWN = "{keys: [PolicyNam]}"  # what a scenario says that means a misspelt key
INSERTED = "- servicenow.insert: {table: response, as: made, values: {response: Deny}}\n"
DECIDED = "- console.ask:\n- servicenow.approve: {comment: Fine}\n"
OVER_SOAP = "- console.create-request-items:\n- console.save-foreign-system: {use_webhook: false}\n- console.ask:\n"


async def play(steps: str, given: str = "{}") -> ScenarioEnded:
    """Play the steps and return how the scenario ended."""
    events: list[Event] = []
    (scenario,) = Loader(vocabulary()).parse(f"title: T\nown: {OWN}\ngiven: {given}\nsteps:\n{steps}", "t.yaml")
    ended = await Engine(vocabulary(), WORLDS, [events.append], RealClock()).play(scenario)
    assert not any(isinstance(event, JournalsRead) for event in events)  # which no listener has asked for
    told = [event.failure for event in events if isinstance(event, StepFailed)]
    assert told == ([ended.failure] if ended.failure else [])
    return ended


async def failure(steps: str, given: str = "{}") -> Failure:
    """Play the steps and return why the scenario failed."""
    ended = await play(steps, given)
    assert ended.failure is not None
    return ended.failure


HOLDS = {
    "a race that one loses": "- console.ask:\n- together:\n  - servicenow.approve:\n  - servicenow.deny:\n"
    "- console.expect-approval: Approved\n",
    "exchanges by their answers": DECIDED
    + "- console.expect-exchanges: {path: '*/APPROVE', direction: in, response: {Status: ok}}\n",
    "no wait after a single exchange": DECIDED + "- servicenow.expect-exchanges: {path: '*/approve', waits: []}\n",
    "a decision over SOAP": OVER_SOAP
    + "- servicenow.deny: {comment: No}\n- console.expect-approval: {state: Denied, comment: No}\n"
    + "  eventually: 20 seconds\n",
    "cleared faults": "- console.fault: {kind: status, path: '/tms/*', optional: true}\n- console.clear-faults:\n"
    + DECIDED
    + "- console.expect-approval: Approved\n",
    "a fault that begins later": "- console.fault:\n"
    "    {kind: status, path: '/tms/*', after: 1 minute, times: null, optional: true}\n"
    + DECIDED
    + "- console.expect-approval: Approved\n",
    "an update that is refused": DECIDED
    + f"- servicenow.update: {{table: request, sys_id: '{'0' * 32}', values: {{status: Deny}}}}\n"
    + "- servicenow.expect-refusal: {status: 404, body: {error: {message: No Record found}}}\n",
    "a question that is refused": "- console.ask: {metadata: {no key: none}}\n"
    "- console.expect-refusal: {status: 400, body: {error: {matches: PascalCase}}}\n",
    "the webhook of the set-up": "- console.expect-set-up: {webhook: {event: Approval Request Event}}\n",
    "the steps of the set-up": "- console.expect-set-up: {steps: {register: ok}}\n",
    "the console's user": "- console.ask:\n"
    "- servicenow.call: {path: '/api/now/table/${table.request}', by: scenario.integration}\n"
    "- servicenow.approve: {by: scenario.integration}\n"
    "- servicenow.expect-records: {table: response, values: {sys_created_by: scenario.integration}}\n",
    "a part, a choice and a range": DECIDED
    + "- console.expect-approval: {state: {one-of: [Approved, Denied]}, comment: {contains: in}}\n"
    + "- servicenow.expect-response: {retry_attempts: {'<': 1}, response_status_code: {'>=': 200, '<': 300}}\n"
    + "- servicenow.expect-request: {metadata: {json: {FilePath: {not: {contains: Fine}}}}}\n",
    "statuses and records in any order": DECIDED
    + "- console.fault: {kind: status, path: '*/approve', options: {status: 429}}\n"
    + "- console.ask: {as: two}\n- servicenow.deny:\n- clock.advance: 1 minute\n"
    + "- servicenow.expect-exchanges: {path: '*/approve', statuses: {unordered: [429, 200, 200]}}\n"
    + "- servicenow.call:\n    path: '/api/now/table/${table.request}'\n    by: administrator\n"
    + "    body: {result: {unordered: [{status: Deny}, {status: Approve}]}}\n"
    + "- servicenow.call:\n    path: '/api/now/table/${table.request}'\n    by: administrator\n"
    + "    body: {result: {contains: {status: {contains: Den}, metadata: {contains: jdoe}}}}\n",
    "a set-up whose ids are kept under a name": "- console.set-up: {name: Ours, as: ours}\n"
    "- servicenow.expect-records: {table: activity_type, where: {sys_id: '${ours.activity_type_id}'}, count: 1}\n",
    "an edited activity type": "- console.set-up: {name: Ours, activity_type: {max_timeout: '00:30:00'}}\n"
    "- servicenow.expect-records:\n"
    "    {table: activity_type, where: {sys_id: '${activity_type_id}'}, values: {max_timeout: {contains: '00:30'}}}\n",
    "a set-up that fails before there is an activity type to edit": "- console.set-up:\n"
    "    {name: Ours, api_enabled: false, activity_type: {max_timeout: '00:30:00'}}\n"
    "- console.expect-set-up: {steps: {enable-api: failed}}\n",
    "any records": "- servicenow.expect-records: {table: activity_type}\n",
    "a record that was inserted and is deleted": INSERTED
    + "- servicenow.delete: {table: response, sys_id: '${made.sys_id}'}\n"
    + "- servicenow.expect-records: {table: response, count: 0}\n",
    "a deletion that is refused": f"- servicenow.delete: {{table: response, sys_id: '{'0' * 32}'}}\n"
    "- servicenow.expect-refusal: 404\n",
    "another console, before and after the first is set up": "- console.use: other\n- console.use: first\n"
    + DECIDED
    + "- console.use: other\n- console.set-up:\n- servicenow.expect-records: {table: activity_type, count: 2}\n"
    + "- console.use: first\n- console.expect-approval: Approved\n"
    + "- servicenow.expect-configuration: {count: 2}\n- servicenow.expect-request: {instance_id: '${instance_id}'}\n",
    "a password that is changed, and its credential": """
- servicenow.create-user: {name: scenario.console, roles: [web_service_admin, approval_admin]}
- console.change-credential: {credential: ServiceNow user, servicenow_user: scenario.console}
- servicenow.change-password: scenario.console
- console.ask: {sent: false}
- console.change-credential: {credential: ServiceNow user, servicenow_user: scenario.console}
- servicenow.expect-request: Pending
""",
    "a credential of another user": """
- servicenow.create-user: {name: scenario.console, roles: [web_service_admin, approval_admin]}
- console.create-credential: {name: Another user, servicenow_user: scenario.console}
- console.save-foreign-system: {credential: Another user}
- console.ask:
- servicenow.expect-records: {table: request, values: {sys_created_by: scenario.console}}
""",
    "several decided at once": "- console.ask: {as: one}\n- console.ask: {as: two}\n"
    "- console.decide: {requests: [one, two], response: Approve, duration: '02:00:00'}\n"
    "- servicenow.expect-request: {request: two, status: Approve}\n",
    "a process that waits": "- console.change-process: {process: ServiceNow Approval Process, timeout: 1 hour}\n"
    "- console.ask:\n- clock.advance: 50 minutes\n- console.expect-approval: Pending\n",
    "another instance": "- servicenow.use: second\n- servicenow.use: first\n"
    + DECIDED
    + "- console.expect-approval: Approved\n",
    "a call of the API user": "- console.call: {path: /Tms/services/api/v1/policies/GetAll, logged_on: true}\n",
    "a page": "- console.call: {path: /Tms/services/swagger/ui/index, body: {matches: '(?i)<html'}}\n",
    "values that are hardly meant": """
- console.ask: {metadata: {PolicyNam: Elevate}}
- servicenow.expect-finding: {rule: doubtful-value, message: Did you mean 'PolicyName'}
- servicenow.approve: {duration: "00:00:00"}
- servicenow.expect-finding: {rule: doubtful-value, message: more than no time}
- console.expect-finding: {rule: doubtful-value, message: more than no time}
""",
    "a family of findings": """
- servicenow.expect-finding: {rule: '*', count: 0}
- console.ask: {metadata: {PolicyNam: Elevate}}
- servicenow.expect-finding: doubtful-*
- servicenow.expect-finding: {rule: '*', message: Did you mean}
""",
    "a refusal and its finding": DECIDED
    + "- servicenow.deny:\n- servicenow.expect-refusal: {status: 403, finding: already}\n",
    "an API that is switched off and on": "- console.change-api-settings: {api_enabled: false}\n"
    "- console.change-api-settings: {api_enabled: true}\n" + DECIDED + "- console.expect-approval: Approved\n",
    "an API user with another end": "- console.change-api-user: {expires_in: 1 day}\n"
    + DECIDED
    + "- console.expect-approval: Approved\n",
    "a long text": "- console.ask:\n- servicenow.approve: {comment: '${text.4000}'}\n"
    "- console.expect-approval: {comment: '${text.4000}'}\n",
    "a text sent as it is": """
- console.call: {method: POST, path: /Tms/services/api/logon/token, text: "{", status: 400}
- console.expect-finding: token-request
""",
}


@pytest.mark.long
@pytest.mark.parametrize("steps", HOLDS.values(), ids=HOLDS)
async def test_what_holds(steps: str) -> None:
    """Each of these is so."""
    ended = await play(steps)
    assert (ended.outcome, ended.failure) == ("passed", None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("steps", "step", "expected", "got"),
    [
        (DECIDED + "- servicenow.expect-refusal:\n", "servicenow.expect-refusal", "a refusal", "PATCH /api/now/table/"),
        (
            "- servicenow.expect-refusal:\n",
            "servicenow.expect-refusal",
            "the step before to be one that servicenow answers",
            "another",
        ),
        (
            DECIDED + "- console.expect-exchanges: {path: /oauth_token.do}\n",
            "console.expect-exchanges",
            "at least one",
            "none",
        ),
        (
            DECIDED + "- console.expect-exchanges: {path: '*/approve', waits: [50 seconds]}\n",
            "console.expect-exchanges",
            "seconds between them [50.0]",
            "seconds between them []",
        ),
        (
            DECIDED + "- console.expect-exchanges: {path: '*/approve', request: {Comment: Other}}\n",
            "console.expect-exchanges",
            "request #7.Comment 'Other'",
            "request #7.Comment 'Fine'",
        ),
        (
            DECIDED + "- servicenow.expect-finding: form-order\n",
            "servicenow.expect-finding",
            "a finding of the rule 'form-order' with ''",
            "no finding",
        ),
        (
            DECIDED + "- servicenow.deny:\n- servicenow.expect-refusal:\n- servicenow.expect-finding: form-order\n",
            "servicenow.expect-finding",
            "a finding of the rule 'form-order' with ''",
            "rule-aborted (",
        ),
        (
            (
                "- servicenow.fault: {kind: malformed, path: '*/sys_user_role', options: {body: '{\"result\": []}'}}\n"
                "- servicenow.create-user: {name: theirs, roles: [itil]}\n- console.ask:\n"
            ),
            "servicenow.create-user",
            "a role 'itil' in ServiceNow",
            "none",
        ),
        (
            "- console.ask:\n- servicenow.decide-at-once: {decisions: [{response: Approve}], accepted: 2}\n",
            "servicenow.decide-at-once",
            "2 accepted decisions",
            "1: PATCH /api/now/table/",
        ),
        (
            "- servicenow.expect-records: {table: response}\n",
            "servicenow.expect-records",
            "records of response",
            "none",
        ),
        (
            "- servicenow.fault: {kind: hibernating, method: GET}\n- servicenow.expect-records: {table: response}\n",
            "servicenow.expect-records",
            "an answer with a list of records",
            "GET /api/now/table/x_thyti_thycotic_p_response?",
        ),
        (
            "- servicenow.create-user: {name: admin}\n- servicenow.expect-records: {table: request}\n",
            "servicenow.create-user",
            "a new sys_user",
            "POST /api/now/table/sys_user",
        ),
        (
            """
- console.save-foreign-system: {use_webhook: false}
- console.ask: {sent: false}
- servicenow.approve:
""",
            "servicenow.approve",
            "the request ",
            "none",
        ),
        (
            "- servicenow.fault: {kind: status, method: GET}\n- console.create-request-items:\n",
            "console.create-request-items",
            "the task to succeed",
            "503 without an error in JSON",
        ),
        (
            OVER_SOAP + "- servicenow.approve: {duration: '01:00:00'}\n",
            "servicenow.approve",
            "a request whose approval may last",
            "a requested item of the SOAP integration",
        ),
        (
            "- servicenow.fault: {kind: reset, method: PATCH}\n" + DECIDED,
            "servicenow.approve",
            "the step to be accepted",
            "-> 0 no answer: ",
        ),
        (
            "- console.expect-set-up: {webhook: {event: {not: Approval Request Event}}}\n",
            "console.expect-set-up",
            "webhook.event not 'Approval Request Event'",
            "webhook.event 'Approval Request Event'",
        ),
        ("- console.ask: {sent: false}\n", "console.ask", "sent False", "sent True"),
        (
            "- console.change-process: {process: ServiceNow Approval Process, server: null}\n- console.ask:\n",
            "console.ask",
            "sent True",
            "sent False: not sent: approval process 'ServiceNow Approval Process' had no ServiceNow server",
        ),
        (
            "- console.ask: {as: one}\n- console.ask: {as: two, metadata: {FilePath: 'C:\\Temp\\one.exe'}}\n",
            "console.ask",
            "new True",
            "new False",
        ),
        ("- console.ask:\n- console.ask: {as: two, new: false}\n", "console.ask", "new False", "new True"),
        ("- console.run: allowed\n", "console.run", "outcome 'allowed'", "outcome 'asked'"),
        (
            "- console.change-policy: {policy: Elevate installers, enabled: false}\n- console.run: asked\n",
            "console.run",
            "the step to be accepted",
            "is not active",
        ),
        (
            (
                "- servicenow.create-user: {name: theirs}\n"
                "- servicenow.fault: {kind: node-switch, method: PATCH, path: '*/sys_user/*'}\n"
                "- servicenow.change-password: theirs\n"
            ),
            "servicenow.change-password",
            "the step to be accepted",
            "-> 403",
        ),
        ("- servicenow.find: {table: response, as: none}\n", "servicenow.find", "a record of response", "none"),
    ],
)
async def test_what_does_not_hold(steps: str, step: str, expected: str, got: str) -> None:
    """The failure names the step, what was expected and what came."""
    failed = await failure(steps)
    assert failed.step == step
    assert expected in failed.expected
    assert got in failed.got


@pytest.mark.parametrize(
    ("steps", "step", "expected"),
    [
        (
            "- console.expect-set-up: {steps: {register: ok}}\n",
            "console.expect-set-up",
            "the step before to be a set-up",
        ),
        (
            "- servicenow.insert: {table: request, values: {instance_id: '${instance_id}'}}\n",
            "servicenow.insert",
            "a value of 'instance_id'",
        ),
        ('- console.set-up: {name: "${text.300}"}\n', "console.set-up", "the step to be accepted"),
    ],
)
async def test_what_does_not_hold_before_the_set_up(steps: str, step: str, expected: str) -> None:
    """A step that needs the set-up says so."""
    failed = await failure(steps, "nothing")
    assert (failed.step, failed.expected) == (step, expected)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("{token_renewals: 1}", ""),
        ("{token_renewals: 2}", "rules.token_renewals is 1, not 2"),
        ("{token_renewals: {from: 1}}", ""),
        ("{token_renewals: {from: 2}}", "rules.token_renewals is 1, not at least 2"),
        ("{token_renewals: {to: 1}}", ""),
        ("{token_renewals: {from: 0, to: 0}}", "rules.token_renewals is 1, not at most 0"),
        ("{retried_statuses: {includes: [503, 408]}}", ""),
        ("{retried_statuses: {includes: [503, 404]}}", "not a list with [503, 404]"),
        ("{retried_statuses: {excludes: 404}}", ""),
        ("{retried_statuses: {excludes: [404, 503]}}", "not a list without [404, 503]"),
        ("{retried_statuses: {excludes: '${rule.same_decision_status}'}}", ""),
        ("{token_renewals: 1, most_retries: 5}", "rules.most_retries is 1000, not 5"),
    ],
)
async def test_when_a_scenario_applies(when: str, reason: str) -> None:
    """Where a rule of the instance is another one, a scenario is not played and says which rule that is."""
    (scenario,) = Loader(vocabulary()).parse(f"title: T\nwhen: {when}\nsteps:\n{HOLDS['any records']}", "t.yaml")
    ended = await Engine(vocabulary(), WORLDS, [], RealClock()).play(scenario)
    assert (ended.outcome, ended.reason.endswith(reason)) == ("inapplicable" if reason else "passed", True)
    assert ended.checks == (0 if reason else 1)


@pytest.mark.parametrize(("switches", "outcome"), [({}, "passed"), ({"strict": True}, "failed")])
def test_what_is_swallowed_fails_a_strict_run_alone(switches: dict[str, bool], outcome: str) -> None:
    """A finding that no step asks for is harmless unless somebody wants to know."""
    steps = "- console.ask: {metadata: {PolicyNam: Elevate}}\n- console.expect-approval: Pending\n"
    (scenario,) = Loader(vocabulary()).parse(f"title: T\nown: {OWN}\nsteps:\n{steps}", "t.yaml")
    *_, ended = Player(WORLDS, **switches)(scenario)
    assert isinstance(ended, ScenarioEnded)
    assert ended.outcome == outcome
