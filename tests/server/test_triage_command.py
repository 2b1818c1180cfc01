"""`python -m server triage`: one answer a line, whatever the line."""

import io
import json

from server.triage_command import run


def answers(*lines: str) -> tuple[int, list[dict[str, object]]]:
    out = io.StringIO()
    code = run(io.StringIO("\n".join(lines) + "\n"), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


class TestLines:
    def test_each_intake_gets_its_note_in_order(self) -> None:
        code, notes = answers('{"id": "a", "complaint": "胸痛，出冷汗"}', '{"id": 7, "complaint": "runny nose"}')
        assert code == 0
        assert [(note["id"], note["level"]) for note in notes] == [("a", "emergency"), (7, "self-care")]

    def test_a_bad_line_does_not_stop_the_others(self) -> None:
        code, notes = answers(
            "{broken", '{"id": "b", "complaint": "x", "hat": 1}', "", '{"id": "c", "complaint": "cough"}'
        )
        assert code == 1
        assert notes[0]["error"] == {"code": "not-json", "reason": "not a JSON object", "path": "$", "line": 1}
        assert notes[1]["id"] == "b" and notes[1]["level"] is None
        assert notes[1]["error"] == {"code": "intake-invalid", "reason": "unknown field", "path": "hat", "line": 2}
        assert notes[2]["id"] == "c" and notes[2]["level"]

    def test_json_that_is_no_object_is_refused(self) -> None:
        code, notes = answers("[1, 2]", "null", "NaN")
        assert code == 1 and all(note["level"] is None for note in notes)
