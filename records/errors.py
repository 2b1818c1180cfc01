"""Every error of the package: one base, each leaf with a stable `code` that the edge translates once."""

from typing import ClassVar


class RecordsError(Exception):
    """A request that the record store refuses or cannot serve. Never raised for our own bugs."""

    code: ClassVar[str] = "records-error"  # stable; clients switch on it


class StoreUnavailable(RecordsError):
    """The database is out of reach or asks to try again; the unit's outcome is unknown if it was committing."""

    code = "store-unavailable"


class StoreTooSlow(StoreUnavailable):
    """The database gave a statement up at its time limit: too much was asked for, or too much at once."""


class KeyServiceUnavailable(RecordsError):
    """The key service is out of reach; patients whose keys are cached go on, others must wait."""

    code = "key-service-unavailable"


class KeyFileInvalid(RecordsError):
    """The key file is missing, damaged, or readable by others; the message says what to do."""

    code = "key-file-invalid"


class CannotOpen(RecordsError):
    """A sealed value does not open. One error for every cause, so that it tells an attacker nothing."""

    code = "cannot-open"

    def __init__(self) -> None:
        super().__init__("a sealed value does not open")


class KeyDestroyed(RecordsError):
    """The patient's data key was destroyed (crypto-shredding); nothing of this patient can be read again."""

    code = "key-destroyed"


class NotFound(RecordsError):
    """No such row, or none that this actor may know of (the two are not told apart)."""

    code = "not-found"

    def __init__(self, entity: str) -> None:
        super().__init__(f"no such {entity}")
        self.entity = entity


class AccessDenied(RecordsError):
    """The policy table has no row that permits this; `reason` is the table's name for the missing condition."""

    code = "access-denied"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StaleState(RecordsError):
    """A visit was not in an expected state when its transition was tried."""

    code = "stale-state"

    def __init__(self, actual: str) -> None:
        super().__init__(f"the visit is {actual}")
        self.actual = actual


class AlreadyClaimed(RecordsError):
    """Someone holds the claim; `by_self` tells whether it is the asking practitioner."""

    code = "already-claimed"

    def __init__(self, by_self: bool) -> None:
        super().__init__("the visit is claimed")
        self.by_self = by_self


class NotClaimed(RecordsError):
    """The practitioner does not hold the claim that they want to renew or release."""

    code = "not-claimed"


class StaleVersion(RecordsError):
    """The expected version is not the current one, which `current` carries."""

    code = "stale-version"

    def __init__(self, current: int) -> None:
        super().__init__(f"the current version is {current}")
        self.current = current


class AlreadySigned(RecordsError):
    """A signed note is final."""

    code = "already-signed"


class AlreadyExists(RecordsError):
    """A row with this unique key exists (account e-mail address, client id)."""

    code = "already-exists"


class LinkUnknown(RecordsError):
    """No link has this token."""

    code = "link-unknown"


class LinkNotYet(RecordsError):
    """The link's window has not opened."""

    code = "link-not-yet"


class LinkExpired(RecordsError):
    """The link's window has closed."""

    code = "link-expired"


class LinkRevoked(RecordsError):
    """The link was revoked; a newer one may exist."""

    code = "link-revoked"


class LinkUsedElsewhere(RecordsError):
    """The link was redeemed by another session."""

    code = "link-used-elsewhere"


class TicketInvalid(RecordsError):
    """The ticket is unknown, used or older than its life; the three are not told apart."""

    code = "ticket-invalid"


class RetentionNotOver(RecordsError):
    """Erasure is refused: the retention term runs until `until` (ISO 8601 date)."""

    code = "retention-not-over"

    def __init__(self, until: str) -> None:
        super().__init__(f"retention runs until {until}")
        self.until = until


class LegalHold(RecordsError):
    """Erasure is refused: a legal hold is on the patient."""

    code = "legal-hold"


class SchemaOutdated(RecordsError):
    """The database schema is not the one this program was built for; run the migrations."""

    code = "schema-outdated"
