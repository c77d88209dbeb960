"""Say what an audit of the dependencies could check: python deploy/audit.py REQUIREMENTS SBOM AUDIT.

REQUIREMENTS lists the packages, SBOM is what cyclonedx-py made of it, and AUDIT is the JSON report of pip-audit, which
counts a package that it could not look up as harmless. Exit codes: 0 every package was looked up and has no advisory,
1 one has an advisory, 3 one could not be looked up.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOUND, UNCHECKED = 1, 3


def main(requirements: Path, sbom: Path, report: Path) -> int:
    """Print the outcome and return the exit code."""
    names = [line.partition("==")[0] for line in requirements.read_text(encoding="utf-8").splitlines() if "==" in line]
    components = len(json.loads(sbom.read_text(encoding="utf-8"))["components"])
    audited = json.loads(report.read_text(encoding="utf-8"))["dependencies"] if report.exists() else []
    looked_up = {each["name"]: each["vulns"] for each in audited if "vulns" in each}
    for name, advisories in looked_up.items():
        for advisory in advisories:
            sys.stdout.write(f"{name}: {_described(advisory)}\n")
    unchecked = sorted(set(names) - looked_up.keys())
    sys.stdout.write(f"SBOM: {components} components in {sbom}\n")
    sys.stdout.write(f"Advisories: {len(names) - len(unchecked)} of {len(names)} packages looked up\n")
    if any(looked_up.values()):
        return FOUND
    if unchecked:
        sys.stdout.write(f"Not looked up, as the database lacks them or did not answer: {', '.join(unchecked)}\n")
    return UNCHECKED if unchecked else 0


def _described(advisory: Mapping[str, Any]) -> str:
    fixed = ", ".join(advisory["fix_versions"]) or "no version"
    return f"{advisory['id']}, fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
