"""The triage engine: an intake in, a note out. Pure; the rule pack is read once, on the first call."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from records.triage.confidence import Evidence, confidence, coverage
from records.triage.differential import differential
from records.triage.flags import Flag, flags
from records.triage.inquiry import Inquiry, inquiries
from records.triage.intake import Intake
from records.triage.levels import Level, most_urgent
from records.triage.lexicon.words import Kind
from records.triage.note import Note, Versions
from records.triage.ports import SentenceEncoder
from records.triage.rules.loader import Pack, pack
from records.triage.selfcare import FRAIL, Earned, earned
from records.triage.story import Story, understand
from records.triage.summary import summary
from records.triage.vitals import VitalAlert, alerts, news2, qsofa
from records.triage.wording import (
    WELL_UNDERSTOOD,
    Reading,
    allows_self_care,
    forbids_self_care,
    heard_text,
    is_alarming,
    raises,
    wording,
)

if TYPE_CHECKING:
    from records.triage.backoff import Bank

ENGINE = "teleconsult-triage 1.0 (embedded)"
WITH_VECTOR = "teleconsult-triage 1.0 (embedded, sentence vector)"


@dataclasses.dataclass(frozen=True, slots=True)
class _Decision:
    level: Level
    reason: str
    flags: tuple[Flag, ...]
    alerts: tuple[VitalAlert, ...]
    earned: Earned | None
    recognised: tuple[str, ...]
    heard: Reading


_REASON = {
    "en": {"flag": "red flag: {}", "vital": "vital signs: {}", "base": "complaint: {}", "earned": "listed minor "
           "complaint with its guards: {}", "abstain": "not understood well enough: a doctor should look now",
           "routine": "no red flag found; self-care not earned",
           "trifle": "no red flag found; reads like a request or a trifle, by wording alone"},
    "zh": {"flag": "危险信号：{}", "vital": "生命体征：{}", "base": "主诉：{}", "earned": "列表内轻症且符合条件：{}",
           "abstain": "信息不足以判断：请医生现在查看", "routine": "未发现危险信号；不符合居家自理条件",
           "trifle": "未发现危险信号；行文像事务咨询或小毛病（仅据用词）"},
}  # fmt: skip


_WORDING_TITLE = {
    "en": "Reads like an emergency, by wording alone: a doctor should look now",
    "zh": "行文与急症相似（仅据用词）：请医生现在查看",
}
_WORDING_SOURCE = "trained on own cases (records/triage/README.md, Model card)"


def assess(intake: Intake, *, now: datetime | None = None, encoder: SentenceEncoder | None = None) -> Note:
    """
    Return the note for an intake. A half-finished intake gives a note with `partial` set.

    With an encoder, the wording is read by its vector too, and clauses unknown to the lexicon may add questions.
    """
    known = pack()
    story = understand(intake, known.lexicon)
    decision = _decide(story, known, _heard(story, encoder))
    asked = inquiries(story, known, decision.level, decision.earned)
    must, likely = differential(story, known)
    sure = confidence(story, decision.level, _evidence(decision))
    departments = _departments(story, known, decision)
    titles = {name: concept.title[story.lang] for name, concept in known.lexicon.concepts.items()}
    return Note(
        id=intake.id,
        lang=story.lang,
        level=decision.level,
        reason=decision.reason,
        flags=decision.flags,
        alerts=decision.alerts,
        departments=departments,
        department_names={name: known.departments[name][story.lang] for name in departments},
        news2=news2(story.vitals, story.age, story.pregnant),
        scores=_scores(story),
        inquiries=asked + _possible(story, encoder, titles),
        not_said=_not_said(story),
        denied=tuple(known.lexicon.concepts[n].title[story.lang] for n in story.others if story.is_marked("denied", n)),
        must_not_miss=must,
        likely=likely,
        titles=titles,
        confidence=sure,
        limits=_limits(story, sure.coverage),
        partial=not intake.complaint.strip(),
        summary=summary(story, known.lexicon),
        versions=_versions(intake, known, ENGINE if encoder is None else WITH_VECTOR),
        assessed_at=now.isoformat() if now else None,
    )


def _evidence(decision: _Decision) -> Evidence:
    return Evidence(
        flagged=len(decision.flags) + len(decision.alerts),
        unanswered=len(decision.earned.unanswered) if decision.earned else 0,
        recognised=len(decision.recognised),
        heard=decision.heard,
    )


def _possible(story: Story, encoder: SentenceEncoder | None, titles: Mapping[str, str]) -> tuple[Inquiry, ...]:
    if encoder is None:
        return ()
    from records.triage.backoff import possible_findings, questions_for  # NumPy only where an encoder is

    bank = _bank(encoder)  # type: ignore[arg-type] # an encoder is hashed by identity
    found = possible_findings(story, bank, encoder)
    texts = questions_for(found, titles, story.lang)
    return tuple(Inquiry(f"possible-{p.concept}", text, None, None) for p, text in zip(found, texts, strict=True))


@functools.lru_cache(maxsize=1)
def _bank(encoder: SentenceEncoder) -> "Bank":
    from records.triage.backoff import build_bank

    return build_bank(pack(), encoder)


def partial_flags(intake: Intake) -> tuple[Flag, ...]:
    """Return the red flags of a form that is still being filled in: cheap enough for every answer."""
    known = pack()
    return flags(understand(intake, known.lexicon), known)


def _heard(story: Story, encoder: SentenceEncoder | None) -> Reading:
    text = heard_text(story)
    if encoder is None or not text.strip():
        return wording(story)
    return wording(story, vector=[float(number) for number in encoder.encode([text])[0]])


def _decide(story: Story, known: Pack, heard: Reading) -> _Decision:
    fired, vital = flags(story, known), alerts(story.vitals, story.age, story.pregnant)
    complaints = _complaints(story, known)
    based = [(level, name) for name in complaints if (level := known.lexicon.concepts[name].base) is not None]
    text = _REASON[story.lang]
    floor = most_urgent([f.level for f in fired] + [a.level for a in vital], Level.SELF_CARE)
    base = most_urgent([level for level, _ in based], Level.SELF_CARE)
    at_home = earned(story, known) if floor.rank >= Level.ROUTINE.rank else None
    reached = min(floor, base, key=lambda level: level.rank)
    if at_home and (not forbids_self_care(heard) or _is_request(at_home, heard)):
        reached, reason = Level.SELF_CARE, text["earned"].format(at_home.complaints[0].title[story.lang])
    elif floor.rank < Level.ROUTINE.rank and floor.rank <= base.rank:
        reason = (
            text["flag"].format(fired[0].title)
            if fired and fired[0].level is floor
            else text["vital"].format(vital[0].finding)
        )
    elif base.rank < Level.ROUTINE.rank:
        leading = next(name for level, name in based if level is base)
        reason = text["base"].format(known.lexicon.concepts[leading].title[story.lang])
    elif base.rank >= Level.ROUTINE.rank and not fired and not vital and _is_trifle(story, heard):
        reached, reason = Level.SELF_CARE, text["trifle"]
    elif not complaints and not fired and not vital:
        reached, reason = Level.SEMI_URGENT, text["abstain"]
    else:
        reached, reason = Level.ROUTINE, text["routine"]
    decided = _Decision(reached, reason, fired, vital, at_home, complaints, heard)
    covered = coverage(story.readings[0])
    is_about_no_complaint = not complaints and covered >= WELL_UNDERSTOOD  # "what are the symptoms of a stroke?"
    return decided if is_about_no_complaint or not raises(heard, covered) else _raised(decided, heard, story)


def _is_request(at_home: Earned, heard: Reading) -> bool:
    """Whether nothing but paper, a vaccination or a repeat prescription is asked for, in words that alarm nobody."""
    return [one.id for one in at_home.complaints] == ["request"] and not is_alarming(heard)


# What has lasted longer is no trifle, whatever its words; nor is anything in the youngest.
TRIFLE_DAYS, TRIFLE_FROM_YEARS = 14, 0.25


def _is_trifle(story: Story, heard: Reading) -> bool:
    """Whether a story without flags, and without a complaint above routine, may stay at home by its wording."""
    if story.pregnant or any(story.has(name) for name in FRAIL):
        return False
    if story.age is not None and story.age < TRIFLE_FROM_YEARS:
        return False
    return max(story.durations, default=0.0) <= TRIFLE_DAYS and allows_self_care(heard)


def _raised(decided: _Decision, heard: Reading, story: Story) -> _Decision:
    """The decision with the wording's own flag on top, when rules found less than an emergency."""
    if decided.level is Level.EMERGENCY or heard.leading is None:
        return decided
    title = _WORDING_TITLE[story.lang]
    flag = Flag("wording", Level.EMERGENCY, _WORDING_SOURCE, title, ("emergency",), (heard.leading,))
    reason = _REASON[story.lang]["flag"].format(title)
    return dataclasses.replace(decided, level=Level.EMERGENCY, reason=reason, flags=(flag, *decided.flags), earned=None)


