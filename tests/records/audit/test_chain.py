"""records/README.md "Audit": the bytes that are hashed and signed."""

import hashlib
import json
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.audit.chain import Checkpoint, genesis, link

TENANT = UUID("00000000-0000-4000-8000-000000000001")
CHECKPOINT = Checkpoint(TENANT, 7, b"h" * 32, 1_700_000_000_000_000, 1, b"s" * 64)


class TestHash:
    """SHA-256(previous | number | recorded time | leaf)"""

    def test_genesis(self) -> None:
        assert genesis(TENANT) == hashlib.sha256(b"00000000-0000-4000-8000-000000000001").digest()

    def test_link(self) -> None:
        expected = hashlib.sha256(b"p" * 32 + b"\0" * 7 + b"\2" + b"\0" * 7 + b"\3" + "王".encode()).digest()
        assert link(b"p" * 32, 2, 3, "王") == expected


class TestCheckpoint:
    """A line of JSON outside, lines of text to sign inside."""

    def test_message(self) -> None:
        assert CHECKPOINT.message() == (
            b"teleconsult audit 00000000-0000-4000-8000-000000000001\n7\n"
            b"aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg=\n1700000000000000\n1\n"
        )

    def test_line_round_trip(self) -> None:
        assert Checkpoint.from_line(CHECKPOINT.to_line()) == CHECKPOINT

    @given(st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["tenant", "number", "hash", "recorded_us", "key_version", "signature"]), inner),
    ).map(json.dumps) | st.text(max_size=100))  # fmt: skip
    def test_any_line_is_a_checkpoint_or_refused(self, line: str) -> None:
        with suppress(ValueError):
            assert Checkpoint.from_line(line).to_line()

    @pytest.mark.parametrize("line", ["", "{}", "[]", "null", "x", '{"tenant": 5}', '{"tenant": "x", "number": 1}'])
    def test_other_lines_are_refused(self, line: str) -> None:
        with pytest.raises(ValueError):
            Checkpoint.from_line(line)
