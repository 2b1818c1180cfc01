"""A patient's story: every finding with its standing, the numbers, and the facts that conditions ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from records.triage.concepts import Reading, read
from records.triage.context import Judged, Status, judge
from records.triage.intake import NUMERIC_VITALS, Intake, Vitals
from records.triage.lexicon.words import Kind, Lexicon
from records.triage.measured import glucose_mmol, stated_vitals
from records.triage.normalise import SENTENCE_END, fold
from records.triage.numbers import age_years, durations_days, pain_score, sex
from records.triage.vitals import ADULT_FROM_YEARS, plausible

# Severity words count for a finding within the same sentence and about eight words.
MARK_REACH = 48
SEVERE_PAIN = 7


@dataclass(frozen=True, slots=True)
class Quote:
    """The patient's own words: `text` equals intake field [start:end]."""

    concept: str
    field: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Story:
    """What an intake says, ready for conditions. Built by `understand`; answers as `conditions.Findings`."""

    intake: Intake
    age: float | None
    sex: str | None
    pregnant: bool | None
    vitals: Vitals
    corrections: tuple[str, ...]
    durations: tuple[float, ...]
    pain: float | None
    present: Mapping[str, tuple[Quote, ...]]
    others: Mapping[str, Status]
    marks: frozenset[tuple[str, str]]
    readings: tuple[Reading, ...]
    lang: str
    unsaid: tuple[tuple[int, int], ...] = ()
    """Half-open spans of the searchable complaint that name what the patient does not have now."""

    def has(self, name: str) -> bool:
        """Whether the patient has the concept now."""
        return name in self.present

    def is_marked(self, mark: str, name: str) -> bool:
        """Whether the concept is present and severe, sudden or mild here, or was expressly denied."""
        if mark == "denied":
            return name not in self.present and self.others.get(name) is Status.ABSENT
        return (mark, name) in self.marks

    def number(self, name: str) -> tuple[float, float] | None:
        """Return (least, most) of age, days, pain or a vital sign; None when unknown."""
        if name == "days":
            longest = max(self.durations, default=None)
            return None if longest is None else (longest, longest)
        value = {"age": self.age, "pain": self.pain}.get(name)
        if name in _VITAL_NAMES:
            value = getattr(self.vitals, _VITAL_NAMES[name])
        return None if value is None else (value, value)

    def fact(self, name: str) -> bool:
        """Whether a demographic fact holds; an unknown age counts as adult."""
        age = self.age
        match name:
            case "female" | "male":
                return self.sex == name
            case "pregnant":
                return bool(self.pregnant)
            case "adult":
                return age is None or age >= ADULT_FROM_YEARS
            case "child":
                return age is not None and age < ADULT_FROM_YEARS
            case "infant":
                return age is not None and age < 1
            case _:
                return age is not None and age < 0.25

    def quotes(self, names: Iterable[str]) -> list[Quote]:
        """Return the patient's words for these concepts in the order of the text, each span once."""
        seen: dict[tuple[str, int, int], Quote] = {}
        for name in names:
            for quote in self.present.get(name, ()):
                seen.setdefault((quote.field, quote.start, quote.end), quote)
        return sorted(
            seen.values(), key=lambda quote: (quote.field != "complaint", quote.field, quote.start, quote.end)
        )


_VITAL_NAMES = {
    "temp": "temperature_c", "hr": "heart_rate", "rr": "respiratory_rate",
    "spo2": "spo2", "sbp": "systolic_bp", "dbp": "diastolic_bp",
}  # fmt: skip
_QUALITIES = {"severe": "q_severe", "sudden": "q_sudden", "mild": "q_mild"}


def understand(intake: Intake, lexicon: Lexicon) -> Story:
    """Return the story of one intake."""
    folded, _ = fold(intake.complaint, lexicon.traditional)
    readings, judged = [], []
    for field, text in intake.texts():
        reading = read(text, field, lexicon)
        readings.append(reading)
        proxy = None if field == "complaint" else False
        judged += [_in_field(one, lexicon) for one in judge(reading, lexicon.concepts, proxy=proxy)]
    present, others = _sorted_out(judged, readings, lexicon)
    stated, _ = stated_vitals(folded)
    vitals, corrections = plausible(_filled(intake.vitals, stated))
    pain = pain_score(folded)
    told_sex = intake.sex if intake.sex in ("male", "female") else sex(folded)
    pregnant = _is_pregnant(intake, present, told_sex)
    present = {**_measured_findings(vitals), **_sugar_finding(glucose_mmol(folded)), **present}
    return Story(
        intake=intake,
        age=intake.age_years if intake.age_years is not None else age_years(folded),
        sex="female" if pregnant and told_sex is None else told_sex,
        pregnant=pregnant,
        vitals=vitals,
        corrections=corrections,
        durations=durations_days(folded),
        pain=pain,
        present=present,
        others=others,
        marks=_marks(judged, readings, pain, lexicon),
        readings=tuple(readings),
        unsaid=_unsaid(judged),
        lang=intake.lang or ("zh" if any("\u3400" <= c <= "\u9fff" for c in folded) else "en"),
    )


