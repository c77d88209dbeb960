"""Large tables get indexes in the background, and every answer stays what it is without them."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records.list_indexes import LARGE
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.storage.database import Database, Prepared
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.now_platform.users import User
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.virtual_clock import VirtualClock

pytestmark = pytest.mark.store
TOY = "u_toy"
READER, STRANGER = User("r", "reader", roles=frozenset({"toy_reader"})), User("s", "stranger")
PIECES = (
    *(
        "a",
        "A",
        "bc",
        "BC",
        "Ab c",
        "%",
        "_",
        "\\",
        "'",
        '"',
        " ",
        "0",
        "42",
        "\t",
        "\n",
        "\x01",
        "*",
        "-",
        "AND",
        "(",
        ":",
    ),
    # Letters that fold to others, or to several: sharp s, i with and without its dot, long s, Kelvin, ligature, n
    *("\xdf", "SS", "stra\xdfe", "\xe4", "\xc4", "\u0130", "\u0131", "\u017f", "\u212a", "\ufb01", "fi", "\u0149"),
    *("\u0436", "\u0416", "\u03a9", "\u4e2d", "\u6587", "\u5b57", "\U0001f600", "e\u0301"),
)
OPERATORS = ("LIKE", "STARTSWITH", "ENDSWITH", "=", "NOT LIKE", "!=")
COLUMNS = ("u_name", "u_settings", "u_price", "u_color")
SORTED_BY = {"^ORDERBYu_name": ("u_name", False), "^ORDERBYDESCu_color": ("u_color", True)}
ORDERS = ("", *SORTED_BY, "^ORDERBYDESCu_settings", "^ORDERBYu_owner", "^ORDERBYu_pieces^ORDERBYu_name")


def fill(instance: Instance, rows: int = LARGE) -> None:
    """Insert rows, as fast as the database can."""
    counted = f"WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {rows})"  # noqa: S608 - a number
    columns = "INSERT INTO u_toy (sys_id, u_name, u_color, u_settings, u_pieces)"
    values = "SELECT 'f' || n, 'Filler ' || n, 'b', 'Brick ' || (n - n / 50 * 50), n - n / 7 * 7 FROM i"
    with instance.transaction(instance.system) as session:
        session.work.transaction.lock()
        session.work.transaction.run(Prepared(f"{counted} {columns} {values}"), ())


async def indexed(instance: Instance) -> None:
    """Index what is large, and wait for it."""
    before = asyncio.all_tasks()
    await instance.run(instance.list_upkeep.index_all)
    await ended(before)


async def ended(before: "set[asyncio.Task[object]]") -> None:
    """Wait until no task runs that did not run before."""
    await asyncio.sleep(0)
    while asyncio.all_tasks() - before:
        await asyncio.sleep(0)


def text(random: Random, most: int) -> str:
    """Return some pieces of text."""
    return "".join(random.choice(PIECES) for _ in range(random.randint(1, most)))


def condition(random: Random) -> str:
    """Return a condition on one column."""
    value = text(random, 3).replace("^", "")
    return f"{random.choice(COLUMNS)}{random.choice(OPERATORS)}{value}"


def encoded(random: Random) -> str:
    """Return a query of a few conditions."""
    joins = ("^", "^OR", "^NQ")
    return condition(random) + "".join(random.choice(joins) + condition(random) for _ in range(random.randint(0, 2)))


def plain(session: Session, query: CompiledQuery) -> list[str]:
    """Return the sys_ids of a query's rows in the order of insertion, without an index of texts."""
    table = session.dictionary.sql_table(TOY)
    order = session.kernel.store.insertion_order(table)
    statement = sa.select(table.c.sys_id).where(query.where).order_by(*order)
    return list(session.work.transaction.execute(statement).scalars())


