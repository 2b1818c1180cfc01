"""What a room shares over data channels: roles, numbers, resume, bounds; with loss and restarts in virtual time."""

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from signaling.media.exchange import BURST, MAX_BAD, MAX_CHAT_CHARACTERS, MAX_ENTRIES, MAX_MESSAGE_BYTES, Exchange

PLENTY = 1 << 20


def stroke(sequence: int, x: float = 0.5, on: str = "s_p/camera") -> str:
    body = {"on": on, "color": 1, "points": [x, 0.1, x, 0.2]}
    return json.dumps({"type": "stroke", "seq": sequence, "body": body})


def vitals(sequence: int, name: str = "spo2", value: float = 97) -> str:
    return json.dumps({"type": "vitals", "seq": sequence, "body": {"key": "k", "values": {name: value}}})


def chat(sequence: int, text: str = "hello", key: str = "k1") -> str:
    return json.dumps({"type": "chat", "seq": sequence, "body": {"key": key, "text": text}})


def told(exchange: Exchange, seat: str, room_bytes: int = PLENTY) -> list[dict[str, Any]]:
    return [json.loads(text) for text in exchange.take(seat, room_bytes)]


def opened(*seats: tuple[str, str]) -> Exchange:
    """An exchange whose seats have said hello."""
    exchange = Exchange("k")
    for seat, role in seats:
        exchange.join(seat, role)
        exchange.receive(seat, '{"type":"hello"}', 0.0)
        told(exchange, seat)
    return exchange


BOTH = (("s_d", "doctor"), ("s_p", "patient"))


