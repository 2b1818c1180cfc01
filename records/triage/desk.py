"""The question desk's port: can this be answered at once, and if not, which department should have it."""

from dataclasses import dataclass

from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.lexicon.words import Kind
from records.triage.rules.loader import pack
from records.triage.story import understand

# Questions of these kinds are about paper, not about a person's health today.
_ADMINISTRATIVE = frozenset({"med_refill", "checkup"})


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a question goes. `answer_at_once` never holds for anything above self-care with open guards answered."""

    answer_at_once: bool
    department: str
    department_name: str
    level: Level | None
    reason: str


def route(question: Intake) -> Routing:
    """
    Return whether a written question can be answered from published advice, and otherwise its department.

    At once: a question that reports no complaint at all, or an earned self-care complaint without a flag.
    Everything else goes to a department; an emergency also shows the emergency number, which the caller does.
    """
    note = assess(question)
    known = pack()
    story = understand(question, known.lexicon)
    kinds = (Kind.SYMPTOM, Kind.DISEASE, Kind.VAGUE)
    complaints = [name for name in story.present if known.lexicon.concepts[name].kind in kinds]
    asked_about = [name for name in story.others if known.lexicon.concepts[name].kind in kinds]
    department = note.departments[0]
    name = note.department_names.get(department, department)
    if note.flags or note.alerts:
        return Routing(False, department, name, note.level, "red-flag")
    if not complaints and asked_about and note.level is not None:
        first = known.lexicon.concepts[asked_about[0]].departments
        department = first[0] if first else department
        return Routing(True, department, known.departments[department][story.lang], None, "general-information")
    if complaints and all(one in _ADMINISTRATIVE for one in complaints):
        return Routing(False, department, name, note.level, "administrative")
    if note.level is Level.SELF_CARE:
        return Routing(True, department, name, note.level, "minor-complaint")
    return Routing(False, department, name, note.level, "needs-a-clinician")
