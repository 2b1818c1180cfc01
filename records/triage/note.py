"""The triage note: what the doctor reads. A frozen value; `to_json` is the contract of README "The note"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from records.triage.confidence import Confidence
from records.triage.differential import Candidate
from records.triage.flags import Flag
from records.triage.inquiry import Inquiry
from records.triage.levels import CHINA_2018, IITT_COLOUR, THREE_LEVEL, WAIT_MINUTES, Level
from records.triage.vitals import News2, VitalAlert

BANNER = {
    "en": "AI-generated. Not a diagnosis. For review by a clinician.",
    "zh": "由人工智能生成，不是诊断，须由医生审核。",
}
NOT_TRIAGED = {"en": "not triaged, see in arrival order", "zh": "未分诊，请按到达顺序接诊"}


@dataclass(frozen=True, slots=True)
class Versions:
    """What made the note, so that it can be made again."""

    engine: str
    rules: str
    pack_sha256: str
    input_sha256: str
    language_model: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One assessment of one intake. `level` None means not triaged."""

    id: str | int
    lang: str
    level: Level | None
    reason: str
    flags: tuple[Flag, ...] = ()
    alerts: tuple[VitalAlert, ...] = ()
    departments: tuple[str, ...] = ()
    department_names: Mapping[str, str] = field(default_factory=dict)
    news2: News2 = News2(applies=False)
    scores: Mapping[str, Any] = field(default_factory=dict)
    inquiries: tuple[Inquiry, ...] = ()
    not_said: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    must_not_miss: tuple[Candidate, ...] = ()
    likely: tuple[Candidate, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence | None = None
    limits: tuple[str, ...] = ()
    partial: bool = False
    summary: str = ""
    versions: Versions = Versions("", "", "", "")
    assessed_at: str | None = None
    disagreement: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the note as JSON-ready values; the first block is the stdin/stdout contract."""
        level = self.level
        return {
            "id": self.id,
            "level": level.value if level else None,
            "red_flags": [_flag(flag) for flag in self.flags],
            "departments": list(self.departments),
            "news2": _news2(self.news2),
            "questions": [inquiry.text for inquiry in self.inquiries],
            "summary": self.summary,
            "engine": self.versions.engine,
            "banner": BANNER[self.lang],
            "level_reason": self.reason,
            "wait_minutes": WAIT_MINUTES[level] if level else None,
            "scales": _scales(level),
            "vital_alerts": [
                {"rule": a.rule, "finding": a.finding, "source": a.source, "level": a.level.value} for a in self.alerts
            ],
            "department_names": [self.department_names.get(name, name) for name in self.departments],
            "scores": dict(self.scores),
            "question_details": [
                {
                    "id": inquiry.id,
                    "text": inquiry.text,
                    "level_if_yes": inquiry.level_if_yes.value if inquiry.level_if_yes else None,
                    "rule": inquiry.rule,
                }
                for inquiry in self.inquiries
            ],
            "not_said": list(self.not_said),
            "denied": list(self.denied),
            "differential": {
                "must_not_miss": [self._candidate(one) for one in self.must_not_miss],
                "likely": [self._candidate(one) for one in self.likely],
            },
            "confidence": _confidence(self.confidence),
            "limits": list(self.limits),
            "partial": self.partial,
            "disagreement": self.disagreement,
            "versions": {name: getattr(self.versions, name) for name in Versions.__dataclass_fields__},
            "assessed_at": self.assessed_at,
            "lang": self.lang,
        }

    def _candidate(self, one: Candidate) -> dict[str, Any]:
        return {
            "id": one.disease.id,
            "name": one.disease.title[self.lang],
            "for": [self.titles.get(name, name) for name in one.supporting],
            "against": [self.titles.get(name, name) for name in one.opposing],
        }


def not_triaged(intake_id: str | int, lang: str, engine: str) -> Note:
    """Return the note of a failed engine: no level, so that the queue keeps arrival order. Never "routine"."""
    return Note(intake_id, lang, None, NOT_TRIAGED[lang], versions=Versions(engine, "", "", ""))


def _flag(flag: Flag) -> dict[str, Any]:
    leading = flag.quotes[0]
    return {
        "rule": flag.rule,
        "quote": leading.text,
        "source": flag.source,
        "level": flag.level.value,
        "title": flag.title,
        "field": leading.field,
        "start": leading.start,
        "end": leading.end,
        "evidence": [
            {"concept": q.concept, "field": q.field, "quote": q.text, "start": q.start, "end": q.end}
            for q in flag.quotes
        ],
    }


def _news2(score: News2) -> dict[str, Any]:
    return {
        "min": score.low if score.applies else None,
        "max": score.high if score.applies else None,
        "missing": list(score.missing),
        "applies": score.applies,
        "points": dict(score.points),
    }


def _scales(level: Level | None) -> dict[str, str]:
    if level is None:
        return {}
    return {"three_level": THREE_LEVEL[level], "iitt": IITT_COLOUR[level], "china_2018": CHINA_2018[level]}


def _confidence(one: Confidence | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "value": one.value,
        "coverage": one.coverage,
        "completeness": one.completeness,
        "abstained": one.abstained,
        "level_set": [level.value for level in one.level_set],
    }
