"""What a peer may do wrong. Each leaf has a stable code that clients switch on."""

from typing import ClassVar


class SignalingError(Exception):
    """A peer did something it may not do. Never raised for our own bugs."""

    code: ClassVar[str] = "signaling-error"
    close_code: ClassVar[int | None] = None  # RFC 6455 §7.4; None keeps the socket open

    @property
    def detail(self) -> str:
        """Say in English what to do; holds no personal data."""
        return str(self)


class BadMessage(SignalingError):
    """A frame is not a message of the protocol. The one error of the parser."""

    code = "bad-message"

    def __init__(self, detail: str, reply_to: str | None = None) -> None:
        super().__init__(detail)
        self.reply_to = reply_to


class NotAdmitted(SignalingError):
    """The sender may not send or receive media yet."""

    code = "not-admitted"

    def __init__(self) -> None:
        super().__init__("Wait until the call begins, then publish.")


class NotAllowed(SignalingError):
    """The sender's role may not do this."""

    code = "not-allowed"

    def __init__(self, action: str) -> None:
        super().__init__(f"Your seat may not {action}.")
        self.action = action


class WrongState(SignalingError):
    """The visit is in a state without this change."""

    code = "wrong-state"

    def __init__(self, state: str, trigger: str) -> None:
        super().__init__(f"A visit that is {state} does not take {trigger}.")
        self.state, self.trigger = state, trigger


class RecordingRefused(SignalingError):
    """The consultation can not be recorded; the detail is the reason's stable word."""

    code = "recording-refused"


class TryAgain(SignalingError):
    """Another change of the visit is under way, or a store is away; the same message may be sent again."""

    code = "try-again"

    def __init__(self, because: str) -> None:
        super().__init__(f"Not done: {because}. Send it again in a moment.")


class StaleGeneration(SignalingError):
    """A description answers an offer that was superseded."""

    code = "stale-generation"

    def __init__(self) -> None:
        super().__init__("A newer description exists; use that one.")


class RelayRefused(SignalingError):
    """The relay refused a description, or no relay is there."""

    code = "relay-refused"

    def __init__(self, cause: str) -> None:
        super().__init__(f"The media relay refused: {cause}.")
        self.cause = cause


class RoomFull(SignalingError):
    """The consultation has no seat left."""

    code = "room-full"
    close_code = 4403

    def __init__(self) -> None:
        super().__init__("Every seat of this consultation is taken.")


class VisitOver(SignalingError):
    """The visit is over; nobody can join it."""

    code = "visit-over"
    close_code = 4410

    def __init__(self, state: str) -> None:
        super().__init__(f"This visit is {state}.")
        self.state = state


class EncryptionUnsupported(SignalingError):
    """Somebody's page, or a device, cannot encrypt end to end."""

    code = "e2ee-not-supported"

    def __init__(self, roles: str) -> None:
        super().__init__(f"Not everybody's browser can encrypt end to end: {roles}.")


class EncryptionRefused(SignalingError):
    """End-to-end encryption does not go together with what is under way."""

    code = "e2ee-refused"

    def __init__(self, detail: str) -> None:
        super().__init__(f"End-to-end encryption is refused: {detail}.")


class BadTicket(SignalingError):
    """The ticket is unknown, used, or older than 30 s."""

    code = "bad-ticket"
    close_code = 4401

    def __init__(self) -> None:
        super().__init__("Ask POST /api/tickets for a new ticket.")


class HelloMissing(SignalingError):
    """The first message was not a hello, or did not come within 5 s."""

    code = "hello-missing"
    close_code = 4408

    def __init__(self) -> None:
        super().__init__("Send hello with a ticket as the first message, within 5 s.")


class TooFast(SignalingError):
    """The sender sends more messages than a page ever needs."""

    code = "too-fast"
    close_code = 4429

    def __init__(self) -> None:
        super().__init__("Too many messages; connect again in a moment.")


class ChatTooLong(SignalingError):
    """A chat text is longer than 4,000 characters, or empty."""

    code = "chat-length"

    def __init__(self) -> None:
        super().__init__("A chat message has 1 to 4,000 characters.")
