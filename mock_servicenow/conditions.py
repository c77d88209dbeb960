"""Conditions of an instance that break integrations, as faults to arm."""

from datetime import timedelta
from http import HTTPStatus

import orjson
from aiohttp import web

from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from privman_core.exchange import body_of
from privman_core.faults import NUMBER, STATUS, FaultKinds, Strike

EDGE = "snow_adc"
CANCELLED = "Transaction cancelled: maximum execution time exceeded"
# A hibernating developer instance gives this page for every address.
HIBERNATING_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>Instance Hibernating page</title></head>
<body><h1>Your instance is hibernating</h1><p>This instance is hibernating. Sign in to wake it up.</p></body></html>
"""
WAKE_UP = "https://developer.servicenow.com/dev.do#!/home?wu=true"
MAINTENANCE_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>Maintenance</title></head>
<body><h1>This instance is undergoing maintenance</h1></body></html>
"""
_RATE_LIMIT_RULE = seed_id("sys_rate_limit_rules", "Table API")
CONDITIONS = FaultKinds()


@CONDITIONS.kind("hibernating", status=STATUS)
async def _hibernating(strike: Strike) -> web.StreamResponse:
    """Answer with a page of HTML, whatever was asked: ``status`` 200, or 503, or 302 to wake it."""
    status = strike.options.get("status", 200)
    if status == HTTPStatus.FOUND:
        return web.Response(status=status, headers={"Location": WAKE_UP, "Server": EDGE})
    return _page(status, HIBERNATING_PAGE)


@CONDITIONS.kind("maintenance", status=STATUS)
async def _maintenance(strike: Strike) -> web.StreamResponse:
    """Answer with a page of HTML, ``status`` (503)."""
    return _page(strike.options.get("status", 503), MAINTENANCE_PAGE)


@CONDITIONS.kind("rate-limited", seconds=NUMBER)
async def _rate_limited(strike: Strike) -> web.StreamResponse:
    """Answer 429 as a rate limit rule does, to be tried again after ``seconds`` (60)."""
    seconds = strike.options.get("seconds", 60)
    now = strike.clock.now()
    headers = {
        "Retry-After": f"{seconds:.0f}",
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Reset": str(int((now + timedelta(seconds=seconds)).timestamp())),
        "X-RateLimit-Rule": _RATE_LIMIT_RULE,
    }
    return _error(429, "Rate limit exceeded", "Rate limit of 100 requests per hour for Table API exceeded", headers)


@CONDITIONS.kind("busy")
async def _busy(_strike: Strike) -> web.StreamResponse:
    """Answer 429 as a full semaphore queue does: no rule, no time to try again."""
    return _error(429, "Too many requests", None, {})


@CONDITIONS.kind("cancelled")
async def _cancelled(_strike: Strike) -> web.StreamResponse:
    """Answer 500 as when a quota cancels the transaction before it has done anything."""
    return _error(500, CANCELLED, "Transaction cancelled: Check logs for error trace", {})


@CONDITIONS.kind("cancelled-partial")
async def _cancelled_partial(strike: Strike) -> web.StreamResponse:
    """Answer 200 with half of the result and an error beside it."""
    answer = await strike.proceed()
    if strike.request.method == "HEAD":  # has no result to cut
        return strike.spare(answer)
    result = _result(answer)
    if isinstance(result, list):
        result = result[: len(result) // 2]
    error = {"detail": "Transaction cancelled: Check logs for error trace", "message": CANCELLED}
    body = orjson.dumps({"result": result, "error": error, "status": "failure"})
    return web.Response(body=body, headers=_kept(answer))


@CONDITIONS.kind("dropped")
async def _dropped(_strike: Strike) -> web.StreamResponse:
    """Answer 202 and do nothing, as when too many requests of one session wait (trap 30)."""
    return web.Response(status=202)


@CONDITIONS.kind("node-switch")
async def _node_switch(_strike: Strike) -> web.StreamResponse:
    """Answer 403 although the user may, as for a while after a node switch (trap 33)."""
    return _error(403, "User Not Authorized", "Failed API level ACL Validation", {})


@CONDITIONS.kind("short-page", spares_posts=True)
async def _short_page(strike: Strike) -> web.StreamResponse:
    """Leave the last row out of a page that promises it (traps 6 and 29)."""
    answer = await strike.proceed()
    result = _result(answer)
    if not isinstance(result, list) or not result or not strike.sends_body(answer):
        return strike.spare(answer)
    return web.Response(status=answer.status, body=orjson.dumps({"result": result[:-1]}), headers=_kept(answer))


@CONDITIONS.kind("stored-but-denied")
async def _stored_but_denied(strike: Strike) -> web.StreamResponse:
    """Insert, then answer 403, as if the user may not read what they have just created."""
    answer = await strike.proceed()
    if answer.status != web.HTTPCreated.status_code:
        return strike.spare(answer)
    return _error(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints", {})


def _page(status: int, html: str) -> web.Response:
    headers = {"Content-Type": "text/html;charset=UTF-8", "Server": EDGE}
    return web.Response(status=status, body=html.encode(), headers=headers)


def _error(status: int, message: str, detail: str | None, headers: dict[str, str]) -> web.Response:
    body = orjson.dumps({"error": {"message": message, "detail": detail}, "status": "failure"})
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json;charset=UTF-8", **headers})


def _result(answer: web.StreamResponse) -> object:
    try:
        body = orjson.loads(body_of(answer))
    except orjson.JSONDecodeError:
        return None
    return body.get("result") if isinstance(body, dict) else None


def _kept(answer: web.StreamResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
