"""README "The intake": strict, with the path of the first fault."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.triage.errors import IntakeInvalid
from records.triage.intake import Consciousness, Intake

MINIMAL = {"id": "1", "complaint": "headache"}


class TestContract:
    def test_id_and_complaint_are_enough(self) -> None:
        assert Intake.parse(MINIMAL).complaint == "headache"

    def test_months_become_years(self) -> None:
        assert Intake.parse({**MINIMAL, "age_months": 6}).age_years == 0.5

    def test_null_is_absent(self) -> None:
        intake = Intake.parse({**MINIMAL, "vitals": None, "age": None, "sex": None, "conditions": None})
        assert intake.age_years is None and intake.conditions == ()

    def test_consciousness_is_acvpu(self) -> None:
        intake = Intake.parse({**MINIMAL, "vitals": {"consciousness": "v"}})
        assert intake.vitals.consciousness is Consciousness.VOICE


# what is changed, path of the fault
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, "id"),
    ({"id": True}, "id"),
    ({"complaint": 5}, "complaint"),
    ({"complaint": "x" * 20_001}, "complaint"),
    ({"colour": "red"}, "colour"),
    ({"vitals": {"pulse": 80}}, "vitals.pulse"),
    ({"vitals": {"spo2": "97"}}, "vitals.spo2"),
    ({"vitals": {"spo2": float("nan")}}, "vitals.spo2"),
    ({"vitals": {"consciousness": "X"}}, "vitals.consciousness"),
    ({"vitals": []}, "vitals"),
    ({"age": -1}, "age"),
    ({"age": True}, "age"),
    ({"age": 5, "age_months": 60}, "age_months"),
    ({"sex": "lots"}, "sex"),
    ({"lang": "fr"}, "lang"),
    ({"pregnant": "yes"}, "pregnant"),
    ({"conditions": "asthma"}, "conditions"),
    ({"medications": ["a", 1]}, "medications[1]"),
]


class TestFaults:
    @pytest.mark.parametrize(("change", "path"), FAULTS)
    def test_fault_names_its_path(self, change: dict[str, Any], path: str) -> None:
        with pytest.raises(IntakeInvalid) as caught:
            Intake.parse({**MINIMAL, **change})
        assert caught.value.path == path

    def test_a_list_is_not_an_intake(self) -> None:
        with pytest.raises(IntakeInvalid):
            Intake.parse([MINIMAL])

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "vitals", "age", "x"]), inner)
            ),
            max_leaves=8,
        )
    )
    def test_any_json_is_parsed_or_refused(self, value: object) -> None:
        try:
            Intake.parse(value)
        except IntakeInvalid as error:
            assert error.path
