"""What the patient keeps: the signed note in plain headings, in the visit's language."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from records.errors import NotFound
from records.store.notes import StoredNote
from records.store.unit import Unit
from server.errors import SummaryNotReady
from server.visits import Call, Services

# Reading age 9-11 (consultation.md §12). The doctor's own words stand below these headings as they were written.
TEXTS = {
    "en": {
        "title": "Your visit in short",
        "seen_by": "You were seen by",
        "reason": "Why you came",
        "assessment": "What the doctor found",
        "plan": "What to do now",
        "safety_net": "When to get help at once",
        "emergency": "In an emergency call {number}.",
        "ai_notice": "A doctor wrote and signed this summary. No computer program made the diagnosis.",
    },
    "zh": {
        "title": "本次就诊小结",
        "seen_by": "接诊医生",
        "reason": "就诊原因",
        "assessment": "医生的判断",
        "plan": "接下来怎么做",
        "safety_net": "出现以下情况请立即求助",
        "emergency": "紧急情况请拨打 {number}。",
        "ai_notice": "本小结由医生书写并签名，诊断并非由计算机程序作出。",
    },
}


async def summary(services: Services, call: Call) -> dict[str, Any]:
    """Return the summary. Raises SummaryNotReady until the note is signed."""
    async with services.database.unit(call.actor) as unit:
        visit = await unit.visits.get(call.visit_id)
        note = await unit.notes.get(call.visit_id)
        if note is None or note.signed_at is None:
            raise SummaryNotReady
        patient = await unit.patients.get(visit.patient_id)
        history = await unit.visits.history(call.visit_id)
    seen = next((each.at for each in history if each.to_state == "in_consult"), None)
    number = services.settings.emergency_number
    texts = dict(TEXTS.get(visit.lang, TEXTS["en"]))
    texts["emergency"] = texts["emergency"].format(number=number)
    return {
        "visit_id": str(visit.id),
        "lang": visit.lang,
        "seen_at": None if seen is None else seen.isoformat(),
        "signed_at": note.signed_at.isoformat(),
        "practitioner": await _signer(services, call, note),
        "patient": {"display": patient.name},
        "mode": note.content.get("mode", visit.mode),
        **{part: note.content.get(part, "") for part in ("reason", "assessment", "plan", "safety_net")},
        "emergency_number": number,
        "texts": texts,
    }


async def _signer(services: Services, call: Call, note: StoredNote) -> dict[str, Any]:
    async with services.database.unit(call.system("summary")) as unit:
        return await practitioner(unit, UUID(note.signed_by or ""))


async def practitioner(unit: Unit, account_id: UUID) -> dict[str, Any]:
    """Return the professional name and number, which a patient may check; a left practitioner is unnamed."""
    try:
        account = await unit.accounts.get(account_id)
    except NotFound:
        return {"display": "", "registration_number": None}
    return {"display": account.display, "registration_number": account.registration_number}
