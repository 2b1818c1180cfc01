"""The intake: what the patient, a helper or a device told us. Parsed strictly, kept verbatim."""

import enum
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from records.triage.errors import IntakeInvalid

# A long story is 2-3 kB; ten times that stops a hostile intake from costing seconds.
MAX_TEXT_CHARACTERS = 20_000
MAX_LIST_ITEMS = 100
MAX_ITEM_CHARACTERS = 500
MAX_AGE_YEARS = 130
MONTHS_PER_YEAR = 12


class Consciousness(enum.Enum):
    """ACVPU of NEWS2: alert, new confusion, responds to voice, to pain, unresponsive."""

    ALERT = "A"
    CONFUSED = "C"
    VOICE = "V"
    PAIN = "P"
    UNRESPONSIVE = "U"


@dataclass(frozen=True, slots=True)
class Vitals:
    """Vital signs as given; None is "not measured", never "normal"."""

    temperature_c: float | None = None
    heart_rate: float | None = None
    respiratory_rate: float | None = None
    spo2: float | None = None
    systolic_bp: float | None = None
    diastolic_bp: float | None = None
    consciousness: Consciousness | None = None


NUMERIC_VITALS = tuple(field.name for field in fields(Vitals) if field.name != "consciousness")
_SEXES = {"male": "male", "m": "male", "男": "male", "female": "female", "f": "female", "女": "female"}
_SEXES |= {"other": "other", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Intake:
    """One intake. `complaint` is the patient's own words; quotes and offsets point into it."""

    id: str | int
    complaint: str
    lang: str | None = None
    age_years: float | None = None
    sex: str | None = None
    pregnant: bool | None = None
    conditions: tuple[str, ...] = ()
    medications: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()
    vitals: Vitals = Vitals()

    @classmethod
    def parse(cls, mapping: Any) -> "Intake":
        """
        Return the intake in a decoded JSON object.

        Fields: id, complaint (both required); lang "en"|"zh", age (years) or age_months, sex, pregnant,
        conditions, medications, allergies (arrays of text), vitals. null is the same as absent.

        Raises:
            IntakeInvalid: with the path of the first field that breaks the contract.
        """
        if not isinstance(mapping, Mapping):
            raise IntakeInvalid("not an object", "$")
        _refuse_unknown(mapping, _FIELDS, "")
        return cls(
            id=_identifier(mapping),
            complaint=_complaint(mapping),
            lang=_choice(mapping, "lang", {"en": "en", "zh": "zh"}),
            age_years=_age(mapping),
            sex=_choice(mapping, "sex", _SEXES),
            pregnant=_boolean(mapping, "pregnant"),
            conditions=_texts(mapping, "conditions"),
            medications=_texts(mapping, "medications"),
            allergies=_texts(mapping, "allergies"),
            vitals=_vitals(mapping.get("vitals")),
        )

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield (field path, text) of everything written in words, the complaint first."""
        yield "complaint", self.complaint
        for name in ("conditions", "medications", "allergies"):
            for index, item in enumerate(getattr(self, name)):
                yield f"{name}[{index}]", item


_FIELDS = {"id", "lang", "age", "age_months", "sex", "pregnant", "complaint"}
_FIELDS |= {"conditions", "medications", "allergies", "vitals"}


def _refuse_unknown(mapping: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in mapping:
        if name not in known:
            raise IntakeInvalid("unknown field", f"{prefix}{name}")


def _identifier(mapping: Mapping[str, Any]) -> str | int:
    value = mapping.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise IntakeInvalid("required, text or whole number", "id")
    return value


def _complaint(mapping: Mapping[str, Any]) -> str:
    value = mapping.get("complaint")
    if not isinstance(value, str):
        raise IntakeInvalid("required, text", "complaint")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise IntakeInvalid(f"longer than {MAX_TEXT_CHARACTERS} characters", "complaint")
    return value


def _choice(mapping: Mapping[str, Any], name: str, choices: Mapping[str, str]) -> str | None:
    value = mapping.get(name)
    if value is None:
        return None
    chosen = choices.get(value.lower()) if isinstance(value, str) else None
    if chosen is None:
        raise IntakeInvalid("one of " + ", ".join(sorted(set(choices.values()))), name)
    return chosen


def _boolean(mapping: Mapping[str, Any], name: str) -> bool | None:
    value = mapping.get(name)
    if value is not None and not isinstance(value, bool):
        raise IntakeInvalid("true or false", name)
    return value


def _number(value: Any, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise IntakeInvalid("a number", path)
    return float(value)


def _age(mapping: Mapping[str, Any]) -> float | None:
    years, months = _number(mapping.get("age"), "age"), _number(mapping.get("age_months"), "age_months")
    if years is not None and months is not None:
        raise IntakeInvalid("give age or age_months, not both", "age_months")
    age = months / MONTHS_PER_YEAR if months is not None else years
    if age is not None and not 0 <= age <= MAX_AGE_YEARS:
        raise IntakeInvalid(f"0 to {MAX_AGE_YEARS} years", "age" if months is None else "age_months")
    return age


def _texts(mapping: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = mapping.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_LIST_ITEMS:
        raise IntakeInvalid(f"an array of at most {MAX_LIST_ITEMS} texts", name)
    for index, item in enumerate(value):
        if not isinstance(item, str) or len(item) > MAX_ITEM_CHARACTERS:
            raise IntakeInvalid(f"text of at most {MAX_ITEM_CHARACTERS} characters", f"{name}[{index}]")
    return tuple(value)


def _vitals(value: Any) -> Vitals:
    if value is None:
        return Vitals()
    if not isinstance(value, Mapping):
        raise IntakeInvalid("not an object", "vitals")
    _refuse_unknown(value, {*NUMERIC_VITALS, "consciousness"}, "vitals.")
    numbers = {name: _number(value.get(name), f"vitals.{name}") for name in NUMERIC_VITALS}
    return Vitals(**numbers, consciousness=_consciousness(value.get("consciousness")))


def _consciousness(value: Any) -> Consciousness | None:
    if value is None:
        return None
    try:
        return Consciousness(value.upper() if isinstance(value, str) else value)
    except ValueError:
        raise IntakeInvalid("one of A, C, V, P, U", "vitals.consciousness") from None
