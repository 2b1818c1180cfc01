"""README "Socket" and "Messages": frames to messages and back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling import codec
from signaling import messages as m
from signaling.errors import BadMessage, ChatTooLong, SignalingError
from signaling.media.reports import LayerWish, Track
from signaling.states import Presence, Role, VisitState

README = (Path(__file__).parents[2] / "signaling" / "README.md").read_text(encoding="utf-8")
CLIENT_TABLE = README.split("Client to server.")[1].split("Server to client.")[0]
SERVER_TABLE = README.split("Server to client.")[1].split("| error code |")[0]


def frame(kind: str, body: dict[str, Any] | None = None, **envelope: Any) -> str:
    return json.dumps({"v": 1, "type": kind, "id": "7", "seq": 3, "ack": 2, "body": body or {}, **envelope})


def rows(table: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE))


class TestTables:
    """The README's tables name exactly what the codec knows."""

    def test_client_types(self) -> None:
        assert rows(CLIENT_TABLE) == set(codec.CLIENT_TYPES)

    def test_server_types(self) -> None:
        assert rows(SERVER_TABLE) == set(codec.SERVER_TYPES.values())

    def test_journalled_column(self) -> None:
        marked = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| (yes|no) \|$", SERVER_TABLE, re.MULTILINE))
        assert {name for name, journalled in marked.items() if journalled == "no"} == {
            codec.SERVER_TYPES[kind] for kind in codec.UNJOURNALLED
        }

    def test_error_codes(self) -> None:
        table = README.split("| error code |")[1].split("## States")[0]
        leaves = {leaf.code for leaf in SignalingError.__subclasses__()}
        assert rows(table) == leaves


TWICE = {"0": "camera", "1": "camera"}
NINE_SOURCES = {str(number): "camera" for number in range(9)}
MESSAGES = [
    ("hello", {"ticket": "t"}, m.Hello("t")),
    ("hello", {"ticket": "t", "resume": {"key": "k", "ack": 9}}, m.Hello("t", m.ResumePoint("k", 9))),
    ("ping", {}, m.Ping()),
    (
        "publish",
        {"generation": 1, "sdp": "v=0", "sources": {"0": "microphone"}},
        m.Publish(1, "v=0", {"0": "microphone"}),
    ),
    ("subscribe", {}, m.Subscribe()),
    ("subscribe", {"restart": True}, m.Subscribe(True)),
    ("answer", {"generation": 4, "sdp": "v=0"}, m.Answer(4, "v=0")),
    ("mute", {"source": "camera", "muted": True}, m.Mute("camera", True)),
    ("chat", {"text": "头痛", "key": "k1"}, m.ChatText("头痛", "k1")),
    ("vitals", {"values": {"spo2": 97}, "key": "k1"}, m.Vitals({"spo2": 97}, "k1")),
    ("layers", {"wishes": [{"mid": "2", "max_height": 240}]}, m.Layers((LayerWish("2", 240, False),))),
    ("quality", {"stats": {"rtt_ms": 41.5}}, m.ClientQuality({"rtt_ms": 41.5})),
    (
        "network",
        {"candidate": "host", "protocol": "udp", "network": "cellular"},
        m.Network("host", "udp", "cellular"),
    ),
    (
        "network",
        {"candidate": "new-kind", "protocol": "udp", "network": "6g"},
        m.Network("unknown", "udp", "unknown"),
    ),
    ("ring", {}, m.Ring()),
    ("accept", {}, m.Accept()),
    ("hold", {}, m.Hold()),
    ("resume", {}, m.Resume()),
    ("end", {}, m.End()),
    ("escalate", {}, m.Escalate()),
    ("remove", {"seat": "s_1"}, m.Remove("s_1")),
    ("leave", {}, m.Leave()),
]


