"""Runs PySNC's own live suite, unchanged, against a served instance: twice in a row, then in random order.

``tox -e pysnc -- PATH``, where PATH is a copy of github.com/ServiceNow/PySNC.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

RUNS: tuple[list[str], ...] = ([], [], ["--random-order", "--random-order-bucket=global"])


def main() -> int:
    """Run the suite and return its exit code; 0 with the reason where there is no copy of it."""
    suite = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    if suite is None or not (suite / "test" / "test_snc_api.py").is_file():
        sys.stdout.write("skipped: PySNC's suite lies nowhere here; its releases carry no tests, so name a copy\n")
        return 0
    with TemporaryDirectory() as folder:
        authority = Path(folder) / "ca.pem"
        command: list[str | Path] = [Path(sys.executable).with_name("mock-servicenow"), "serve", "--port", "0", "--tls"]
        server = subprocess.Popen([*command, "--tls-ca-file", authority], stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[2]
            return max(_run(suite, url, authority, order) for order in RUNS)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _run(suite: Path, url: str, authority: Path, order: list[str]) -> int:
    environment = {
        **os.environ,
        "PYSNC_SERVER": url,
        "PYSNC_USERNAME": "admin",
        "PYSNC_PASSWORD": "admin",
        "REQUESTS_CA_BUNDLE": str(authority),
        "SSL_CERT_FILE": str(authority),
    }
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:privman", "test", *order]
    return subprocess.run(pytest, cwd=suite, env=environment, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
