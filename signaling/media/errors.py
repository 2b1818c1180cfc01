"""Errors of the media plane. A peer or caller did something it may not do; never raised for our own bugs."""

from typing import ClassVar


class MediaError(Exception):
    """Base of the media plane's errors."""

    code: ClassVar[str] = "media_error"  # stable; clients switch on it


class BadSdp(MediaError):
    """The description can not be used. The only error that leaves the SDP parser, except SdpTooLarge."""

    code = "bad_sdp"


class SdpTooLarge(BadSdp):
    """The description is over a limit that is checked before parsing (security.md §8)."""

    code = "sdp_too_large"


class NoSuchRoom(MediaError):
    code = "no_such_room"


class NoSuchLink(MediaError):
    code = "no_such_link"


class NoSuchRecorder(MediaError):
    """No recorder listens at that channel."""

    code = "no_such_recorder"


class RoomFull(MediaError):
    """The room has as many links as it may have."""

    code = "room_full"


class Draining(MediaError):
    """This relay takes no new rooms; use another one."""

    code = "draining"


class StaleGeneration(MediaError):
    """The answer belongs to an offer that a newer one has replaced."""

    code = "stale_generation"


class BadRequest(MediaError):
    """A control message that is malformed."""

    code = "bad_request"
