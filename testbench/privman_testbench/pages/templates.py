"""Templates, loaded when the first page is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


class Templates:
    """The ``templates/`` folder of a package; every value is escaped.

    Args:
        package: the import name of the package.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._environment: Environment | None = None

    def render(self, name: str, **values: object) -> str:
        """Return a page; raises jinja2.UndefinedError where the template uses a value that is not given."""
        return self._loaded().get_template(name).render(values)

    def _loaded(self) -> "Environment":
        if self._environment is None:
            from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - costs a start too much

            self._environment = Environment(
                loader=PackageLoader(self._package),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
            )
        return self._environment