def _complaints(story: Story, known: Pack) -> tuple[str, ...]:
    kinds = (Kind.SYMPTOM, Kind.DISEASE, Kind.VAGUE)
    return tuple(name for name in story.present if known.lexicon.concepts[name].kind in kinds)


MAX_DEPARTMENTS = 3


def _departments(story: Story, known: Pack, decision: _Decision) -> tuple[str, ...]:
    """Departments by flags first, then by complaints; a child or a pregnancy moves its own department up."""
    votes: dict[str, float] = {}
    for index, flag in enumerate(decision.flags):
        for place, name in enumerate(flag.departments):
            votes[name] = votes.get(name, 0) + 3.0 / (1 + place) / (1 + index)
    for name in decision.recognised:
        for place, department in enumerate(known.lexicon.concepts[name].departments):
            votes[department] = votes.get(department, 0) + 1.0 / (1 + place)
    if decision.level is Level.EMERGENCY:
        votes["emergency"] = votes.get("emergency", 0) + 100
    if story.age is not None and story.age < 14:
        votes["paediatrics"] = votes.get("paediatrics", 0) + 50
    if story.pregnant:
        votes["obstetrics"] = votes.get("obstetrics", 0) + 10
    ranked = sorted(votes, key=lambda name: (-votes[name], name))
    return tuple(ranked[:MAX_DEPARTMENTS]) or ("general_practice",)


