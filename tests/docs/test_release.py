"""What a release needs: the changelog, the issue forms, the audit."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CLEAN: dict[str, Any] = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
BAD = {**CLEAN, "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.14.6"]}]}
SKIPPED = {"name": "aiohttp", "skip_reason": "Dependency not found"}


def test_the_changelog_dates_the_version() -> None:
    """Every section has a version and a date, the newest that of pyproject.toml; changes after it stand above."""
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [each for number, each in enumerate(sections) if (number, each) != (0, "[Unreleased]")]
    assert all(re.fullmatch(r"\[[\d.]+\] - 20\d\d-[01]\d-[0-3]\d", each) for each in released)
    assert released[0].startswith(f"[{PROJECT['version']}] - ")


def test_the_hooks_have_the_versions_of_the_checks() -> None:
    """A commit is judged by the same ruff, types and import contracts as in tox."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lines = {line.strip() for line in (ROOT / "tox.ini").read_text().splitlines()}
    assert {each for hook in hooks for each in hook.get("additional_dependencies", ())} <= lines
    in_venv = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks if hook["language"] == "system"]
    assert [command.split()[0] for command in in_venv] == ["mypy", "lint-imports"]
    assert set(in_venv) <= lines
    set_up = (ROOT / "CONTRIBUTING.md").read_text()
    assert [
        name for name in ("import-linter", "types-jsonschema", "types-PyYAML", "types-requests") if name not in set_up
    ] == []


def test_our_workflow_plays_on_each_python() -> None:
    """Those of the classifiers, and the next one."""
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["catalog"]["strategy"][
        "matrix"
    ]
    classified = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert matrix["python"] == [*classified, "3.14"]


@pytest.mark.parametrize(
    ("audited", "code", "said"),
    [
        ([CLEAN], 0, ["Advisories: 1 of 1 packages looked up"]),
        ([BAD], 1, ["aiohttp: PYSEC-2026-1, fixed in 3.14.6", "Advisories: 1 of 1 packages looked up"]),
        ([SKIPPED], 3, ["Advisories: 0 of 1 packages looked up", "did not answer: aiohttp"]),
        (None, 3, ["Advisories: 0 of 1 packages looked up"]),
    ],
)
def test_the_audit_says_what_it_could_check(tmp_path: Path, audited: object, code: int, said: list[str]) -> None:
    """A package that no database knows does not count as harmless, and neither does a database out of reach."""
    requirements, sbom, report = (tmp_path / name for name in ("requirements.txt", "sbom.json", "audit.json"))
    requirements.write_text("aiohttp==3.14.5\n    # via mock-servicenow (pyproject.toml)\n")
    sbom.write_text('{"components": [{}]}')
    if audited is not None:
        report.write_text(json.dumps({"dependencies": audited}))
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, ROOT / "deploy" / "audit.py", requirements, sbom, report],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert [each for each in said if each not in done.stdout] == []
