"""Life cycles in files of tables: a team's own, and changes of those that ship."""

from pathlib import Path
from typing import Any

import pytest
import requests

from mock_servicenow import MockServiceNow, Settings, StartError

ORDERS = """
- name: u_order
  columns:
    u_name: {display: true}
    u_step: {type: integer, default: 1, choices: {1: Open, 2: Packed, 3: Sent, 9: Lost}}
    u_shown_step: {type: integer, default: 1}
    u_sort: {}
    u_sent_by: {reference: sys_user}
    u_losses: {type: integer}
    u_parcel: {}
  life_cycle:
    column: u_step
    mirror: u_shown_step
    moves: {1: [2, 9], 2: [3, 9], 3: [], 9: any}
    kind: u_sort
    moves_by_kind: {express: {1: [3]}}
    message: From {from} to {to}? No.
    effects:
      sent: {into: [3], set: {u_sent_by: "javascript:gs.getUserID()"}}
      lost: {into: [9], count: u_losses, clear: [u_parcel]}
      packed: {out_of: [1], into: [2], fill: {u_parcel: box}}
"""
CHANGES = """
- name: u_order
  life_cycle:
    moves: {2: [3], 3: [2]}
    invalid_move: %s
    effects: {lost: }
- {name: u_gift, extends: u_order}
"""
ADMIN = "6816f79cc0a8016401c5a33be04be441"


class _Orders:
    """The orders of an instance with these files of tables."""

    def __init__(self, instance: MockServiceNow, table: str = "u_order") -> None:
        self._session = requests.Session()
        self._session.auth = instance.auth
        self._url = f"{instance.url}/api/now/table/{table}"

    def make(self, **values: str) -> str:
        """Return the sys_id of a new one."""
        sys_id: str = self._session.post(self._url, json=values).json()["result"]["sys_id"]
        return sys_id

    def change(self, sys_id: str, **values: str) -> dict[str, Any]:
        """Return the record after a change, or the error."""
        answer = self._session.patch(
            f"{self._url}/{sys_id}", json=values, params={"sysparm_exclude_reference_link": "true"}
        ).json()
        found: dict[str, Any] = answer.get("error") or answer["result"]
        return found


def _settings(folder: Path, *texts: str) -> Settings:
    files = tuple(folder / f"{number}.yaml" for number, _ in enumerate(texts, start=1))
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return Settings(tables=files)


@pytest.mark.long
def test_a_table_has_a_life_cycle_of_its_own(tmp_path: Path) -> None:
    """Moves, those of one kind, the message, and each sort of effect; the shown step follows."""
    with MockServiceNow(_settings(tmp_path, ORDERS)) as instance:
        orders = _Orders(instance)
        order = orders.make()
        assert orders.change(order, u_step="3")["detail"] == "From 1 to 3? No."
        packed = orders.change(order, u_shown_step="2")
        assert [packed[name] for name in ("u_step", "u_shown_step", "u_parcel")] == ["2", "2", "box"]
        lost = orders.change(order, u_step="9")
        assert [lost[name] for name in ("u_losses", "u_parcel")] == ["1", ""]
        orders.change(order, u_step="2")
        assert orders.change(order, u_step="9")["u_losses"] == "2"
        express = orders.make(u_sort="express")
        assert orders.change(express, u_step="3")["u_sent_by"] == ADMIN
        assert orders.change(express, u_step="1")["detail"] == "From 3 to 1? No."


@pytest.mark.long
@pytest.mark.parametrize(("invalid_move", "step"), [("keep", "2"), ("allow", "9")])
def test_a_later_file_changes_a_life_cycle(tmp_path: Path, invalid_move: str, step: str) -> None:
    """It replaces what it names, and takes an effect away; a table that extends the other has the same."""
    with MockServiceNow(_settings(tmp_path, ORDERS, CHANGES % invalid_move)) as instance:
        for table in ("u_order", "u_gift"):
            orders = _Orders(instance, table)
            order = orders.make(u_step="2", u_parcel="bag")
            moved = orders.change(order, u_step="9")
            assert [moved[name] for name in ("u_step", "u_shown_step", "u_parcel")] == [step, step, "bag"]
            assert [each["rule"] for each in instance.findings] == ["invalid-move"]
            instance.reset()


