import pytest
from yarl import URL

from .conftest import REQUEST, SCOPE, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_filter_without_a_match_says_so(site: Site) -> None:
    """The text is repeated, escaped."""
    person = await site.person()
    assert "No modules match “&lt;b&gt;”" in (await person.get("/?sysparm_filter=<b>")).html


async def test_navigator_hides_unreadable_tables(site: Site) -> None:
    """A user without a role of the app does not see its modules."""
    await site.add_user("newcomer")
    html = (await (await site.person("newcomer")).get("/?sysparm_filter=thycotic")).html
    assert f"<small>{REQUEST}</small>" not in html


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("sys_user_list.do%3Fsysparm_query%3Duser_name%3Dadmin", "/sys_user_list.do?sysparm_query=user_name=admin"),
        ("/sys_user_list.do", "/sys_user_list.do"),
        ("", "/"),
        ("//elsewhere.example/", "/"),
        ("/%5Celsewhere.example", "/"),
    ],
)
async def test_nav_to_leads_to_pages_of_the_instance(site: Site, uri: str, page: str) -> None:
    """After a log-in if necessary, and never to another host."""
    newcomer = await site.person("")
    asked = await newcomer.get(f"/nav_to.do?uri={uri}")
    assert "/login.do" in asked.url
    person = await site.person()
    shown = await person.get(f"/nav_to.do?uri={uri}")
    assert (shown.status, URL(shown.url)) == (200, URL(f"{site.url}{page}"))


async def test_no_page_shows_the_secrets_table(site: Site) -> None:
    """The table of Secrets has neither module, list nor form, not even for the administrator."""
    await site.register()
    person = await site.person()
    table = f"{SCOPE}integration_configuration_secret"
    assert table not in (await person.get("/")).html
    assert (await person.get(f"/{table}_list.do")).status == 404
    assert (await person.get(f"/{table}.do?sys_id=-1")).status == 404
