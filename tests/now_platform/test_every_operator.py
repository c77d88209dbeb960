"""Every operator of encoded queries, through the doors that it has: a new one needs an example here."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.query.operators import BY_SPELLING, OPERATORS, ChangeOp, ForeignOp, Takes
from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
ME = "90d1921e5f510100a9ad2572f2b477fe"
PARENT, CHILD = "0" * 32, "1" * 32
PROBLEMS = "/api/now/table/problem"
RECORD = {
    "sys_id": CHILD,
    "parent": PARENT,
    "short_description": "Disk full",
    "category": "storage",
    "subcategory": "Storage",
    "assigned_to": ADMIN,
    "work_start": "1990-01-01 08:00:00",
    "work_end": "1990-01-04 09:00:00",
    "priority": "3",
    "impact": "2",
    "urgency": "1",
    "active": "true",
}
CHANGE = {"priority": "2"}
ANY = "short_descriptionANYTHING"
# For each operator a term that the changed record matches, and one that it does not match.
EXAMPLES = {
    "=": ("category=STORAGE", "category=network"),
    "!=": ("category!=network", "category!=storage"),
    "LIKE": ("assigned_toLIKEadministrator", "short_descriptionLIKEtape"),
    "NOT LIKE": ("short_descriptionNOT LIKEtape", "short_descriptionNOT LIKEdisk"),
    "STARTSWITH": ("assigned_toSTARTSWITHsystem", "short_descriptionSTARTSWITHfull"),
    "ENDSWITH": ("short_descriptionENDSWITHfull", "short_descriptionENDSWITHdisk"),
    "ISEMPTY": ("closed_atISEMPTY", "categoryISEMPTY"),
    "ISNOTEMPTY": ("categoryISNOTEMPTY", "closed_atISNOTEMPTY"),
    ">": ("priority>1", "priority>2"),
    ">=": ("priority>=2", "priority>=3"),
    "<": ("priority<3", "priority<2"),
    "<=": ("priority<=2", "priority<=1"),
    "IN": ("categoryINnetwork,storage", "categoryINnetwork,database"),
    "NOT IN": ("categoryNOT INnetwork,database", "categoryNOT INnetwork,storage"),
    "ANYTHING": (ANY, "priority=9"),
    "BETWEEN": ("priorityBETWEEN1@2", "priorityBETWEEN3@4"),
    "ON": ("work_startONa day@1990-01-01@1990-01-02", "work_startONa day@1990-01-02@1990-01-03"),
    "NOTON": ("work_startNOTONa day@1990-01-02@1990-01-03", "work_startNOTONa day@1990-01-01@1990-01-02"),
    "DATEPART": (
        "work_startDATEPARTMonday@javascript:gs.datePart('dayofweek','monday','EE')",
        "work_startDATEPARTFriday@javascript:gs.datePart('dayofweek','friday','EE')",
    ),
    "RELATIVEGT": ("opened_atRELATIVEGT@hour@ago@1", "work_startRELATIVEGT@hour@ago@1"),
    "RELATIVELT": ("work_startRELATIVELT@hour@ago@1", "opened_atRELATIVELT@hour@ago@1"),
    "RELATIVEGE": ("opened_atRELATIVEGE@hour@ago@1", "work_startRELATIVEGE@hour@ago@1"),
    "RELATIVELE": ("work_startRELATIVELE@hour@ago@1", "opened_atRELATIVELE@hour@ago@1"),
    "RELATIVEEE": ("opened_atRELATIVEEE@year@ago@0", "work_startRELATIVEEE@year@ago@0"),
    "DYNAMIC": (f"assigned_toDYNAMIC{ME}", f"closed_byDYNAMIC{ME}"),
    "IN_HIERARCHY": (f"parentIN_HIERARCHYtree@{PARENT}", f"parentIN_HIERARCHYtree@{CHILD}"),
    "IN_HIERARCHY_DYNAMIC": (
        f"assigned_to.managerIN_HIERARCHY_DYNAMICtree@{ME}",
        f"closed_by.managerIN_HIERARCHY_DYNAMICtree@{ME}",
    ),
    "INSTANCEOF": ("sys_class_nameINSTANCEOFtask", "sys_class_nameINSTANCEOFincident"),
    "SAMEAS": ("categorySAMEASsubcategory", "prioritySAMEASurgency"),
    "NSAMEAS": ("priorityNSAMEASurgency", "categoryNSAMEASsubcategory"),
    "GT_FIELD": ("priorityGT_FIELDurgency", "priorityGT_FIELDimpact"),
    "LT_FIELD": ("urgencyLT_FIELDpriority", "impactLT_FIELDpriority"),
    "GT_OR_EQUALS_FIELD": ("priorityGT_OR_EQUALS_FIELDimpact", "urgencyGT_OR_EQUALS_FIELDpriority"),
    "LT_OR_EQUALS_FIELD": ("impactLT_OR_EQUALS_FIELDpriority", "priorityLT_OR_EQUALS_FIELDurgency"),
    "MORETHAN": ("work_startMORETHANwork_end@day@before@2", "work_startMORETHANwork_end@day@before@3"),
    "LESSTHAN": ("work_startLESSTHANwork_end@day@before@3", "work_startLESSTHANwork_end@day@before@2"),
    "VALCHANGES": ("priorityVALCHANGES", "categoryVALCHANGES"),
    "CHANGESFROM": ("priorityCHANGESFROM3", "priorityCHANGESFROM1"),
    "CHANGESTO": ("priorityCHANGESTO2", "priorityCHANGESTO3"),
}
KNOWN = [operator.word for operator in OPERATORS if not isinstance(operator, ForeignOp)]
OF_STORED_ROWS = [word for word in KNOWN if not isinstance(BY_SPELLING[word], ChangeOp)]


async def _add(client: Client) -> None:
    for record in ({"sys_id": PARENT}, RECORD):
        assert (await client.post("/api/now/table/problem", json=record)).status == 201
    await client.patch(f"/api/now/table/sys_user/{ADMIN}", json={"manager": ADMIN})


async def _found(client: Client, query: str) -> list[Any]:
    parameters = {"sysparm_query": f"sys_id={CHILD}^{query}", "sysparm_fields": "sys_id"}
    return list((await (await client.get(PROBLEMS, params=parameters)).json())["result"])


def test_no_two_operators_share_a_spelling() -> None:
    """A word means one operator."""
    assert len(BY_SPELLING) == sum(len(operator.words) for operator in OPERATORS)
    assert len({operator.label for operator in OPERATORS}) == len(OPERATORS)


@pytest.mark.long
@pytest.mark.parametrize("word", OF_STORED_ROWS)
async def test_a_list_is_filtered(client: Client, swallowed: Callable[[], list[str]], word: str) -> None:
    """The REST API finds the record in each spelling, reports nothing, and does not find it where it does not match."""
    await _add(client)
    await client.patch(f"{PROBLEMS}/{CHILD}", json=CHANGE)
    matching, other = EXAMPLES[word]
    for spelling in BY_SPELLING[word].words:
        assert len(await _found(client, matching.replace(word, spelling, 1))) == 1
    assert await _found(client, other) == []
    assert swallowed() == []


@pytest.mark.parametrize("word", [operator.word for operator in OPERATORS if operator.word not in OF_STORED_ROWS])
async def test_a_list_ignores_what_is_not_for_stored_rows(
    client: Client, swallowed: Callable[[], list[str]], word: str
) -> None:
    """The term has no effect, and a finding says so."""
    await _add(client)
    assert len(await _found(client, f"category{word}x")) == 1
    assert swallowed() == ["query-term-ignored"]


@pytest.mark.long
@pytest.mark.parametrize("word", KNOWN)
@pytest.mark.parametrize("matches", [True, False])
async def test_a_business_rule_has_it_as_its_condition(
    client: Client,
    swallowed: Callable[[], list[str]],
    word: str,
    matches: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """A rule that aborts a change does so exactly if the changed record meets its condition."""
    await _add(client)
    rule = {"name": "r", "collection": "problem", "active": "true", "when": "before", "action_update": "true"}
    condition = {"filter_condition": EXAMPLES[word][0 if matches else 1], "abort_action": "true"}
    assert (await client.post("/api/now/table/sys_script", json=rule | condition)).status == 201
    changed = await client.patch(f"{PROBLEMS}/{CHILD}", json=CHANGE)
    assert (changed.status, swallowed()) == ((403, ["rule-aborted"]) if matches else (200, []))


@pytest.mark.long
@pytest.mark.parametrize("column", ["user_password", "assigned_to.user_password"])
@pytest.mark.parametrize("table", ["problem", "sys_user"])
async def test_the_journal_masks_what_follows_a_misspelt_operator(
    client: Client, journal: Journal, table: str, column: str
) -> None:
    """Neither the URL nor the finding shows the value; alone, among other terms and in a batch."""
    for misspelt in (
        " = ",
        " LIKE ",
        "like",
        "NOT STARTSWITH",
        "NOT ENDSWITH",
        "NOT BETWEEN",
        "IS ",
        "IS NOT ",
        " IN ",
    ):
        for query in (f"{column}{misspelt}Tr0ub4dor", f"active=true^{column}{misspelt}Tr0ub4dor^active=true"):
            await client.get(f"/api/now/table/{table}", params={"sysparm_query": query, "sysparm_limit": "1"})
            address = {"id": "1", "method": "GET", "url": f"/api/now/table/{table}?sysparm_query={query}"}
            await client.post("/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": [address]})
    printed = [journal.to_json(exchange) for exchange in journal.kept()]
    assert [each["url"] for each in printed if "Tr0ub4dor" in json.dumps(each)] == []


@pytest.mark.parametrize("word", [operator.word for operator in OPERATORS if operator.takes is not Takes.NOTHING])
async def test_the_journal_masks_what_a_secret_is_compared_with(client: Client, journal: Journal, word: str) -> None:
    """The operand of a condition on a password is a secret, whatever the operator."""
    for spelling in BY_SPELLING[word].words:
        await client.get(
            PROBLEMS, params={"sysparm_query": f"assigned_to.user_password{spelling}Tr0ub4dor^active=true"}
        )
    printed = json.dumps([journal.to_json(exchange) for exchange in journal.kept()])
    assert "Tr0ub4dor" not in printed
