"""Who acts: a user with the roles that count for access."""

from dataclasses import dataclass

ADMIN_ROLE = "admin"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a credential is that outlives its request.

    Attributes:
        sys_id: the user's, or the client's; empty for nobody.
        life: tells it from another one that has got the same sys_id after the deletion of the first.
    """

    sys_id: str = ""
    life: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A user as one transaction sees it.

    Attributes:
        name: the display name.
        roles: names of all roles, those inherited from groups and from other roles included.
        time_zone: IANA name; the instance's default if empty.
        date_format: such as ``dd/MM/yyyy``; the instance's default if empty.
        time_format: such as ``HH:mm:ss``; the instance's default if empty.
        unrestricted: acts without access control.
        opens_session: whether what the user has proven lets him do everything that his session would.
        life: as in `Holder`.
        made_by: who made the credential that the user acts by; None if the user logged in himself, or an administrator
            made it. Whatever is created with it, such as another credential, counts as that maker's.
        rights_of: whose roles they are in the tables; None for the instance itself and for guests.
    """

    sys_id: str
    user_name: str
    name: str = ""
    roles: frozenset[str] = frozenset()
    time_zone: str = ""
    date_format: str = ""
    time_format: str = ""
    unrestricted: bool = False
    opens_session: bool = False
    life: str = ""
    made_by: Holder | None = None
    rights_of: Holder | None = None

    @property
    def holder(self) -> Holder:
        """Whose the user's sessions and codes are."""
        return Holder(self.sys_id, self.life)

    def has_any(self, roles: tuple[str, ...]) -> bool:
        """Return whether one of the roles is held; an administrator holds every role."""
        return ADMIN_ROLE in self.roles or not self.roles.isdisjoint(roles)


SYSTEM = User("system", "system", "System", frozenset({ADMIN_ROLE}), unrestricted=True)
