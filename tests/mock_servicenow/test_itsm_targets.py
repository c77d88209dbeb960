"""The live integration targets of Ansible's collection servicenow.itsm, unchanged: ``tox -e itsm -- PATH``.

PATH is a copy of github.com/ansible-collections/servicenow.itsm. Each target runs against an instance of its own, as
ansible-test would run it: a role in a playbook, or its runme.sh.
"""

import asyncio
import os
import sys
from pathlib import Path
from shutil import copytree

import pytest
import trustme
import yaml

from .command import serving_command

CLIENT = {"client_id": "itsm", "client_secret": "itsm-secret"}
KEY = "itsm-key"
ROWS = {
    "oauth_entity": [{"name": "itsm", "user": "admin", **CLIENT}],
    "sys_properties": [{"name": "glide.oauth.inbound.client.credential.grant_type.enabled", "value": "true"}],
    "api_key": [{"name": "itsm", "user": "admin", "token": KEY}],
    "http_key_auth": [{"name": "itsm", "auth_parameter": "x-sn-apikey"}],
    "sys_api_access_policy": [{"name": "itsm", "api": "Table API"}],
    "sys_auth_profile_mapping": [{"api_access_policy": "itsm", "inbound_auth_profile": "itsm"}],
}
"""What the instance of the targets' authors has been given."""
SHARED = "prepare_test_vars"
CLIENTS = "clients.pem"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each target."""
    suite: Path = metafunc.config.getoption("--itsm").resolve()
    folder = suite / "tests/integration/targets"
    assert folder.is_dir(), f"--itsm {suite}: expected a copy of the repository of servicenow.itsm"
    targets = sorted(target.name for target in folder.iterdir() if target.name != SHARED)
    metafunc.parametrize("target", targets)
    metafunc.parametrize("suite", [suite], ids=[""])


async def test_target(suite: Path, target: str, tmp_path: Path) -> None:
    """A target passes."""
    folder, authority = laid_out(suite, tmp_path), tmp_path / "server.pem"
    certificate, key = client_certificate(tmp_path)
    rows = tmp_path / "rows.yaml"
    mapped = {"name": "itsm", "user": "admin", "pem_certificate": certificate.read_text()}
    rows.write_text(yaml.safe_dump({**ROWS, "sys_user_certificate": [mapped]}))
    tls = (
        "--tls",
        "--tls-ca-file",
        str(authority),
        "--tls-client-ca",
        str(tmp_path / CLIENTS),
        "--tls-client-optional",
    )
    async with serving_command("--data", str(rows), *tls) as url:
        settings = {"sn_host": url, "sn_username": "admin", "sn_password": "admin", "sn_api_key": KEY}
        settings |= {f"sn_{name}": value for name, value in CLIENT.items()}
        settings |= {"sn_client_certificate_file": str(certificate), "sn_client_key_file": str(key)}
        (folder / "integration_config.yml").write_text(yaml.safe_dump(settings))
        exit_code, output = await play(folder, target, authority)
    assert exit_code == 0, output


def client_certificate(folder: Path) -> tuple[Path, Path]:
    """Write the authority of clients, and return the files of a certificate that it has issued and of its key."""
    authority, certificate, key = trustme.CA(), folder / "client.pem", folder / "client.key"
    issued = authority.issue_cert("itsm@example.com")
    authority.cert_pem.write_to_path(folder / CLIENTS)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


def laid_out(suite: Path, folder: Path) -> Path:
    """Put the collection where Ansible looks for collections, and return a copy of its tests, which write files."""
    collection = folder / "ansible_collections/servicenow/itsm"
    collection.parent.mkdir(parents=True)
    collection.symlink_to(suite)
    return Path(copytree(suite / "tests/integration", folder / "integration"))


async def play(folder: Path, target: str, authority: Path) -> tuple[int | None, str]:
    """Run a target and return its exit code and output."""
    there = folder / "targets" / target
    command = ["sh", "runme.sh"] if (there / "runme.sh").exists() else ["ansible-playbook", "play.yml"]
    if command[-1] == "play.yml":
        (there / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "roles": [target]}]))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(folder.parent),
        "ANSIBLE_ROLES_PATH": str(folder / "targets"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "SSL_CERT_FILE": str(authority),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = await asyncio.create_subprocess_exec(
        *command, cwd=there, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
