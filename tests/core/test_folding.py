"""Repeated exchanges of the journal are one line."""

import re

from .conftest import Party


async def _lines(party: Party, path: str = "") -> list[str]:
    """Return the text of each line of the journal's page."""
    _, html = await party.call("GET", f"/__cockpit{path}")
    body = html.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.split(r"<tr[^>]*>", body)[1:]]


async def test_repeated_exchanges_are_one_line(roomy_party: Party) -> None:
    """With their number, interval and span; identifiers may differ, answers and verdicts may not."""
    for number in range(4):
        await roomy_party.call("GET", f"/poll/{number}?x")
        await roomy_party.clock.advance(20)
    for body in ("right", "right", "wrong", "right", "right"):
        await roomy_party.call("POST", "/send", data=body)
    lines = await _lines(roomy_party)
    assert [line.split(" / ")[0][-4:] for line in lines if "POST" in line] == ["send"] * 5
    assert lines[-1].startswith("4 ")
    assert re.search("09:00:00.09:01:00", lines[-1])
    assert "GET /poll/* every 20 s" in lines[-1]


async def test_a_line_unfolds(roomy_party: Party) -> None:
    """By a link, which works without script; new exchanges join the open line."""
    for _ in range(3):
        await roomy_party.call("GET", "/poll")
    _, html = await roomy_party.call("GET", "/__cockpit")
    link = re.findall(r'href="/__cockpit(\?unfold=[^"]+)"', html)
    assert link == ["?unfold=echo-3"]
    assert len(await _lines(roomy_party, link[0])) == 4
    await roomy_party.call("GET", "/poll")
    assert len(await _lines(roomy_party, link[0])) == 5
    _, html = await roomy_party.call("GET", f"/__cockpit{link[0]}")
    assert 'aria-label="Fold 4 exchanges"' in html
    assert 'href="/__cockpit"' in html.split('aria-label="Fold 4 exchanges"', maxsplit=1)[0][-80:]


async def test_a_page_has_room_for_what_is_folded(roomy_party: Party) -> None:
    """Polls do not push other exchanges off the page, and the older page begins where this one ends."""
    for _ in range(30):
        await roomy_party.call("GET", "/old")
        await roomy_party.call("PUT", "/old")
    for _ in range(40):
        await roomy_party.call("GET", "/poll")
    lines = await _lines(roomy_party)
    assert (len(lines), lines[0][:3]) == (50, "40 ")
    _, html = await roomy_party.call("GET", "/__cockpit")
    assert 'href="/__cockpit?before-echo=12"' in html
    assert len(await _lines(roomy_party, "?before-echo=12")) == 11
    assert len(await _lines(roomy_party, "?unfold=echo-100")) == 50
