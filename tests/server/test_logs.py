"""README "Logs": events with opaque ids; nothing about a person gets through, whatever a caller hands over."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import logs

CANARY = "Jane Doe"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    stream = io.StringIO()
    logs.set_up("debug", stream)
    yield stream
    root.handlers[:], logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestFields:
    def test_an_event_is_one_line_of_json(self, written: io.StringIO) -> None:
        logging.getLogger("teleconsult.x").info("visit.claimed", extra={"visit": "v1", "took_ms": 1.5})
        (line,) = lines(written)
        assert (line["event"], line["level"], line["visit"], line["took_ms"]) == ("visit.claimed", "info", "v1", 1.5)

    def test_an_unknown_field_is_named_and_its_value_is_not_written(self, written: io.StringIO) -> None:
        logging.getLogger("x").info("visit.claimed", extra={"patient_name": "Jane"})
        assert lines(written)[0]["refused"] == ["patient_name"]
        assert "Jane" not in written.getvalue()

    # a known field, a value that could be about a person
    ROWS = [("reason", "chest pain since noon"), ("where", "a@b.example"), ("room", {"name": "x"}), ("code", "张三"),
            ("state", "x" * 121), ("source", ["a"]), ("path", 'quo"te')]  # fmt: skip

    @pytest.mark.parametrize(("field", "value"), ROWS)
    def test_a_value_that_is_no_plain_token_is_refused(self, written: io.StringIO, field: str, value: object) -> None:
        logging.getLogger("x").info("some.event", extra={field: value})
        assert lines(written)[0]["refused"] == [field]
        assert field not in lines(written)[0]


class TestOtherPeoplesProse:
    def test_arguments_are_never_mixed_into_the_event(self, written: io.StringIO) -> None:
        logging.getLogger("aiohttp.server").error("Error handling request from %s", CANARY)
        assert CANARY not in written.getvalue()

    def test_a_sentence_becomes_its_loggers_name(self, written: io.StringIO) -> None:
        logging.getLogger("sqlalchemy").warning(f"cannot parse {CANARY}")
        assert CANARY not in written.getvalue()
        assert lines(written)[0]["event"].startswith("sqlalchemy:")

    def test_an_exceptions_message_is_not_written_but_its_place_is(self, written: io.StringIO) -> None:
        try:
            raise ValueError(CANARY)
        except ValueError:
            logging.getLogger("x").exception("it.failed")
        (line,) = lines(written)
        assert CANARY not in written.getvalue()
        assert line["fault"] == "ValueError"
        assert any("test_logs.py" in frame for frame in line["frames"])

    @given(st.text(), st.dictionaries(st.sampled_from(sorted(logs.FIELDS)), st.text()))
    def test_whatever_comes_the_line_is_ascii_json(self, message: str, fields: dict[str, str]) -> None:
        record = logging.makeLogRecord({"msg": message, **fields})
        line = logs.EventFormatter().format(record)
        assert line.isascii()
        assert "\n" not in line
        json.loads(line)
