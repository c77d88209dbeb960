"""The command ``privman-scenarios record``: exchanges in a HAR file, without secrets."""

import base64
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.analysis.party_addresses import PartyAddresses
from privman_scenarios.analysis.recorded import Recorded
from privman_scenarios.commands.cli import main

ROUND_TRIP = """
title: An approval reaches the console
steps:
  - console.ask:
  - servicenow.approve: {comment: Fine}
  - console.expect-approval: Approved
"""
FAULTY = """
title: The console fails once
steps:
  - console.fault: {kind: status, path: "*/approval/approve", options: {status: 503}}
  - console.ask:
  - servicenow.approve:
  - clock.advance: 50 seconds
  - console.expect-approval: Approved
"""
CLIENT_ID, SECRET, TOKEN = "0a1b2c3d-0000-4000-8000-000000000001", "s3cr3t-of-the-user", "t0k3n-of-the-user"
LOGON = "https://console.example/Tms/services/api/logon/token"
APPROVE = "https://console.example/Tms/services/api/v1/approval/approve"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Return a scenario file."""
    file = tmp_path / "one.yaml"
    file.write_text(ROUND_TRIP, encoding="utf-8")
    return file


def entries(file: Path) -> list[dict[str, Any]]:
    """Return the entries of a HAR file."""
    log = json.loads(file.read_text(encoding="utf-8"))["log"]
    assert log["version"] == "1.2"
    assert {entry.get("pageref", "") for entry in log["entries"]} - {""} == {page["id"] for page in log["pages"]}
    found: list[dict[str, Any]] = log["entries"]
    return found


def lines(file: Path) -> list[str]:
    """Return method, last words of the address, and status of each entry."""
    return [
        f"{entry['request']['method']} {entry['request']['url'].partition('?')[0].rpartition('/')[2]} "
        f"{entry['response']['status']}"
        for entry in entries(file)
    ]


def test_both_fakes(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each exchange stands there once, in order, below its scenario."""
    out = tmp_path / "out.har"
    assert main(["record", str(scenario), "--out", str(out)]) == 0
    assert f"{out}: " in capsys.readouterr().out
    found = lines(out)
    assert found[0] == "POST x_thyti_thycotic_p_integration_configuration 201"
    assert found[-2:] == ["POST token 200", "POST approve 200"]
    assert found.count("POST x_thyti_thycotic_p_request 201") == 1
    assert {entry["pageref"] for entry in entries(out)} == {"An approval reaches the console"}
    sent = json.loads(entries(out)[0]["request"]["postData"]["text"])
    assert json.loads(sent["instance_metadata"])["Password"] == "***"


GOLDEN = """
title: Addresses everywhere
steps:
  - console.use: second
  - console.set-up: {name: second}
  - console.ask:
  - servicenow.call: {method: GET, path: "/api/now/table/sys_user?sysparm_query=name=${console}", by: "", status: 401}
  - servicenow.expect-request: Pending
"""


@pytest.mark.long
def test_a_recording_of_one_seed_is_the_same_in_each_run(tmp_path: Path) -> None:
    """Byte for byte, as it names the parties instead of their ports: so it can be committed and compared."""
    story, outs = tmp_path / "one.yaml", [tmp_path / "one.har", tmp_path / "two.har"]
    story.write_text(f"{ROUND_TRIP}---{GOLDEN}", encoding="utf-8")
    for out in outs:
        assert main(["record", str(story), "--seed", "7", "--out", str(out)]) == 0
    one, two = (out.read_bytes() for out in outs)
    assert one == two
    assert b"127.0.0.1" not in one
    hosts = {entry["request"]["url"].split("/")[2] for entry in entries(outs[0])}
    assert hosts == {"servicenow", "console"}
    sent = json.loads(entries(outs[0])[0]["request"]["postData"]["text"])
    assert json.loads(sent["instance_metadata"])["Token Url"] == "http://console/Tms/services/api/logon/token"
    assert "http://console-2/Tms" in outs[0].read_text(encoding="utf-8")
    assert main(["drift", str(outs[0])]) == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://127.0.0.1:4018/x", "http://servicenow/x"),
        ("http%3A%2F%2F127.0.0.1%3a4018%2Fx", "http%3A%2F%2Fservicenow%2Fx"),
        ("http://127.0.0.1:40189/x", "http://127.0.0.1:40189/x"),
        ("http://9127.0.0.1:4018/x", "http://9127.0.0.1:4018/x"),
        ("ü\xff127.0.0.1:4018", "ü\xffservicenow"),
    ],
)
def test_only_the_address_of_a_party_is_replaced(text: str, name: str) -> None:
    """Wherever it is, with a length that fits, and not a longer one."""
    addresses = PartyAddresses({"servicenow": "http://127.0.0.1:4018"})
    body = text.encode()
    headers = (("Host", text), ("content-length", str(len(body) + 3)), ("Content-Length", "?"))
    one = Recorded(datetime(2026, 1, 5, tzinfo=UTC), "GET", text, headers, body, 200, headers, body)
    named = (("Host", name), ("content-length", str(len(name.encode()) + 3)), ("Content-Length", "?"))
    assert addresses.replaced(one) == Recorded(one.at, "GET", name, named, name.encode(), 200, named, name.encode())


