"""Catalogues: named items of one kind, some of which are built in."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from console_sim.error_texts import brief, listed
from console_sim.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from console_sim.json_object import bare_guid
from console_sim.small_shelf import SmallShelf
from privman_core.near_words import hint


class Item(Protocol):
    """An item that the console lists by name."""

    @property
    def id(self) -> str:
        """A GUID in lower case."""

    @property
    def name(self) -> str:
        """Unique in its kind."""


T = TypeVar("T", bound=Item)


class Catalogue(Generic[T]):
    """The items of one kind: the product's own, as they were changed, and those that were made.

    Args:
        what: the kind, for messages.
        built_in: the product's own.
        read_only: whether the product's own cannot be edited.
        check: raises BadRequestError for an item that names others that do not exist.
    """

    def __init__(
        self, what: str, shelf: SmallShelf[T], built_in: tuple[T, ...], *, read_only: bool, check: Callable[[T], object]
    ) -> None:
        self._what = what
        self._read_only = read_only
        self._shelf = shelf
        self._built_in = {item.id: item for item in built_in}
        self._check = check
        self._by_name: Mapping[str, T] = {}
        self._indexed: Mapping[str, T] | None = None

    def __iter__(self) -> Iterator[T]:
        return iter({**self._built_in, **self._shelf.entries}.values())

    def is_built_in(self, item_id: str) -> bool:
        """Return whether the item is one of the product's own."""
        return item_id in self._built_in

    def require_editable(self, item: T) -> None:
        """Raise ForbiddenError if the item is one of the product's own, and those are read-only."""
        if self._read_only and self.is_built_in(item.id):
            raise ForbiddenError(f"{self._what} {self._built_in[item.id].name!r} is read-only; make one of your own")

    def get(self, item_id: str) -> T:
        """Return the item with that id, in any case; raises NotFoundError."""
        found = self.find(item_id)
        if found is None:
            raise NotFoundError(f"{self._what} {brief(item_id)} does not exist")
        return found

    def find(self, item_id: str) -> T | None:
        """Return the item with that id, in any case, also in braces; None if there is none."""
        bare = bare_guid(item_id)
        return self._shelf.get(bare) or self._built_in.get(bare)

    def named(self, name: str) -> T:
        """Return the item of that name; raises BadRequestError, which lists those that exist."""
        found = self.find_named(name)
        if found is None:
            names = [item.name for item in self]
            known = listed(names, "an existing one; there is none yet")
            raise BadRequestError(f"unknown {self._what} {brief(name)}{hint(name, names)}; expected {known}")
        return found

    def find_named(self, name: str) -> T | None:
        """Return the item of that name; None if there is none."""
        if self._indexed is not self._shelf.entries:
            self._indexed = self._shelf.entries
            self._by_name = {item.name: item for item in reversed(list(self))}
        return self._by_name.get(name)

    def require_free(self, name: str, item_id: str = "") -> None:
        """Raise ConflictError if an item, other than that with the id, has the name."""
        other = self.find_named(name)
        if other is not None and other.id != item_id:
            raise ConflictError(f"{self._what} {name!r} exists; expected another name")

    def save(self, item: T) -> T:
        """Keep a new or edited item and return it.

        Raises ForbiddenError if it is read-only, and what `amend` raises.
        """
        self.require_editable(item)
        return self.amend(item)

    def amend(self, item: T) -> T:
        """Keep what the API changes of an item, which may be one of the product's own, and return it.

        Raises ConflictError if another one has its name, BadRequestError if it names something that does not exist.
        """
        self.require_free(item.name, item.id)
        self._check(item)
        return self._shelf.put(item)
