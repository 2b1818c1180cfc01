"""Vital-sign scores: NEWS2 with a range for what was not measured, qSOFA, shock index, child and obstetric bands."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from records.triage.intake import Consciousness, Vitals
from records.triage.levels import Level

NEWS2_SOURCE = "Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017"
CHILD_SOURCE = "NICE NG254 (sepsis, under 16) and WHO/ICRC/MSF interagency triage tool, child bands"
OBSTETRIC_SOURCE = "WHO/ICRC/MSF interagency triage tool, pregnancy; ISSHP 2021"
ADULT_BAND_SOURCE = "WHO/ICRC/MSF interagency triage tool, vital signs; shock index"

# Half-open bands: points[i] holds for values below cut[i]; a value exactly at a cut belongs to the next band,
# so that 38.05 °C (between the printed 38.0 and 38.1) counts as above 38.0 rather than falling between two rows.
_TINY = 1e-9
_NEWS2: Mapping[str, tuple[Sequence[float], Sequence[int]]] = {
    "respiratory_rate": ((8 + _TINY, 12 - _TINY, 20 + _TINY, 25 - _TINY), (3, 1, 0, 2, 3)),
    "spo2": ((91 + _TINY, 94 - _TINY, 96 - _TINY), (3, 2, 1, 0)),
    "systolic_bp": ((90 + _TINY, 100 + _TINY, 110 + _TINY, 220 - _TINY), (3, 2, 1, 0, 3)),
    "heart_rate": ((40 + _TINY, 50 + _TINY, 90 + _TINY, 110 + _TINY, 131 - _TINY), (3, 1, 0, 1, 2, 3)),
    "temperature_c": ((35 + _TINY, 36 + _TINY, 38 + _TINY, 39 + _TINY), (3, 1, 0, 1, 2)),
}
_MAX_POINTS = {"respiratory_rate": 3, "spo2": 3, "systolic_bp": 3, "heart_rate": 3, "temperature_c": 3}
ADULT_FROM_YEARS = 16
CHILD_BELOW_YEARS = 12


@dataclass(frozen=True, slots=True)
class News2:
    """NEWS2 between `low` (missing normal) and `high` (missing worst). Applies: age >= 16, not pregnant."""

    applies: bool
    low: int = 0
    high: int = 20
    missing: tuple[str, ...] = ()
    points: tuple[tuple[str, int], ...] = ()

    @property
    def has_single_three(self) -> bool:
        """Whether one vital alone scores 3: urgent review (RCP 2017)."""
        return any(points == 3 for _, points in self.points)


@dataclass(frozen=True, slots=True)
class VitalAlert:
    """A vital sign outside its band, as a floor under the level; it never reassures."""

    rule: str
    finding: str
    source: str
    level: Level


def points_of(vital: str, value: float) -> int:
    """Return the NEWS2 points (scale 1 for SpO2) of one numeric vital."""
    cuts, points = _NEWS2[vital]
    return points[bisect.bisect_right(cuts, value)]


def news2(vitals: Vitals, age_years: float | None, pregnant: bool | None) -> News2:
    """
    Return NEWS2 (RCP 2017, scale 1) as a range.

    Breathing air is assumed, because the intake has no oxygen field. COPD alone does not select scale 2;
    only a clinician may. An unknown age is taken as adult. Outside its population the score does not apply.
    """
    values = {name: getattr(vitals, name) for name in _NEWS2}
    missing = tuple(name for name, value in values.items() if value is None)
    missing += ("consciousness",) if vitals.consciousness is None else ()
    if pregnant or (age_years is not None and age_years < ADULT_FROM_YEARS):
        return News2(applies=False, missing=missing)
    points = [(name, points_of(name, value)) for name, value in values.items() if value is not None]
    if vitals.consciousness is not None:
        points.append(("consciousness", 0 if vitals.consciousness is Consciousness.ALERT else 3))
    low = sum(count for _, count in points)
    return News2(True, low, low + 3 * len(missing), missing, tuple(points))


def qsofa(vitals: Vitals) -> tuple[int, int]:
    """Return qSOFA (JAMA 2016;315:801) as (least, most); 2 or more is positive."""
    tests = (
        None if vitals.respiratory_rate is None else vitals.respiratory_rate >= 22,
        None if vitals.systolic_bp is None else vitals.systolic_bp <= 100,
        None if vitals.consciousness is None else vitals.consciousness is not Consciousness.ALERT,
    )
    least = sum(test is True for test in tests)
    return least, least + sum(test is None for test in tests)


def alerts(vitals: Vitals, age_years: float | None, pregnant: bool | None) -> tuple[VitalAlert, ...]:
    """Return the vital-sign floors that apply to this patient, most urgent first."""
    found = [*_consciousness_alerts(vitals), *_oxygen_alerts(vitals)]
    if pregnant:
        found += _obstetric_alerts(vitals)
    if age_years is not None and age_years < ADULT_FROM_YEARS:
        found += _child_alerts(vitals, age_years)
    else:
        found += _adult_alerts(vitals)
        found += _news2_alerts(news2(vitals, age_years, pregnant))
        found += _qsofa_alert(vitals)
    return tuple(sorted(found, key=lambda alert: alert.level.rank))


def _number(value: float) -> str:
    return f"{value:g}"


def _consciousness_alerts(vitals: Vitals) -> list[VitalAlert]:
    state = vitals.consciousness
    if state is None or state is Consciousness.ALERT:
        return []
    return [VitalAlert("vitals-not-alert", f"ACVPU {state.value}", NEWS2_SOURCE, Level.EMERGENCY)]


def _oxygen_alerts(vitals: Vitals) -> list[VitalAlert]:
    if vitals.spo2 is None or vitals.spo2 >= 94:
        return []
    level = Level.EMERGENCY if vitals.spo2 < 92 else Level.URGENT
    return [VitalAlert("vitals-low-oxygen", f"SpO2 {_number(vitals.spo2)} %", ADULT_BAND_SOURCE, level)]


# vital, below (or None), at or above (or None), level. Adult; IITT up-triage bands and NEWS2 extremes.
_ADULT_BANDS: Sequence[tuple[str, float | None, float | None, Level]] = (
    ("heart_rate", 40, 140, Level.EMERGENCY),
    ("heart_rate", 50, 120, Level.URGENT),
    ("heart_rate", None, 105, Level.SEMI_URGENT),
    ("respiratory_rate", 9, 30, Level.EMERGENCY),
    ("respiratory_rate", 10, 25, Level.URGENT),
    ("systolic_bp", 90, 240, Level.EMERGENCY),
    ("systolic_bp", 100, 200, Level.URGENT),
    ("systolic_bp", None, 180, Level.SEMI_URGENT),
    ("diastolic_bp", None, 120, Level.URGENT),
    ("temperature_c", 34, 41, Level.EMERGENCY),
    ("temperature_c", 35.1, 39.5, Level.URGENT),
    ("temperature_c", None, 38.5, Level.SEMI_URGENT),
)
_OBSTETRIC_BANDS: Sequence[tuple[str, float | None, float | None, Level]] = (
    ("systolic_bp", 90, 160, Level.EMERGENCY),
    ("systolic_bp", None, 140, Level.URGENT),
    ("diastolic_bp", None, 110, Level.EMERGENCY),
    ("diastolic_bp", None, 90, Level.URGENT),
    ("heart_rate", None, 120, Level.URGENT),
    ("temperature_c", None, 38, Level.URGENT),
)
_UNITS = {"heart_rate": "/min", "respiratory_rate": "/min", "systolic_bp": "mmHg", "diastolic_bp": "mmHg"}
_UNITS |= {"temperature_c": "°C", "spo2": "%"}
LABELS = {"heart_rate": "HR", "respiratory_rate": "RR", "systolic_bp": "SBP", "diastolic_bp": "DBP"}
LABELS |= {"temperature_c": "T", "spo2": "SpO2", "consciousness": "ACVPU"}


def _banded(
    vitals: Vitals, bands: Sequence[tuple[str, float | None, float | None, Level]], group: str, source: str
) -> list[VitalAlert]:
    found: dict[str, VitalAlert] = {}
    for vital, below, from_, level in bands:
        value = getattr(vitals, vital)
        if value is None or vital in found:
            continue
        if (below is not None and value < below) or (from_ is not None and value >= from_):
            text = f"{LABELS[vital]} {_number(value)} {_UNITS[vital]}"
            found[vital] = VitalAlert(f"vitals-{group}-{vital.replace('_', '-')}", text, source, level)
    return list(found.values())


def _adult_alerts(vitals: Vitals) -> list[VitalAlert]:
    found = _banded(vitals, _ADULT_BANDS, "adult", ADULT_BAND_SOURCE)
    rate, pressure = vitals.heart_rate, vitals.systolic_bp
    if rate is not None and pressure is not None and pressure > 0 and rate / pressure >= 1.0:
        index = rate / pressure
        level = Level.EMERGENCY if index >= 1.2 else Level.URGENT
        found.append(VitalAlert("vitals-shock-index", f"HR/SBP {index:.2f}", ADULT_BAND_SOURCE, level))
    return found


def _obstetric_alerts(vitals: Vitals) -> list[VitalAlert]:
    return _banded(vitals, _OBSTETRIC_BANDS, "obstetric", OBSTETRIC_SOURCE)


def _news2_alerts(score: News2) -> list[VitalAlert]:
    """Floors of the RCP thresholds, from the lower end of the range: what is missing never raises or reassures."""
    if not score.applies:
        return []
    if score.low >= 7:
        return [VitalAlert("news2-high", f"NEWS2 {score.low}", NEWS2_SOURCE, Level.EMERGENCY)]
    if score.low >= 5 or score.has_single_three:
        return [VitalAlert("news2-medium", f"NEWS2 {score.low}", NEWS2_SOURCE, Level.URGENT)]
    return []


def _qsofa_alert(vitals: Vitals) -> list[VitalAlert]:
    if qsofa(vitals)[0] < 2:
        return []
    return [VitalAlert("qsofa-positive", "qSOFA >= 2", "Singer et al., JAMA 2016;315:801", Level.EMERGENCY)]


# age below (years): respiratory rate and heart rate at or above which NICE calls the risk high.
_CHILD_HIGH: Sequence[tuple[float, float, float]] = (
    (1, 60, 160),
    (3, 50, 150),
    (5, 40, 140),
    (6, 29, 130),
    (8, 27, 120),
    (12, 25, 115),
    (16, 25, 130),
)
# age below (years): heart rate low/high and respiratory rate low/high of the interagency child bands.
_CHILD_BANDS: Sequence[tuple[float, float, float, float, float]] = (
    (1, 90, 180, 25, 50),
    (5, 80, 160, 20, 40),
    (12, 70, 140, 10, 30),
    (16, 60, 130, 10, 30),
)


def _child_alerts(vitals: Vitals, age: float) -> list[VitalAlert]:
    breaths, beats = next((r, h) for limit, r, h in _CHILD_HIGH if age < limit)
    low_h, high_h, low_r, high_r = next(row[1:] for row in _CHILD_BANDS if age < row[0])
    # Fever drives the pulse up about 10 beats a degree, so a fast pulse alone is same-day; both together are now.
    bands: list[tuple[str, float | None, float | None, Level]] = [
        ("heart_rate", 60, max(high_h, beats) + 20, Level.EMERGENCY),
        ("heart_rate", low_h, beats, Level.URGENT),
        ("respiratory_rate", low_r / 2, max(high_r, breaths) + 5, Level.EMERGENCY),
        ("respiratory_rate", low_r, min(high_r, breaths), Level.URGENT),
        ("temperature_c", 35.5, 41, Level.EMERGENCY),
        ("temperature_c", 36, 39.5, Level.URGENT),
    ]
    if age < 0.25:
        bands.insert(0, ("temperature_c", 36, 38, Level.EMERGENCY))
    elif age < 0.5:
        bands.insert(0, ("temperature_c", 36, 39, Level.URGENT))
    if age >= 12:
        bands.insert(0, ("systolic_bp", 90, None, Level.EMERGENCY))
    elif age >= 1:
        bands.insert(0, ("systolic_bp", 70 + 2 * age, None, Level.EMERGENCY))
    found = _banded(vitals, bands, "child", CHILD_SOURCE)
    both = {alert.rule for alert in found} >= {"vitals-child-heart-rate", "vitals-child-respiratory-rate"}
    if both:
        found.append(VitalAlert("vitals-child-both", "fast pulse and breathing", CHILD_SOURCE, Level.EMERGENCY))
    return found


# Outside these a value is a slip of the finger or of the device, not a patient: it is set aside and asked again.
_PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "temperature_c": (25, 45),
    "heart_rate": (15, 300),
    "respiratory_rate": (3, 100),
    "spo2": (30, 100),
    "systolic_bp": (30, 300),
    "diastolic_bp": (15, 200),
}


def plausible(vitals: Vitals) -> tuple[Vitals, tuple[str, ...]]:
    """Return the vitals with units and swapped pressures put right, and what was done, as stable codes."""
    done: list[str] = []
    temperature = vitals.temperature_c
    if temperature is not None and 77 <= temperature <= 113:
        vitals = replace(vitals, temperature_c=round((temperature - 32) * 5 / 9, 2))
        done.append("temperature-was-fahrenheit")
    if vitals.spo2 is not None and 0.3 <= vitals.spo2 <= 1:
        vitals = replace(vitals, spo2=vitals.spo2 * 100)
        done.append("spo2-was-fraction")
    high, low = vitals.systolic_bp, vitals.diastolic_bp
    if high is not None and low is not None and low > high:
        vitals = replace(vitals, systolic_bp=low, diastolic_bp=high)
        done.append("pressures-were-swapped")
    for name, (least, most) in _PLAUSIBLE.items():
        value = getattr(vitals, name)
        if value is not None and not least <= value <= most:
            vitals = replace(vitals, **{name: None})
            done.append(f"{name}-implausible")
    return vitals, tuple(done)
