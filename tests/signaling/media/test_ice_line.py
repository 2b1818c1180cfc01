"""
ICE over a bad line in virtual time: seeded loss, delay, reordering, changes of address, restarts that fail.

Whatever happens, a link is not in limbo: it is connected and can be reached, or its end comes within a known time, and
a page that sets it up anew is connected.
"""

import heapq
import itertools
import os
import random
from collections.abc import Callable

import pytest

from signaling.media import ice, stun
from signaling.media.ice import Consent, Credentials, IceLite, Respond, Select

SEEDS = range(int(os.environ.get("TELECONSULT_TEST_ICE_LINES", "60")))
CHECK_EVERY_S = 0.25
PASSWORD = "q" * 24
RELAY = ("198.51.100.1", 8081)


class Line:
    """One link's datagrams, both ways, and a full agent that checks as a browser does."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loss, self.delay_s, self.jitter_s = 0.0, 0.05, 0.0
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._generations = itertools.count(1)
        self.address = ("192.0.2.1", 1000)
        self.is_checking = True
        self.answered_at = -1.0
        """When the client last got the answer to a check of its newest generation."""
        first = self.fresh()
        self.agent = IceLite(first, 0.0)
        self.agent.learn_remote("peer", PASSWORD)
        self.known = first
        self.at(0.0, self.check)

    def fresh(self) -> Credentials:
        number = next(self._generations)
        return Credentials(f"{number:08x}", f"{number:032d}")

    def at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), act))

    def run(self, until: float) -> None:
        """Let time pass; deliver, check, and let the agent's timers act at their moments."""
        while True:
            deadline = self.agent.next_deadline() if self.agent.state is not Consent.CLOSED else float("inf")
            due = self._due[0][0] if self._due else float("inf")
            if min(deadline, due) > until:
                break
            if due <= deadline:
                self.now, _, act = heapq.heappop(self._due)
                act()
            else:
                self.now = max(self.now, deadline)
                self.take(self.agent.handle_timer(self.now))
                assert self.agent.next_deadline() != deadline or self.agent.state is Consent.CLOSED, "limbo"
        self.now = until

    def passes(self, act: Callable[[], None]) -> None:
        """Carry one datagram: lost, late or overtaken by the seed's word."""
        if self.random.random() >= self.loss:
            self.at(self.now + self.delay_s + self.random.random() * self.jitter_s, act)

    def check(self) -> None:
        self.at(self.now + CHECK_EVERY_S, self.check)
        if not self.is_checking:
            return
        known, source = self.known, self.address
        tid = self.random.randbytes(12)
        data = stun.binding_request(tid, f"{known.ufrag}:peer", known.password.encode(), nominate=True)
        self.passes(lambda: self.take(self.agent.receive_check(data, stun.parse_request(data), source, self.now)))

    def take(self, effects: list[ice.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Respond):
                self.passes(lambda sent=effect: self.receive(sent))

    def receive(self, sent: Respond) -> None:
        """At the client: an address that it has left gets nothing."""
        if sent.address != self.address:
            return
        if stun.is_response(sent.data):
            response = stun.parse_response(sent.data)
            if stun.is_authentic(sent.data, response, self.known.password.encode()):
                self.answered_at = self.now
            return
        request, source = stun.parse_request(sent.data), self.address
        data = stun.binding_response(request.transaction_id, RELAY, PASSWORD.encode())
        response = stun.parse_response(data)
        self.passes(lambda: self.take(self.agent.receive_response(data, response, source, self.now)))

    def media(self) -> None:
        """A media packet that passed SRTP, from an address that may be unknown."""
        source = self.address
        self.passes(lambda: self.take(self.agent.challenge(source, self.random.randbytes(8), self.now)))

    def move(self) -> None:
        self.address = (f"192.0.2.{self.random.randrange(2, 250)}", self.random.randrange(1024, 65535))

    def restart(self, *, is_told: bool = True) -> None:
        """An ICE restart; not told: the relay's answer never comes back to the page."""
        credentials = self.fresh()
        self.agent.restart(credentials, self.now)
        self.agent.learn_remote("peer", PASSWORD)
        if is_told:
            self.known = credentials


def is_reached(line: Line, within_s: float) -> bool:
    """The relay sends where the client is, and the client is answered."""
    return line.agent.selected == line.address and line.now - line.answered_at <= within_s


@pytest.mark.parametrize("seed", SEEDS)
class TestBadLine:
    def test_a_new_address_is_found_through_loss_and_reordering(self, seed: int) -> None:
        line = Line(seed)
        line.run(2.0)
        line.loss, line.jitter_s = 0.3, 0.4
        for turn in range(5):
            line.move()
            line.run(4.0 + 2 * turn)
        line.loss = line.jitter_s = 0.0
        line.run(14.0)
        assert line.agent.state is Consent.CONNECTED
        assert is_reached(line, 1.0)

    def test_a_silent_rebinding_is_found_by_media_alone(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        line.is_checking, line.loss, line.jitter_s = False, 0.2, 0.1
        line.move()
        for turn in range(100):
            line.at(1.0 + 0.02 * turn, line.media)
        line.run(4.0)
        assert line.agent.selected == line.address

    def test_restarts_in_a_row_with_changes_of_address_end_connected(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        line.loss, line.jitter_s = 0.3, 0.2
        for _ in range(6):
            line.move()
            line.restart(is_told=line.random.random() < 0.7)
            line.run(line.now + line.random.uniform(0.1, 1.5))
        line.restart()
        line.loss = 0.0
        line.run(line.now + 3.0)
        assert is_reached(line, 1.0)

    def test_a_restart_whose_answer_is_lost_keeps_the_old_generation(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        line.loss = 0.3
        line.restart(is_told=False)
        line.run(40.0)
        assert line.agent.pending is None
        assert line.agent.state in (Consent.CONNECTED, Consent.SHAKY)
        assert is_reached(line, 5.0)

    def test_a_dead_line_ends_and_a_full_rejoin_connects(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        line.loss = 1.0
        line.restart()
        line.run(1.0 + ice.CONSENT_S + ice.REVIVAL_S + 0.5)
        assert line.agent.state is Consent.CLOSED
        assert line.agent.handle_timer(1000.0) == []
        rejoined = Line(seed + 10_000)
        rejoined.loss = 0.2
        rejoined.run(5.0)
        assert rejoined.agent.state is Consent.CONNECTED

    def test_a_lost_link_is_revived_by_a_restart_within_its_time(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        line.loss = 1.0
        line.run(1.0 + ice.CONSENT_S + line.random.uniform(0.5, ice.REVIVAL_S - 2))
        assert line.agent.state is Consent.LOST
        line.loss = 0.0
        line.move()
        line.restart()
        line.run(line.now + 1.0)
        assert line.agent.state is Consent.CONNECTED
        assert is_reached(line, 1.0)

    def test_late_checks_of_an_old_generation_never_take_the_path_back(self, seed: int) -> None:
        line = Line(seed)
        line.run(1.0)
        old, left = line.known, line.address
        line.restart()
        line.move()
        line.run(3.0)
        data = stun.binding_request(bytes(12), f"{old.ufrag}:peer", old.password.encode(), nominate=True)
        effects = line.agent.receive_check(data, stun.parse_request(data), left, line.now)
        assert not [effect for effect in effects if isinstance(effect, Select)]
