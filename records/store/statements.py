"""
Statements built once: SQLAlchemy Core writes the SQL at import, asyncpg runs it with its own prepared-statement cache.

For what happens on every request. Building and keying a statement each time costs SQLAlchemy 160 us of CPU, as much as
the rest of an audited read (tests/bench/store.py).
"""

from typing import Any

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import dialect

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


class Row(asyncpg.Record):  # type: ignore[misc]  # asyncpg has no types
    """A row whose columns are attributes, as SQLAlchemy's rows have them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Statement:
    """SQL with named parameters (`bindparam`), and the order in which they are numbered."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self._order: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]  # SQLCompiler's
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        """Return the values in the order of their numbers. A missing parameter is a caller's bug."""
        return [parameters[name] if name in parameters else self._constants[name] for name in self._order]

    async def all(self, raw: asyncpg.Connection, **parameters: Any) -> list[Row]:
        """Return all rows."""
        rows: list[Row] = await raw.fetch(self.sql, *self.arguments(parameters), record_class=Row)
        return rows

    async def first(self, raw: asyncpg.Connection, **parameters: Any) -> Row | None:
        """Return the first row, None for none."""
        row: Row | None = await raw.fetchrow(self.sql, *self.arguments(parameters), record_class=Row)
        return row

    async def run(self, raw: asyncpg.Connection, **parameters: Any) -> None:
        """Run it for its effect."""
        await raw.fetch(self.sql, *self.arguments(parameters))
