"""Threads answer the calls of an instance on PostgreSQL, and share what it remembers outside its tables."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from mock_servicenow.now_platform.identity.oauth.clients import AuthorizationCodes, Consent
from mock_servicenow.now_platform.identity.web_sessions import WebSessions
from mock_servicenow.now_platform.users import Holder
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.virtual_clock import VirtualClock

THREADS, TURNS = 8, 300
CONSENT = Consent(Holder("client"), Holder("user"), "https://localhost/", "", "")
Work = Callable[[], object]


def codes() -> Work:
    """Return what issues a code, while many others are still valid."""
    known = AuthorizationCodes(VirtualClock(), Ids(1), Secrets())
    return lambda: known.issue(CONSENT)


def sessions() -> Work:
    """Return what opens a session, of which older ones of the same user end, and uses it."""
    known = WebSessions(VirtualClock(), Ids(1))
    return lambda: known.find(known.open(Holder("user")).id)


@pytest.mark.usefixtures("often_switching")
@pytest.mark.parametrize("prepare", [codes, sessions])
def test_threads_share_codes_and_sessions(prepare: Callable[[], Work]) -> None:
    """No thread fails because of what another one does at the same moment."""
    work, begin = prepare(), Barrier(THREADS)

    def repeat() -> None:
        begin.wait()
        for _ in range(TURNS):
            assert work() is not None

    with ThreadPoolExecutor(THREADS) as threads:
        for each in [threads.submit(repeat) for _ in range(THREADS)]:
            each.result()
