"""Secrets in the journal."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.virtual_clock import VirtualClock

from .conftest import TOKEN, Party, judge


async def test_the_token_is_masked_wherever_it_was_sent(guarded_party: Party) -> None:
    """In a URL, a header of another name or a body, as any secret that a server knows; after a reset, too."""
    for _ in range(2):
        await guarded_party.call("POST", f"/x?a={TOKEN}", headers={"X-Other": TOKEN}, json={"said": f"it is {TOKEN}"})
        journal = [guarded_party.journal.to_json(each) for each in guarded_party.journal.kept()]
        assert journal
        assert TOKEN not in str(journal)
        assert (await guarded_party.call("POST", "/__admin/reset", headers={"X-Admin-Token": TOKEN}))[0] == 204


async def test_bodies_that_are_not_read(party: Party) -> None:
    """A body that is too long, or not packed as it says, is refused; the journal keeps its length and the refusal."""
    assert (await party.call("POST", "/long", data=BytesIO(b" " * (1024 * 1024 + 1))))[0] == 413
    assert (await party.call("POST", "/odd", data=b"garbage", headers={"Content-Encoding": "gzip"}))[0] == 400
    _, body = await party.call("GET", "/__admin/requests")
    kept = [(entry["url"], entry["request"]["body"]) for entry in body["requests"]]
    assert kept == [
        ("/long", "(1048577 bytes, of which the first 0 are kept)"),
        ("/odd", "(7 bytes, of which the first 0 are kept)"),
    ]
    assert [(entry["status"], entry["error"]) for entry in body["requests"]] == [(413, ""), (400, "")]


async def test_long_bodies_are_masked_by_what_is_known_now(roomy_party: Party) -> None:
    """They are masked once, until another secret is learned."""
    await roomy_party.call("POST", "/x", data=f"{'x' * 20_000} later-secret-1")
    [exchange] = roomy_party.journal.kept()
    assert "later-secret-1" in str(roomy_party.journal.to_json(exchange))
    roomy_party.secrets.add("later-secret-1")
    printed = roomy_party.journal.to_json(exchange)
    assert [each["body"][-5:] for each in (printed["request"], printed["response"])] == ["x ***"] * 2


async def test_a_dead_secret_stays_masked_while_the_journal_has_exchanges_from_its_time(party: Party) -> None:
    """However many die after it: if there are too many, those exchanges are evicted, and never shown unmasked."""

    def die(*secrets: str) -> None:
        for secret in secrets:
            party.secrets.add(secret)
            party.secrets.retire(secret)

    party.secrets.add("OldSecret-1")
    await party.call("POST", "/x?said=OldSecret-1", data="OldSecret-1")
    die("OldSecret-1", "OldSecret-1", *(f"{number:05}-secret" for number in range(2_500)))
    await party.call("POST", "/y")
    _, body = await party.call("GET", "/__admin/requests")
    assert [each["url"] for each in body["requests"]] == ["/x?said=***", "/y"]
    assert "OldSecret-1" not in str(body)
    die(*(f"{number:05}-secret" for number in range(2_500, 5_500)))
    await party.call("POST", "/z")
    _, body = await party.call("GET", "/__admin/requests")
    assert [each["url"] for each in body["requests"]] == ["/y", "/z"]


@pytest.mark.long
async def test_live_secrets_are_never_forgotten(party: Party) -> None:
    """However many secrets come after one that is in use, it stays masked; of the others the last thousand do."""
    for number in range(3_001):
        party.secrets.add(f"secret-{number:04}")
        if number:
            party.secrets.retire(f"secret-{number:04}")
    party.secrets.retire("never-added")
    party.secrets.add("secret-0000")
    await party.call("POST", "/", data="secret-0000 secret-0001 secret-3000")
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["request"]["body"] == "*** secret-0001 ***"
    party.secrets.retire_all()
    assert party.secrets.mask("secret-0000 secret-3000") == "*** ***"


async def test_secrets_are_masked(party: Party) -> None:
    """No credential reaches the journal: headers, cookies, JSON, JSON in a string, forms, queries, XML, known texts."""
    inner = json.dumps({"Username": "id", "Password": 'in\\ner"pass'})
    bodies: list[Any] = [
        json.dumps({"Password": "plain-pass", "note": "kept"}),
        json.dumps({"instance_metadata": inner}),
        json.dumps({"body": json.dumps({"x": inner})}),
        "grant_type=password&password=form-pass&user=kept",
        "<request><user_password>xml-pass</user_password></request>",
    ]
    party.secrets.add("known-token")
    party.secrets.add("")
    for body in bodies:
        await party.call(
            "POST",
            "/?access_token=query-pass&kept=1",
            data=body,
            headers={"Authorization": "Basic b64-pass", "Cookie": "session=jar-pass", "X-Note": "known-token kept"},
        )
    _, journal = await party.call("GET", "/__admin/requests")
    text = json.dumps(journal)
    for secret in (
        "plain-pass",
        "ner",
        "form-pass",
        "xml-pass",
        "query-pass",
        "b64-pass",
        "jar-pass",
        "hidden",
        "known-t",
    ):
        assert secret not in text.replace("inner", "")
    headers = dict(journal["requests"][0]["request"]["headers"])
    assert (headers["Authorization"], headers["Cookie"], headers["X-Note"]) == ("Basic ***", "***", "*** kept")
    assert journal["requests"][1]["request"]["body"] == json.dumps(
        {"instance_metadata": json.dumps({"Username": "id", "Password": "***"})}
    )
    assert journal["requests"][3]["request"]["body"] == "grant_type=password&password=***&user=kept"


async def test_secrets_of_calls_within_a_call_are_masked(party: Party) -> None:
    """A batch holds calls of its own: their credentials and the secrets in their bodies do not reach the journal."""
    inner = b64encode(b'{"user_password":"inner-pass","kept":"1"}').decode()
    plain, odd = b64encode(b'{"kept":"1"}').decode(), "abcde"
    headers = [{"name": "Authorization", "value": "Basic b64-pass"}, {"name": "Accept", "value": "*/*"}]
    items = [{"headers": headers, "body": body} for body in (inner, plain, odd)]
    await party.call("POST", "/", data=json.dumps({"rest_requests": items}))
    _, journal = await party.call("GET", "/__admin/requests")
    calls = json.loads(journal["requests"][0]["request"]["body"])["rest_requests"]
    assert [call["headers"] for call in calls] == [[{"name": "Authorization", "value": "***"}, headers[1]]] * 3
    assert b64decode(calls[0]["body"]) == b'{"user_password":"***","kept":"1"}'
    assert [call["body"] for call in calls[1:]] == [plain, odd]


async def test_secrets_in_an_encoded_query_are_masked(party: Party) -> None:
    """What a query asks of a password is masked, and the rest of the query is readable."""
    await party.call("GET", "/?sysparm_query=name=a^user_password=query-pass^active=true")
    await party.call("GET", "/?sysparm_query=user_password%3Dquery-pass%5Eactive%3Dtrue")
    _, journal = await party.call("GET", "/__admin/requests")
    assert "query-pass" not in json.dumps(journal)
    assert all("active" in entry["url"] for entry in journal["requests"])


class AnsweringSecrets(Secrets):
    """Secrets that let an exchange be answered while its first text is masked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Callable[[], None]] = []

    def mask(self, text: str) -> str:
        """Answer and mask."""
        for answer in self.answers:
            self.answers = []
            answer()
        return super().mask(text)


def test_answer_that_comes_while_a_body_is_masked_is_shown() -> None:
    """Large bodies are masked in a thread, and exchanges go on meanwhile."""
    secrets = AnsweringSecrets()
    journal = Journal(VirtualClock(), secrets, judge)
    exchange = journal.begin("in", "POST", "/x", {}, b"asked")
    secrets.answers.append(lambda: journal.finish(exchange, 200, {}, b"answered"))
    assert journal.show_bodies(exchange).answer == b""
    assert journal.show_bodies(exchange).answer == b"answered"
