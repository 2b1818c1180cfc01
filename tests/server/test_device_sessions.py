"""server/device_sessions.py: what a PATCH needs, bounded."""

from server import device_sessions
from server.device_sessions import DeviceSessions


def test_restart_gives_a_new_etag() -> None:
    sessions = DeviceSessions()
    assert sessions.remember("l_1", "offer").etag != sessions.remember("l_1", "offer 2").etag


def test_newest_offer_counts() -> None:
    sessions = DeviceSessions()
    sessions.remember("l_1", "offer")
    sessions.remember("l_1", "offer 2")
    session = sessions.get("l_1")
    assert session is not None
    assert session.offer == "offer 2"


def test_forgotten_session_is_unknown() -> None:
    sessions = DeviceSessions()
    sessions.remember("l_1", "offer")
    sessions.forget("l_1")
    assert sessions.get("l_1") is None


def test_oldest_is_forgotten_first() -> None:
    sessions = DeviceSessions()
    for number in range(device_sessions.MAX_SESSIONS + 1):
        sessions.remember(f"l_{number}", "offer")
    assert sessions.get("l_0") is None
    assert sessions.get("l_1") is not None


def test_repr_shows_no_offer() -> None:
    assert "secret" not in repr(DeviceSessions().remember("l_1", "secret"))