def _scores(story: Story) -> dict[str, object]:
    low, high = qsofa(story.vitals)
    scores: dict[str, object] = {"qsofa": {"min": low, "max": high}}
    rate, pressure = story.vitals.heart_rate, story.vitals.systolic_bp
    if rate is not None and pressure:
        scores["shock_index"] = round(rate / pressure, 2)
    if story.pain is not None:
        scores["pain"] = story.pain
    return scores


def _not_said(story: Story) -> tuple[str, ...]:
    """Fields that a doctor would want and nobody gave; "not said" is never read as "normal"."""
    missing = []
    if story.age is None:
        missing.append("age")
    if story.sex is None:
        missing.append("sex")
    if not story.durations:
        missing.append("duration")
    for name in ("conditions", "medications", "allergies"):
        if not getattr(story.intake, name):
            missing.append(name)
    missing += [f"vitals.{field.name}" for field in dataclasses.fields(story.vitals) if _is_missing(story, field.name)]
    return tuple(missing)


def _is_missing(story: Story, name: str) -> bool:
    return getattr(story.vitals, name) is None


LOW_COVERAGE = 0.4
SHORT_LATIN, SHORT_HAN = 12, 4


def _limits(story: Story, covered: float) -> tuple[str, ...]:
    limits = list(story.corrections)
    if covered < LOW_COVERAGE:
        limits.append("low-coverage")
    text = story.intake.complaint.strip()
    if len(text) < (SHORT_HAN if story.lang == "zh" else SHORT_LATIN):
        limits.append("short-complaint")
    if story.age is None:
        limits.append("age-unknown-read-as-adult")
    elif story.age < 16:
        limits.append("child-bands-not-news2")
    if story.pregnant:
        limits.append("pregnancy-bands-not-news2")
    return tuple(limits)


def _versions(intake: Intake, known: Pack, engine: str) -> Versions:
    return Versions(f"{engine} rules {known.version}", known.version, known.sha256, input_sha256(intake))


def input_sha256(intake: Intake) -> str:
    """Return the hash by which a note is tied to its intake; an edited intake has another."""
    return hashlib.sha256(json.dumps(_plain(intake), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _plain(intake: Intake) -> object:
    values = dataclasses.asdict(intake)
    state = intake.vitals.consciousness
    values["vitals"]["consciousness"] = state.value if state else None
    return values