def check(instance: Instance, user: User, asked: str, order: str) -> None:
    """Compare every way to ask with the plain one."""
    with instance.transaction(user) as session:
        query = session.compiled(TOY, asked)
        expected = plain(session, query)
        found = [record.sys_id for record in session.query(TOY, asked)]
        assert found == expected, asked
        assert session.work.count(TOY, query) == len(expected), asked
        assert session.work.count_some(TOY, query, 5) == min(5, len(expected)), asked
        assert session.work.matches(TOY, query, 3) == (len(expected) > 3), asked
        assert session.work.sys_ids(TOY, query, 7, 2) == expected[2:9], asked
        newest = [record.sys_id for part in session.newest(TOY, 30, asked) for record in part]
        assert newest == expected[::-1][:30], asked
        in_order = session.query(TOY, f"{asked}{order}")
        assert sorted(record.sys_id for record in in_order) == sorted(expected), asked
        if user is instance.system and order in SORTED_BY:
            column, descending = SORTED_BY[order]
            check_order(session, f"{asked}{order}", column, descending=descending)


def check_order(session: Session, asked: str, column: str, *, descending: bool) -> None:
    """Compare the order of all rows and of the first ones with a plain one: empty texts first, ASCII letters equal."""
    query = session.compiled(TOY, asked)
    texts = [record[column] for record in session.query(TOY, asked)]
    expected = sorted((text.encode().lower() for text in texts), reverse=descending)
    assert [text.encode().lower() for text in texts] == expected, asked
    dense, _ = session.counted(TOY, query, 5)
    some = session.work.get_many(TOY, first := session.work.sys_ids(TOY, dense, 40, 3))
    assert [some[sys_id][column].encode().lower() for sys_id in first] == expected[3:43], asked


def write(instance: Instance, random: Random) -> str:
    """Insert, change and delete rows; return a text that one has now."""
    with instance.transaction(instance.system) as session:
        for _ in range(random.randint(1, 12)):
            values = {column: text(random, 5) for column in COLUMNS if random.random() < 0.7}
            values |= {"u_name": f"{random.getrandbits(40)}{text(random, 3)}", "u_color": random.choice("rb")}
            session.store_rows(TOY, [{"sys_id": f"e{random.getrandbits(124):031x}", **values}])
        rows = session.query(TOY, "sys_idSTARTSWITHe", limit=200)
        for record in random.sample(rows, min(4, len(rows))):
            session.change_row(TOY, record.sys_id, {"u_settings": text(random, 4)})
        session.change_row(TOY, rows[0].sys_id, {"u_settings": (changed := text(random, 4))})
        session.remove_row(TOY, rows[-1].sys_id)  # whose place the next row may get
    return changed


@pytest.mark.parametrize(("seed", "turns"), [(1, 3), pytest.param(2, 60, marks=pytest.mark.long)])
async def test_index_changes_no_answer(instance: Instance, seed: int, turns: int) -> None:
    """Whatever is searched for, and whichever rows are not indexed yet, the rows are those of a plain search."""
    random = Random(seed)  # noqa: S311 - it makes texts
    fill(instance)
    for _ in range(10):
        write(instance, random)
    await indexed(instance)
    for turn in range(turns):
        written = write(instance, random)
        check(instance, instance.system, f"u_settingsLIKE{written}", "")
        if turn % 3 == 0:
            before = asyncio.all_tasks()
            await instance.run(lambda: instance.list_upkeep.index_table(TOY))
            await ended(before)
        for user in (instance.system, READER, STRANGER):
            check(instance, user, encoded(random), random.choice(ORDERS))


@pytest.mark.long
async def test_each_short_text_is_found(instance: Instance) -> None:
    """Texts too short for trigrams, and letters of any kind, are found in whatever case, alone and among others."""
    random = Random(3)  # noqa: S311 - it makes texts
    fill(instance)
    with instance.transaction(instance.system) as session:
        texts = [
            each
            for piece in PIECES
            for each in (piece, piece.upper(), piece.lower(), f"{text(random, 2)}{piece}{text(random, 2)}")
        ]
        rows = ({"sys_id": f"e{n}", "u_name": f"{n}{each}", "u_color": each} for n, each in enumerate(texts))
        session.store_rows(TOY, rows)
    await indexed(instance)
    for piece in PIECES:
        check(instance, instance.system, f"u_colorLIKE{piece}", "^ORDERBYDESCu_color")
        check(instance, instance.system, f"u_color={piece}^ORu_colorENDSWITHx{piece}", "^ORDERBYu_name")


