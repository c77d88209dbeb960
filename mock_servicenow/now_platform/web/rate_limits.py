"""Rate limit rules: how many requests an hour a user may make of an API; APIs that are disabled."""

from collections.abc import Iterator
from threading import Lock

from msgspec import Struct

from mock_servicenow.now_platform.errors import ApiAccessDenied
from mock_servicenow.now_platform.identity.authentication import covers
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User

_TABLE = "sys_rate_limit_rules"
_ENABLED, _DISABLED = Property("glide.rest.apis.enabled"), Property("glide.rest.apis.disabled")
RULES = Fact("rate limit rules", _TABLE, "sys_user_role", "sys_properties")
"""A single fact, with an empty key: the active rules, those that win first."""
HOUR = 3600
FLUSH = 30
"""Seconds after which a node moves its pending count to the committed count, which limits are checked against."""


class Rule(Struct, frozen=True):
    """One active rule.

    Attributes:
        table: the only table it limits; every one if empty.
        limit: requests an hour.
        user_id: the single user it is for; empty for others.
        role: the role whose holders it limits; everybody if empty.
    """

    sys_id: str
    api: str
    table: str
    limit: int
    user_id: str
    role: str

    @property
    def rank(self) -> tuple[int, int]:
        """The sort key: a single user's rule, then a role's, then everybody's; the strictest first among equals."""
        return (0 if self.user_id else 1 if self.role else 2, self.limit)

    def applies_to(self, user: User, path: str) -> bool:
        """Return whether the rule limits that user's requests at that path."""
        if self.user_id and self.user_id != user.sys_id:
            return False
        if self.role and self.role not in user.roles:
            return False
        return covers(self.api, path) and (not self.table or self.table in path.split("/"))


class Closure(Struct, frozen=True):
    """The APIs that properties close, by their names or paths.

    Attributes:
        enabled: the only ones that are open; every one if empty.
    """

    enabled: tuple[str, ...]
    disabled: tuple[str, ...]

    def applies_to(self, _user: User, path: str) -> bool:
        """Return whether the API of that path is closed."""
        if not path.startswith("/api/"):
            return False
        closed = any(covers(api, path) for api in self.disabled)
        return closed or (bool(self.enabled) and not any(covers(api, path) for api in self.enabled))


class _Count(Struct):
    """What one node has counted for one rule and user in one hour."""

    hour: int
    flush_period: int
    committed: int = 0
    pending: int = 0


class RateLimitVerdict(Struct, frozen=True):
    """Whether a rule lets a request through.

    Attributes:
        reset: when the hour ends, in Unix seconds.
        seconds_left: until then.
    """

    rule: Rule
    refused: bool
    reset: int
    seconds_left: int

    def headers(self) -> dict[str, str]:
        """Return the rate limit headers."""
        headers = {
            "X-RateLimit-Limit": str(self.rule.limit),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Rule": self.rule.sys_id,
        }
        return headers | {"Retry-After": str(self.seconds_left)} if self.refused else headers


Rules = tuple[Rule | Closure, ...]


class RateLimits:
    """Counts requests against the rules of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._counts: dict[tuple[str, int, str], _Count] = {}
        self._lock = Lock()

    def rules(self) -> Rules:
        """Return the active rules, those that win first."""
        known: Rules | None = self._instance.cache.peek(RULES, "")
        if known is not None:
            return known
        with self._instance.transaction(self._instance.system) as session:
            return session.kernel.cache.get(RULES, "", lambda: _load(session))

    def count(self, rules: Rules, user: User, path: str) -> RateLimitVerdict | None:
        """Count a request and return the verdict; None if no rule applies to it. Any thread may count.

        Raises ApiAccessDenied where its API is closed.
        """
        rule = next((rule for rule in rules if rule.applies_to(user, path)), None)
        if rule is None:
            return None
        if isinstance(rule, Closure):
            raise ApiAccessDenied
        now = int(self._instance.clock.now().timestamp())
        reset = (now // HOUR + 1) * HOUR
        with self._lock:
            counted = self._counted(rule, user, now)
            refused = counted.committed >= rule.limit
            counted.pending += 1
        return RateLimitVerdict(rule, refused, reset, reset - now)

    def _counted(self, rule: Rule, user: User, now: int) -> _Count:
        """Return the count of this hour, earlier flush periods committed; a changed limit starts from zero."""
        key = (rule.sys_id, rule.limit, user.sys_id)
        counted = self._counts.get(key)
        if counted is None or counted.hour != now // HOUR:
            counted = self._counts[key] = _Count(now // HOUR, now // FLUSH)
        elif counted.flush_period != now // FLUSH:
            counted.flush_period = now // FLUSH
            counted.committed, counted.pending = counted.committed + counted.pending, 0
        return counted


def _load(session: Session) -> Rules:
    rules = [rule for record in session.find_all(_TABLE, active="true") for rule in _rules(session, record)]
    closure = Closure(_apis(session, _ENABLED), _apis(session, _DISABLED))
    closures = (closure,) if closure.enabled or closure.disabled else ()
    return (*closures, *sorted(rules, key=lambda rule: rule.rank))


def _apis(session: Session, listed: Property) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, session.system_property(listed).split(","))))


def _rules(session: Session, record: Record) -> Iterator[Rule]:
    """Return the rule of a record; none if it sets no limit or names a role that does not exist."""
    for_user, for_role = (record["apply_to"] == kind for kind in ("single_user", "users_with_role"))
    role = session.get("sys_user_role", record["role"]) if for_role else None
    if not record["request_limit_per_hour"] or (for_role and role is None):
        return
    yield Rule(
        record.sys_id,
        record["rest_api"],
        record["table"],
        int(record["request_limit_per_hour"]),
        record["user"] if for_user else "",
        "" if role is None else role["name"],
    )
