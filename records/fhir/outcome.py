"""OperationOutcome: what went wrong, for machine and reader (FHIR R4 §2.36)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from records.fhir.errors import Issue

Json = dict[str, Any]


def operation_outcome(issues: Sequence[Issue]) -> Json:
    """Give the resource for a list of issues; at least one line, because FHIR wants one."""
    lines = issues or (Issue("informational", "all is well", severity="information"),)
    return {"resourceType": "OperationOutcome", "issue": [_line(issue) for issue in lines]}


def _line(issue: Issue) -> Json:
    line: Json = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.text}
    if issue.path:
        line["expression"] = [issue.path]
    elif issue.parameter:
        line["location"] = [f"http.{issue.parameter}"]  # "for HTTP errors: http. and the parameter's name" (§2.36)
    return line
