"""
End-to-end encryption of one consultation: who can, whether it is on, and the sealed keys that pages send each other.

The server passes on public keys and boxes that it cannot open. README "End-to-end encryption".
"""

from signaling import effects as e
from signaling import messages as m
from signaling.errors import EncryptionRefused, EncryptionUnsupported, NotAllowed
from signaling.seats import Seat, Seats
from signaling.states import Presence, Role


class Encryption:
    """What the consultation knows of it. Everything is gone with the room; the pages say it again."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self.is_on = False

    def identify(self, seat: Seat, public_key: str) -> list[e.Effect]:
        """Take the key of a page that can encrypt; another one than before is another page."""
        self._seats.is_changed |= seat.public_key != public_key
        seat.public_key = public_key
        return []

    def switch(self, seat: Seat, is_on: bool, *, is_recording: bool) -> list[e.Effect]:
        """Turn it on or off for everybody. Raises EncryptionUnsupported, EncryptionRefused; then nothing changed."""
        if is_on is self.is_on:
            return []
        if is_on:
            self._require_all()
            if is_recording:
                raise EncryptionRefused("stop the recording first")
        self.is_on = is_on
        return self._seats.tell_all(m.EncryptionChanged(is_on, seat.id))

    def pass_on(self, sender: Seat, message: m.SendKey) -> list[e.Effect]:
        """Hand a sealed key to the seat it is for; a seat that is gone needs none."""
        if sender.public_key is None:
            raise NotAllowed("send a key before an identity")
        if message.to not in self._seats or message.to == sender.id:
            return []
        return self._seats.tell(self._seats[message.to], m.KeySent(sender.id, message.epoch, message.box))

    def require(self, seat: Seat) -> None:
        """Let no media of a page through that cannot encrypt while the others do. Raises EncryptionUnsupported."""
        if self.is_on and seat.public_key is None:
            raise EncryptionUnsupported(seat.role.value)

    def _require_all(self) -> None:
        here = [seat for seat in self._seats if seat.presence is not Presence.AWAY]
        without = sorted({seat.role.value for seat in here if seat.public_key is None or seat.role is Role.DEVICE})
        if without:
            raise EncryptionUnsupported(", ".join(without))