@pytest.mark.long
def test_a_real_instance(scenario: Path, real_instance: Callable[[str], str], tmp_path: Path) -> None:
    """What the console and the approver asked of it, and what it asked of the console; credentials masked."""
    out = tmp_path / "out.har"
    assert main(["record", str(scenario), "--servicenow-url", real_instance(""), "--out", str(out)]) == 0
    found = lines(out)
    for line in ("POST x_thyti_thycotic_p_request 201", "POST sys_user 201", "POST token 200", "POST approve 200"):
        assert found.count(line) == 1
    (decision,) = [entry for entry in entries(out) if entry["request"]["method"] == "PATCH"]
    assert {"name": "Authorization", "value": "Basic ***"} in decision["request"]["headers"]
    assert json.loads(decision["request"]["postData"]["text"]) == {"status": "Approve", "comment": "Fine"}
    assert base64.b64encode(b"admin:admin").decode() not in out.read_text(encoding="utf-8")
    (user,) = [entry for entry in entries(out) if entry["request"]["url"].endswith("display_value=true")]
    assert json.loads(user["request"]["postData"]["text"])["user_password"] == "***"


@pytest.mark.long
def test_with_secrets(scenario: Path, real_instance: Callable[[str], str], tmp_path: Path) -> None:
    """Only when asked for are the credentials kept."""
    out = tmp_path / "out.har"
    assert (
        main(["record", str(scenario), "--servicenow-url", real_instance(""), "--out", str(out), "--with-secrets"]) == 0
    )
    assert base64.b64encode(b"admin:admin").decode() in out.read_text(encoding="utf-8")


def test_armed_faults_are_not_kept(scenario: Path, tmp_path: Path) -> None:
    """What a fault answered says nothing of the target."""
    scenario.write_text(FAULTY, encoding="utf-8")
    out = tmp_path / "out.har"
    assert main(["record", str(scenario), "--out", str(out)]) == 0
    assert [line for line in lines(out) if "approve" in line] == ["POST approve 200"]


def test_a_failed_scenario_is_kept_too(scenario: Path, tmp_path: Path) -> None:
    """The recording shows why; exit code 1."""
    scenario.write_text(ROUND_TRIP.replace("Approved", "Denied"), encoding="utf-8")
    out = tmp_path / "out.har"
    assert main(["record", str(scenario), "--out", str(out)]) == 1
    assert "POST approve 200" in lines(out)


def test_an_interrupted_run_is_kept(scenario: Path, tmp_path: Path, privman_loop: LoopThread) -> None:
    """Ctrl-C leaves what had passed."""

    async def interrupt(request: web.Request) -> web.Response:
        if request.path == "/__admin/health":
            return web.Response(status=404)
        if request.path.endswith("version/Current"):
            return web.json_response({"Result": "11"})
        os.kill(os.getpid(), signal.SIGINT)
        return web.Response(status=500)

    scenario.write_text(
        "title: A call\ngiven: nothing\nown: {tables: [incident]}\nsteps:\n"
        "  - servicenow.call: {path: /api/now/table/incident, by: '', status: 401}\n"
        "  - console.call: {path: /here, unknown_path: true, status: 500}\n",
        encoding="utf-8",
    )
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", interrupt)
    served = serving(app)
    url = privman_loop.run(served.__aenter__())
    out = tmp_path / "out.har"
    assert main(["record", str(scenario), "--console-url", url, "--out", str(out)]) == 130
    privman_loop.run(served.__aexit__(None, None, None))
    assert lines(out)[-1] == "GET incident 401"


