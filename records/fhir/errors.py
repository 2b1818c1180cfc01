"""What can be wrong with a FHIR request; each leaf knows its issue code and status, server/http answers with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from records.errors import RecordsError


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of an OperationOutcome (FHIR R4 §2.36)."""

    code: str
    """IssueType code, e.g. `structure`, `value`, `not-found`."""
    text: str
    """What is wrong and what to do; never a value of the resource."""
    path: str = ""
    """FHIRPath of the element, e.g. `Patient.name[0].given[1]`; empty when the whole request is meant."""
    severity: str = "error"
    parameter: str = ""
    """Search parameter that the line is about; its value never."""


class FhirError(RecordsError):
    """A client asked for something that FHIR or this server does not allow."""

    code: ClassVar[str] = "fhir-error"
    status: ClassVar[int] = 400
    issue_code: ClassVar[str] = "invalid"

    def __init__(self, text: str, *, path: str = "") -> None:
        super().__init__(text)
        self.issues: Sequence[Issue] = (Issue(self.issue_code, text, path),)


class SyntaxFault(FhirError):
    """The body is not JSON as FHIR wants it."""

    code = "fhir-syntax"
    issue_code = "structure"


class Invalid(FhirError):
    """The resource breaks the R4 definition; `issues` holds every finding (capped)."""

    code = "fhir-invalid"
    status = 422
    issue_code = "invalid"

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("the resource is not valid FHIR R4")
        self.issues = tuple(issues)


class BadRequest(FhirError):
    """The request contradicts itself, e.g. the id in the body is not the one in the URL."""

    code = "fhir-bad-request"
    issue_code = "invalid"


class BadSearch(FhirError):
    """A search parameter's value cannot be understood."""

    code = "fhir-bad-search"
    issue_code = "value"


class NotSupported(FhirError):
    """A search, interaction or header which this server declares not to support."""

    code = "fhir-not-supported"
    issue_code = "not-supported"


class NoSuchInteraction(FhirError):
    """The type is served, but not in this way."""

    code = "fhir-no-such-interaction"
    status = 405
    issue_code = "not-supported"


class UnknownType(FhirError):
    """The type in the URL is none that this server serves."""

    code = "fhir-unknown-type"
    status = 404
    issue_code = "not-supported"


class BusinessRule(FhirError):
    """The write is well formed, but the record may not be changed this way."""

    code = "fhir-business-rule"
    status = 422
    issue_code = "business-rule"


class ResourceUnknown(FhirError):
    """No such resource, or none that this client may see."""

    code = "fhir-not-found"
    status = 404
    issue_code = "not-found"


class ResourceGone(FhirError):
    """The resource was deleted; `version` is the deletion's own version."""

    code = "fhir-gone"
    status = 410
    issue_code = "deleted"

    def __init__(self, text: str, version: int) -> None:
        super().__init__(text)
        self.version = version


class VersionConflict(FhirError):
    """If-Match names another version than the current one."""

    code = "fhir-version-conflict"
    status = 412
    issue_code = "conflict"


class MultipleMatches(FhirError):
    """The criteria of a conditional interaction match more than one resource."""

    code = "fhir-multiple-matches"
    status = 412
    issue_code = "multiple-matches"


class Conflict(FhirError):
    """Another writer was faster, or something still refers to the resource."""

    code = "fhir-conflict"
    status = 409
    issue_code = "conflict"


class Forbidden(FhirError):
    """The token's scopes do not cover this interaction."""

    code = "fhir-forbidden"
    status = 403
    issue_code = "forbidden"


class TooCostly(FhirError):
    """The request would do more work than one request may."""

    code = "fhir-too-costly"
    status = 413
    issue_code = "too-costly"


class UnsupportedBody(FhirError):
    """The body has a media type that this interaction does not take."""

    code = "fhir-unsupported-media-type"
    status = 415
    issue_code = "not-supported"


class NotAcceptable(FhirError):
    """The client accepts no format that this server speaks."""

    code = "fhir-not-acceptable"
    status = 406
    issue_code = "not-supported"


class TooManyAtOnce(FhirError):
    """More requests are in work than this process takes."""

    code = "fhir-throttled"
    status = 429
    issue_code = "throttled"
