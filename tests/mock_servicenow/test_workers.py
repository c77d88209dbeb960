"""Several processes behind one port, on one PostgreSQL: to clients they are one instance."""

import asyncio
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import psycopg
import pysnc
import pytest
from aiohttp import ClientSession, TCPConnector, encode_basic_auth
from yarl import URL

from .command import run_command, serving_command, start_command, started
from .worker_processes import ADMIN, INCIDENTS, has_ended, open_clients, ports_of, server_of, workers_of


@pytest.mark.long
async def test_connections_go_to_the_workers_in_turn(database: str) -> None:
    """Whether they come one after the other or all at once."""
    process = await start_command("serve", "--port", "0", "--workers", "3", "--database", database)
    port = URL(await started(process)).port
    workers = workers_of(process)
    assert len(workers) == 3
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    held += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(9)))
    for reader, writer in held:
        writer.write(b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readline()
    servers = [server_of(ports_of(writer), workers) for _, writer in held]
    assert servers[:3] == workers
    assert [servers.count(worker) for worker in workers] == [4, 4, 4]
    for _, writer in held:
        writer.close()
    process.terminate()
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0
    assert all(map(has_ended, workers))


@pytest.mark.long
async def test_workers_tell_the_address_of_the_first_process(database: str) -> None:
    """Where the command says the port: one that the system chooses is not known to them."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    asked = "/api/now/table/sys_properties?sysparm_query=name=glide.servlet.uri&sysparm_fields=value"
    for chosen in ("0", port):
        workers = ("--workers", "2", "--database", database, "--port", chosen)
        async with serving_command(*workers) as url, ClientSession(url) as http, http.get(asked, headers=ADMIN) as got:
            [told] = (await got.json())["result"]
        assert told["value"] == ("" if chosen == "0" else f"{url}/")


@pytest.mark.long
async def test_records_of_one_worker_are_read_from_another(database: str) -> None:
    """At once; numbers and sys_ids differ whoever gives them."""
    async with serving_command("--workers", "2", "--database", database) as url, open_clients(url) as clients:
        given = set()
        for number in range(20):
            writer, reader = clients[number % 2], clients[1 - number % 2]
            async with writer.post(INCIDENTS, json={}, headers=ADMIN) as answer:
                made = (await answer.json())["result"]
            async with reader.get(f"{INCIDENTS}/{made['sys_id']}", headers=ADMIN) as answer:
                assert (await answer.json())["result"]["number"] == made["number"]
            given |= {made["sys_id"], made["number"]}
        assert len(given) == 40


async def _page(client: ClientSession, path: str, session: str, **form: str) -> tuple[int, str, str]:
    """Get a page with a session's cookie, or post its form; return status, body and the session that goes on."""
    headers = {"Cookie": f"JSESSIONID={session}"} if session else {}
    method = "POST" if form else "GET"
    async with client.request(method, path, headers=headers, data=form or None, allow_redirects=False) as answer:
        cookie = answer.cookies.get("JSESSIONID")
        return answer.status, await answer.text(), session if cookie is None else cookie.value


def _token(page: str) -> str:
    """Return the token that a page's form carries."""
    found = re.search(r'name="sysparm_ck" value="(\w+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.long
async def test_a_login_counts_at_every_worker(database: str) -> None:
    """One gives the form, another takes it, a third shows pages; logging out at any ends it at all."""
    async with serving_command("--workers", "3", "--database", database) as url, open_clients(url, 3) as clients:
        first, second, third = clients
        _, page, visitor = await _page(first, "/login.do", "")
        form = {"sysparm_ck": _token(page), "user_name": "admin", "user_password": "admin"}
        status, _, session = await _page(second, "/login.do", visitor, **form)
        assert (status, session != visitor) == (303, True)
        assert [(await _page(each, "/incident_list.do", session))[0] for each in clients * 2] == [200] * 6
        assert (await _page(third, "/incident_list.do", visitor))[0] == 303
        _, page, _ = await _page(third, "/", session)
        api = {"Cookie": f"JSESSIONID={session}", "X-UserToken": _token(page)}
        assert [(await each.get(INCIDENTS, headers=api)).status for each in clients] == [200] * 3
        assert (await _page(first, "/logout.do", session, sysparm_ck=_token(page)))[0] == 303
        assert [(await _page(each, "/incident_list.do", session))[0] for each in clients] == [303] * 3
        assert [(await each.get(INCIDENTS, headers=api)).status for each in clients] == [401] * 3


@pytest.mark.long
async def test_a_session_of_a_call_counts_at_every_worker(database: str) -> None:
    """A call with a password opens it; each call gets another one, and one that has a session keeps that."""
    async with serving_command("--workers", "2", "--database", database) as url, open_clients(url) as clients:
        opened = [(await each.get(INCIDENTS, headers=ADMIN)).cookies["JSESSIONID"].value for each in clients * 2]
        assert len(set(opened)) == 4
        for session in opened:
            assert [(await _page(each, "/incident_list.do", session))[0] for each in clients] == [200] * 2
        known = ADMIN | {"Cookie": f"JSESSIONID={opened[0]}"}
        assert not any([(await each.get(INCIDENTS, headers=known)).cookies for each in clients * 2])
        _, page, _ = await _page(clients[0], "/", opened[1])
        await _page(clients[0], "/logout.do", opened[1], sysparm_ck=_token(page))
        assert [(await _page(each, "/incident_list.do", opened[1]))[0] for each in clients] == [303] * 2
        again = (await clients[1].get(INCIDENTS, headers=ADMIN)).cookies["JSESSIONID"].value
        assert [(await _page(each, "/incident_list.do", again))[0] for each in clients] == [200] * 2


CLIENT = {"client_id": "3f1c9a7be52d4c08a6d90b5e7714c2fd", "client_secret": "ready-made-secret"}
PASSWORD = {"grant_type": "password", "username": "admin", "password": "admin"}
REDIRECT = "https://localhost/callback"


async def _ask(client: ClientSession, **form: str) -> tuple[int, dict[str, Any]]:
    """Ask for tokens."""
    async with client.post("/oauth_token.do", data=CLIENT | form) as answer:
        return answer.status, await answer.json()


async def _code(client: ClientSession) -> str:
    """Return the code of a consent."""
    asked = {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": REDIRECT, "state": "s"}
    form = {"user_name": "admin", "user_password": "admin", "decision": "allow"}
    async with client.post("/oauth_auth.do", params=asked, data=form, allow_redirects=False) as answer:
        return URL(answer.headers["Location"]).query["code"]


@pytest.mark.long
async def test_a_code_of_one_worker_is_redeemed_by_another(database: str) -> None:
    """Once; its tokens open the APIs of both, and either renews them."""
    async with serving_command("--workers", "2", "--database", database) as url, open_clients(url) as clients:
        first, second = clients
        redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": await _code(first)}
        assert [(await _ask(each, **redeemed))[0] for each in (second, first, second)] == [200, 401, 401]
        once = {**redeemed, "code": await _code(second)}
        answers = await asyncio.gather(*(_ask(each, **once) for each in clients * 3))
        [tokens] = [body for status, body in answers if status == 200]
        renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = [await _ask(each, **renewal) for each in clients]
        assert [status for status, _ in renewed] == [200, 200]
        for access in (tokens["access_token"], *(body["access_token"] for _, body in renewed)):
            bearer = {"Authorization": f"Bearer {access}"}
            assert [(await each.get(INCIDENTS, headers=bearer)).status for each in clients] == [200, 200]


@pytest.mark.long
async def test_every_worker_gives_the_same_valid_token(database: str) -> None:
    """Until it is revoked, at whichever."""
    async with serving_command("--workers", "2", "--database", database) as url, open_clients(url) as clients:
        given = {(await _ask(each, **PASSWORD))[1]["access_token"] for each in clients * 2}
        assert len(given) == 1
        async with clients[0].get("/oauth_revoke_token.do", params={"token": min(given)}) as answer:
            assert answer.status == 200
        anew = {(await _ask(each, **PASSWORD))[1]["access_token"] for each in clients * 2}
        assert (len(anew), anew & given) == (1, set())


@pytest.mark.long
async def test_failed_logins_count_at_every_worker(database: str) -> None:
    """Five in all lock a user out."""
    async with serving_command("--workers", "2", "--database", database) as url, open_clients(url) as clients:
        wrong = {"Authorization": encode_basic_auth("privman.approver", "guess")}
        right = {"Authorization": encode_basic_auth("privman.approver", "admin")}
        assert (await clients[0].get(INCIDENTS, headers=right)).status == 200
        assert [(await clients[turn % 2].get(INCIDENTS, headers=wrong)).status for turn in range(5)] == [401] * 5
        assert [(await each.get(INCIDENTS, headers=right)).status for each in clients] == [401, 401]


def _insert_and_find(url: str, name: str) -> int:
    """Insert records with PySNC, as a script does, and return how many it finds then."""
    client = pysnc.ServiceNowClient(url.replace("http:", "HTTP:"), ("admin", "admin"))
    for number in range(10):
        record = client.GlideRecord("problem")
        record.initialize()
        record.short_description = f"{name} {number}"
        assert record.insert()
    found = client.GlideRecord("problem")
    found.add_query("short_description", "STARTSWITH", f"{name} ")
    found.query()
    return len(found)


@pytest.mark.long
async def test_clients_of_servicenow_see_one_instance(database: str) -> None:
    """Whichever worker answers each of their connections."""
    async with serving_command("--workers", "2", "--database", database) as url:
        names = ("one", "two", "three", "four")
        assert await asyncio.gather(*(asyncio.to_thread(_insert_and_find, url, name) for name in names)) == [10] * 4


@pytest.mark.long
async def test_workers_serve_no_control_plane(database: str) -> None:
    """Nor a cockpit: neither could speak for all processes."""
    async with serving_command("--workers", "2", "--database", database) as url, ClientSession(url) as client:
        paths = ("__admin/health", "__cockpit", "__other")
        answers = [await client.get(f"/{path}", headers=ADMIN) for path in paths]
        first, *others = [(answer.status, await answer.text()) for answer in answers]
        assert first[0] == 404
        assert others == [first, first]


@pytest.mark.long
async def test_workers_serve_https(database: str, tmp_path: Path) -> None:
    """A client that does not speak TLS disturbs nobody."""
    authority = tmp_path / "ca.pem"
    secure = ("--tls", "--tls-ca-file", str(authority))
    async with serving_command("--workers", "2", "--database", database, *secure) as url:
        assert url.startswith("https://")
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
        trusted = ssl.create_default_context(cafile=authority)
        async with ClientSession(url, connector=TCPConnector(ssl=trusted)) as client:
            assert (await client.get(INCIDENTS, headers=ADMIN)).status == 200


@pytest.mark.long
async def test_two_servers_start_on_one_empty_database(database: str) -> None:
    """One of their four workers makes its tables."""
    arguments = ("serve", "--port", "0", "--workers", "2", "--database", database)
    processes = await asyncio.gather(start_command(*arguments), start_command(*arguments))
    for url in await asyncio.gather(*map(started, processes)):
        async with open_clients(url):
            pass
    for process in processes:
        process.terminate()
    assert [await process.communicate() for process in processes] == [(b"", b"")] * 2
    with psycopg.connect(database.replace("+psycopg", "")) as made:
        assert made.execute("SELECT starts FROM mock_servicenow_schema").fetchone() == (3,)  # besides the first


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0"], "mock-servicenow serve: argument --workers: invalid number of workers '0': expected 1 to 64"),
        (["65"], "invalid number of workers '65'"),
        (["two"], "invalid number of workers 'two'"),
        (["2"], "--workers is 2 and --database 'sqlite://'; expected a database that processes can share, postgresql+"),
        (["2", "--database", "sqlite:///x.db"], "--workers is 2 and --database 'sqlite:///x.db'; expected a database"),
        (["2", "--database", "me:hidden@/x"], "--workers is 2 and --database '…@/x'; expected a database"),
        (
            ["2", "--database", "postgresql+psycopg://127.0.0.1:1/x", "--clock", "virtual"],
            "--clock 'virtual'; expected",
        ),
        (["2", "--database", "postgresql+psycopg://127.0.0.1:1/x", "--seed", "7"], "--seed 7; expected no seed"),
        (["2", "--database", "postgresql+psycopg://127.0.0.1:1/x"], "/x' cannot be opened: "),
        (["2", "--database", "postgresql+nothing://127.0.0.1:1/x"], "database URL 'postgresql+nothing://…' is not"),
    ],
)
async def test_unusable_arguments(arguments: list[str], message: str) -> None:
    """One line, whichever process notices, with exit code 2."""
    code, out, err = await run_command("serve", "--port", "0", "--workers", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("mock-servicenow")
    assert message in line
    assert "hidden" not in line


@pytest.mark.long
async def test_port_in_use(database: str) -> None:
    """The port is named, and the workers end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = await run_command("serve", "--port", port, "--workers", "2", "--database", database)
    assert (code, out) == (2, "")
    assert err.startswith(f"mock-servicenow: cannot listen on 127.0.0.1:{port}: ")
    assert err.count("\n") == 1
