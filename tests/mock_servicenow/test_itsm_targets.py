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
_CERTIFICATE = "it logs in with a client certificate, which an instance maps to a user and the mock does not"
DEMO_ONLY = {"api_authentication": _CERTIFICATE, "inventory": _CERTIFICATE}
"""Why a target cannot pass here."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each target."""
    suite: Path = metafunc.config.getoption("--itsm").resolve()
    folder = suite / "tests/integration/targets"
    assert folder.is_dir(), f"--itsm {suite}: expected a copy of the repository of servicenow.itsm"
    targets = sorted(target.name for target in folder.iterdir() if target.name != SHARED)
    metafunc.parametrize(("suite", "target"), [pytest.param(suite, each, marks=marks(each)) for each in targets])


def marks(target: str) -> list[pytest.MarkDecorator]:
    """Return the mark of a target that must fail here, if it is one."""
    return [pytest.mark.xfail(reason=DEMO_ONLY[target], strict=True)] if target in DEMO_ONLY else []


async def test_target(suite: Path, target: str, tmp_path: Path) -> None:
    """A target passes."""
    folder = laid_out(suite, tmp_path)
    rows = tmp_path / "rows.yaml"
    rows.write_text(yaml.safe_dump(ROWS))
    async with serving_command("--data", str(rows)) as url:
        settings = {"sn_host": url, "sn_username": "admin", "sn_password": "admin"}
        settings |= {f"sn_{name}": value for name, value in CLIENT.items()} | {"sn_api_key": KEY}
        settings |= {"sn_client_certificate_file": "/dev/null", "sn_client_key_file": "/dev/null"}
        (folder / "integration_config.yml").write_text(yaml.safe_dump(settings))
        exit_code, output = await play(folder, target)
    assert exit_code == 0, output


def laid_out(suite: Path, folder: Path) -> Path:
    """Put the collection where Ansible looks for collections, and return a copy of its tests, which write files."""
    collection = folder / "ansible_collections/servicenow/itsm"
    collection.parent.mkdir(parents=True)
    collection.symlink_to(suite)
    return Path(copytree(suite / "tests/integration", folder / "integration"))


async def play(folder: Path, target: str) -> tuple[int | None, str]:
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
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = await asyncio.create_subprocess_exec(
        *command, cwd=there, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
