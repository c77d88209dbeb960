"""Templates, loaded when the first page is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


class Templates:
    """The ``templates/`` folders of some packages; every value is escaped.

    Args:
        packages: the import names of the packages; a template of an earlier one goes first.
    """

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._environment: Environment | None = None

    def render(self, name: str, **values: object) -> str:
        """Return a page; raises jinja2.UndefinedError where the template uses a value that is not given."""
        return self._loaded().get_template(name).render(values)

    def _loaded(self) -> "Environment":
        if self._environment is None:
            from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - costs a start too much

            self._environment = Environment(
                loader=ChoiceLoader([PackageLoader(package) for package in self._packages]),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
            )
        return self._environment