@pytest.mark.parametrize("most", [0, pytest.param(300, marks=pytest.mark.long)])
async def test_texts_are_in_order(instance: Instance, most: int) -> None:
    """Rows are sorted by whole texts, however long they are and however late they differ."""
    fill(instance)
    with instance.transaction(instance.system) as session:
        ends = ("b", "B", "a", "ab", "\xe4", "Z", "")
        rows = ({"sys_id": f"e{n}", "u_name": f"{n}", "u_color": "F" * most + end} for n, end in enumerate(ends))
        session.store_rows(TOY, rows)
    await indexed(instance)
    with instance.transaction(instance.system) as session:
        for order, (column, descending) in SORTED_BY.items():
            check_order(session, f"u_nameISNOTEMPTY{order}", column, descending=descending)
        check_order(session, "u_colorSTARTSWITHf^ORDERBYu_color", "u_color", descending=False)


async def test_start_waits_for_no_index(instance: Instance) -> None:
    """An instance serves before it has indexed the large tables of its database."""
    if not instance.store.embedded:  # another thread indexes PostgreSQL at the same time
        return
    fill(instance)
    await instance.run(instance.list_upkeep.index_all)
    assert not [name for name in index_names(instance) if name.startswith(".")]


async def test_a_file_that_is_locked_is_indexed_later(
    dictionary: Dictionary, prepared: tuple[str, bytes], clock: VirtualClock, secrets: Secrets, tmp_path: Path
) -> None:
    """While another tool writes to it, it is only read; what was not indexed is so with the next writes."""
    (_, copy), file = prepared, tmp_path / "instance.db"
    if not copy:  # PostgreSQL
        return
    with closing(Store(Database(f"sqlite:///{file}", dictionary.sql))) as store:
        store.restore(copy)
        instance = Instance(dictionary=dictionary, store=store, clock=clock, ids=Ids(2), secrets=secrets)
        fill(instance)
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            await indexed(instance)
        assert not [name for name in index_names(instance) if name.startswith(".")]
        await indexed(instance)
        assert [name for name in index_names(instance) if name.startswith(".")]


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("u_colorLIKEzq", ".u_toy.u_color.short"),
        ("u_colorLIKE\xfcber", ".u_toy.u_color.short"),
        ("u_color=\xfcber^u_nameLIKEx", ".u_toy.u_color.short"),
        ("u_nameLIKE\u6587^u_colorLIKEb", ".u_toy.u_name.short"),
        ("u_colorLIKEsand", ".u_toy.u_color.parts"),
        ("u_color=brick_%", ".u_toy.u_color"),
        ("u_colorSTARTSWITHbrick", ".u_toy.u_color"),
        ("ORDERBYu_color", ".u_toy.u_color"),
        ("ORDERBYDESCu_color", ".u_toy.u_color"),
    ],
)
async def test_postgresql_uses_the_indexes(instance: Instance, plans: "Plans", asked: str, used: str) -> None:
    """Pages of a large table read an index, whatever is searched for."""
    if instance.store.embedded:
        return
    fill(instance)
    await indexed(instance)
    plan = plans(lambda session: session.work.page(TOY, session.compiled(TOY, asked), 20, 0))
    assert any(f'"{used}"' in step for step in plan), plan


Plans = Callable[[Callable[[Session], object]], list[str]]


