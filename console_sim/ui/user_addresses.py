"""Addresses of the pages of users, which the journal records: by display name, since a Client Id is masked there."""

from itertools import count
from urllib.parse import urlencode

from console_sim.accounts import ApiClientUser
from console_sim.api_users import Users
from console_sim.errors import NotFoundError
from console_sim.ui.console_gate import ConsoleVisit
from privman_core.inputs import quoted


class UserAddresses:
    """Writes and reads addresses of users.

    ``user`` is the display name; where several users have it, ``number`` counts these, the oldest first.
    """

    def __init__(self, users: Users) -> None:
        self._users = users

    def of(self, page: str, user: ApiClientUser) -> str:
        """Return the address of a page about a user."""
        same = [each.client_id for each in self._named(user.display_name)]
        number = same.index(user.client_id) + 1
        query = {"user": user.display_name, **({"number": str(number)} if number > 1 else {})}
        return f"{page}?{urlencode(query)}"

    def find(self, visit: ConsoleVisit) -> ApiClientUser:
        """Return the user that an address names, the oldest one if it names none; raises NotFoundError."""
        name, number = visit.query.get("user", ""), visit.query.get("number", "1")
        if not name:
            return self._users.get()
        found = (each for place, each in zip(count(1), self._named(name)) if str(place) == number)
        user = next(found, None)
        if user is None:
            raise NotFoundError(f"there is no API Client User {quoted(name)}, number {quoted(number)}")
        return user

    def _named(self, name: str) -> list[ApiClientUser]:
        return [each for each in self._users if each.display_name == name]
