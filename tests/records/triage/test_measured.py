"""Vital signs in the units and orders in which clinicians and patients write them (README "How it works")."""

from collections.abc import Mapping

import pytest

from records.triage.intake import Consciousness
from records.triage.measured import consciousness, glucose_mmol, stated_vitals
from records.triage.normalise import fold

SHOCK = {"systolic_bp": 84, "diastolic_bp": 50, "heart_rate": 128}
STATED: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("BP 84/50 HR 128 RR 26 SpO2 91 T 38.9 C/102.1F", {**SHOCK, "respiratory_rate": 26, "spo2": 91}),
    ("T38.9C HR128 RR26 BP84/50 SpO2 91%", {**SHOCK, "respiratory_rate": 26, "temperature_c": 38.9}),
    ("T: 39.2, P: 132, R: 30, BP: 88/40, O2 sat: 88% on RA", {"heart_rate": 132, "respiratory_rate": 30, "spo2": 88}),
    ("VS: 102.1F, 128, 26, 84/50, 91% RA", {**SHOCK, "respiratory_rate": 26, "temperature_c": 38.94, "spo2": 91}),
    ("97.8 88 132/78 16 98% RA", {"temperature_c": 36.56, "heart_rate": 88, "respiratory_rate": 16}),
    ("BP 11.2/6.7 kPa", {"systolic_bp": 84, "diastolic_bp": 50}),
    ("BP 84/palp", {"systolic_bp": 84}),
    ("SBP in the 70s", {"systolic_bp": 70}),
    ("hypotensive to 80/40, tachy to 140", {"systolic_bp": 80, "heart_rate": 140}),
    ("satting 88% on RA", {"spo2": 88}),
    ("SpO2: 0.91", {"spo2": 91}),
    ("Tmax 102", {"temperature_c": 38.89}),
    ("pulse is 128/min, respirations are 26/min", {"heart_rate": 128, "respiratory_rate": 26}),
    ("血氧91 心率128 血压84/50 体温38.9", {**SHOCK, "spo2": 91, "temperature_c": 38.9}),
    ("T36.5℃ P80次/分 R20次/分 BP120/80mmHg", {"temperature_c": 36.5, "heart_rate": 80, "systolic_bp": 120}),
    ("血压 11/7kPa，指脉氧85%", {"systolic_bp": 83, "spo2": 85}),
    ("体温 102.1华氏度", {"temperature_c": 38.94}),
)


def vitals_of(text: str) -> dict[str, float | None]:
    vitals, _ = stated_vitals(fold(text, {})[0])
    names = ("temperature_c", "heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp")
    return {name: getattr(vitals, name) for name in names}


class TestVitals:
    @pytest.mark.parametrize(("text", "values"), STATED)
    def test_each_value_is_read_in_its_unit(self, text: str, values: Mapping[str, float]) -> None:
        assert vitals_of(text) == {**vitals_of(text), **values}

    @pytest.mark.parametrize(
        "text", ["took 2 tablets of 500 mg, pain for 3 days", "started at 10:30", "p 5 days", "on 10/11/2026", "24/7"]
    )
    def test_other_numbers_are_no_vital_signs(self, text: str) -> None:
        assert not any(vitals_of(text).values())

    def test_a_value_outside_life_is_left_out(self) -> None:
        assert vitals_of("HR 999 BP 20/10 T 60")["heart_rate"] is None


class TestGlucose:
    @pytest.mark.parametrize(
        ("text", "mmol"),
        [
            ("FSBG 42", 2.3),
            ("BS 512", 28.4),
            ("glucose 32 mmol/l", 32),
            ("血糖 600mg/dl", 33.3),
            ("血糖仪显示33.3", 33.3),
        ],
    )
    def test_it_is_read_in_either_unit(self, text: str, mmol: float) -> None:
        found = glucose_mmol(fold(text, {})[0])
        assert found is not None and abs(found - mmol) < 0.1

    def test_a_number_of_days_is_no_glucose(self) -> None:
        assert glucose_mmol("blood sugar high for 3 days") is None


class TestConsciousness:
    @pytest.mark.parametrize(
        ("text", "state"), [("gcs 15", "A"), ("gcs of 13", "C"), ("gcs: 8", "P"), ("avpu: v", "V")]
    )
    def test_scales_become_acvpu(self, text: str, state: str) -> None:
        assert consciousness(text) is Consciousness(state)
