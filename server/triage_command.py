"""`python -m server triage`: intakes as JSON lines in, notes as JSON lines out. Needs no database."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

# One thread: the sentence encoder's matrices are so small that a thread pool makes it fifty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from records.triage.engine import assess
from records.triage.errors import IntakeInvalid
from records.triage.intake import Intake
from server.adapters.sentence_encoder import UniversalSentenceEncoder

# Loaded with the first line that is an intake.
_ENCODER = UniversalSentenceEncoder()


def run(stdin: TextIO, stdout: TextIO) -> int:
    """
    Answer each line of stdin with one line, in order; a bad line gets an error line and the rest goes on.

    Returns:
        0, or 1 if any line was refused.
    """
    refused = 0
    for number, line in enumerate(stdin, start=1):
        if not line.strip():
            continue
        answer = answer_line(line, number, datetime.now(UTC))
        refused += "error" in answer
        stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        stdout.flush()
    return 1 if refused else 0


def answer_line(line: str, number: int, now: datetime) -> dict[str, object]:
    """Return the note of one line, or {"id", "level": null, "error": {code, reason, path, line}}."""
    try:
        decoded = json.loads(line)
    except ValueError:
        return _refusal(None, "not-json", "not a JSON object", "$", number)
    try:
        return assess(Intake.parse(decoded), now=now, encoder=_ENCODER).to_json()
    except IntakeInvalid as error:
        intake_id = decoded.get("id") if isinstance(decoded, dict) else None
        return _refusal(intake_id, error.code, error.reason, error.path, number)


def _refusal(intake_id: object, code: str, reason: str, path: str, number: int) -> dict[str, object]:
    error = {"code": code, "reason": reason, "path": path, "line": number}
    return {"id": intake_id, "level": None, "error": error}


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr] # the real standard streams are TextIOWrapper
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    raise SystemExit(run(sys.stdin, sys.stdout))
