"""What an instance notes of its users: their last log-in, and the roles that they have through groups."""

from pathlib import Path

import pytest
import requests

from mock_servicenow import MockServiceNow, Settings

from .table_client import TableClient

ADMIN = "6816f79cc0a8016401c5a33be04be441"
WINDOW = "glide.integration.update_last_login_time.window.seconds"
PROPERTY, OAUTH_PROPERTY = "glide.basicauth.update_last_login_time", "glide.oauth.update_last_login_time"


class _Tables(TableClient):
    """The Table API, with log-ins and roles of users."""

    def log_in_of(self, sys_id: str) -> tuple[str, str, str]:
        [user] = self.find("sys_user", f"sys_id={sys_id}")
        return user["last_login_time"], user["last_login"], user["sys_mod_count"]

    def inherited(self, user: str) -> list[tuple[str, str]]:
        """Return the roles of a user through groups, each with the group."""
        rows = self.find("sys_user_has_role", f"user={user}^inherited=true")
        return sorted((row["role"], row["granted_by"]) for row in rows)


def test_a_basic_request_is_a_log_in() -> None:
    """Docs, available system properties: the time follows the requests, to the minute; the record is not changed."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        tables.find("incident", "number=none")
        assert tables.log_in_of(ADMIN) == ("2026-01-05 09:00:00", "2026-01-05", "0")
        instance.clock.advance(86_400 + 90)
        tables.find("incident", "number=none")
        assert tables.log_in_of(ADMIN) == ("2026-01-06 09:01:30", "2026-01-06", "0")


def test_a_property_stops_the_notes() -> None:
    """Docs, available system properties: ``glide.basicauth.update_last_login_time``."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        [switch] = tables.find("sys_properties", f"name={PROPERTY}")
        tables.change("sys_properties", switch["sys_id"], value="false")
        instance.clock.advance(3_600)
        assert tables.log_in_of(ADMIN)[0] == "2026-01-05 09:00:00"


def test_a_property_is_the_time_between_two_notes() -> None:
    """One note in so many seconds, to the minute, at most one a minute; a time of the future is replaced."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)

        def after(seconds: float) -> str:
            instance.clock.advance(seconds)
            return tables.log_in_of(ADMIN)[0][11:]

        [window] = tables.find("sys_properties", f"name={WINDOW}")
        assert (window["value"], after(60)) == ("60", "09:01:00")
        tables.change("sys_properties", window["sys_id"], value="180")
        assert [after(60), after(60), after(60)] == ["09:01:00", "09:01:00", "09:04:00"]
        tables.change("sys_properties", window["sys_id"], value="5")
        assert [after(6), after(54)] == ["09:04:00", "09:05:00"]
        tables.change("sys_properties", window["sys_id"], value="soon")
        tables.change("sys_user", ADMIN, last_login_time="2030-01-01 00:00:00")
        assert after(60) == "09:06:00"


def test_a_request_with_a_token_is_a_log_in() -> None:
    """Docs, available system properties: ``glide.oauth.update_last_login_time``."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        tables.make("oauth_entity", name="App", client_id="app", client_secret="app-secret")
        user = tables.make("sys_user", user_name="ann", user_password="secret")
        form = {"grant_type": "password", "username": "ann", "password": "secret"}
        client = {"client_id": "app", "client_secret": "app-secret"}
        token = requests.post(f"{instance.url}/oauth_token.do", data=form | client, timeout=60).json()["access_token"]

        def request() -> str:
            address, headers = f"{instance.url}/api/now/ui/user/current_user", {"Authorization": f"Bearer {token}"}
            assert requests.get(address, headers=headers, timeout=60).ok
            return tables.log_in_of(user)[0]

        assert tables.log_in_of(user)[0] == ""
        assert request() == "2026-01-05 09:00:00"
        instance.clock.advance(30)
        assert request() == "2026-01-05 09:00:00"
        instance.clock.advance(60)
        assert request() == "2026-01-05 09:01:30"
        [switch] = tables.find("sys_properties", f"name={OAUTH_PROPERTY}")
        tables.change("sys_properties", switch["sys_id"], value="false")
        instance.clock.advance(60)
        assert request() == "2026-01-05 09:01:30"


