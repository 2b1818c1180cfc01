"""records/README.md "Consent": three separate answers; the newest of each counts, and no answer is no."""

from datetime import UTC, datetime

from records.consent import ConsentScope, ConsentStatement, current, permits

AT = datetime(2026, 11, 22, tzinfo=UTC)
YES = ConsentStatement(ConsentScope.AI, True, "1", AT)
NO = ConsentStatement(ConsentScope.AI, False, "1", AT)


class TestCurrent:
    """Newest of each scope."""

    def test_withdrawal_counts(self) -> None:
        assert current([YES, NO]) == {ConsentScope.AI: NO}

    def test_consent_given_again_counts(self) -> None:
        assert permits([YES, NO, YES], ConsentScope.AI)

    def test_one_scope_says_nothing_about_another(self) -> None:
        assert not permits([YES], ConsentScope.RECORDING)

    def test_no_answer_is_no(self) -> None:
        assert not permits([], ConsentScope.CONSULTATION)
