"""The Dockerfile, the compose file and the Kubernetes example: they fit together, and their commands run as processes.

Images are not built here, and nothing but this machine's loopback is used.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from privman_scenarios.language.loader import catalog_files
from tests.conftest import PostgreSql

from .test_documents import free_port

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
KUBERNETES = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))
IN_IMAGE = "/opt/privman/"
SECRETS = {
    "POSTGRES_PASSWORD": "postgres-secret",
    "MOCK_SERVICENOW_PASSWORD": "instance-secret",
    "MOCK_SERVICENOW_ADMIN_TOKEN": "instance-token",
    "CONSOLE_SIM_ADMIN_TOKEN": "console-token",
}
SECRET_NAME = re.compile("PASSWORD|TOKEN|SECRET|KEY")


@dataclass
class Stage:
    """A stage of the Dockerfile, with what it inherits."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """Return the value of an instruction that counts."""
        return [value for name, value in self.steps if name == instruction][-1]


@dataclass(frozen=True)
class Container:
    """A container of one of the files.

    Attributes:
        environment: secrets by the variable that holds them.
        probes: commands that find out whether it serves.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    probes: Sequence[Sequence[str]] = ()


def stages() -> dict[str, Stage]:
    """Return the stages of the Dockerfile by name."""
    parser = DockerfileParser(fileobj=BytesIO((ROOT / "Dockerfile").read_bytes()))
    found = {"": Stage()}
    current = found[""]
    for step in parser.structure:
        if step["instruction"] == "FROM":
            base, name = step["value"].split(" AS ")
            current = found[name] = Stage(list(found[base].steps) if base in found else [("FROM", base)])
        elif step["instruction"] != "COMMENT":
            current.steps.append((step["instruction"], step["value"]))
    return found


STAGES = stages()
TARGETS = {each["build"]["target"] for each in COMPOSE.values() if "build" in each}
SERVERS = ("mock-servicenow", "console-sim")


def in_compose() -> Iterator[Container]:
    """Yield the containers of the compose file that our images run."""
    for name, service in COMPOSE.items():
        if "build" in service:
            variables = {key: secret(value) for key, value in service["environment"].items()}
            yield Container(name, service["command"], variables)


def secret(value: str) -> str:
    """Return the secret that a variable of the compose file takes from the environment, which must have it."""
    found = re.fullmatch(r"\$\{(\w+):\?.+\}", value)
    assert found, f"{value} is written out"
    return SECRETS[found[1]]


def in_kubernetes() -> Iterator[Container]:
    """Yield the containers of the Kubernetes example."""
    for resource in KUBERNETES:
        for each in resource["spec"].get("template", {}).get("spec", {}).get("containers", ()):
            references = {variable["name"]: variable["valueFrom"]["secretKeyRef"]["key"] for variable in each["env"]}
            probes = [each[kind]["exec"]["command"] for kind in each if kind.endswith("Probe")]
            variables = {name: SECRETS[key] for name, key in references.items()}
            yield Container(each["name"], [*each["command"], *each["args"]], variables, probes)


FILES = {"compose": list(in_compose()), "kubernetes": list(in_kubernetes())}


def test_the_image_is_built_from_the_slim_image() -> None:
    """All stages begin with one image, whose tag names the version of Python."""
    assert {stage.last("FROM") for name, stage in STAGES.items() if name} == {"${PYTHON_IMAGE}"}
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim", STAGES[""].last("ARG"))


def test_the_wheel_is_built_from_what_it_needs() -> None:
    """The build stage copies each package, the builder is sent nothing else, and all of it exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {Path(each).parts[0] for each in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    copied = {name for step, value in STAGES["wheel"].steps if step == "COPY" for name in value.split()[:-1]}
    assert copied == packages | {"pyproject.toml", "README.md", "LICENSE"}
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert sent == copied | {"deploy/healthy.py"}
    assert "*" in lines
    assert all((ROOT / each).exists() for each in sent)


def test_the_script_builds_what_the_compose_file_names() -> None:
    """Each image from its target, with buildah; without it the script says so."""
    script = ROOT / "deploy" / "build_images.sh"
    built = re.findall(r"^build (\S+) (\S+) \"\$@\"$", script.read_text(), re.MULTILINE)
    assert dict(built) == {each["build"]["target"]: each["image"] for each in COMPOSE.values() if "build" in each}
    done = subprocess.run(["/bin/bash", script], env={"PATH": ""}, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "buildah is missing: expected Debian's package buildah, or docker build\n"


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_an_image_keeps_no_secret_and_does_not_run_as_root(target: str) -> None:
    """Its user has a number, and no step sets a variable whose name is that of a secret."""
    stage = STAGES[target]
    user, group = map(int, stage.last("USER").split(":"))
    assert user > 0
    assert group > 0
    assert f"--owner={user}" in stage.last("RUN")
    assert stage.last("VOLUME") == "/data"
    everything = [*STAGES["wheel"].steps, *STAGES[""].steps, *stage.steps]
    assert [value for name, value in everything if name in {"ENV", "ARG"} and SECRET_NAME.search(value)] == []


@pytest.mark.parametrize("target", SERVERS)
def test_a_server_image_has_a_health_check(target: str) -> None:
    """Python carries it out, and it knows the port that is exposed."""
    stage = STAGES[target]
    assert stage.last("HEALTHCHECK").endswith(f'CMD ["python", "{IN_IMAGE}healthy.py"]')
    assert f"PORT={stage.last('EXPOSE')}" == stage.last("ENV")


def test_the_compose_file_hides_secrets_and_publishes_to_this_machine() -> None:
    """No secret is written out, and ports are those of the loopback."""
    variables = [pair for each in COMPOSE.values() for pair in each.get("environment", {}).items()]
    assert {secret(value) for name, value in variables if SECRET_NAME.search(name)} == set(SECRETS.values())
    ports = [port for each in COMPOSE.values() for port in each.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_compose_file_waits_for_health() -> None:
    """What a service depends on has a health check, in the compose file or in its image."""
    waited = {name: each for service in COMPOSE.values() for name, each in service.get("depends_on", {}).items()}
    assert waited.keys() == {"postgresql", *SERVERS}
    assert all(each == {"condition": "service_healthy"} for each in waited.values())
    assert "healthcheck" in COMPOSE["postgresql"]


def test_pods_are_restricted() -> None:
    """They run as the image's user, cannot write outside their volumes, and hold no token of the cluster."""
    pods = [each["spec"]["template"]["spec"] for each in KUBERNETES if "template" in each["spec"]]
    assert [each["containers"][0]["name"] for each in pods] == [*SERVERS, "scenarios"]
    user = int(STAGES["mock-servicenow"].last("USER").partition(":")[0])
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == user
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in pod["volumes"]}