class TestParse:
    """A client's frame is a message or a BadMessage."""

    @pytest.mark.parametrize(("kind", "body", "message"), MESSAGES)
    def test_message(self, kind: str, body: dict[str, Any], message: m.ClientMessage) -> None:
        assert codec.parse(frame(kind, body)) == m.ClientEnvelope(message, "7", 3, 2)

    def test_seq_ack_id_and_body_may_be_missing(self) -> None:
        assert codec.parse('{"v":1,"type":"ping"}') == m.ClientEnvelope(m.Ping(), None, 0, 0)

    def test_unknown_fields_are_ignored(self) -> None:
        assert codec.parse(frame("ping", {"mood": "good"})).message == m.Ping()

    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ("", "JSON object"),
            ("[]", "JSON object"),
            ("[" * 60_000, "JSON object"),
            ("x" * 70_000, "at most 65536 bytes"),
            ('{"type":"ping"}', "envelope.v"),
            ('{"v":true,"type":"ping"}', "envelope.v"),
            ('{"v":1}', "envelope.type"),
            (frame("dance"), "envelope.type"),
            (frame("ping", seq=-1), "envelope.seq"),
            (frame("ping", ack=1.5), "envelope.ack"),
            (frame("ping", ack=2**53), "envelope.ack"),
            (frame("ping", body=None, id=7), "envelope.id"),
            ('{"v":1,"type":"ping","body":[]}', "envelope.body"),
            (frame("hello"), "body.ticket"),
            (frame("hello", {"ticket": "t", "resume": {"key": "k"}}), "body.resume.ack"),
            (frame("publish", {"generation": 0, "sdp": "v", "sources": {}}), "body.generation"),
            (frame("publish", {"generation": True, "sdp": "v", "sources": {}}), "body.generation"),
            (frame("publish", {"generation": 1, "sdp": "v" * 32_769, "sources": {}}), "body.sdp"),
            (frame("publish", {"generation": 1, "sdp": "v", "sources": {"0": "gun"}}), "body.sources.0"),
            (frame("publish", {"generation": 1, "sdp": "v", "sources": NINE_SOURCES}), "body.sources"),
            (frame("publish", {"generation": 1, "sdp": "v", "sources": TWICE}), "each source once"),
            (frame("answer", {"generation": 1}), "body.sdp"),
            (frame("mute", {"source": "camera"}), "body.muted"),
            (frame("chat", {"text": "a"}), "body.key"),
            (frame("vitals", {"key": "k"}), "body.values"),
            (frame("vitals", {"key": "k", "values": {}}), "body.values"),
            (frame("vitals", {"key": "k", "values": {"mood": 3}}), "body.values.mood"),
            (frame("vitals", {"key": "k", "values": {"spo2": 101}}), "body.values.spo2"),
            (frame("vitals", {"key": "k", "values": {"spo2": True}}), "body.values.spo2"),
            (frame("vitals", {"key": "k", "values": {"spo2": 1e999}}), "body.values.spo2"),
            (frame("vitals", {"key": "k", "values": {"spo2": 10**400}}), "body.values.spo2"),
            (frame("vitals", {"values": {"spo2": 97}}), "body.key"),
            (frame("chat", {"text": "\ud800", "key": "k"}), "body.text"),
            (frame("layers", {"wishes": [1]}), "body.wishes"),
            (frame("layers", {"wishes": [{"mid": "1", "max_height": 0}]}), "body.wishes[0].max_height"),
            ('{"v":1,"type":"quality","body":{"stats":{"a":NaN}}}', "body.stats.a"),
            ('{"v":1,"type":"quality","body":{"stats":{"a":1e999}}}', "body.stats.a"),
            ('{"v":1,"type":"quality","body":{"stats":{"a":1%s}}}' % ("0" * 400), "body.stats.a"),
        ],
    )
    def test_fault_names_its_field(self, text: str, detail: str) -> None:
        with pytest.raises(BadMessage) as caught:
            codec.parse(text)
        assert detail in caught.value.detail

    def test_fault_carries_the_id_that_it_answers(self) -> None:
        with pytest.raises(BadMessage) as caught:
            codec.parse(frame("hello"))
        assert caught.value.reply_to == "7"

    @pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
    def test_chat_length_has_its_own_code(self, text: str) -> None:
        with pytest.raises(ChatTooLong):
            codec.parse(frame("chat", {"text": text, "key": "k"}))

    def test_repr_of_a_message_shows_no_secret(self) -> None:
        shown = repr(codec.parse(frame("hello", {"ticket": "secret-ticket"})))
        assert "secret-ticket" not in shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(["ticket", "resume", "generation", "sdp", "sources", "wishes", "stats", "text", "key"])


class TestFuzz:
    """Whatever arrives, parse returns a message or raises a SignalingError."""

    @given(st.binary(max_size=300))
    def test_bytes(self, data: bytes) -> None:
        _parse_or_refuse(data)

    @given(st.sampled_from(sorted(codec.CLIENT_TYPES)), st.dictionaries(field_names, json_values), json_values)
    def test_bodies(self, kind: str, body: dict[str, Any], other: Any) -> None:
        _parse_or_refuse(json.dumps({"v": 1, "type": kind, "body": body, "seq": other}))
        _parse_or_refuse(json.dumps({"v": 1, "type": kind, "body": body}))

    @given(json_values)
    def test_values(self, value: Any) -> None:
        _parse_or_refuse(json.dumps(value))


