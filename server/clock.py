"""The clock of the process, as a value that tests replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Wall time for records, monotonic time for waits."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()
