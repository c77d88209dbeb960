"""Words in scenario files and in fixtures: a typo is refused before anything is played."""

from pathlib import Path

import pytest

from console_sim.approval_request import RequestState
from console_sim.setup_steps import Step
from mock_servicenow.findings import finding_rules
from privman_scenarios.analysis.regressions import to_yaml
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, ScenarioFileError, UnknownWordError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.language import known
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

ASKED = "  - console.ask:\n"
TYPOS = {
    "column of where": (
        "servicenow.expect-records: {table: request, where: {staus: Approve}}",
        "unknown column of request 'staus'. Did you mean 'status'?",
    ),
    "word of where": (
        "servicenow.expect-records: {table: request, where: {status: Aprove}}",
        "unknown request.status 'Aprove'. Did you mean 'Approve'?",
    ),
    "operator in where": (
        "servicenow.expect-records: {table: request, where: {status: {not: Approve}}}",
        "'status' is {'not': 'Approve'}, which selects nothing. Expected a plain value",
    ),
    "nothing in where": (
        "servicenow.expect-records: {table: request, where: {comment: null}, count: 0}",
        "'comment' is None, which selects nothing. Expected a plain value ('' where there must be none).",
    ),
    "GUID in where": (
        "servicenow.find: {table: response, where: {sys_id: '${request_id}'}, as: ours}",
        "which selects nothing. Expected a sys_id. ${request_id} is a GUID.",
    ),
    "number where a text is": (
        "servicenow.expect-records: {table: request, where: {comment: 5}, count: 0}",
        "'comment' is 5, which selects nothing. Expected text.",
    ),
    "truth where a number is": (
        "servicenow.expect-records: {table: response, where: {retry_attempts: true}, count: 0}",
        "'retry_attempts' is True, which selects nothing. Expected text.",
    ),
    "column of values": (
        "servicenow.expect-records: {table: response, values: {retry_atempts: {absent: true}}}",
        "Did you mean 'retry_attempts'?",
    ),
    "list of responses": (
        "servicenow.insert: {table: activity_type, values: {valid_responses: 'Approve,Dney'}}",
        "unknown activity_type.valid_responses 'Dney'. Did you mean 'Deny'?",
    ),
    "table": ("servicenow.expect-records: {table: requst}", "unknown table 'requst'. Did you mean 'request'?"),
    "role": (
        "servicenow.create-user: {name: boss, roles: [x_thyti.approvr]}",
        "unknown role 'x_thyti.approvr'. Did you mean 'x_thyti_thycotic_p.approver'?",
    ),
    "approver": (
        "servicenow.approve: {by: scenario.aprover}",
        "unknown user 'scenario.aprover'. Did you mean 'scenario.approver'?",
    ),
    "one of several approvers": (
        "servicenow.decide-at-once: [{response: Deny}, {response: Approve, by: nobody}]",
        "unknown user 'nobody'. Expected one of scenario.approver, administrator.",
    ),
    "user who calls": (
        "servicenow.call: {path: /api/now/table/sys_user, by: admin, status: 403}",
        "unknown user 'admin'. Expected one of scenario.approver, administrator.",
    ),
    "GUID for a sys_id": (
        "servicenow.update: {table: request, sys_id: '${request_id}', values: {status: Approve}}",
        "sys_id: ${request_id} is a GUID. Expected the sys_id of a record of request.",
    ),
    "sys_id of another table's record": (
        "servicenow.delete: {table: request, sys_id: '${instance_id}'}",
        "sys_id: ${instance_id} is a sys_id of another table. Expected one of request.",
    ),
    "word of the console on the wire": (
        'console.expect-exchanges: {path: "*/approval/approve", request: {Response: {not: Approved}}}',
        "unknown Response 'Approved'. Did you mean 'Approve'?",
    ),
    "pattern of no response on the wire": (
        'console.expect-exchanges: {path: "*/approval/approve", request: {Response: {not: {matches: ^Approved$}}}}',
        "'^Approved$' matches no Response. Expected one of Approve, Deny.",
    ),
    "pattern of every response on the wire": (
        'console.expect-exchanges: {path: "*/approval/approve", request: {Response: {matches: "[pn]"}}}',
        "{'matches': '[pn]'} holds of every Response. Expected one of Approve, Deny.",
    ),
    "word of a decision in an envelope": (
        'console.expect-exchanges: {path: "*/approval/approve", response: {Status: {not: Denied}}}',
        "unknown Status 'Denied'. Expected one of ok, error.",
    ),
    "response where a state is": (
        'console.expect-exchanges: {path: "*/approval/approve", response: {Result: {State: {not: Approve}}}}',
        "unknown State 'Approve'. Did you mean 'Approved'?",
    ),
    "state in a record of a list": (
        'servicenow.call: {path: "/api/now/table/${table.request}", body: {result: [{status: {not: Approved}}]}}',
        "unknown status 'Approved'. Did you mean 'Approve'?",
    ),
    "word in the query of a call": (
        'servicenow.call: {path: "/api/now/table/${table.request}?sysparm_query=status=Approved", body: {result: []}}',
        "unknown request.status 'Approved'. Did you mean 'Approve'?",
    ),
    "word in a list in the query of a call": (
        'servicenow.call: {path: "/api/now/table/${table.response}?sysparm_query=responseINDeny,Denied"}',
        "unknown response.response 'Denied'. Did you mean 'Deny'?",
    ),
    "column in the query of a call": (
        'servicenow.call: {path: "/api/now/v2/table/${table.request}?sysparm_query=ORDERBYcomment^NQstausISEMPTY"}',
        "unknown column of request 'staus'. Did you mean 'status'?",
    ),
    "column that is a parameter of a call": (
        'servicenow.call: {path: "/api/now/table/${table.request}?sysparm_limit=1&staus=Approve"}',
        "unknown column of request 'staus'. Did you mean 'status'?",
    ),
    "identifier in the query of a call": (
        'servicenow.call: {path: "/api/now/table/${table.request}?sys_id=${request_id}", body: {result: []}}',
        "which selects nothing. Expected a sys_id.",
    ),
    "role of the console": (
        "console.change-api-user: {role: Helpdesk User}",
        "unknown role 'Helpdesk User'. Did you mean 'Helpdesk Users'?",
    ),
    "state": ("console.expect-approval: Aproved", "unknown state 'Aproved'. Did you mean 'Approved'?"),
    "state that must not be": (
        "console.expect-approval: {state: {not: Aproved}}",
        "unknown state 'Aproved'. Did you mean 'Approved'?",
    ),
    "pattern of a state": (
        "console.expect-approval: {state: {not: {matches: ^Aprov}}}",
        "'^Aprov' matches no state. Expected one of Pending,",
    ),
    "pattern of every state": (
        'console.expect-approval: {state: {matches: "[Approved]"}}',
        "{'matches': '[Approved]'} holds of every state. Expected one of Pending,",
    ),
    "pattern of every response": (
        'servicenow.expect-response: {response: {matches: "[Deny]"}}',
        "{'matches': '[Deny]'} holds of every response.response. Expected one of Approve, Deny.",
    ),
    "state that is always there": (
        "console.expect-approval: {state: {absent: false}}",
        "{'absent': False} holds of every state. Expected one of Pending,",
    ),
    "state that is never absent": (
        "console.expect-approval: {state: {not: {absent: true}}}",
        "{'not': {'absent': True}} holds of every state.",
    ),
    "state that is none": ("console.expect-approval: {state: {not: ''}}", "holds of every state."),
    "response that is always there": (
        "servicenow.expect-response: {response: {absent: false}}",
        "holds of every response.response.",
    ),
    "status of a step that is always there": (
        "console.expect-set-up: {steps: {register: {absent: false}}}",
        "holds of every status of a step. Expected one of ok, failed, skipped.",
    ),
    "detail that is always there": (
        "console.expect-set-up: {details: {register: {absent: false}}}",
        "holds of every value that may be there.",
    ),
    "detail that has some character": (
        "console.expect-set-up: {details: {register: {matches: .}}}",
        "holds of every value that may be there.",
    ),
    "sys_id that is always there": (
        "servicenow.expect-records: {table: request, values: {sys_id: {absent: false}}}",
        "holds of every value that may be there.",
    ),
    "name of a webhook": ("console.expect-webhooks: [{name: {absent: false}}]", "holds of every value that may be"),
    "nothing of a webhook": ("console.expect-webhooks: [{}]", "{} is a subset of everything, and expects nothing."),
    "nothing of the webhook": ("console.expect-set-up: {webhook: {}}", "{} is a subset of everything"),
    "nothing of a request's body": ("console.expect-exchanges: {path: '*/approve', request: {}}", "{} is a subset"),
    "nothing that is not": ("console.expect-exchanges: {path: '*/approve', request: {not: {}}}", "{} is a subset"),
    "nothing of a refusal": ("servicenow.expect-refusal: {body: {}}", "{} is a subset of everything"),
    "nothing of an answer": ("console.call: {path: /Tms/services/api/v1/version/Current, body: {}}", "{} is a subset"),
    "nothing of JSON": ("servicenow.expect-request: {metadata: {json: {}}}", "{} is a subset of everything"),
    "not null": (
        "console.expect-approval: {comment: {not: }}",
        "'not' is null, which a value that is missing or empty is not either. Expected {absent: false}.",
    ),
    "not null in a body": (
        "console.call: {path: /Tms/services/api/v1/version/Current, body: {Result: {not: null}}}",
        "'not' is null, which a value that is missing or empty is not either.",
    ),
    "status": (
        "servicenow.expect-request: {status: {not: Pendin}}",
        "unknown request.status 'Pendin'. Did you mean 'Pending'?",
    ),
    "operator": (
        "servicenow.expect-request: {comment: {not: {matchs: x}}}",
        "unknown operator 'matchs'. Did you mean 'matches'?",
    ),
    "two operators": ("servicenow.expect-request: {comment: {absent: true, not: x}}", "unknown operator ''."),
    "operand of absent": ("servicenow.expect-request: {comment: {absent: 'no'}}", "Expected true or false."),
    "list for one value": ("servicenow.expect-request: {comment: {not: [x]}}", "['x'] is a list."),
    "response": ("servicenow.decide: Aprove", "unknown response 'Aprove'. Did you mean 'Approve'?"),
    "response in a race": (
        "servicenow.decide-at-once: [{response: Dney}]",
        "unknown response 'Dney'. Did you mean 'Deny'?",
    ),
    "response in the console": (
        "console.decide: {response: Denied}",
        "unknown response 'Denied'. Did you mean 'Deny'?",
    ),
    "kind of fault": ("console.fault: statu", "Did you mean 'status'?"),
    "option of a fault": (
        "console.fault: {kind: status, options: {staus: 500}}",
        "a 'status' fault has no option 'staus'. Did you mean 'status'?",
    ),
    "option of another fault": (
        "servicenow.fault: {kind: reset, options: {status: 500}}",
        "a 'reset' fault has no option 'status'. Expected none.",
    ),
    "value of an option": (
        "console.fault: {kind: status, options: {status: 99}}",
        "option 'status' is 99. Expected a status from 200 to 599.",
    ),
    "method that its path is not asked for by": (
        "console.fault: {kind: reset, method: DELETE, path: '*/approval/approve'}",
        "nobody asks for '*/approval/approve' by DELETE. Expected one of POST.",
    ),
    "method of exchanges that never happen": (
        "console.expect-exchanges: {direction: in, method: PUT, path: '*/logon/token', count: 0}",
        "nobody asks for '*/logon/token' by PUT. Expected one of POST, DELETE.",
    ),
    "rule of a finding that must not be": (
        "servicenow.expect-finding: {rule: rule-abortd, count: 0}",
        "unknown rule of findings 'rule-abortd'. Did you mean 'rule-aborted'?",
    ),
    "message of a finding that must not be": (
        "servicenow.expect-finding: {rule: rule-aborted, message: expectd a GUID, count: 0}",
        "where there are 0, nothing is compared with 'message'. Expected it without 'message'.",
    ),
    **{
        f"finding that is {rule}": (
            f"servicenow.expect-finding: '{rule}'",
            f"'{rule}' fits almost any finding. Expected a rule, a glob with a word of four letters or more",
        )
        for rule in ("*", "?*", "*e*", "[a-z]*", "a*", "*-*", "[!x]*ion*")
    },
    **{
        f"finding with the message {message!r}": (
            f"servicenow.expect-finding: {{rule: '*', message: {message!r}}}",
            f"message: {message!r} is in almost any message. Expected whole words of the message",
        )
        for message in ("e", " ", "is", "'", "- 1234567 -")
    },
    "finding of a refusal with one letter": (
        "servicenow.expect-refusal: {finding: e}",
        "finding: 'e' is in almost any message.",
    ),
    "empty part of a finding": (
        "servicenow.expect-refusal: {status: 403, finding: ''}",
        "'finding' is ''. Expected text that is not empty.",
    ),
    "bodies of no exchange": (
        "console.expect-exchanges: {path: '*/approve', count: 0, request: {Response: Approve}}",
        "where there are 0, nothing is compared with 'request'.",
    ),
    "statuses of no exchange": (
        "console.expect-exchanges: {path: '*/approve', statuses: []}",
        "[] is no list of statuses. Expected [200], or {not: [500]}; count: 0 for none.",
    ),
    "one status for a list": (
        "console.expect-exchanges: {path: '*/approve', statuses: {not: 500}}",
        "{'not': 500} is no list of statuses.",
    ),
    "status that must not be": (
        "console.expect-exchanges: {path: '*/approve', statuses: [{not: 5000}]}",
        "{'not': 5000} is no status. Expected 100 to 599, 0 where no answer came, or {not: 500}.",
    ),
    "columns of no record": (
        "servicenow.expect-response: {count: 0, response: Deny}",
        "where there are 0, nothing is compared with 'response'.",
    ),
    "set-up of which nothing is expected": (
        "console.expect-set-up:",
        "console.expect-set-up expects nothing. Expected one of steps, details, webhook.",
    ),
    "exchanges of which nothing is expected": (
        "servicenow.expect-exchanges: {direction: in}",
        "servicenow.expect-exchanges expects nothing. Expected one of method, path, count,",
    ),
    "text of no record": (
        "servicenow.expect-records: {table: request, where: {comment: Loks fine}, count: 0}",
        "no step before names 'Loks fine', so that its absence proves nothing.",
    ),
    "text that must not be": (
        "servicenow.expect-request: {comment: {not: Loks fine}}",
        "no step before names 'Loks fine', so that its absence proves nothing.",
    ),
    "pattern that must not match": (
        'servicenow.expect-request: {comment: {not: {matches: "Loks"}}}',
        "'Loks' matches no text of a step before, so that its absence proves nothing.",
    ),
    "pattern in a list that must not be": (
        "console.call: {path: /, unknown_path: true, body: {Messages: {not: [{matches: Loks}]}}}",
        "'Loks' matches no text of a step before",
    ),
    "pattern that matches nothing": (
        'servicenow.expect-request: {comment: {not: {matches: "[^\\\\s\\\\S]"}}}',
        "matches no text of a step before",
    ),
    **{
        f"pattern {pattern!r}": (
            f"servicenow.expect-request: {{comment: {{matches: '{pattern}'}}}}",
            f"'{pattern}' matches every text. Expected a pattern that some text lacks, or {{absent: false}}.",
        )
        for pattern in ("", "x*", "(?:Fine)?", "Fine|", "^.*$", "[0-9]*")
    },
    "pattern below not that matches every text": (
        'servicenow.expect-request: {comment: {not: {matches: "x*"}}}',
        "'x*' matches every text.",
    ),
    "method": ("console.fault: {kind: reset, method: PSOT}", "Did you mean 'POST'?"),
    "path": (
        "console.fault: {kind: reset, path: '*/aproval/approve'}",
        "unknown path '*/aproval/approve'. Did you mean '/Tms/services/api/v1/approval/approve'?",
    ),
    "path with a table": (
        "servicenow.expect-exchanges: {path: '*/tabel/${table.request}', count: 0}",
        "Did you mean '/api/now/table/x_thyti_thycotic_p_request'?",
    ),
    "path of the other party": (
        "servicenow.fault: {kind: reset, path: '*/approval/approve'}",
        "unknown path asked of servicenow '*/approval/approve'.",
    ),
    "path in the other direction": (
        "console.expect-exchanges: {direction: out, path: '*/approval/approve', count: 0}",
        "unknown path asked of servicenow '*/approval/approve'.",
    ),
    "key that must be absent": (
        "console.expect-exchanges: {path: '*/approve', request: {Duraton: {absent: true}}}",
        "unknown key 'Duraton'. Did you mean 'Duration'?",
    ),
    "key inside of JSON text": (
        "servicenow.expect-request: {metadata: {json: {PolicyNam: {absent: true}}}}",
        "unknown key 'PolicyNam'. Did you mean 'PolicyName'?",
    ),
    "key below not": (
        "console.call: {path: /Tms/services/api/v1/version/Current, body: {not: {Statu: ok}}}",
        "unknown key 'Statu'. Did you mean 'Status'?",
    ),
    "key in another case": (
        "console.call: {path: /Tms/services/api/v1/version/Current, body: {status: {not: error}}}",
        "unknown key 'status'. Did you mean 'Status'?",
    ),
    "key of the other party": (
        'servicenow.call: {path: "/api/now/table/${table.request}", body: {Messages: {absent: true}}}',
        "unknown key 'Messages'. Expected one of result.",
    ),
    "key at another level": (
        "servicenow.call: {path: '/api/now/v2/table/${table.request}', body: {comment: {not: A}}}",
        "unknown key 'comment'. Did you mean 'result.comment'?",
    ),
    "key at another level of a request": (
        'servicenow.expect-exchanges: {path: "*/${table.request}", method: POST, request: {PolicyName: {not: Fine}}}',
        "unknown key 'PolicyName'. Did you mean 'metadata.json.PolicyName'?",
    ),
    "key of an answer in a request": (
        'console.expect-exchanges: {direction: out, path: "*/${table.request}", request: {result: {absent: true}}}',
        "unknown key 'result'.",
    ),
    "key of a decision in an answer": (
        'console.expect-exchanges: {path: "*/approve", response: {Duration: {absent: true}}}',
        "unknown key 'Duration'. Expected one of Result, Status, Messages.",
    ),
    "column of another table": (
        'servicenow.call: {path: "/api/now/table/${table.request}", body: {result: [{retry_attempts: {not: x}}]}}',
        "unknown key 'retry_attempts'. Expected one of request_id, status,",
    ),
    "key of a success in a refusal": (
        "servicenow.expect-refusal: {status: 403, body: {result: {not: Approve}}}",
        "unknown key 'result'. Expected one of error, status.",
    ),
    "key in a refusal with any status": (
        "console.expect-refusal: {body: {Error: {absent: true}}}",
        "unknown key 'Error'. Expected one of Result, Status, Messages.",
    ),
    "key where no contract says what is answered": (
        "console.call: {path: /elsewhere, unknown_path: true, status: 503, body: {status: {absent: true}}}",
        "unknown key 'status'. Did you mean 'Status'?",
    ),
    "key below a list": (
        "console.call: {path: /Tms/services/api/v1/version/Current, body: {Messages: [{Text: {absent: true}}]}}",
        "unknown key 'Text'. Expected one of Result, Status, Messages.",
    ),
    "key of JSON outside of it": (
        "servicenow.expect-request: {metadata: {not: {PolicyName: Fine}}}",
        "unknown key 'PolicyName'. Did you mean 'json.PolicyName'?",
    ),
    "text where an object is": (
        'servicenow.call: {path: "/api/now/table/${table.request}", body: {result: {not: Approve}}}',
        "an object or a list is there, which is never 'Approve'. Expected keys, or a list.",
    ),
    "list where a text is": (
        "console.call: {path: /Tms/services/api/v1/version/Current, body: {not: {Status: [ok]}}}",
        "['ok'] is a list. Expected what may be there: a plain value.",
    ),
    "list where an object is": (
        "servicenow.expect-refusal: {status: 404, body: {not: {error: [{absent: false}]}}}",
        "is a list. Expected what may be there: an object with message, detail.",
    ),
    "key that must not hold something": (
        "console.expect-exchanges: {path: '*/approve', request: {Coment: {not: Bad}}}",
        "unknown key 'Coment'. Did you mean 'Comment'?",
    ),
    "key that must not be there, twice denied": (
        "servicenow.call: {path: /, unknown_path: true, body: {reslt: {not: {absent: false}}}}",
        "unknown key 'reslt'. Did you mean 'result'?",
    ),
    "number where a word is expected": (
        "console.expect-approval: {state: {not: 5}}",
        "unknown state '5'. Expected one of Pending",
    ),
    "truth where a word is expected": (
        "servicenow.expect-request: {status: {not: true}}",
        "unknown request.status 'True'. Expected one of Pending",
    ),
    "text where JSON is": (
        "servicenow.expect-request: {metadata: {not: Approve}}",
        "metadata: JSON in a text is there, which is never 'Approve'. Expected {json: …}, or {matches: …}.",
    ),
    "number where JSON is": ("servicenow.expect-configuration: {instance_metadata: {not: 5}}", "which is never 5."),
    "status that there is not": (
        "servicenow.expect-response: {response_status_code: {not: 1000}}",
        "1000 is no status. Expected 100 to 599, or 0 where no answer came.",
    ),
    "status as text": ("servicenow.expect-response: {response_status_code: {not: '0500'}}", "'0500' is no status."),
    "status to select by": (
        "servicenow.expect-records: {table: response, where: {response_status_code: 999}, count: 0}",
        "999 is no status.",
    ),
    "number as text": (
        "servicenow.expect-response: {retry_attempts: {not: '03'}}",
        "no step before names '03', so that its absence proves nothing.",
    ),
    "GUID that nobody has": (
        "servicenow.expect-request: {instance_id: {not: '${new_guid}'}}",
        "no step before names '${new_guid}', so that its absence proves nothing.",
    ),
    "record of a GUID that nobody has": (
        "servicenow.expect-records: {table: response, where: {request_id: '${NEW_GUID}'}, count: 0}",
        "no step before names '${NEW_GUID}'",
    ),
    "text of another length": (
        "servicenow.expect-request: {comment: {not: 'a${text.41}'}}",
        "no step before names 'a${text.41}'",
    ),
    "nothing of a request": (
        "console.expect-approval:",
        "console.expect-approval expects nothing. Expected one of state, comment, duration, responded_by.",
    ),
    "nothing of a request by name": ("console.expect-approval: {request: one}", "expects nothing."),
    "path of nobody": (
        "console.call: {method: POST, path: /Tms/services/api/v1/aproval/approve, json: {}, status: 404}",
        "unknown path of console '/Tms/services/api/v1/aproval/approve'. Did you mean '/Tms/services/api/v1/approval/",
    ),
    "table of nobody": (
        "servicenow.call: {path: /api/now/table/x_thyti_thycotic_p_reqeust, by: administrator, status: 400}",
        "Did you mean '/api/now/table/x_thyti_thycotic_p_request'? If it is your own, list it under 'own: paths'.",
    ),
    "called path of the other party": (
        "servicenow.call: {path: /Tms/services/api/v1/version/Current, by: administrator, status: 404}",
        "If it is meant, say 'unknown_path: true'.",
    ),
    "401 that is certain": (
        "servicenow.call: {path: /api/now/table/sys_user, status: 401}",
        "status: without 'by' nobody asks, so that 401 is certain. Expected 'by', which is '' for nobody.",
    ),
    "two bodies": (
        "servicenow.call: {method: POST, path: /api/now/table/sys_user, json: {}, text: '{}'}",
        "'json' and 'text' are both there, and one body is sent. Expected one of them.",
    ),
    "body that is not sent": (
        "servicenow.call: {path: /api/now/table/sys_user, json: {a: 1}}",
        "json: GET has no body. Expected another method, such as POST.",
    ),
    "journal that is emptied": (
        "servicenow.call: {method: DELETE, path: /__admin/requests, status: 204}",
        "path: '/__admin/requests' changes what the run checks. Expected a step such as clear-faults or restart.",
    ),
    "console that is reset": ("console.call: {method: POST, path: /%5F%5Fadmin/reset, status: 204}", "what the run"),
    "header": (
        "servicenow.call: {path: /, unknown_path: true, answer-headers: {X-Totl-Count: {absent: true}}}",
        "unknown header 'X-Totl-Count'. Did you mean 'x-total-count'?",
    ),
    "no expectation of steps": ("console.expect-set-up: {steps: {}}", "Expected a mapping that is not empty."),
    "no decision": ("servicenow.decide-at-once: {decisions: [], accepted: 0}", "at least one."),
    "rule of findings": (
        "servicenow.expect-finding: {rule: rule-abortd, count: 0}",
        "unknown rule of findings 'rule-abortd'. Did you mean 'rule-aborted'?",
    ),
    "step of the set-up": (
        "console.expect-set-up: {details: {registr: {not: '403'}}}",
        "unknown key 'registr'. Did you mean 'register'?",
    ),
    "status of a step": (
        "console.expect-set-up: {steps: {register: {not: fail}}}",
        "unknown status of a step 'fail'. Did you mean 'failed'?",
    ),
    "event": (
        "console.expect-webhooks: [{event: {not: Aproval Request Event}}]",
        "unknown event 'Aproval Request Event'. Did you mean 'Approval Request Event'?",
    ),
    "key of a webhook": (
        "console.expect-webhooks: [{endpoint_ur: {absent: true}}]",
        "unknown key 'endpoint_ur'. Did you mean 'endpoint_url'?",
    ),
    "operator on a webhook": (
        "console.expect-set-up: {webhook: {not: {event: x}}}",
        "unknown key 'not'.",
    ),
    "user of the set-up": (
        "console.set-up: {servicenow_user: boss}",
        "no step before has created user 'boss'. Expected servicenow.create-user first.",
    ),
    "address where a path is": (
        "console.expect-exchanges: {path: '${console}/Tms/services/api/v1/approval/approve', count: 0}",
        "${console} is an address.",
    ),
    "address where the path of a fault is": (
        "console.fault: {kind: reset, path: '${console}/Tms/services/api/v1/approval/approve', optional: true}",
        "${console} is an address.",
    ),
    "address of the instance where a path is": (
        "servicenow.expect-exchanges: {direction: in, path: '${servicenow}/api/now/table/${table.request}', count: 0}",
        "${servicenow} is an address. ${table.request} is the name of a table.",
    ),
    "GUID where a table is": (
        "servicenow.expect-exchanges: {direction: in, path: '/api/now/table/${request_id}', count: 0}",
        "unknown path '/api/now/table/",
    ),
    "GUID where a sys_id is": (
        "servicenow.expect-exchanges: {path: '/api/now/table/${table.request}/${request_id}', count: 0}",
        "${request_id} is a GUID.",
    ),
    "sys_id of another table in a path": (
        "servicenow.expect-exchanges: {path: '/api/now/table/${table.request}/${instance_id}', count: 0}",
        "${instance_id} is a sys_id.",
    ),
    "sys_id where a state is": ("console.expect-approval: {state: {not: '${instance_id}'}}", "unknown state '"),
    "GUID that matches no state": (
        "console.expect-approval: {state: {not: {matches: '${request_id}'}}}",
        "matches no state.",
    ),
    "address where a status is": (
        "console.expect-exchanges: {path: '*/approve', statuses: {not: ['${console}']}}",
        "is no status.",
    ),
    "sys_id where a GUID is selected": (
        "servicenow.expect-records: {table: response, where: {request_id: '${instance_id}'}, count: 0}",
        "which selects nothing. Expected a GUID. ${instance_id} is a sys_id.",
    ),
    "address where a GUID is selected": (
        "servicenow.expect-records: {table: response, where: {request_id: '${console}'}, count: 0}",
        "no step before names '${console}'",
    ),
    "sys_id of another table": (
        "servicenow.expect-records: {table: response, where: {sys_id: '${instance_id}'}, count: 0}",
        "no step before names '${instance_id}'",
    ),
    "text that nobody wrote": (
        "servicenow.expect-records: {table: response, where: {comment: '${text.20}'}, count: 0}",
        "no step before names '${text.20}'",
    ),
    "sys_id where a comment is": (
        "console.expect-approval: {comment: {not: '${instance_id}'}}",
        "no step before names '${instance_id}'",
    ),
    "pattern that no text has": (
        "console.expect-approval: {comment: {not: {matches: '^${instance_id}$'}}}",
        "matches no text of a step before",
    ),
    "record that a request has not yet": (
        "servicenow.expect-records: {table: request, where: {sys_id: '${request.sys_id}'}}",
        "no step before has saved 'request.sys_id'.",
    ),
    "variable as a table": ("servicenow.expect-records: {table: '${table.request}', count: 0}", "unknown table"),
    "rule of the wire": ("servicenow.expect-response: {response_status_code: '${rule.same_status}'}", "rule.same_"),
}
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


@pytest.mark.parametrize(("step", "message"), TYPOS.values(), ids=TYPOS)
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
    assert f"{file}:4: console.ask: a step before has the name 'first'" in capsys.readouterr().err


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


def test_fixtures_take_own_words(world: WorldFixture) -> None:
    """A response of the user's own is tried, and a column of their own is asked for."""
    request_id = world.console.ask({})
    world.servicenow.tolerate("decision-update")
    assert world.decide(request_id, "Maybe", own={"words": ["Maybe"]}).status == 403
    assert world.servicenow.find("request", own={"columns": ["sys_tags"]}, request_id=request_id)


def test_what_is_known_is_what_the_console_has() -> None:
    """States and steps of the set-up are those of the console."""
    assert set(known.STATES) == set(RequestState)
    assert set(known.SET_UP_STEPS) == set(Step)


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
    with pytest.raises(ScenarioFileError, match=f"no step before names '{text}'"):
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
        ("(", 'servicenow.expect-request: {comment: {matches: "${ours.request_id}"}}', "'(' is no regular expression"),
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
