import pytest

from console_sim.settings import Settings

from .conftest import (
    ACTIONS,
    APPROVALS,
    CREDENTIALS,
    MESSAGING,
    POLICIES,
    PROCESSES,
    ROLES,
    SERVERS,
    SYSTEMS,
    TYPES,
    USERS,
    Shown,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
LISTS = (USERS, ROLES, CREDENTIALS, SYSTEMS, SERVERS, MESSAGING, PROCESSES, TYPES, ACTIONS, POLICIES)


async def create_credential(site: Site, name: str, description: str) -> None:
    """Create a credential a minute after the one before."""
    await site.clock.advance(60)
    values = {"name": name, "description": description, "account_name": "ada", "password": "x"}
    await site.person.submit(f"{CREDENTIALS}/create", values)


async def three(site: Site) -> Shown:
    """Create three credentials and return their list."""
    for name, description in (("beta", "Two"), ("Alpha", "One"), ("gamma", "one more")):
        await create_credential(site, name, description)
    return await site.person.get(CREDENTIALS)


def names(page: Shown) -> list[str]:
    """Return the first column."""
    return [row[0] for row in page.cells]


async def test_list_is_sorted_by_name(site: Site) -> None:
    """As printed, with an arrow, whatever the case (config-credentials.png); a column's heading sorts by it."""
    page = await three(site)
    assert names(page) == ["Alpha", "beta", "gamma"]
    assert 'aria-sort="ascending"><a href="/admin/configuration/credentials?sort=-Name">Name ↑</a>' in page.html
    turned = await site.person.get(page.links["Name ↑"])
    assert (names(turned), 'aria-sort="descending"' in turned.html) == (["gamma", "beta", "Alpha"], True)
    assert turned.links["Name ↓"] == f"{CREDENTIALS}?sort=Name"
    newest = await site.person.get((await site.person.get(page.links["Last Modified On"])).links["Last Modified On ↑"])
    assert names(newest) == ["gamma", "Alpha", "beta"]
    assert names(await site.person.get(f"{CREDENTIALS}?sort=nonsense")) == ["Alpha", "beta", "gamma"]


async def test_list_is_searched(site: Site) -> None:
    """In every text of a row, whatever the case; the order stays."""
    page = await site.person.get((await three(site)).links["Name ↑"])
    found = await site.person.get(CREDENTIALS, params={"sort": "-Name", "search": " ONE "})
    assert (names(found), "2 Items" in found.text, 'value="ONE"' in found.html) == (["gamma", "Alpha"], True, True)
    assert found.links["Name ↓"] == f"{CREDENTIALS}?search=ONE&sort=Name"
    assert '<input type="hidden" name="sort" value="-Name">' in page.html
    nothing = await site.person.get(CREDENTIALS, params={"search": "<b>"})
    assert ("Nothing found" in nothing.text, "<b>" in nothing.html) == (True, False)
    long = await site.person.get(CREDENTIALS, params={"search": "x" * 300})
    assert (f'value="{"x" * 255}"' in long.html, long.status) == (True, 200)


@pytest.mark.long
async def test_a_long_list_has_pages(site: Site) -> None:
    """Of 100 rows each; Previous and Next keep search and order, and a page after the last shows the last."""
    for number in range(203):
        await site.admin("POST", "/policies", {"name": f"Numbered {number:03}"})
    first = await site.person.get(POLICIES, params={"search": "numbered ", "sort": "-Name"})
    assert ("203 Items" in first.text, "1 to 100" in first.text, len(first.cells)) == (True, True, 100)
    assert (names(first)[0], "Previous" in first.links) == ("Numbered 202", False)
    second = await site.person.get(first.links["Next"])
    assert ("101 to 200" in second.text, names(second)[0]) == (True, "Numbered 102")
    last = await site.person.get(second.links["Next"])
    assert (names(last), "Next" in last.links) == (["Numbered 002", "Numbered 001", "Numbered 000"], False)
    assert names(await site.person.get(last.links["Previous"])) == names(second)
    after = await site.person.get(POLICIES, params={"search": "numbered", "sort": "-Name", "page": "99"})
    assert names(after) == names(last)
    assert "Pages" not in (await site.person.get(ROLES)).html


async def test_every_list_is_sorted_and_searched(site: Site) -> None:
    """Each list of items has what the pictures show above it."""
    await site.set_up()
    for path in LISTS:
        page = await site.person.get(path)
        assert (path, names(page)) == (path, sorted(names(page), key=str.casefold))
        for heading in [each for each in page.links if each in ("Description", "Type", "Count", "Active", "Base URL")]:
            assert (path, (await site.person.get(page.links[heading])).status) == (path, 200)
        first = names(page)[0].removesuffix(" (not simulated)")
        found = await site.person.get(path, params={"search": first.upper()})
        assert (path, first in found.text, "Nothing found" in found.text) == (path, True, False)
        assert (path, "Nothing found" in (await site.person.get(path, params={"search": "no such"})).text) == (
            path,
            True,
        )


async def test_roles_have_the_printed_columns(site: Site) -> None:
    """Name, description, last modified by and on; which roles may approve has the mark (config-roles.png)."""
    page = await site.person.get(ROLES)
    assert (
        "Name ↑ Description Last Modified By Last Modified Approve Approval Requests Simulator only Privilege"
        in page.text
    )
    assert page.cells[0] == [
        "Privilege Manager Administrators",
        "Privilege Manager Administrators",
        "Trusted Installer",
        "1/5/26, 9:00 AM UTC",
        "yes",
    ]


@pytest.mark.parametrize("settings", [Settings(documented_only=True)])
async def test_documented_roles_have_no_other_column(site: Site) -> None:
    """The list is that of the picture."""
    assert len((await site.person.get(ROLES)).cells[0]) == 4


async def test_approvals_are_searched(site: Site) -> None:
    """By policy, user, reason, file and computer; pages, All and the order keep the search (approvals.png)."""
    for number in range(27):
        await site.ask(PolicyName="Elevate", UserReason="work", FilePath=f"/{number}")
    await site.ask(PolicyName="Other", UserName="Ada", AgentName="pc")
    for text in ("oth", "ADA", "pc"):
        found = await site.person.get(APPROVALS, params={"search": text})
        assert (text, "1 Items" in found.text, "Other" in found.text) == (text, True, True)
    page = await site.person.get(APPROVALS, params={"search": "work"})
    assert "27 Items" in page.text
    second = await site.person.get(APPROVALS + page.links["Newer"])
    assert (second.html.count('name="request"'), 'value="work"' in second.html) == (2, True)
    assert (await site.person.get(APPROVALS + second.links["All"])).html.count(" checked") == 2
    assert "Nothing found." in (await site.person.get(APPROVALS, params={"search": "<b>"})).text


async def test_requests_are_found_by_any_characters(site: Site) -> None:
    """Quotation marks, backslashes and letters beyond ASCII, whatever their case; keys of the metadata do not count."""
    await site.ask(UserReason='The "new" C:\\Büro')
    await site.ask(UserReason="other", CompanyName="Büro")
    for search, count in (('"NEW" c:\\b', 1), ("bÜRO", 1), ("UserReason", 0)):
        shown = await site.person.get(APPROVALS, params={"search": search})
        assert (search, f"{count} Items" in shown.text) == (search, True)


@pytest.mark.long
async def test_search_among_many_requests_says_how_many_it_covers(site: Site) -> None:
    """It covers the oldest 2,000."""
    for number in range(2_001):
        await site.ask(FilePath=f"/{number}")
    shown = await site.person.get(APPROVALS, params={"search": "/2000"})
    assert "0 Items Searched: the oldest 2,000" in shown.text
    assert "Nothing found among the oldest 2,000." in shown.text