class TestRoles:
    def test_doctor_draws_and_patient_sees_it(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", stroke(1), 1.0)
        (seen,) = told(exchange, "s_p")
        assert (seen["type"], seen["from"], seen["role"], seen["number"]) == ("stroke", "s_d", "doctor", 1)
        assert told(exchange, "s_d")[0] == {"type": "done", "seq": 1}

    def test_patient_may_not_draw_but_may_point(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_p", stroke(1), 1.0)
        assert told(exchange, "s_p") == [{"type": "error", "code": "not-allowed", "done": 0}]
        exchange.receive("s_p", '{"type":"pointer","body":{"on":"s_p/camera","x":0.1,"y":1}}', 1.0)
        assert told(exchange, "s_d")[0]["body"] == {"on": "s_p/camera", "x": 0.1, "y": 1.0}

    def test_role_in_a_message_counts_for_nothing(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_p", stroke(1)[:-1] + ',"role":"doctor"}', 1.0)
        assert told(exchange, "s_d") == []

    def test_vitals_name_who_sent_them(self) -> None:
        exchange = opened(*BOTH, ("s_box", "device"))
        exchange.receive("s_box", vitals(1, "heart_rate", 71), 1.0)
        (seen,) = told(exchange, "s_d")
        assert (seen["from"], seen["role"]) == ("s_box", "device")
        assert seen["body"] == {"key": "k", "values": {"heart_rate": 71}}

    def test_chat_is_for_people(self) -> None:
        exchange = opened(*BOTH, ("s_box", "device"))
        exchange.receive("s_p", chat(1, "我胸口疼"), 1.0)
        assert told(exchange, "s_d")[0]["body"] == {"key": "k1", "text": "我胸口疼"}
        told(exchange, "s_box")
        exchange.receive("s_box", chat(1), 1.0)
        assert told(exchange, "s_box") == [{"type": "error", "code": "not-allowed", "done": 0}]

    def test_longest_chat_fits_into_a_message(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_p", chat(1, "疼" * MAX_CHAT_CHARACTERS, "k" * 64), 1.0)
        (text,) = exchange.take("s_d", PLENTY)
        assert len(text) <= MAX_MESSAGE_BYTES
        exchange.receive("s_p", chat(2, "x" * (MAX_CHAT_CHARACTERS + 1)), 2.0)
        assert {"type": "error", "code": "bad-message", "done": 1} in told(exchange, "s_p")


class TestResume:
    def test_who_comes_back_gets_the_tail_once(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", stroke(1), 1.0)
        told(exchange, "s_p")
        exchange.join("s_p", "patient")
        exchange.receive("s_d", stroke(2), 2.0)
        exchange.receive("s_p", '{"type":"hello","room":"k","after":1}', 3.0)
        welcome, missed = told(exchange, "s_p")
        assert (welcome["resumed"], missed["number"]) == (True, 2)

    def test_repeated_message_is_taken_once_and_acknowledged_again(self) -> None:
        exchange = opened(*BOTH)
        for _ in range(3):
            exchange.receive("s_d", stroke(1), 1.0)
        assert len(told(exchange, "s_p")) == 1
        assert [m["seq"] for m in told(exchange, "s_d") if m["type"] == "done"] == [1, 1, 1]

    def test_gap_is_refused_with_the_number_to_go_on_from(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", stroke(2), 1.0)
        assert told(exchange, "s_d") == [{"type": "error", "code": "gap", "done": 0}]

    def test_another_relay_s_memory_is_told_apart(self) -> None:
        exchange = opened(("s_d", "doctor"))
        exchange.join("s_d", "doctor")
        exchange.receive("s_d", '{"type":"hello","room":"before","after":99}', 1.0)
        assert told(exchange, "s_d")[0] == {
            "type": "welcome", "room": "k", "resumed": False, "done": 0, "role": "doctor"
        }  # fmt: skip

    def test_who_missed_more_than_is_kept_begins_anew(self) -> None:
        exchange = opened(*BOTH)
        for sequence in range(1, MAX_ENTRIES + 11):
            exchange.receive("s_d", stroke(sequence), sequence * 1.0)
            told(exchange, "s_d")
        seen = told(exchange, "s_p")
        assert seen[0] == {"type": "reset", "number": 10}
        assert [m["number"] for m in seen[1:]] == list(range(11, MAX_ENTRIES + 11))

    def test_newcomer_gets_what_still_stands_and_not_what_was_wiped(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", stroke(1), 1.0)
        exchange.receive("s_d", stroke(2, on="s_d/screen"), 1.0)
        exchange.receive("s_d", '{"type":"clear","seq":3,"body":{"on":"s_p/camera"}}', 1.0)
        exchange.join("s_new", "expert")
        exchange.receive("s_new", '{"type":"hello"}', 2.0)
        assert [(m["type"], m.get("number")) for m in told(exchange, "s_new")[1:]] == [("stroke", 2), ("clear", 3)]

    def test_every_message_arrives_once_in_order_over_channels_that_break(self) -> None:
        """A hundred seeded runs: the channel ends at any moment with what it carried; go-back-N on the page's side."""
        for seed in range(100):
            assert run_of_a_page(random.Random(seed)) == list(range(1, 41))


def run_of_a_page(chance: random.Random) -> list[int]:
    """Return the x of each stroke (in thousandths) in the order that the patient saw them."""
    exchange, seen, after, next_own, now = Exchange("k"), list[int](), 0, 1, 0.0
    exchange.join("s_d", "doctor")
    exchange.join("s_p", "patient")
    exchange.receive("s_p", '{"type":"hello"}', now)
    while len(seen) < 40:
        now += 0.1
        if chance.random() < 0.2:
            exchange.join("s_d", "doctor")
            exchange.receive("s_d", '{"type":"hello","room":"k"}', now)
            next_own = next(m for m in told(exchange, "s_d") if m["type"] == "welcome")["done"] + 1
        if next_own <= 40:
            exchange.receive("s_d", stroke(next_own, next_own / 1000), now)
            next_own += 1
        if chance.random() < 0.2:
            list(exchange.take("s_p", 300))  # sent, and lost with its channel
            exchange.join("s_p", "patient")
            exchange.receive("s_p", json.dumps({"type": "hello", "room": "k", "after": after}), now)
        for message in told(exchange, "s_p", 200):
            if message["type"] == "stroke":
                seen.append(round(message["body"]["points"][0] * 1000))
                after = message["number"]
        told(exchange, "s_d")
    return seen


class TestBounds:
    def test_flood_is_refused_and_the_room_lives(self) -> None:
        exchange = opened(*BOTH)
        for sequence in range(1, int(BURST) + 50):
            exchange.receive("s_d", stroke(sequence), 1.0)
        codes = [m["code"] for m in told(exchange, "s_d") if m["type"] == "error"]
        assert codes and set(codes) == {"too-fast"}
        exchange.receive("s_p", vitals(1), 2.0)
        assert told(exchange, "s_d")[-1]["type"] == "vitals"

    def test_slow_receiver_gets_what_fits_and_the_rest_later(self) -> None:
        exchange = opened(*BOTH)
        for sequence in range(1, 21):
            exchange.receive("s_d", stroke(sequence), sequence * 1.0)
        first = told(exchange, "s_p", 100)
        assert 0 < len(first) < 20
        assert [m["number"] for m in first + told(exchange, "s_p")] == list(range(1, 21))

    def test_only_the_newest_pointer_waits(self) -> None:
        exchange = opened(*BOTH)
        for x in (0.1, 0.2, 0.3):
            exchange.receive("s_p", json.dumps({"type": "pointer", "body": {"on": "a", "x": x, "y": 0}}), 1.0)
        assert [m["body"]["x"] for m in told(exchange, "s_d")] == [0.3]

    def test_nonsense_ends_a_channel_and_no_other(self) -> None:
        exchange = opened(*BOTH)
        for text in ("", "[]", "{", "[" * 5000, '{"type":"x"}', vitals(1, value=1e99), b"\0", "x" * MAX_MESSAGE_BYTES):
            exchange.receive("s_p", text, 5.0)
        assert MAX_BAD == 8 and exchange.is_refused("s_p") and not exchange.is_refused("s_d")

    @given(
        st.text()
        | st.binary()
        | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(
            lambda body: json.dumps({"type": "stroke", "seq": 1, "body": {"on": "a", "points": body}})
        )
    )
    def test_no_text_raises_and_what_passes_is_a_stroke(self, text: str | bytes) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", text, 1.0)
        for message in told(exchange, "s_p"):
            assert all(0 <= point <= 1 for point in message["body"]["points"])

    def test_half_a_character_is_passed_on_as_text(self) -> None:
        exchange = opened(*BOTH)
        exchange.receive("s_d", stroke(1, on="\ud800"), 1.0)
        (text,) = exchange.take("s_p", PLENTY)
        assert text.encode()
