"""records/README.md "Retention": how long what is kept."""

from datetime import UTC, datetime

import pytest

from records.retention import TABLE_CLASSES, RetentionClass, ends, latest_end


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestTerms:
    """15 years record, 3 years media and chat, 6 months network log; in calendar months."""

    @pytest.mark.parametrize(("retention", "end"), [
        (RetentionClass.RECORD, "2041-11-22"), (RetentionClass.MEDIA, "2029-11-22"),
        (RetentionClass.NETWORK_LOG, "2027-05-22"),
    ])  # fmt: skip
    def test_term_from_last_use(self, retention: RetentionClass, end: str) -> None:
        assert ends(retention, day("2026-11-22")) == day(end)

    def test_leap_day_ends_on_the_28th(self) -> None:
        assert ends(RetentionClass.RECORD, day("2028-02-29")) == day("2043-02-28")

    def test_august_31st_ends_in_february(self) -> None:
        assert ends(RetentionClass.NETWORK_LOG, day("2026-08-31")) == day("2027-02-28")

    def test_the_last_of_several_terms_counts(self) -> None:
        uses = [(RetentionClass.RECORD, day("2020-01-01")), (RetentionClass.MEDIA, day("2026-01-01"))]
        assert latest_end(uses) == day("2035-01-01")

    def test_no_use_no_term(self) -> None:
        assert latest_end([]) is None

    def test_chat_is_media(self) -> None:
        assert TABLE_CLASSES["chat_entry"] is RetentionClass.MEDIA
