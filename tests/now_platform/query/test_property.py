"""Any data, any query: the database answers what a plain reading of the rules answers."""

from collections.abc import Callable, Iterable

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query import RecordChange, Sight, compile_condition, compile_query, parse
from mock_servicenow.now_platform.query.operators import BY_SPELLING
from tests.generated import examples

from .conftest import CONTEXT, Desk
from .evaluator import CHILDREN, Asked, Related, Row, World, holds, sort_key

# Few different letters, so that values often meet: cases of one letter, wildcards, one beyond ASCII.
texts = st.text("aAbéÉ%_ ", max_size=3)
numbers = st.sampled_from(["-1", "0", "1", "2", "1.5", "10"])
dates = st.sampled_from(["2025-12-31 23:59:59", "2026-01-01 00:00:00", "2026-01-07 09:30:00"])
booleans = st.sampled_from(["true", "false"])
ids = st.sampled_from(["u0", "u1", "u2", "t0", "t1", "gone"])

VALUES = {"text": texts, "number": numbers, "date": dates, "boolean": booleans, "id": ids}
ANY = ["=", "!=", "ISEMPTY", "ISNOTEMPTY", "ANYTHING"]
LISTS = ["IN", "NOT IN"]
ORDERED = ["<", "<=", ">", ">=", "BETWEEN"]
PARTS = ["LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH"]
OPERATORS = {
    "text": [*ANY, *LISTS, *ORDERED, *PARTS],
    "number": [*ANY, *LISTS, *ORDERED],
    "date": [*ANY, *LISTS, *ORDERED],
    "boolean": [*ANY, *LISTS],
    "id": [*ANY, *LISTS],
    "reference": [*ANY, *LISTS, *PARTS, "<", ">="],
}
TASK_PATHS = {
    "number": "text",
    "short_description": "text",
    "description": "text",
    "active": "boolean",
    "priority": "number",
    "cost": "number",
    "opened_at": "date",
    "sys_id": "id",
    "opened_by": "reference",
    "parent": "reference",
    "opened_by.name": "text",
    "opened_by.vip": "boolean",
    "opened_by.manager": "reference",
    "opened_by.manager.name": "text",
    "parent.priority": "number",
    "parent.parent.opened_by.vip": "boolean",
}


@st.composite
def conditions(draw: st.DrawFn) -> Asked:
    """One condition on a task."""
    path = draw(st.sampled_from(sorted(TASK_PATHS)))
    kind = TASK_PATHS[path]
    operator = draw(st.sampled_from(OPERATORS[kind]))
    by_display = kind == "reference" and operator in (*PARTS, "<", ">=")
    values = texts if by_display else VALUES["id" if kind == "reference" else kind]
    return Asked(path, operator, draw(_operands(operator, values)))