@pytest.mark.long
def test_a_team_allows_what_ships_forbids(tmp_path: Path) -> None:
    """One line: the other moves, the message and the effects stay."""
    text = "- {name: problem, life_cycle: {moves: {102: [103, 106, 107]}}}"
    with MockServiceNow(_settings(tmp_path, text)) as instance:
        problems = _Orders(instance, "problem")
        problem = problems.make(state="102")
        assert "to 104 is not possible" in problems.change(problem, state="104")["detail"]
        assert problems.change(problem, state="106")["resolved_by"] == ADMIN


ERRORS = [
    ("column: sate", "5: table 'u_a', life_cycle has column 'sate' (did you mean 'state'?), which is not defined"),
    ("mirror: u_b", "5: table 'u_a', life_cycle mirror 'u_b' has type 'string'; expected 'integer', as 'state' has"),
    ("moves: {1: [2, 5]}", "5: table 'u_a', life_cycle has state '5'; expected one of the choices of 'state': 1, 2, 3"),
    ("moves: {1: [2], 2: [], 3: [1]}", "5: table 'u_a', life_cycle state '3' cannot be reached from '1', the state of"),
    ("moves: {1: maybe}", "5: table 'u_a', life_cycle has moves {1: 'maybe'}; expected a mapping of states to lists"),
    ("moves: {yes: [1]}", "5: table 'u_a', life_cycle has moves {True: [1]}; expected a mapping of states to lists"),
    ("moves: [1]", "5: table 'u_a', life_cycle has moves [1]; expected a mapping of states to lists"),
    ("moves_by_kind: {x: {1: [2]}}", "5: table 'u_a', life_cycle has moves_by_kind and no kind; expected the column"),
    (
        "moves_by_kind: {x: {1: [2], 2: [], 3: [2]}}\n    kind: u_b",
        "5: table 'u_a', life_cycle state '3' of kind 'x' cannot be reached from '1', the state of a new record",
    ),
    (
        "kind: u_k\n    moves_by_kind: {nrmal: {}}",
        "6: table 'u_a', life_cycle has state 'nrmal' (did you mean 'norm",
    ),
    ("kind: u_c", "5: table 'u_a', life_cycle has column 'u_c'"),
    ("message: '{form} {to}'", "5: table 'u_a', life_cycle message has '{form}'; expected {from} or {to}"),
    (
        "invalid_move: kep",
        "5: table 'u_a', life_cycle has invalid_move 'kep' (did you mean 'keep'?); expected error, k",
    ),
    (
        "efects: {}",
        "5: table 'u_a', life_cycle has key 'efects' (did you mean 'effects'?); expected one of column, eff",
    ),
    ("effects: {1: {}}", "5: table 'u_a', life_cycle has effect 1; expected a name"),
    (
        "effects: {x: {into: [2]}}",
        "5: table 'u_a', life_cycle effect 'x' has none of set, fill, clear, elapsed and count; expec",
    ),
    ("effects:\n      x: {in: [2]}", "6: table 'u_a', life_cycle, effect 'x' has key 'in'"),
    (
        "effects: {x: {into: [4], clear: [u_b]}}",
        "5: table 'u_a', life_cycle has state '4'; expected one of the choices",
    ),
    (
        "effects: {x: {count: u_b}}",
        "5: table 'u_a', life_cycle effect 'x' counts in 'u_b'; expected a column of type in",
    ),
    (
        "effects: {x: {elapsed: {u_b: [u_b, u_b]}}}",
        "5: table 'u_a', life_cycle measures in 'u_b'; expected a column of type integer or glide_duration",
    ),
    (
        "effects: {x: {elapsed: {state: [sys_created_on, state]}}}",
        "5: table 'u_a', life_cycle measures from 'state'; expected a column of type glide_date_time",
    ),
    (
        "effects: {x: {elapsed: {state: sys_created_on}}}",
        "5: table 'u_a', life_cycle, effect 'x' has elapsed {'state': 'sys_created_on'}; expected a mapping of col",
    ),
    ("effects: {x: {elapsed: {state: [u_d, state]}}}", "5: table 'u_a', life_cycle has column 'u_d'"),
    ("effects: {x: {clear: [u_d]}}", "5: table 'u_a', life_cycle has column 'u_d'"),
    ("effects: {x: {set: {state: few}}}", "5: table 'u_a', life_cycle sets 'state' to 'few'; expected a value of type"),
    ("effects: {x: {fill: {u_b: 'javascript:x'}}}", "5: table 'u_a', life_cycle sets 'u_b' to 'javascript:x'; expecte"),
    (
        "effects: {x: {set: {u_b: }}}",
        "5: table 'u_a', life_cycle, effect 'x' has set {'u_b': None}; expected a mapping",
    ),
    ("effects: {x: {set: [u_b]}}", "5: table 'u_a', life_cycle, effect 'x' has set ['u_b']; expected a mapping of col"),
]
OWN = """- name: u_a
  columns: {u_b: , u_k: {choices: {normal: N}}}
  extends: u_base
  life_cycle:
    %s
- name: u_base
  columns: {state: {type: integer, default: 1, choices: {1: One, 2: Two, 3: Three}}}
"""


