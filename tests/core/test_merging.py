"""Two journals in one list: each exchange once, in order, page by page, whatever happened at which party."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from privman_core.cockpit.approval_facts import RequestDetail, StateReason
from privman_core.cockpit.exchange_facts import ExchangeRow, FoundExchanges
from privman_core.cockpit.known_causes import with_causes
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.merging import merged

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
REAL_START = datetime(2026, 11, 29, tzinfo=UTC)
PAGE = 5


@dataclass(frozen=True)
class Journal:
    """The rows of a party, oldest first."""

    name: str
    rows: tuple[ExchangeRow, ...]
    url: str = ""

    def find(self, before: int) -> FoundExchanges:
        """Return a page, newest first."""
        older = [row for row in reversed(self.rows) if not before or row.number < before]
        return FoundExchanges(older[:PAGE], more=len(older) > PAGE)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Journal, Journal, int]:
    """Draw what two parties journal of the same events, one a second in real time, and how many events there were."""
    rows: dict[str, list[ExchangeRow]] = {"ServiceNow": [], "Console": []}
    kinds = draw(st.lists(st.tuples(st.sampled_from("rcpb"), st.sampled_from("xy"), st.integers(0, 2)), max_size=30))
    marked, now = draw(st.booleans()), START

    def journal(party: str, at: datetime, **facts: Any) -> None:
        rows[party].append(_row(len(rows[party]) + 1, at, **facts))

    for number, (kind, path, seconds) in enumerate(kinds):
        now += timedelta(seconds=seconds)
        mark, real = f"m{number}" * marked, REAL_START + timedelta(seconds=number)
        sender, server = ("Console", "ServiceNow") if kind in "rp" else ("ServiceNow", "Console")
        if kind in "rc":
            url = f"http://{server}/{path}"
            journal(sender, now, direction="out", url=url, other_party=server, mark=mark, real=real)
            journal(server, now, direction="in", url=f"/{path}", other_party=sender, mark=mark, real=real)
        else:
            journal(server, now, direction="in", url=f"/{path}", other_party="Browser", real=real)
    return Journal("ServiceNow", tuple(rows["ServiceNow"])), Journal("Console", tuple(rows["Console"])), len(kinds)


def _row(number: int, at: datetime, **facts: Any) -> ExchangeRow:
    return ExchangeRow(
        number=number,
        at=at,
        **facts,
        method="POST",
        contract="",
        status=200,
        error="",
        fault="",
        verdict="none",
    )


def _all(*parties: Any) -> list[MergedRow]:
    """Return every row, by way of all pages."""
    rows: list[MergedRow] = []
    before = {party.name: 0 for party in parties}
    while before:
        page = merged([(party, party.find(before[party.name])) for party in parties])
        assert page.rows or not page.before
        rows += page.rows
        before = page.before
    return rows


@given(histories())
def test_each_exchange_stands_once(history: tuple[Journal, Journal, int]) -> None:
    """Every row is on one page, in the order of events, also while time stands still; what both have is one row."""
    *parties, events = history
    rows = _all(*parties)
    for party in parties:
        shown = [row for each in rows for one, row in each.entries if one.name == party.name]
        assert shown == list(reversed(party.rows))
    moments = [each.sender_row.real or START for each in rows]
    assert moments == sorted(moments, reverse=True)
    alone = [each for each in rows if not each.is_pair and each.sender_row.direction == "out"]
    assert len(rows) == events + len(alone)


@given(histories(), st.data())
def test_exchanges_that_overlapped_are_all_shown(history: tuple[Journal, Journal, int], data: st.DataObject) -> None:
    """Where the parties have them in another order, too; at most those are two rows."""
    servicenow, console, events = history
    places = data.draw(st.permutations(range(len(console.rows))))
    moved = [replace(console.rows[place], number=number, at=START) for number, place in enumerate(places, 1)]
    parties = servicenow, Journal("Console", tuple(moved))
    rows = _all(*parties)
    for party in parties:
        shown = [row for each in rows for one, row in each.entries if one.name == party.name]
        assert sorted(row.number for row in shown) == [row.number for row in party.rows]
    assert events <= len(rows) <= len(servicenow.rows) + len(console.rows)


def test_cause_is_found_though_a_mark_was_not_sent() -> None:
    """The exchange is found in its sender's journal, and paired by method and path; two machines may give one mark."""
    sent = _row(1, START, direction="out", url="http://192.0.2.1/x", other_party="Console", mark="-1.5")
    received = replace(_row(1, START, direction="in", url="/x", other_party="ServiceNow"), fault="status")
    another = _row(2, START, direction="out", url="http://192.0.2.2/y", other_party="ServiceNow", mark="-1.5")
    servicenow, console = Journal("ServiceNow", (sent,)), Journal("Console", (received, another))
    rows = _all(servicenow, console)
    assert [each.is_pair for each in rows] == [False, True]
    reason = StateReason("The decision was not delivered.", exchange="-1.5")
    detail = RequestDetail(request_id="", state="", outcome="open", reasons=[reason])
    [explained] = with_causes({"ServiceNow": detail}, rows, {})["ServiceNow"].reasons
    assert "The fault 'status' that was armed at Console caused this." in explained.sentence


def test_nobody_is_said_to_imitate_a_party_on_another_machine() -> None:
    """It sends no marks there, so a request without one may be its own."""
    received = _row(1, START, direction="in", url="/x", other_party="ServiceNow")
    for url, source in (("", "API client (as ServiceNow)"), ("http://192.0.2.1:9120", "ServiceNow")):
        parties = Journal("ServiceNow", (), url), Journal("Console", (received,))
        assert [each.sender_name for each in _all(*parties)] == [source]
