"""Instances to log in to, and runs on them."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

import pytest
import requests
import yaml

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main

from .log_in_mocks import (
    APPROVE,
    KEYS,
    ROWS,
    VERIFIERS,
    Run,
    Serve,
    log_in_by_certificate,
    public,
)


@pytest.fixture(scope="module")
def start(privman_loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a mock in real time, with a client, an identity provider and an API key, once of a kind."""
    ends = ExitStack()
    certificates = [{"name": name, "pem_certificate": public(key)} for name, key in KEYS]

    @cache
    def start(key_id: str, tls: ssl.SSLContext | None, release: str) -> str:
        verifier = {"oauth_jwt": "Provider", "kid": key_id, **VERIFIERS[key_id]}
        rows = tmp_path_factory.mktemp("rows") / "rows.yaml"
        content = {**ROWS, "sys_certificate": certificates, "jwt_verifier_map": [verifier]}
        rows.write_text(yaml.safe_dump(content), encoding="utf-8")
        clock = RealClock()
        app = mock_servicenow.app.create_app(Settings(data=(rows,), release=release), clock=clock, ids=Ids(1))
        app.middlewares.insert(0, log_in_by_certificate)
        served = serving(app, tls=tls)
        url = privman_loop.run(served.__aenter__())
        ends.callback(lambda: privman_loop.run(clock.aclose()))
        ends.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
        return url

    with ends:
        yield start


@pytest.fixture
def serve(start: Serve) -> Serve:
    """Gives the address of such a mock in its first state."""

    def serve(key_id: str = "", tls: ssl.SSLContext | None = None, release: str = "default") -> str:
        url = start(key_id, tls, release)
        if tls is None:
            requests.post(f"{url}/__admin/reset", timeout=30).raise_for_status()
        return url

    return serve


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Plays a scenario on an instance with these variables, and gives the exit code."""

    def run(url: str, *options: str, file: str = APPROVE, **variables: str) -> int:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return main(["run", file, "--servicenow-url", url, "--quiet-time", "0", *options])

    return run
