"""README "Question desk"."""

import pytest

from records.triage.desk import route
from records.triage.intake import Intake

# question, at once?, department
ROWS = [
    ("what are the symptoms of appendicitis?", True, "surgery"),
    ("runny nose for two days", True, "ent"),
    ("crushing chest pain and sweating", False, "emergency"),
    ("小便疼两天了", False, "urology"),
    ("皮肤上长了湿疹，很痒", True, "dermatology"),
    ("I need a repeat prescription", False, "general_practice"),
    ("I want to kill myself", False, "emergency"),
]


@pytest.mark.parametrize(("question", "at_once", "department"), ROWS)
def test_route(question: str, at_once: bool, department: str) -> None:
    routing = route(Intake.parse({"id": "1", "complaint": question}))
    assert (routing.answer_at_once, routing.department) == (at_once, department)
