"""What may be measured at home and told in a call: names, units and the range that can be a living body's."""

from collections.abc import Mapping

# Names as in the intake (records/triage/intake.py); blood glucose in mmol/l, as its meters in most countries show it.
VITALS: Mapping[str, tuple[float, float]] = {
    "temperature_c": (25, 45),
    "heart_rate": (20, 300),
    "respiratory_rate": (2, 90),
    "spo2": (50, 100),
    "systolic_bp": (30, 300),
    "diastolic_bp": (15, 200),
    "glucose_mmol_l": (0.5, 60),
}


def is_vital(name: object, value: object) -> bool:
    """Tell whether a value can be that vital sign of a living body: NaN, infinity and numbers without end can't."""
    if not isinstance(name, str) or name not in VITALS:
        return False
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    low, high = VITALS[name]
    return low <= value <= high
