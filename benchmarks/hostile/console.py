"""Attacks on a console."""

import json
import sys
from pathlib import Path

from benchmarks.hostile.attack import (
    FORM,
    JSON,
    MIB,
    PORT,
    Attack,
    again,
    distinct,
    endless,
    exchange,
    get,
    gzipped,
    half_a_head,
    joined,
    long_heads,
    many,
    never,
    one,
    send,
    then,
    unfinished,
)

TOKEN = "/Tms/services/api/logon/token"  # noqa: S105 - an address
APPROVE = "/Tms/services/api/v1/approval/approve"


def facts() -> bytes:
    """Return the metadata of an approval request with many facts."""
    return json.dumps({"metadata": {f"Fact{number}": "x" * 90 for number in range(5_000)}}).encode()


CONSOLE: dict[str, Attack] = {
    "700 MiB of a body, unfinished": unfinished(TOKEN),
    "50 endless bodies": many(50, endless(TOKEN, known=False)),
    "50 bodies that unpack to 1 GiB": many(50, gzipped(TOKEN, known=False)),
    "50 forms that unpack to 1 GiB": many(50, gzipped("/login", known=False)),
    "50 times 10 heads of 440 kB": many(50, again(10, long_heads(TOKEN))),
    "300 halves of a head": many(300, half_a_head),
    "300 bodies that do not come": many(300, never(TOKEN)),
    "1 MiB of keys": one(TOKEN, JSON, joined(90_000, lambda n: f'"k{n}":1', "{", "}")),
    "1 MiB of empty lists": one(TOKEN, JSON, joined(300_000, lambda _: "[]", "[", "]")),
    "one key of 1 MiB": one(TOKEN, JSON, b'{"' + b"x" * (MIB - 100) + b'":1}', known=False),
    "a decision of 1 MiB": one(APPROVE, JSON, json.dumps({"Comment": "x," * (MIB // 3)}).encode(), known=False),
    "a body of 10,000 keys, judged": then(
        one(APPROVE, JSON, joined(9_900, lambda n: f'"Commen{n}":1', "{", "}"), known=False), get("/__admin/findings")
    ),
    "a pile of bodies, and the journal's pages": then(
        again(50, one(TOKEN, JSON, json.dumps({"username": "x," * (MIB // 3)}).encode())),
        get("/__admin/requests"),
        get("/__cockpit/sequence?about=nothing", known=False),
        get("/__cockpit?find=nothing&only=findings", known=False),
        get("/__cockpit/exchanges/20", known=False),
    ),
    "a body of nested lists on a page": then(
        one(TOKEN, JSON, b"[" * 200 + b"1," * 90_000 + b"1" + b"]" * 200), *map(exchange, range(1, 60))
    ),
    "2,000 long addresses": distinct(2_000, lambda n: f"/Tms/{n}?{'a&' * 6_000}", known=False),
    "100 requests of 500 kB of facts, and their page": then(
        again(100, one("/__admin/approval-requests", JSON, facts(), known=False)), get("/manage-approvals", known=False)
    ),
    "50 cookies of 8 kB": many(
        20,
        lambda: send(
            "/", JSON, [], length=0, headers=[*(f"Cookie: {'a=b;' * 2_000}" for _ in range(50)), "Connection: close"]
        ),
    ),
    "a form of 4 MiB": one("/login", FORM, b"&".join([b"a=%41%42"] * 450_000), known=False),
}


def console_sim() -> list[str]:
    """Return the command that serves a console."""
    return [str(Path(sys.executable).with_name("console-sim")), "serve", "--port", str(PORT)]
