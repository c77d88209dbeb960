"""What a killed process has left half done, and acknowledged to nobody."""

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.values import utc_form
from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.identity.api_keys import learn_places
from mock_servicenow.now_platform.imports import import_sets
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.users import SYSTEM

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance

STALE = timedelta(days=1)
"""What is younger may be the work of another process, where several share a database."""

_ANY_TIME = "9999-12-31 23:59:59"


def sweep(instance: "Instance") -> None:
    """Remove it, and learn where calls may carry keys.

    Nothing that is being worked on is touched. It waits for the next start where the database is busy.
    """
    before = _ANY_TIME if instance.store.embedded else utc_form(instance.clock.now() - STALE)
    with suppress(DatabaseUnavailable), instance.transaction(SYSTEM) as session:
        attachments.sweep(session, before)
        import_sets.sweep(session, before)
        learn_places(session)
