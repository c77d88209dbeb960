"""Business rules, those of apps and those stored as records."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.errors import AbortedByRule
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, When
from mock_servicenow.now_platform.users import User
from privman_core.findings import Finding

Client = TestClient[web.Request, web.Application]
ANY: frozenset[Operation] = frozenset({"insert", "update", "delete"})
STORED = {
    "name": "no eicar",
    "collection": "problem",
    "active": True,
    "when": "before",
    "order": 100,
    "action_insert": True,
    "action_update": True,
    "abort_action": True,
    "add_message": True,
    "message": "rejected",
    "filter_condition": "short_descriptionLIKEEICAR^ORdescriptionLIKEEICAR^EQ",
}


class Witness:
    """Remembers what a rule saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[Operation, str, bool]] = []

    def __call__(self, context: RuleContext) -> None:
        """Note operation, value and whether the write changes it."""
        self.seen.append((context.operation, context.current["u_name"], context.changed("u_name")))


def add(instance: Instance, when: When, run: Witness, **options: object) -> None:
    """Add a rule on the toys."""
    settings = {"order": 100, "condition": "", **options}
    instance.add_rule(BusinessRule("witness", "u_toy", when, ANY, run, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("when", ["before", "after"])
def test_rules_see_every_write(instance: Instance, when: When) -> None:
    """A rule sees the record as it would be, and what the write changes."""
    witness = Witness()
    add(instance, when, witness)
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_name": "a"})
        session.update("u_toy", toy.sys_id, {"u_name": "b"})
        session.update("u_toy", toy.sys_id, {"u_pieces": "1"})
        session.delete("u_toy", toy.sys_id)
    assert witness.seen == [
        ("insert", "a", True),
        ("update", "b", True),
        ("update", "b", False),
        ("delete", "b", False),
    ]


def test_rules_before_may_change_the_record(instance: Instance) -> None:
    """What a before rule sets is stored and comes back."""

    def rename(context: RuleContext) -> None:
        context.current["u_name"] = context.current["u_name"].upper()

    instance.add_rule(BusinessRule("rename", "u_toy", "before", frozenset({"insert"}), rename))
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_name": "a"})
        assert toy["u_name"] == "A"
        assert session.find("u_toy", u_name="A") is not None


def test_rules_run_in_their_order(instance: Instance) -> None:
    """Lower orders run first, whatever came first."""
    order: list[int] = []
    for number in (300, 100, 200):
        run = lambda _context, number=number: order.append(number)  # noqa: E731
        instance.add_rule(BusinessRule(f"rule {number}", "u_toy", "before", ANY, run, order=number))
    with instance.transaction(instance.system) as session:
        session.insert("u_toy", {})
    assert order == [100, 200, 300]


@pytest.mark.parametrize("table", ["problem", "task", "global"])
def test_rules_of_parent_classes_and_of_every_table_act(instance: Instance, table: str) -> None:
    """A rule holds for the classes that extend its table; one on global for every table."""
    seen: list[str] = []
    instance.add_rule(BusinessRule("any", table, "after", ANY, lambda context: seen.append(context.table)))
    with instance.transaction(instance.system) as session:
        session.insert("problem", {})
    assert "problem" in seen


def test_condition_sees_new_values(instance: Instance) -> None:
    """The rule runs where the new values meet its condition, dot-walks included."""
    witness = Witness()
    add(instance, "before", witness, condition="u_pieces>5^u_parent.u_nameSTARTSWITHbig")
    with instance.transaction(instance.system) as session:
        big = session.insert("u_toy", {"u_name": "big one", "u_pieces": "9"})
        toy = session.insert("u_toy", {"u_name": "a", "u_pieces": "6", "u_parent": big.sys_id})
        session.update("u_toy", toy.sys_id, {"u_pieces": "5"})
        session.update("u_toy", toy.sys_id, {"u_pieces": "7"})
        assert len(session.find_all("u_toy")) == 2
    assert [operation for operation, _, _ in witness.seen] == ["insert", "update"]


def test_condition_can_compare_with_old_values(instance: Instance) -> None:
    """VALCHANGES, CHANGESFROM and CHANGESTO compare with the record before the write."""
    witness = Witness()
    add(instance, "before", witness, condition="u_colorCHANGESTOb^u_colorCHANGESFROMr^u_colorVALCHANGES")
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_name": "a", "u_color": "r"})
        for color in ("b", "b", "r", "", "b"):
            session.update("u_toy", toy.sys_id, {"u_color": color})
    assert [operation for operation, _, _ in witness.seen] == ["update"]


def refuse(context: RuleContext) -> None:
    """Abort, with a reason."""
    context.abort("because")


def test_an_abort_undoes_the_transaction_and_keeps_its_reason(instance: Instance) -> None:
    """Nothing stays, the reason is among the findings and not in the error."""
    instance.add_rule(BusinessRule("refuse", "u_toy", "after", ANY, refuse))
    findings: list[Finding] = []
    with pytest.raises(AbortedByRule) as caught, instance.transaction(instance.system, findings) as session:
        session.insert("u_toy", {})
    assert caught.value.reason == "because"
    assert "because" not in str(caught.value)
    assert [(finding.kind, finding.rule) for finding in findings] == [("swallowed", "rule-aborted")]
    assert findings[0].message.endswith("because")
    with instance.transaction(instance.system) as session:
        assert session.count("u_toy") == 0


async def test_an_abort_on_the_wire(client: Client, instance: Instance) -> None:
    """The client learns which rule aborted, by name and sys_id, with the stack of rules."""

    def insert_toy(context: RuleContext) -> None:
        context.session.insert("u_toy", {})

    instance.add_rule(BusinessRule("refuse", "u_toy", "before", ANY, refuse))
    instance.add_rule(BusinessRule("make toy", "problem", "after", ANY, insert_toy))
    response = await client.post("/api/now/table/problem", json={})
    assert response.status == 403
    detail = (await response.json())["error"]["detail"]
    start, _, end = detail.partition("^")
    assert start == "Operation against file 'u_toy' was aborted by Business Rule 'refuse"
    assert end[32:] == "'. Business Rule Stack:refuse,make toy"


def test_after_commit_is_after_the_commit(instance: Instance) -> None:
    """What waits for the commit runs once it has succeeded, and never if it has not."""
    calls: list[int] = []

    def note(context: RuleContext) -> None:
        context.session.on_commit(lambda: calls.append(1))

    instance.add_rule(BusinessRule("note", "u_toy", "after", ANY, note))
    with instance.transaction(instance.system) as session:
        session.insert("u_toy", {})
        assert calls == []
    assert calls == [1]

    def insert_and_fail() -> None:
        with instance.transaction(instance.system) as session:
            session.insert("u_toy", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        insert_and_fail()
    assert calls == [1]


def test_rules_act_for_the_user_without_access_control(instance: Instance) -> None:
    """What a rule writes bears the user's name although the user may not write it."""

    def copy(context: RuleContext) -> None:
        context.session.insert("u_toy", {"u_name": "copy"})

    instance.add_rule(BusinessRule("copy", "cmn_department", "after", ANY, copy))
    with instance.transaction(User("x", "x")) as session:
        session.insert("cmn_department", {})
    with instance.transaction(instance.system) as session:
        toy = session.find("u_toy", u_name="copy")
        assert toy is not None
        assert toy["sys_created_by"] == "x"


def test_a_rule_can_answer_with_an_existing_record(instance: Instance) -> None:
    """Nothing is inserted and the other record is the answer; the columns that were named are known."""
    named: list[str] = []

    def coalesce(context: RuleContext) -> None:
        named.extend(context.supplied)
        found = context.session.find("u_toy", u_name=context.current["u_name"])
        if found is not None:
            context.answer_with(found, 200)

    instance.add_rule(BusinessRule("coalesce", "u_toy", "before", frozenset({"insert"}), coalesce))
    with instance.transaction(instance.system) as session:
        first = session.insert("u_toy", {"u_name": "a"})
        assert session.insert("u_toy", {"u_name": "a", "u_pieces": "2"}).sys_id == first.sys_id
        assert session.count("u_toy") == 1
    assert named == ["u_name", "u_name", "u_pieces"]


async def test_a_rule_chooses_the_status_of_its_answer(client: Client, instance: Instance) -> None:
    """A client that repeats an insert learns by the status that the record was there before."""

    def coalesce(context: RuleContext) -> None:
        found = context.session.find("u_toy", u_name=context.current["u_name"])
        if found is not None:
            context.answer_with(found, 200)

    instance.add_rule(BusinessRule("coalesce", "u_toy", "before", frozenset({"insert"}), coalesce))
    answers = [await client.post("/api/now/table/u_toy", json={"u_name": "a"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert len({answer.headers["Location"] for answer in answers}) == 1


async def test_a_stored_rule_acts_from_the_next_write_on(client: Client) -> None:
    """A rule that aborts on a condition is stored over REST and refuses what meets it, before and after."""
    assert (await client.post("/api/now/table/problem", json={"short_description": "EICAR 0"})).status == 201
    response = await client.post("/api/now/table/sys_script", json=STORED)
    assert response.status == 201
    rule = (await response.json())["result"]
    refused = await client.post("/api/now/table/problem", json={"description": "an eicar file"})
    assert refused.status == 403
    assert (await refused.json())["error"] == {
        "message": "Operation Failed",
        "detail": f"Operation against file 'problem' was aborted by Business Rule 'no eicar^{rule['sys_id']}'. "
        "Business Rule Stack:no eicar",
    }
    good = (await (await client.post("/api/now/table/problem", json={})).json())["result"]
    path = f"/api/now/table/problem/{good['sys_id']}"
    assert (await client.patch(path, json={"short_description": "EICAR"})).status == 403
    assert (await (await client.get(path)).json())["result"]["short_description"] == ""
    await client.patch(f"/api/now/table/sys_script/{rule['sys_id']}", json={"active": "false"})
    assert (await client.patch(path, json={"short_description": "EICAR"})).status == 200


async def test_a_stored_rule_without_a_message_still_aborts(client: Client) -> None:
    """The message is optional, and so is the order."""
    await client.post("/api/now/table/sys_script", json={**STORED, "message": "", "order": "", "filter_condition": ""})
    assert (await client.post("/api/now/table/problem", json={})).status == 403


async def test_a_stored_rule_sets_values(client: Client) -> None:
    """A template gives columns their values; unknown ones are ignored."""
    rule = {**STORED, "abort_action": False, "template": "category=storage^bunk=1^EQ", "filter_condition": ""}
    await client.post("/api/now/table/sys_script", json=rule)
    response = await client.post("/api/now/table/problem", json={"category": "x"})
    assert (await response.json())["result"]["category"] == "storage"


async def test_a_stored_rule_sets_nothing_that_a_column_cannot_hold(
    client: Client, swallowed: Callable[[], list[str]]
) -> None:
    """A template's values are converted like a client's: invalid ones are left out (1.7)."""
    template = "priority=high^opened_at=soon^category=storage"
    rule = {**STORED, "abort_action": False, "template": template, "filter_condition": ""}
    await client.post("/api/now/table/sys_script", json=rule)
    response = await client.post("/api/now/table/problem", json={"priority": "2"})
    result = (await response.json())["result"]
    assert (result["priority"], result["category"]) == ("2", "storage")
    assert swallowed().count("value-ignored") == 2


@pytest.mark.parametrize("change", [{"when": "async"}, {"action_insert": False}, {"collection": "incident"}])
async def test_a_stored_rule_for_something_else_does_not_act(client: Client, change: dict[str, object]) -> None:
    """A rule for another time, operation or table does not act."""
    await client.post("/api/now/table/sys_script", json={**STORED, **change, "filter_condition": ""})
    assert (await client.post("/api/now/table/problem", json={})).status == 201


def test_a_stored_rule_that_was_undone_does_not_act(instance: Instance) -> None:
    """A rule stored in a transaction that failed is not remembered."""
    rule = {name: value if isinstance(value, str) else str(value).lower() for name, value in STORED.items()}

    def insert_both() -> None:
        with instance.transaction(instance.system) as session:
            session.insert("sys_script", rule)
            session.insert("problem", {"short_description": "EICAR"})

    with pytest.raises(AbortedByRule):
        insert_both()
    with instance.transaction(instance.system) as session:
        session.insert("problem", {"short_description": "EICAR"})


SCRIPT = "(function executeRule(current, previous /*null when async*/) {\n  // later\n%s\n})(current, previous);"
NOT_RUN = "business-rule-not-run"


@pytest.mark.parametrize(
    "code",
    [
        {"condition": "false", "advanced": True},
        {"condition": "gs.hasRole('itil')"},
        {"script": SCRIPT % "current.setAbortAction(true);", "advanced": True},
        {"script": "gs.info('written')", "condition": "current.priority == 1", "template": "category=storage"},
    ],
)
async def test_a_stored_rule_with_a_script_never_aborts(
    client: Client, swallowed: Callable[[], list[str]], code: dict[str, object]
) -> None:
    """What cannot be run is a finding when it is stored and whenever it would have run, and changes nothing."""
    stored = await client.post("/api/now/table/sys_script", json={**STORED, **code})
    assert stored.status == 201
    assert swallowed() == [NOT_RUN]
    hit = await client.post("/api/now/table/problem", json={"description": "eicar", "category": "x"})
    assert (hit.status, (await hit.json())["result"]["category"]) == (201, "x")
    assert swallowed() == [NOT_RUN] * 2
    assert (await client.post("/api/now/table/problem", json={"description": "other"})).status == 201
    assert swallowed() == [NOT_RUN] * 2


@pytest.mark.parametrize("script", ["", SCRIPT % "", "/* nothing * yet */ // to do"])
async def test_a_script_without_code_is_ignored(client: Client, script: str) -> None:
    """The function that the platform fills in leaves the rule's other actions as they are."""
    await client.post("/api/now/table/sys_script", json={**STORED, "script": script})
    assert (await client.post("/api/now/table/problem", json={"description": "eicar"})).status == 403


@pytest.mark.parametrize("condition", ["u_bunk=1", "description=javascript:hidden()", "descriptionMATCH_RGX.*"])
async def test_a_condition_that_cannot_be_evaluated_is_not_met(
    client: Client, swallowed: Callable[[], list[str]], condition: str
) -> None:
    """A rule or a data policy whose condition is not understood refuses nothing; findings say so."""
    rule = {**STORED, "filter_condition": condition}
    policy = {"short_description": "p", "model_table": "problem", "conditions": condition}
    await client.post("/api/now/table/sys_script", json=rule)
    record = await (await client.post("/api/now/table/sys_data_policy2", json=policy)).json()
    demand = {"sys_data_policy": record["result"]["sys_id"], "field": "category", "mandatory": "true"}
    await client.post("/api/now/table/sys_data_policy_rule", json=demand)
    assert swallowed() == ["condition-not-evaluated"] * 2
    assert (await client.post("/api/now/table/problem", json={})).status == 201
    assert swallowed() == ["condition-not-evaluated"] * 4


@pytest.mark.parametrize("length", [16_000, 16_001])
async def test_too_long_conditions_are_not_met(client: Client, swallowed: Callable[[], list[str]], length: int) -> None:
    """Each write reads the conditions of all rules and policies of its table."""
    condition = "description=eicar^ORdescription=" + "x" * (length - 32)
    policy = {"short_description": "p", "model_table": "problem", "conditions": condition}
    await client.post("/api/now/table/sys_script", json={**STORED, "filter_condition": condition})
    record = await (await client.post("/api/now/table/sys_data_policy2", json=policy)).json()
    demand = {"sys_data_policy": record["result"]["sys_id"], "field": "category", "mandatory": "true"}
    await client.post("/api/now/table/sys_data_policy_rule", json=demand)
    refused = (await client.post("/api/now/table/problem", json={"description": "eicar"})).status == 403
    assert (refused, "condition-not-evaluated" in swallowed()) == (length == 16_000, length > 16_000)
    assert swallowed().count("condition-not-evaluated") == 4 * (length > 16_000)


@pytest.mark.parametrize("column", ["template", "role_conditions"])
async def test_a_too_long_rule_does_not_act(client: Client, swallowed: Callable[[], list[str]], column: str) -> None:
    """What a rule sets, and for whom, is read with each write, too."""
    await client.post("/api/now/table/sys_script", json={**STORED, column: "x" * 16_001})
    assert (await client.post("/api/now/table/problem", json={"description": "eicar"})).status == 201
    assert swallowed() == [NOT_RUN] * 2


async def test_a_rule_about_an_unknown_table_is_stored(client: Client) -> None:
    """Nothing is said about the condition of a rule whose table does not exist."""
    rule = {**STORED, "collection": "u_later", "filter_condition": "u_bunk=1"}
    assert (await client.post("/api/now/table/sys_script", json=rule)).status == 201


async def test_a_stored_rule_for_roles_acts_for_their_holders(
    client: Client, user: Client, grant: Callable[[str, str], None]
) -> None:
    """A rule names roles by name or by sys_id; for users without one of them it does not act."""
    found = await client.get("/api/now/table/sys_user_role?name=itil&sysparm_fields=sys_id")
    [role] = (await found.json())["result"]
    for named in ("itil", role["sys_id"]):
        rule = {**STORED, "role_conditions": f"unknown,{named}", "filter_condition": f"category={named}"}
        await client.post("/api/now/table/sys_script", json=rule)
        assert (await user.post("/api/now/table/problem", json={"category": named})).status == 201
    grant("plain", "itil")
    for named in ("itil", role["sys_id"]):
        assert (await user.post("/api/now/table/problem", json={"category": named})).status == 403


@pytest.mark.parametrize("when", ["async", "before_display"])
async def test_a_kind_of_rule_that_does_not_run_is_a_finding(
    client: Client, swallowed: Callable[[], list[str]], when: str
) -> None:
    """Rules accompany writes before or after, and no other event."""
    await client.post("/api/now/table/sys_script", json={**STORED, "when": when, "filter_condition": ""})
    assert swallowed() == [NOT_RUN]
    assert (await client.post("/api/now/table/problem", json={})).status == 201


async def test_a_template_may_call_what_queries_may_call(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """Any other script leaves its column as it was and is a finding."""
    template = "assigned_to=javascript:gs.getUserID()^category=javascript:current.number"
    rule = {**STORED, "abort_action": False, "template": template, "filter_condition": ""}
    await client.post("/api/now/table/sys_script", json=rule)
    result = (await (await client.post("/api/now/table/problem", json={"category": "x"})).json())["result"]
    assert (result["assigned_to"]["value"], result["category"]) == ("6816f79cc0a8016401c5a33be04be441", "x")
    assert swallowed() == ["template-not-evaluated"]