def test_a_person_logs_in() -> None:
    """On the page, whatever the property says."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        [switch] = tables.find("sys_properties", f"name={PROPERTY}")
        tables.change("sys_properties", switch["sys_id"], value="false")
        user = tables.make("sys_user", user_name="ann", user_password="secret")
        assert tables.log_in_of(user)[0] == ""
        browser = requests.Session()
        page = browser.get(f"{instance.url}/login.do").text
        token = page.partition('name="sysparm_ck" value="')[2].partition('"')[0]
        form = {"sysparm_ck": token, "user_name": "ann", "user_password": "secret"}
        assert browser.post(f"{instance.url}/login.do", data=form).ok
        assert tables.log_in_of(user)[:2] == ("2026-01-05 09:00:00", "2026-01-05")


@pytest.mark.long
def test_a_member_has_the_roles_of_the_group() -> None:
    """Docs, users and groups: rows with ``inherited`` follow memberships and the roles of groups."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        user, group = tables.make("sys_user", user_name="ann"), tables.make("sys_user_group", name="Staff")
        first, second = (tables.make("sys_user_role", name=name) for name in ("u_first", "u_second"))
        member = tables.make("sys_user_grmember", user=user, group=group)
        again = tables.make("sys_user_grmember", user=user, group=group)
        assert tables.inherited(user) == []
        rows = [tables.make("sys_group_has_role", group=group, role=role) for role in (first, second)]
        assert tables.inherited(user) == sorted([(first, group), (second, group)])
        tables.delete("sys_group_has_role", rows[0])
        tables.delete("sys_user_grmember", again)
        assert tables.inherited(user) == [(second, group)]
        other = tables.make("sys_user_group", name="Others")
        tables.change("sys_user_grmember", member, group=other)
        assert tables.inherited(user) == []
        tables.change("sys_group_has_role", rows[1], group=other)
        assert tables.inherited(user) == [(second, other)]
        tables.delete("sys_user_group", other)
        assert tables.inherited(user) == []


def test_rows_about_groups_give_no_rights() -> None:
    """Docs, users and groups: rights end with the membership, whatever a row still says."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        user = tables.make("sys_user", user_name="ann", user_password="secret")
        [group], [role] = tables.find("sys_user_group", "name=Network"), tables.find("sys_user_role", "name=user_admin")
        row = {"user": user, "role": role["sys_id"], "inherited": "true"}
        tables.make("sys_user_has_role", **row, granted_by=group["sys_id"])
        users = _Tables(instance, ("ann", "secret"))
        with pytest.raises(AssertionError):
            users.make("sys_user", user_name="bob")
        tables.make("sys_user_has_role", **row)
        users.make("sys_user", user_name="bob")


@pytest.mark.long
def test_members_that_files_make_have_the_roles(tmp_path: Path) -> None:
    """So have those that ship; only so many rows follow from one write, which is a finding."""
    rows = tmp_path / "rows.yaml"
    members = "".join(f"  - {{group: Crowd, user: employee{number}}}\n" for number in range(1_000))
    users = "".join(f"  - {{user_name: employee{number}}}\n" for number in range(1_000))
    rows.write_text(
        f"sys_user:\n{users}sys_user_group: [{{name: Crowd}}]\nsys_user_grmember:\n{members}"
        "  - {group: Crowd, user: employee}\nsys_group_has_role: [{group: Network, role: itil}]\n"
    )
    with MockServiceNow(Settings(data=(rows,))) as instance:
        tables = _Tables(instance)
        [group], [role] = tables.find("sys_user_group", "name=Crowd"), tables.find("sys_user_role", "name=itil")
        assert len(tables.inherited("5137153cc611227c000bbd1bd8cd2007")) == 2
        given = tables.make("sys_group_has_role", group=group["sys_id"], role=role["sys_id"])
        assert len(tables.find("sys_user_has_role", f"granted_by={group['sys_id']}")) == 1_000
        tables.delete("sys_group_has_role", given)
        assert tables.find("sys_user_has_role", f"granted_by={group['sys_id']}") == []
        assert [each["rule"] for each in instance.findings] == ["inherited-roles-incomplete"]
