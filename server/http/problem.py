"""Problem documents as HTTP answers (RFC 9457)."""

from __future__ import annotations

import json

from aiohttp import web

from records.fhir import text
from records.fhir.errors import Issue
from records.fhir.outcome import operation_outcome
from server.errors import Problem

MEDIA_TYPE = "application/problem+json"


def answer(problem: Problem) -> web.Response:
    """Return the answer that tells a problem."""
    body = json.dumps(problem.document(), ensure_ascii=False).encode()
    return web.Response(status=problem.status, body=body, headers={"Content-Type": MEDIA_TYPE, **problem.headers})


_ISSUES = {401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 413: "too-costly", 429: "throttled"}


def fhir_answer(problem: Problem) -> web.Response:
    """Return the same in FHIR's words, for whoever speaks only those."""
    usual = "transient" if problem.status == 503 else "exception" if problem.status >= 500 else "invalid"
    issue = Issue(_ISSUES.get(problem.status, usual), problem.detail)
    headers = {"Content-Type": "application/fhir+json; charset=utf-8", **problem.headers}
    return web.Response(status=problem.status, body=text.dumps(operation_outcome([issue])), headers=headers)
