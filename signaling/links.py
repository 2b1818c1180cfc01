"""One media link of a seat at the relay: its id, its direction, its state."""

import hashlib
from dataclasses import dataclass, field

from signaling.messages import Offer
from signaling.states import LINK_TRANSITIONS, MediaLinkState


def link_id(seat: str, direction: str, number: int) -> str:
    """Return the id of a seat's n-th link in a direction; a digest, so that the core needs no randomness."""
    return "l_" + hashlib.sha256(f"{seat}/{direction}/{number}".encode()).hexdigest()[:12]


@dataclass(slots=True)
class Link:
    """One media link of a seat at the relay."""

    id: str
    direction: str
    """up: the client offers; down: the relay offers."""
    state: MediaLinkState = MediaLinkState.NEW
    generation: int = 0
    """Of the newest description that was sent or taken."""
    offer: Offer | None = field(default=None, repr=False)
    """The newest that was sent."""
    network: str = ""
    """Kind of network that the relay was told."""

    @property
    def is_flowing(self) -> bool:
        """Valid packets come in."""
        return self.state is MediaLinkState.CONNECTED

    @property
    def is_broken(self) -> bool:
        """It was up and is not now."""
        return self.state in (MediaLinkState.SHAKY, MediaLinkState.LOST)

    def move(self, state: MediaLinkState) -> bool:
        """Take a state that the relay told, if the table allows it; tell whether it changed."""
        if state is self.state or state not in LINK_TRANSITIONS[self.state]:
            return False
        self.state = state
        return True
