"""
Tests of a person's line before the call: a room of their own at a relay, which sends back what they send.

Nobody else is in it and nothing of it is kept. It costs the relay what one call costs, for a few seconds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from server.auth.throttle import Buckets, Rate
from server.bridge import RelayPool
from server.errors import NotFound, ServerError, TooManyRequests
from signaling.devices import sources_of
from signaling.net.control import RelayClient, RelayError

log = logging.getLogger(__name__)

# A page measures one way for at most 11 s (static/media/line_test.js) and ends it itself; then the room is closed.
LIFE_S = 15.0
# One relay core carries some 50 calls beside; the tests must never be what it is busy with.
MAX_AT_ONCE = 20
# Three ways a test, and somebody who walks to the window tries again: two whole tests at once, then one a minute.
PER_SESSION = Rate(burst=8, per_s=0.05)
SWEEP_S = 1.0
SENDER, RECEIVER = "s_line_up", "s_line_down"


class LineTestBusy(ServerError):
    """The relays have no room for a test now."""

    code = "line-test-busy"
    status = 429  # no server error: all else works, and this does again in a moment
    detail = "The line cannot be tested now; the call works without a test."


class LineTestRefused(ServerError):
    """The descriptions are not usable."""

    code = "bad-sdp"
    detail = "Send two WebRTC offers: `up` sends, `down` receives."


@dataclass(frozen=True, slots=True)
class LineTest:
    """A test that runs."""

    id: str
    """The relay's room."""
    session: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class Offers:
    """A page's two descriptions."""

    up: str
    down: str


class LineTests:
    """Every test of this process. `run` must be running; `now` is monotonic."""

    def __init__(self, relays: RelayPool, monotonic: Callable[[], float]) -> None:
        self._relays, self._now = relays, monotonic
        self._running: dict[str, LineTest] = {}
        self._buckets = Buckets()

    async def begin(self, session: str, offers: Offers) -> tuple[LineTest, Offers]:
        """
        Return a new test of a session and the relay's answers; an older test of the session ends.

        Raises:
            TooManyRequests, LineTestBusy, LineTestRefused.
        """
        wait_s = self._buckets.take((session,), PER_SESSION, self._now())
        if wait_s:
            raise TooManyRequests(wait_s)
        for older in [test for test in self._running.values() if test.session == session]:
            await self._end(older)
        if len(self._running) >= MAX_AT_ONCE:
            raise LineTestBusy
        test = LineTest(str(uuid4()), session, self._now() + LIFE_S)
        self._running[test.id] = test
        try:
            return test, await _answered(self._relays.client_of(test.id), test.id, offers)
        except RelayError as refusal:
            await self._end(test)
            raise (LineTestRefused if refusal.code in ("bad_sdp", "sdp_too_large") else LineTestBusy) from None

    async def end(self, session: str, test_id: str) -> None:
        """End a test. Raises NotFound for one that is over or of somebody else."""
        test = self._running.get(test_id)
        if test is None or test.session != session:
            raise NotFound
        await self._end(test)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """End what nobody ended."""
        for test in [test for test in self._running.values() if test.ends_at <= self._now()]:
            await self._end(test)

    async def _end(self, test: LineTest) -> None:
        self._running.pop(test.id, None)
        try:
            await self._relays.client_of(test.id).close_room(test.id)
        except RelayError as away:
            log.info("line_test.not_closed", extra={"code": away.code})  # the relay forgets it a minute later
        self._relays.forget(test.id)


async def _answered(relay: RelayClient, room: str, offers: Offers) -> Offers:
    links = [f"l_{secrets.token_hex(6)}" for _ in range(2)]
    up = await relay.publish(room, SENDER, links[0], offers.up, sources_of(offers.up))
    down = await relay.subscribe_offer(room, RECEIVER, links[1], offers.down)
    return Offers(up.sdp, down.sdp)
