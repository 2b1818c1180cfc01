"""PATCH: JSON Patch (RFC 6902) and merge patch (RFC 7396) on a resource."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from records.fhir.errors import BadRequest, BusinessRule

Json = dict[str, Any]
# A form's worth of changes; more is an update.
MAX_OPERATIONS = 500


def json_patch(resource: Json, operations: Any) -> Json:
    """Give the resource after an RFC 6902 patch. Raises BadRequest for a bad patch, BusinessRule when a test fails."""
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise BadRequest(f"a JSON Patch is an array of at most {MAX_OPERATIONS} operations")
    try:
        changed = jsonpatch.JsonPatch(operations).apply(resource)
    except jsonpatch.JsonPatchTestFailed:
        raise BusinessRule("a test of the patch failed; read the resource and try again") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, ValueError):
        raise BadRequest("the patch does not fit the resource") from None
    if not isinstance(changed, dict):
        raise BadRequest("the patch leaves no resource")
    return changed


def merge_patch(resource: Json, patch: Any) -> Json:
    """Give the resource after an RFC 7396 patch; null takes an element away."""
    if not isinstance(patch, dict):
        raise BadRequest("a merge patch is a JSON object")
    merged = _merged(resource, patch)
    assert isinstance(merged, dict)  # an object merged into an object
    return merged


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found