@pytest.fixture
def plans(instance: Instance) -> Plans:
    """Return what asks the database how it answers what a read asks."""

    @contextmanager
    def listening(asked: list[tuple[str, object]]) -> Iterator[None]:
        def listen(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
            asked.append((statement, values))

        sa.event.listen(sa.Engine, "before_cursor_execute", listen)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", listen)

    def explain(read: Callable[[Session], object]) -> list[str]:
        asked: list[tuple[str, object]] = []
        with instance.transaction(READER) as session:
            with listening(asked):
                read(session)
            how = "EXPLAIN QUERY PLAN" if instance.store.embedded else "EXPLAIN"
            explained = [session.work.transaction.run(Prepared(f"{how} {sql}"), v) for sql, v in asked]  # type: ignore[arg-type]
        return [str(row[-1]) for rows in explained for row in rows]

    return explain


@pytest.mark.parametrize(
    "asked",
    [
        "u_settingsLIKEick 4",
        pytest.param("u_nameENDSWITHr 77", marks=pytest.mark.long),
        pytest.param("u_settings=BRICK 7", marks=pytest.mark.long),
        pytest.param("u_settingsLIKE\xdf", marks=pytest.mark.long),
        pytest.param("u_settingsLIKEk", marks=pytest.mark.long),
        pytest.param("u_nameLIKE77", marks=pytest.mark.long),
    ],
)
async def test_search_does_not_read_the_table(instance: Instance, plans: Plans, asked: str) -> None:
    """Pages and counts of a large table read the index, in its order, and the rows that it finds."""
    if not instance.store.embedded:  # PostgreSQL plans by itself
        return
    fill(instance)
    await indexed(instance)
    for read in (
        lambda session: session.query(TOY, asked, limit=20),
        lambda session: next(session.newest(TOY, 20, asked)),
        lambda session: session.work.count_some(TOY, session.compiled(TOY, asked), 100),
    ):
        plan = plans(read)
        assert "CO-ROUTINE found" in plan
        assert not [step for step in plan if step == f"SCAN {TOY}" or "B-TREE" in step], plan


@pytest.mark.long
async def test_columns_come_and_go(instance: Instance) -> None:
    """A new column of a large table is searched, indexed or not, and an indexed column can be deleted."""
    fill(instance)
    await indexed(instance)
    asked = "u_extraLIKEwombat^u_settingsLIKEsand"
    with instance.transaction(instance.system) as session:
        column = {"name": TOY, "element": "u_extra", "internal_type": "string", "max_length": "100"}
        made = session.insert("sys_dictionary", column)
    with instance.transaction(instance.system) as session:
        session.store_rows(TOY, [{"sys_id": "e1", "u_name": "One", "u_extra": "A wombat", "u_settings": "Sand"}])
        assert session.count(TOY, asked) == 1
    await indexed(instance)
    with instance.transaction(instance.system) as session:
        assert session.count(TOY, asked) == 1
        session.delete("sys_dictionary", made.sys_id)
    for _ in range(2):
        with instance.transaction(instance.system) as session:
            assert session.count(TOY, "u_settingsLIKEsand") == 1
        await indexed(instance)


@pytest.mark.long
async def test_rows_are_found_while_they_are_indexed(instance: Instance) -> None:
    """A search is answered at each stage of the index, and finds long texts, and those that many terms begin."""
    fill(instance)
    with instance.transaction(instance.system) as session:
        session.store_rows(TOY, [{"sys_id": "e0", "u_name": "Long", "u_settings": f"{'x' * 9_000}wombat"}])
        many = ({"sys_id": f"e{n + 1}", "u_name": f"q{chr(0x4E00 + n)}", "u_settings": "q"} for n in range(300))
        session.store_rows(TOY, many)
        pages = ({"sys_id": f"p{n}", "u_name": f"Page {n}", "u_settings": "y" * 4_000} for n in range(30))
        session.store_rows(TOY, pages)
    before = asyncio.all_tasks()
    await instance.run(instance.list_upkeep.index_all)
    for _ in range(40):
        check(instance, instance.system, "u_settingsLIKEwombat", "")
        check(instance, instance.system, "u_nameLIKEq", "^ORDERBYu_name")
        await asyncio.sleep(0)
    await ended(before)
    check(instance, instance.system, "u_settingsLIKEwombat", "")
    check(instance, instance.system, "u_nameLIKEq", "^ORDERBYu_name")


def test_rows_are_written_without_an_event_loop(instance: Instance) -> None:
    """What prepares a database before it is served leaves the indexes for the start."""
    if not instance.store.embedded:  # PostgreSQL is indexed by what serves it
        return
    fill(instance)
    with instance.transaction(instance.system) as session:
        session.store_rows(TOY, ({"sys_id": f"e{n}", "u_name": f"Row {n}"} for n in range(300)))
    check(instance, instance.system, "u_nameLIKErow 29", "")
    assert not [name for name in index_names(instance) if name.startswith(".")]


@pytest.mark.long
async def test_one_process_makes_indexes(instance: Instance) -> None:
    """On PostgreSQL others leave it to the first, and the next replaces what a killed one has left half made."""
    if instance.store.embedded:  # SQLite has one process
        return
    fill(instance)
    with instance.store.alone("list indexes"):
        await indexed(instance)
        assert not [name for name in index_names(instance) if name.startswith(".")]
    await indexed(instance)
    spoil = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\".u_toy.u_pieces\"'::regclass"
    half_made = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    with instance.transaction(instance.system) as session:
        session.work.transaction.run(Prepared(spoil), ())
    await indexed(instance)
    with instance.transaction(instance.system) as session:
        assert session.work.transaction.run(Prepared(half_made), ()) == [(0,)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        ('CREATE TABLE ".u_toy.u_pieces" ()', "lists of large tables have no indexes"),
        ("CREATE DOMAIN gtrgm AS text", "extension pg_trgm cannot be created"),
    ],
)
async def test_missing_indexes_are_logged(
    instance: Instance, caplog: pytest.LogCaptureFixture, obstacle: str, said: str
) -> None:
    """Where PostgreSQL refuses an index or the extension, the log says so, and lists are answered without."""
    if instance.store.embedded:  # SQLite needs no extension
        return
    fill(instance)
    with instance.transaction(instance.system) as session:
        session.work.transaction.run(Prepared(obstacle), ())
    await indexed(instance)
    assert said in caplog.text
    check(instance, instance.system, "u_settingsLIKEick 4", "^ORDERBYu_pieces")