def _parse_or_refuse(data: str | bytes) -> None:
    try:
        envelope = codec.parse(data)
    except SignalingError:
        return
    assert isinstance(envelope, m.ClientEnvelope)


SEAT = m.SeatView("s_1", Role.DOCTOR, "Dr Lin", Presence.PRESENT, ("camera",), ("camera", "microphone"))
LINE = m.ChatLine(3, "s_1", "doctor", "hello", "k", "2026-11-22T10:00:00Z")
SEAT_BODY = {
    "seat": "s_1",
    "role": "doctor",
    "display": "Dr Lin",
    "presence": "present",
    "muted": ["camera"],
    "sources": ["camera", "microphone"],
    "public_key": None,
}
LINE_BODY = {"from": "s_1", "role": "doctor", "text": "hello", "at": "2026-11-22T10:00:00Z", "key": "k", "number": 3}
WIFI, MOBILE = m.Network("host", "udp", "wifi"), m.Network("host", "udp", "cellular")
BODIES = [
    (m.Pong(), {}),
    (m.StateChanged(VisitState.CALLED, "t", False), {"state": "called", "at": "t", "admitted": False}),
    (m.SeatsChanged((SEAT,)), {"seats": [SEAT_BODY]}),
    (
        m.QueuePlace(4, 3, (10, 20)),
        {"position": 4, "ahead": 3, "wait_min": (10, 20), "may_be_overtaken": True, "full": False},
    ),
    (m.Claimed("Dr Lin", "110"), {"practitioner": {"display": "Dr Lin", "registration_number": "110"}}),
    (
        m.Offer(2, "v=0", (Track("0", "s_1", "audio", "microphone"),)),
        {
            "generation": 2,
            "sdp": "v=0",
            "tracks": [{"mid": "0", "seat": "s_1", "kind": "audio", "source": "microphone"}],
        },
    ),
    (m.ChatMessage(LINE), LINE_BODY),
    (m.Drop("s_1", Role.PATIENT, "wait", 5), {"seat": "s_1", "role": "patient", "step": "wait", "since_s": 5}),
    (
        m.PathChanged("s_1", "up", WIFI, MOBILE, "restart", 410.0),
        {
            "seat": "s_1",
            "link": "up",
            "from": {"candidate": "host", "protocol": "udp", "network": "wifi"},
            "to": {"candidate": "host", "protocol": "udp", "network": "cellular"},
            "cause": "restart",
            "gap_ms": 410.0,
        },
    ),
    (m.EncryptionChanged(True, "s_1"), {"on": True, "by": "s_1"}),
    (m.KeySent("s_1", 2, "Ym94"), {"seat": "s_1", "epoch": 2, "box": "Ym94"}),
    (m.Failure("try-again", "x"), {"code": "try-again", "detail": "x"}),
]


class TestEncode:
    """A server message's frame is as the README gives it."""

    @pytest.mark.parametrize(("message", "body"), BODIES)
    def test_body(self, message: m.ServerMessage, body: dict[str, Any]) -> None:
        assert codec.body_of(message) == body

    def test_envelope(self) -> None:
        text = codec.encode(m.ServerEnvelope(m.Pong(), seq=0, ack=4, re="9"))
        assert json.loads(text) == {"v": 1, "type": "pong", "seq": 0, "ack": 4, "re": "9", "body": {}}

    def test_welcome_has_everything_a_page_needs(self) -> None:
        welcome = m.Welcome(
            seat="s_1",
            role=Role.PATIENT,
            resume_key="k",
            resumed=False,
            visit="v",
            state=VisitState.WAITING,
            seats=(SEAT,),
            links={"up": "connected"},
            ice_servers=({"urls": ["turn:a"]},),
            ice_ttl_s=300,
            chat=(LINE,),
            admitted=False,
        )
        assert codec.body_of(welcome) == {
            "seat": "s_1",
            "role": "patient",
            "resume_key": "k",
            "resumed": False,
            "visit": {"id": "v", "state": "waiting"},
            "seats": [SEAT_BODY],
            "links": {"up": "connected"},
            "ice_servers": [{"urls": ["turn:a"]}],
            "ice_ttl_s": 300,
            "chat": [LINE_BODY],
            "admitted": False,
            "encrypted": False,
            "vitals": [],
        }

    def test_reading_names_who_told_it_and_when(self) -> None:
        body = codec.body_of(m.VitalsMessage(m.Reading(2, "s_1", "patient", {"spo2": 97}, "k", "2026-11-22T10:00:00Z")))
        assert body == {
            "from": "s_1", "role": "patient", "values": {"spo2": 97}, "at": "2026-11-22T10:00:00Z", "key": "k",
            "number": 2,
        }  # fmt: skip
