"""The database's address, as libpq writes it, in SQLAlchemy's form."""

from sqlalchemy import URL, make_url


def asyncpg_url(url: str) -> URL:
    """Return `postgresql://…` (also `postgres://`, also with `?host=/socket/folder`) as an asyncpg URL."""
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+asyncpg")
