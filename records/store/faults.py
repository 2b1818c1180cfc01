"""Which errors mean "the database is away, try again", told apart from our own bugs (security.md §4)."""

import asyncpg
import sqlalchemy.exc

from records.errors import RecordsError, StoreTooSlow, StoreUnavailable

# 57P01-57P03 shutdown and starting up, 53300 too many connections, 40001/40P01 serialisation and deadlock,
# 25006 a standby after a failover, 53100 disk full, 55P03 lock_timeout.
UNAVAILABLE_STATES = frozenset({"57P01", "57P02", "57P03", "53300", "40001", "40P01", "25006", "53100", "55P03"})
TIME_LIMIT = "57014"  # cancelled by statement_timeout
UNAVAILABLE_CLASS = "08"  # connection exceptions


# Everything that the driver, the pool or the network may raise.
FAULTS = (OSError, sqlalchemy.exc.SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError,
          asyncpg.InternalClientError)  # fmt: skip


def translate(error: BaseException) -> RecordsError | None:
    """Return the error to raise instead, or None for one that is a bug of ours or none of our business."""
    if isinstance(error, OSError | sqlalchemy.exc.TimeoutError | asyncpg.InternalClientError):
        return StoreUnavailable("the database is out of reach")  # failed connects come raw, TimeoutError is an OSError
    if isinstance(error, asyncpg.InterfaceError):
        return StoreUnavailable("the connection was lost")
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if error.connection_invalidated:
            return StoreUnavailable("the connection was lost")
        cause = error.orig.__cause__ if error.orig is not None else None
        return translate(cause) if cause is not None else None
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    if state == TIME_LIMIT:
        return StoreTooSlow("the database gave the statement up")
    if state is not None and (state in UNAVAILABLE_STATES or state.startswith(UNAVAILABLE_CLASS)):
        return StoreUnavailable(f"the database answered {state}")
    return None