@pytest.mark.parametrize(
    ("cycle", "message"), ERRORS, ids=[message.partition("life_cycle")[2][:50] for _, message in ERRORS]
)
def test_an_error_names_file_line_and_what_was_expected(tmp_path: Path, cycle: str, message: str) -> None:
    """One line, and nothing starts."""
    with pytest.raises(StartError) as caught, MockServiceNow(_settings(tmp_path, OWN % cycle)):
        pass
    assert str(caught.value).startswith(f"1.yaml:{message}")
    assert "\n" not in str(caught.value)


@pytest.mark.long
def test_rows_of_files_have_both_columns(tmp_path: Path) -> None:
    """No rule runs for them, and yet ``incident_state`` is what ``state`` is."""
    rows = tmp_path / "rows.yaml"
    rows.write_text("incident: [{number: INC1, state: 6}, {number: INC2, incident_state: 3}, {number: INC3}]")
    with MockServiceNow(Settings(data=(rows,))) as instance:
        found = [instance.find("incident", number=f"INC{number}")[0] for number in (1, 2, 3)]
    assert [(each["state"], each["incident_state"]) for each in found] == [("6", "6"), ("3", "3"), ("1", "1")]


@pytest.mark.long
@pytest.mark.parametrize(
    ("cycle", "column", "following"),
    [
        ("{kind: category, moves_by_kind: {Hardware: {-5: [4]}}}", "state", {"4"}),
        ("{kind: category, moves: {-5: [-4, 3]}}", "state", {"-4", "3"}),
        ("{invalid_move: allow}", "state", {"-4", "-3", "-2", "-1", "0", "3", "4"}),
        ("{column: u_step}", "u_step", {"-4", "4"}),
    ],
)
def test_the_change_api_offers_the_states_that_may_follow(
    tmp_path: Path, cycle: str, column: str, following: set[str]
) -> None:
    """Whichever columns hold the state and the kind: what it offers can be written, and nothing else."""
    tables = tmp_path / "tables.yaml"
    steps = "{u_step: {default: -5, choices: {-5: a, -4: b, -3: c, -2: d, -1: e, 0: f, 3: g, 4: h}}}"
    tables.write_text(f"- {{name: change_request, columns: {steps}, life_cycle: {cycle}}}", encoding="utf-8")
    with MockServiceNow(Settings(tables=(tables,))) as instance, requests.Session() as session:
        session.auth = instance.auth
        changes = f"{instance.url}/api/sn_chg_rest/change"

        def make() -> str:
            made = session.post(f"{changes}/normal", json={"category": "Hardware"}).json()["result"]
            return f"{changes}/{made['sys_id']['value']}"

        first = make()
        offered = session.get(f"{first}/nextstates").json()["result"]
        own = str(session.get(first).json()["result"][column]["value"])
        assert {*offered["available_states"]} == {own, *following}
        assert {each["from_state"] for [each] in offered["state_transitions"]} == {own}
        described = {"name": "change_request", "element": column}
        query = "^".join(f"{name}={value}" for name, value in described.items())
        choices = session.get(f"{instance.url}/api/now/table/sys_choice", params={"sysparm_query": query}).json()
        labels = {choice["value"]: choice["label"] for choice in choices["result"]}
        writable = {each for each in labels if session.patch(make(), json={column: each}).status_code == 200}
        assert writable == {own, *following}
        assert offered["state_label"] == {each: labels[each] for each in writable}
