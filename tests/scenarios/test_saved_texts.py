"""What others wrote into exchanges is a text in a scenario that is saved of them, never a part of its language."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from privman_contracts import Contracts
from privman_contracts.left_out import MOST_OF_ALL
from privman_contracts.scenario_text import scenario_text
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.variables import Saved
from privman_scenarios.playing.verbs import vocabulary

ENVIRONMENT = {"SECRET": "nobody may read this"}
GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
TABLE = "/api/now/table/x_thyti_thycotic_p_request"
VERBS, CONTRACTS = vocabulary(), Contracts.load()
PIECES = "${env.SECRET} ${dollar} ${new_guid} $ { } <b> <<b>> <b·c> < > # · \n é : ' %".replace("·", "\u00a0").split(
    " "
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
BODIES = st.dictionaries(
    TEXTS, st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=2), max_leaves=3), max_size=3
)


def _seen(method: str, target: str, request: str, status: int = 200, answer: str = "", **more: Any) -> ExchangeToSave:
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    return ExchangeToSave(
        at=at, server="ServiceNow", method=method, target=target, request=request, status=status, answer=answer, **more
    )


def _arguments(*exchanges: ExchangeToSave) -> list[dict[str, Any]]:
    """Return the arguments of the steps, as they are when the scenario is loaded and its variables are filled in."""
    text = scenario_text("Something was seen", exchanges, CONTRACTS)
    (scenario,) = Loader(VERBS, environment=ENVIRONMENT).parse(text, "saved.yaml")
    saved = Saved(VERBS, environment=ENVIRONMENT)
    return [saved.fill(dict(step.arguments)) for step in scenario.steps]


@given(TEXTS, BODIES, TEXTS)
def test_texts_stay_as_they_were(text: str, body: dict[str, Any], name: str) -> None:
    """In paths, bodies of each kind, expectations and metadata: with a variable of the environment set, too."""
    path = f"/api/now/table/incident/{''.join(name.split())}"
    answer = {"error": {"message": name or "none"}}
    asked = {"request_id": GUID, "metadata": orjson.dumps(body).decode()}
    call, other, ask, *_ = _arguments(
        _seen("POST", path, orjson.dumps(body).decode(), 400, orjson.dumps(answer).decode()),
        _seen("POST", "/api/now/other", f"no JSON {text}"),
        _seen("POST", TABLE, orjson.dumps(asked).decode(), 201, by_party=True),
    )
    assert (call["path"], call.get("json"), other["text"], ask["metadata"]) == (path, body, f"no JSON {text}", body)
    if "body" in call:
        assert call["body"] == answer


def test_what_is_too_large_is_left_out_and_named() -> None:
    """Large bodies one by one, all of them together, and exchanges with a long address."""
    many = orjson.dumps({f"key{number}": "" for number in range(20_000)}).decode()
    usual = orjson.dumps({"a": "x" * 50_000}).decode()
    calls = [_seen("POST", f"/api/now/table/incident?n={number}", usual, answer=many) for number in range(200)]
    calls += [_seen("POST", "/api/now/other", "(7 bytes that are not UTF-8)")]
    text = scenario_text("Much", [*calls, _seen("GET", f"/api/now/{'x' * 60_000}", "")], CONTRACTS)
    notes = [line for line in text.split("\n") if line.startswith("# Left out: ")]
    assert (len(notes), len(text) < 2 * MOST_OF_ALL, text.count("json:")) == (200 + 195 + 2, True, 5)
    assert f"the answer to POST /api/now/table/incident?n=0, as its {len(many):,} characters are too many." in notes[0]
    assert notes[-2].endswith("the request POST /api/now/other, of which the journal says: 7 bytes that are not UTF-8.")


def test_no_text_is_a_line_of_the_file() -> None:
    """What stands in a remark is one line of it."""
    body = orjson.dumps({"RequestId": "x\nsteps: []", "Response": "${env.SECRET}", "Comment": ""}).decode()
    delivered = replace(_seen("POST", "/Tms/services/api/v1/approval/approve", body, by_party=True), server="Console")
    text = scenario_text("Remarks", [delivered], CONTRACTS)
    assert ("x steps: [] is not selected" in text, "\nsteps: []" in text) == (True, False)
    assert (text.count("${dollar}{env.SECRET}"), "${env" in text) == (2, False)
