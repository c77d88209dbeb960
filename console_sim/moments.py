"""Moments in documents that the console keeps."""

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A date and time with a time zone. Reading a document without the zone fails: it cannot be compared with the clock."""