def _operands(operator: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    if operator.startswith(("IS", "ANY")):
        return st.just("")
    if operator in LISTS:
        return st.lists(values, min_size=1, max_size=3).map(",".join)
    if operator == "BETWEEN":
        return st.tuples(values, values).map("@".join)
    return values | st.just("") if operator in ("=", "!=") else values


related = st.builds(
    Related, st.just("parent"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(0, 2), conditions()
)
alternatives = st.lists(conditions(), min_size=1, max_size=3)
blocks = alternatives | related.map(lambda term: [term])
# A related list never begins a group: ^NQRLQUERY means ^RLQUERY.
groups = st.builds(lambda first, others: [first, *others], alternatives, st.lists(blocks, max_size=2))
queries = st.lists(groups, min_size=1, max_size=2)


def optional(values: st.SearchStrategy[str], number: Callable[[str], float] | None = None) -> st.SearchStrategy[object]:
    """Return stored values: none for an empty one."""
    stored = values.map(number) if number else values.filter(bool)
    return st.none() | stored


users = st.fixed_dictionaries({"name": optional(texts), "vip": optional(booleans), "manager": optional(ids)})
tasks = st.fixed_dictionaries(
    {
        "number": optional(texts),
        "short_description": optional(texts),
        "description": optional(texts),
        "active": optional(booleans),
        "priority": st.none() | st.integers(-1, 10),
        "cost": optional(numbers, float),
        "opened_at": optional(dates),
        "opened_by": optional(ids),
        "parent": optional(ids),
        "sys_class_name": st.sampled_from(CHILDREN["task"]),
    }
)
worlds = st.builds(
    lambda users, tasks: {
        "sys_user": {f"u{index}": {"sys_id": f"u{index}", **row} for index, row in enumerate(users)},
        "task": {f"t{index}": {"sys_id": f"t{index}", **row} for index, row in enumerate(tasks)},
    },
    st.lists(users, max_size=3),
    st.lists(tasks, min_size=1, max_size=5),
)


def text_of(query: list[list[list[Asked | Related]]]) -> str:
    """Return a query as a client would send it."""
    return "^NQ".join("^".join("^OR".join(map(str, block)) for block in group) for group in query)


def matching(query: list[list[list[Asked | Related]]], rows: Iterable[Row], world: World) -> list[Row]:
    """Return the rows that a query keeps."""

    def kept(row: Row) -> bool:
        return any(all(any(holds(term, row, world) for term in block) for block in group) for group in query)

    return [row for row in rows if kept(row)]


def store(desk: Desk, world: World) -> None:
    """Put a world into the database."""
    for table, rows in world.items():
        physical = desk.dictionary.sql_table(table)
        if rows:
            desk.connection.execute(sa.insert(physical), [dict(row) for row in rows.values()])


@pytest.mark.long
@examples(200, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds, query=queries, table=st.sampled_from(["task", "incident"]))
def test_where(dictionary: Dictionary, engine: sa.Engine, world: World, query: list, table: str) -> None:  # type: ignore[type-arg]
    """Conditions, connectors, dot-walks and related lists select what their definitions say."""
    with engine.connect() as connection:
        desk = Desk(dictionary, connection)
        store(desk, world)
        found = desk.ask(text_of(query), table)
        assert desk.findings == ()
        connection.rollback()
    rows = [row for row in world["task"].values() if row["sys_class_name"] in CHILDREN[table]]
    assert found == sorted(str(row["sys_id"]) for row in matching(query, rows, world))


@pytest.mark.long
@examples(100)
@given(
    world=worlds,
    keys=st.lists(
        st.tuples(st.sampled_from(["number", "priority", "cost", "opened_at", "active"]), st.booleans()), max_size=3
    ),
)
def test_order(dictionary: Dictionary, engine: sa.Engine, world: World, keys: list[tuple[str, bool]]) -> None:
    """Rows come in the order of the columns given, each up or down."""
    with engine.connect() as connection:
        desk = Desk(dictionary, connection)
        store(desk, world)
        terms = [f"ORDERBYDESC{name}" if down else f"ORDERBY{name}" for name, down in keys]
        found = desk.ask("^".join([*terms, "ORDERBYsys_id"]), "task")
        connection.rollback()
    expected = sorted(world["task"].values(), key=lambda row: str(row["sys_id"]))
    for name, down in reversed(keys):
        expected.sort(key=lambda row: sort_key(row, name), reverse=down)
    assert found == [row["sys_id"] for row in expected]


@pytest.mark.long
@examples(100, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds, query=queries)
def test_one_record(dictionary: Dictionary, engine: sa.Engine, world: World, query: list) -> None:  # type: ignore[type-arg]
    """A record by itself matches what it would match among the stored rows."""
    record = world["task"].get("t0", {})
    values = {name: "" if value is None else str(value) for name, value in record.items()}
    with engine.connect() as connection:
        store(Desk(dictionary, connection), world)
        compiled = compile_condition(parse(text_of(query)), RecordChange("task", values), Sight(dictionary), CONTEXT)
        met = bool(connection.scalar(sa.select(compiled.where)))
        connection.rollback()
    assert met == bool(matching(query, [record], world))


spellings = st.sampled_from(sorted(BY_SPELLING)) | st.sampled_from(["ONx@", "RELATIVEGT@hour@ago@", "IN_HIERARCHYx@"])
pieces = st.one_of(
    st.sampled_from(
        ["^", "^OR", "^NQ", "^EQ", "^^", "@", ",", ".", "javascript:", "gs.daysAgo(1)", "ORDERBY", "GROUPBY"]
    ),
    st.sampled_from(["RLQUERYtask.parent,>0", "^ENDRLQUERY", "SUBQUERYsys_id,parent,task", "^ENDSUBQUERY"]),
    st.sampled_from(["JOINtask.sys_id=task.parent!", "123TEXTQUERY321=", "123TEXTINDEXGROUP321="]),
    st.sampled_from([*sorted(TASK_PATHS), "sys_class_name", "due_date", "duration", "group", "nothing"]),
    spellings,
    st.sampled_from(["1", "a", "true", "2026-01-01", "hour@before@1", "incident", "u0"]),
    st.text(max_size=20),
)


@pytest.mark.long
@examples(200)
@given(parts=st.lists(pieces, max_size=40), repeats=st.sampled_from([1, 1, 1, 50]))
def test_fuzz(dictionary: Dictionary, engine: sa.Engine, parts: list[str], repeats: int) -> None:
    """Whatever is sent is answered, and a term of it without effect is a finding (trap 1)."""
    with engine.connect() as connection:
        desk = Desk(dictionary, connection)
        desk.add("incident", "t0", opened_by="u0", number="a")
        desk.ask("".join(parts) * repeats)
        connection.rollback()


@pytest.mark.long
@examples(100)
@given(parts=st.lists(pieces, max_size=20))
def test_fuzz_never_reaches_the_statement(dictionary: Dictionary, engine: sa.Engine, parts: list[str]) -> None:
    """No text of the caller stands in the statement."""
    marker = "zzmarkerzz"
    compiled = compile_query(parse(marker.join(parts)), "incident", Sight(dictionary), CONTEXT)
    statement = sa.select(sa.func.count()).where(compiled.where).order_by(*compiled.order_by)
    assert marker not in str(statement.compile(engine))
