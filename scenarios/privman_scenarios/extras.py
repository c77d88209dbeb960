"""The extras of the distribution that this package needs and a server does without.

It imports none of them, so that it can explain which one is missing.
"""

from collections.abc import Mapping

EXTRAS: Mapping[str, str] = {
    **dict.fromkeys(("hypothesis", "pytest", "re2", "rich", "watchfiles"), "harness"),
    "locust": "load",
}
"""The extra that installs a package, by the name that is imported."""


def explain_missing(error: ModuleNotFoundError) -> str:
    """Return one line that names the missing package and its extra; raises the error if no extra installs it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    return f"the Python package {package} is not installed; expected the extra 'mock-servicenow[{EXTRAS[package]}]'"