@pytest.mark.long
async def test_tables_are_indexed_as_they_grow(instance: Instance) -> None:
    """A table that becomes large while it is served gets its indexes without a restart."""
    fill(instance, LARGE)
    before = asyncio.all_tasks()

    def grow() -> None:
        with instance.transaction(instance.system) as session:
            session.store_rows(TOY, ({"sys_id": f"e{n}", "u_name": f"Row {n}"} for n in range(5_000)))

    await instance.run(grow)
    await ended(before)
    assert ".u_toy.u_pieces" in index_names(instance)
    check(instance, instance.system, "u_nameLIKErow 29", "^ORDERBYu_name")


async def test_small_tables_have_no_indexes_of_lists(instance: Instance) -> None:
    """A table that is small pays nothing for lists."""
    fill(instance, LARGE - 1)
    await indexed(instance)
    assert not [name for name in index_names(instance) if name.startswith(".")]


async def test_large_tables_get_indexes_of_lists(instance: Instance) -> None:
    """A large table gets those of the columns that its list shows, once; SQLite's index of texts is none of them."""
    fill(instance)
    await indexed(instance)
    names = {name for name in index_names(instance) if name.startswith(".")}
    assert {".u_toy.u_pieces", ".u_toy.sys_created_on", ".u_toy.u_color"} <= names
    store = instance.store
    of_parts = {".u_toy.u_color.parts", ".u_toy.u_color.short", ".u_toy.u_color.long"}
    assert of_parts & names == (set() if store.embedded else of_parts)
    if not store.embedded:
        expected = "SELECT count(*) FROM pg_stats WHERE tablename = '.u_toy.u_name.parts'"
        with instance.transaction(instance.system) as session:
            assert session.work.transaction.run(Prepared(expected), ()) == [(1,)]
    await indexed(instance)
    assert names == {name for name in index_names(instance) if name.startswith(".")}


def index_names(instance: Instance) -> list[str]:
    """Return the names of all indexes."""
    sql = "sqlite_master WHERE type = 'index'" if instance.store.embedded else "pg_indexes"
    column = "name" if instance.store.embedded else "indexname"
    with instance.transaction(instance.system) as session:
        return [name for (name,) in session.work.transaction.run(Prepared(f"SELECT {column} FROM {sql}"), ())]  # noqa: S608 - ours