def har(*exchanges: dict[str, Any]) -> dict[str, Any]:
    """Return a HAR document as a browser writes it."""
    return {
        "log": {
            "version": "1.2",
            "entries": [{"startedDateTime": "2026-01-05T09:00:00Z", **each} for each in exchanges],
        }
    }


def exchange(method: str, url: str, sent: str, status: int, text: str, **content: str) -> dict[str, Any]:
    """Return an entry."""
    return {
        "request": {"method": method, "url": url, "postData": {"mimeType": "application/json", "text": sent}},
        "response": {"status": status, "content": {"mimeType": "application/json", "text": text, **content}},
    }


def test_a_recording_is_not_written_over_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under whatever name: what was recorded would be gone before it is read."""
    file, link = tmp_path / "real.har", tmp_path / "link.har"
    file.write_text("{}")
    link.symlink_to(file)
    assert main(["record", "--har", str(file), "--out", str(link)]) == 2
    assert file.read_text() == "{}"
    assert capsys.readouterr().err == (
        f"privman-scenarios: --out is {link}, which is read. Expected another file to write.\n"
    )


def test_what_a_browser_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A HAR file is taken over; Client Id, Secret and token are masked wherever they appear."""
    browser, out = tmp_path / "browser.har", tmp_path / "out.har"
    token = base64.b64encode(json.dumps(TOKEN).encode()).decode()
    logon = json.dumps({"username": CLIENT_ID, "password": SECRET})
    no_json = exchange("post", LOGON, f"password={SECRET}", 400, "[]")
    document = har(
        exchange("post", LOGON, logon, 200, token, encoding="base64"),
        exchange("GET", f"https://elsewhere.example/?id={CLIENT_ID}", "", 0, f"Bearer {TOKEN} of {SECRET}"),
        no_json,
    )
    document["log"]["entries"][1]["request"]["headers"] = [{"name": "Authorization", "value": f"Bearer {TOKEN}"}]
    browser.write_text(json.dumps(document), encoding="utf-8-sig")
    assert main(["record", "--har", str(browser), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert [word for word in (CLIENT_ID, SECRET, TOKEN) if word in text] == []
    assert lines(out) == ["POST token 200", "GET  0", "POST token 400"]
    assert capsys.readouterr().out == f"{out}: 3 exchanges, secrets masked\n"
    assert main(["record", "--har", str(browser), "--out", str(out), "--with-secrets"]) == 0
    assert [word in out.read_text(encoding="utf-8") for word in (CLIENT_ID, SECRET, TOKEN)] == [True] * 3


def test_pages_of_a_browser_keep_their_address_alone(tmp_path: Path) -> None:
    """Whatever a log-in page, its form or an address holds, such as an assertion or the key of a session."""
    browser, out = tmp_path / "browser.har", tmp_path / "out.har"
    page = exchange("POST", "https://sso.example/acs;jsessionid=hidden-1?relay=hidden-2#hidden-3", "", 302, "")
    page["request"]["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": "SAMLResponse=hidden-4"}
    page["request"]["headers"] = [{"name": "Referer", "value": "https://sso.example/in?ticket=hidden-5"}]
    page["response"]["headers"] = [{"name": "Location", "value": "/navpage.do;jsessionid=hidden-6"}]
    page["response"]["content"] = {"mimeType": "text/html", "text": "<script>var g_ck = 'hidden-7'</script>"}
    browser.write_text(json.dumps(har(page, exchange("GET", f"{LOGON}?a=b", "", 400, "{}"))), encoding="utf-8")
    assert main(["record", "--har", str(browser), "--out", str(out)]) == 0
    assert "hidden" not in out.read_text(encoding="utf-8")
    acs, api = (entry["request"] for entry in entries(out))
    assert (acs["url"], acs["postData"]["text"]) == ("https://sso.example/acs?***", "***")
    assert {"name": "Referer", "value": "https://sso.example/in?***"} in acs["headers"]
    assert api["url"] == f"{LOGON}?a=b"


def test_a_short_secret_is_masked_where_it_stands(tmp_path: Path) -> None:
    """A secret such as admin is an ordinary word elsewhere."""
    browser, out = tmp_path / "browser.har", tmp_path / "out.har"
    sent = json.dumps({"UserName": CLIENT_ID, "Password": "admin"})
    document = har(exchange("POST", LOGON, sent, 400, "{}"), exchange("GET", "https://a.example/admin", "", 200, ""))
    browser.write_text(json.dumps(document), encoding="utf-8")
    assert main(["record", "--har", str(browser), "--out", str(out)]) == 0
    assert lines(out) == ["POST token 400", "GET admin 200"]
    assert json.loads(entries(out)[0]["request"]["postData"]["text"]) == {"UserName": "***", "Password": "***"}


def test_a_log_on_in_other_words_is_masked(tmp_path: Path) -> None:
    """Only a real console shows what it calls the Client Id, and how it wraps the token."""
    browser, out = tmp_path / "browser.har", tmp_path / "out.har"
    client_id, token = "cl1ent-in-other-words", "t0k3n-in-other-words"
    sent, answered = json.dumps({"clientId": client_id, "retry": True}), json.dumps({"Result": token, "Status": "ok"})
    browser.write_text(json.dumps(har(exchange("POST", LOGON, sent, 200, answered))), encoding="utf-8")
    assert main(["record", "--har", str(browser), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert client_id not in text
    assert token not in text


def test_an_empty_recording_holds_nothing(tmp_path: Path) -> None:
    """No exchange is no success."""
    browser = tmp_path / "browser.har"
    browser.write_text(json.dumps(har()), encoding="utf-8")
    assert main(["record", "--har", str(browser), "--out", str(tmp_path / "out.har")]) == 1


GOOD = exchange("GET", "https://a.example/", "", 200, "")
MALFORMED = [
    ("{", "not a HAR file: line 1: unexpected end of data."),
    ("[]", "log is missing. Expected an object."),
    ({"log": {}}, "log.entries is missing. Expected a list."),
    ({"log": {"entries": {}}}, "log.entries has value {}. Expected a list."),
    (har({}), "log.entries[0].request is missing. Expected an object."),
    (har(GOOD, GOOD | {"request": {"method": "GET"}}), "log.entries[1].request.url is missing. Expected text."),
    (har(GOOD | {"response": {"status": "200"}}), "log.entries[0].response.status has value '200'. Expected a number."),
    (har(GOOD | {"startedDateTime": "today"}), "log.entries[0].startedDateTime has value 'today'. Expected a time."),
    (
        har(exchange("GET", "https://[a.example/", "", 200, "")),
        "log.entries[0].request.url has value 'https://[a.example/'. Expected an address.",
    ),
    (
        har(exchange("GET", "https://a.example/", "", 200, "!", encoding="base64")),
        "log.entries[0].response.content.text is not base64, as its encoding says.",
    ),
]


@pytest.mark.parametrize(("document", "complaint"), MALFORMED, ids=[complaint for _, complaint in MALFORMED])
def test_a_malformed_file(document: object, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names the file and what is wrong in it; exit code 2."""
    file = tmp_path / "browser.har"
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    assert main(["record", "--har", str(file), "--out", str(tmp_path / "out.har")]) == 2
    assert capsys.readouterr().err == f"privman-scenarios: {file}: {complaint}\n"


def test_files_that_cannot_be_used(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named, and nothing is played; exit code 2."""
    assert main(["record", str(scenario), "--out", str(scenario / "out.har")]) == 2
    captured = capsys.readouterr()
    assert f"{scenario}/out.har" in captured.err
    assert captured.out == ""
    assert main(["record", "--har", "none.har", "--out", str(tmp_path / "out.har")]) == 2
    assert capsys.readouterr().err == "privman-scenarios: none.har: cannot be read: No such file or directory.\n"