def _unsaid(judged: Iterable[Judged]) -> tuple[tuple[int, int], ...]:
    """The words of findings denied or told of somebody else, where no present finding shares them."""
    said = {part for one in judged if one.status is Status.PRESENT for part in one.mention.parts}
    return tuple(
        sorted(
            {
                (first, last)
                for one in judged
                if one.mention.field == "complaint" and one.status in (Status.ABSENT, Status.OTHER)
                for first, last in one.mention.parts
                if not any(a < last and first < b for a, b in said)
            }
        )
    )


def _in_field(one: Judged, lexicon: Lexicon) -> Judged:
    """A symptom or illness in the list of conditions, medicines or allergies is history, not the complaint."""
    kind = lexicon.concepts[one.mention.concept].kind
    if one.mention.field == "complaint" or kind is Kind.CONDITION or one.status is not Status.PRESENT:
        return one
    return replace(one, status=Status.PAST)


def _filled(given: Vitals, stated: Vitals) -> Vitals:
    """Return the measured vitals, with those missing taken from the text."""
    names = (*NUMERIC_VITALS, "consciousness")
    return Vitals(**{n: getattr(given, n) if getattr(given, n) is not None else getattr(stated, n) for n in names})


FEVER_FROM_C, HIGH_FEVER_FROM_C = 38.0, 39.3
# Grade 2 hypertension (ESC 2018); below it one reading says little.
HIGH_SYSTOLIC, HIGH_DIASTOLIC = 160, 100


HIGH_SUGAR_MMOL, LOW_SUGAR_MMOL = 14.0, 3.5


def _sugar_finding(glucose: float | None) -> dict[str, tuple[Quote, ...]]:
    """A stated glucose far out of range, as a finding without a quote (mmol/L)."""
    if glucose is None or LOW_SUGAR_MMOL < glucose < HIGH_SUGAR_MMOL:
        return {}
    return {"high_sugar": ()} if glucose >= HIGH_SUGAR_MMOL else {"low_sugar": ()}


def _measured_findings(vitals: Vitals) -> dict[str, tuple[Quote, ...]]:
    """Findings that a number establishes without words; they carry no quote."""
    found: dict[str, tuple[Quote, ...]] = {}
    if vitals.temperature_c is not None and vitals.temperature_c >= FEVER_FROM_C:
        found["fever"] = ()
        if vitals.temperature_c >= HIGH_FEVER_FROM_C:
            found["high_fever"] = ()
    if (vitals.systolic_bp or 0) >= HIGH_SYSTOLIC or (vitals.diastolic_bp or 0) >= HIGH_DIASTOLIC:
        found["high_bp"] = ()
    return found


def _is_pregnant(intake: Intake, present: Mapping[str, tuple[Quote, ...]], told_sex: str | None) -> bool | None:
    if intake.pregnant is not None:
        return intake.pregnant
    return True if "pregnancy" in present and told_sex != "male" else None


def _sorted_out(
    judged: Iterable[Judged], readings: Iterable[Reading], lexicon: Lexicon
) -> tuple[dict[str, tuple[Quote, ...]], dict[str, Status]]:
    by_field = {reading.field: reading for reading in readings}
    present: dict[str, tuple[Quote, ...]] = {}
    others: dict[str, Status] = {}
    for one in judged:
        mention = one.mention
        if one.status is not Status.PRESENT:
            others.setdefault(mention.concept, one.status)
            continue
        text, start, end = by_field[mention.field].quote(mention.first, mention.last)
        for name in implied(mention.concept, lexicon):
            present[name] = (*present.get(name, ()), Quote(mention.concept, mention.field, text, start, end))
    return present, {name: status for name, status in others.items() if name not in present}


def implied(name: str, lexicon: Lexicon) -> list[str]:
    """Return the concept and everything it implies, directly or not."""
    found, waiting = [], [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.append(one)
            waiting += lexicon.concepts[one].implies
    return found


def _marks(
    judged: Iterable[Judged], readings: Iterable[Reading], pain: float | None, lexicon: Lexicon
) -> frozenset[tuple[str, str]]:
    plains = {reading.field: reading.normal.plain for reading in readings}
    here = [one.mention for one in judged if one.status is Status.PRESENT]
    marks = set()
    for mark, quality in _QUALITIES.items():
        for q in (mention for mention in here if mention.concept == quality):
            for m in here:
                if m.field == q.field and _is_beside(plains[m.field], m.first, m.last, q.first, q.last):
                    marks |= {(mark, name) for name in implied(m.concept, lexicon)}
    if pain is not None and pain >= SEVERE_PAIN:
        marks |= {("severe", name) for m in here for name in implied(m.concept, lexicon)}
    return frozenset(marks)


def _is_beside(plain: str, first: int, last: int, other_first: int, other_last: int) -> bool:
    left, right = min(last, other_last), max(first, other_first)
    between = plain[left:right]
    return len(between) <= MARK_REACH and SENTENCE_END not in between and " but " not in between and "但" not in between