def test_services_lead_to_pods() -> None:
    """Each service selects a deployment and has the port of its image."""
    services: list[dict[str, Any]] = [each for each in KUBERNETES if each["kind"] == "Service"]
    ports = {each["metadata"]["name"]: str(each["spec"]["ports"][0]["port"]) for each in services}
    assert ports == {each: STAGES[each].last("EXPOSE") for each in SERVERS}
    deployed = {each["metadata"]["name"]: each["spec"] for each in KUBERNETES if each["kind"] == "Deployment"}
    for each in services:
        assert each["spec"]["selector"] == deployed[each["metadata"]["name"]]["template"]["metadata"]["labels"]


class Machine:
    """Runs containers as processes on the loopback, each server at a free port."""

    def __init__(self, folder: Path, database: str, stack: ExitStack) -> None:
        self._folder = folder
        self._database = database
        self._stack = stack
        self._ports = {each: free_port() for each in SERVERS}

    def check(self, container: Container, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Carry out a health check of a server."""
        assert command[0] == "python"
        script = ROOT / "deploy" / command[1].removeprefix(IN_IMAGE)
        environment = {**os.environ, "PORT": self._ports[container.name]}
        return subprocess.run(  # noqa: S603 - our own script
            [sys.executable, script], env=environment, capture_output=True, text=True, check=False
        )

    def serve(self, container: Container) -> str:
        """Start a server and return the line that it prints."""
        process = self._start(container, ["--port", self._ports[container.name]])
        assert process.stdout is not None
        return process.stdout.readline()

    def play(self, container: Container, scenario: Path) -> tuple[int, str]:
        """Play one scenario in the place of the whole catalog; return the exit code and what was printed."""
        process = self._start(container, [str(scenario)])
        printed, _ = process.communicate()
        return process.returncode, printed

    def _start(self, container: Container, more: Sequence[str]) -> subprocess.Popen[str]:
        program, *arguments = container.command
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [Path(sysconfig.get_path("scripts"), program), *map(self._here, arguments), *more],
            env={**os.environ, **container.environment},
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        self._stack.enter_context(process.stdout)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process

    def _here(self, argument: str) -> str:
        for name, port in self._ports.items():
            argument = argument.replace(f"http://{name}:{STAGES[name].last('EXPOSE')}", f"http://127.0.0.1:{port}")
        argument = argument.replace("postgresql+psycopg://servicenow@postgresql/servicenow", self._database)
        return argument.replace("=0.0.0.0", "=127.0.0.1").replace("sqlite:////data/", f"sqlite:///{self._folder}/")


@pytest.mark.long
@pytest.mark.parametrize("file", FILES)
def test_the_commands_run_as_processes(file: str, tmp_path: Path, postgresql: PostgreSql) -> None:
    """The servers start and become healthy, a scenario holds against them, and nothing prints a secret."""
    *servers, scenarios = FILES[file]
    assert [each.name for each in servers] == list(SERVERS)
    [approve] = [each for each in catalog_files() if each.name == "approve.yaml"]
    health = stages()["server"].last("HEALTHCHECK").partition("CMD ")[2]
    with postgresql.database() as database, ExitStack() as stack:
        machine = Machine(tmp_path, database, stack)
        printed = []
        for server in servers:
            checks = [*server.probes, yaml.safe_load(health)]
            early = machine.check(server, checks[0])
            assert early.returncode == 1
            assert early.stderr.startswith("127.0.0.1:")
            assert early.stderr.count("\n") == 1
            printed.append(machine.serve(server))
            assert [machine.check(server, each).returncode for each in checks] == [0] * len(checks)
        code, report = machine.play(scenarios, approve)
        assert code == 0, report
        assert "1 passed, 0 failed" in report
        assert [each for each in SECRETS.values() if each in f"{printed}{report}"] == []
