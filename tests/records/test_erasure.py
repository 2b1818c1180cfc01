"""records/README.md "Erasure": when a patient may be erased."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from records.erasure import ErasureBasis, Receipt, check
from records.errors import LegalHold, RetentionNotOver

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = datetime(2041, 11, 22, tzinfo=UTC)


class TestCheck:
    """A hold stops everything; a running term stops all but a request that the law lets end it."""

    def test_after_the_term(self) -> None:
        check(ErasureBasis.RETENTION_OVER, NOW, is_held=False, now=NOW)

    def test_before_the_term_ends(self) -> None:
        with pytest.raises(RetentionNotOver) as caught:
            check(ErasureBasis.RETENTION_OVER, LATER, is_held=False, now=NOW)
        assert caught.value.until == "2041-11-22"

    def test_request_ends_the_term(self) -> None:
        check(ErasureBasis.GDPR_ARTICLE_17, LATER, is_held=False, now=NOW)

    @pytest.mark.parametrize("basis", ErasureBasis)
    def test_hold_stops_everything(self, basis: ErasureBasis) -> None:
        with pytest.raises(LegalHold):
            check(basis, None, is_held=True, now=NOW)


class TestReceipt:
    """Canonical JSON, so that anyone can check the signature."""

    def test_message(self) -> None:
        receipt = Receipt(UUID(int=1), UUID(int=2), NOW, ErasureBasis.RETENTION_OVER, (1, 2), 7, 1)
        assert receipt.message() == (
            b'{"basis":"retention over","erased_at":"2026-11-22T00:00:00+00:00","index_rows":7,"key_version":1,'
            b'"keys":[1,2],"patient":"00000000-0000-0000-0000-000000000002",'
            b'"tenant":"00000000-0000-0000-0000-000000000001",'
            b'"what":"every version of the data key and every index row was destroyed"}'
        )
