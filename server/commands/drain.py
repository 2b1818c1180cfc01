"""`drain`: a relay's live rooms move to another one, and the relay is restarted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.adapters.embedded_postgres import socket_folder
from server.config import Settings
from server.faults import StartFault
from server.processes import unprivileged_account
from signaling.net.control import RelayClient, RelayError

# The relay gives up after a minute; then the supervisor needs a moment.
WITHIN_S = 75.0
LOOK_EVERY_S = 0.2


class NoSuchRelay(StartFault):
    """No relay of this number runs on the data folder."""

    code = "no-such-relay"


def drain(settings: Settings, which: str) -> int:
    """Drain one relay, or all of them one after the other; 1 when one did not come back."""
    folder = socket_folder(settings.data_dir, unprivileged_account())
    known = sorted(folder.glob("relay-*.sock"))
    chosen = known if which == "all" else [path for path in known if path.name == f"relay-{which}.sock"]
    if not chosen:
        raise NoSuchRelay(
            f"There is no relay {which} on {settings.data_dir}.",
            "start Teleconsult first, or set TELECONSULT_DATA_DIR; relays are numbered from 0.",
        )
    return asyncio.run(_drain_each(chosen))


async def _drain_each(paths: list[Path]) -> int:
    for path in paths:
        try:
            async with asyncio.timeout(WITHIN_S):
                rooms = await _drain_one(path)
        except TimeoutError:
            print(f"{path.stem}: not back within {WITHIN_S:.0f} s")
            return 1
        print(f"{path.stem}: drained of {rooms} rooms and restarted")
    return 0


async def _drain_one(path: Path) -> int:
    """Return how many rooms it had, once a fresh relay listens."""
    client = await _connected(path)
    rooms = len((await client.snapshot()).rooms)
    await client.drain()
    async for _ in client.events():  # they end with the process
        pass
    await client.close()
    await (await _connected(path)).close()
    return rooms


async def _connected(path: Path) -> RelayClient:
    while True:
        try:
            return await RelayClient.connect(str(path))
        except RelayError:
            await asyncio.sleep(LOOK_EVERY_S)
