"""Drops the keys of patients whom another process erased, from this process's cache."""

from uuid import UUID

from records.actors import Actor
from records.crypto.keyring import Owner
from records.store.database import Database
from records.store.erasures import ERASED_TOPIC
from records.store.tables import patient_key

# The cache would let go after five minutes by itself; an erasure need not wait for that.
WATCH_EVERY_S = 5.0


class ErasureWatch:
    """A cursor over the events of one tenant. Call `look` every 5 s."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database, self._actor = database, actor
        self._cursor: int | None = None

    async def look(self) -> int:
        """Forget the keys of patients erased since the last look; return how many. The first look only starts."""
        async with self._database.unit(self._actor) as unit:
            if self._cursor is None:
                self._cursor = await unit.events.newest()
                return 0
            found = await unit.events.after(self._cursor, ERASED_TOPIC)
        for event in found:
            owner = Owner(self._actor.tenant_id, patient_key.name, UUID(event.body["patient"]))
            self._database.keyring.cache.forget(owner)
            self._cursor = event.id
        return len(found)
