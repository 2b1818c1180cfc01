"""What a triage caller can get wrong, and what can be wrong with a rule pack."""

from records.errors import RecordsError


class TriageError(RecordsError):
    """Base of the triage package."""

    code = "triage-error"


class IntakeInvalid(TriageError):
    """The intake breaks its contract; `path` names the field (`vitals.spo2`), `reason` is stable."""

    code = "intake-invalid"

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
        self.path = path


class PackInvalid(TriageError):
    """A rule or lexicon file contradicts itself; found by the tests, never by a patient."""

    code = "rule-pack-invalid"
