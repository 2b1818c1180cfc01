"""Problem documents as HTTP answers (RFC 9457)."""

from __future__ import annotations

import json

from aiohttp import web

from server.errors import Problem

MEDIA_TYPE = "application/problem+json"


def answer(problem: Problem) -> web.Response:
    """Return the answer that tells a problem."""
    body = json.dumps(problem.document(), ensure_ascii=False).encode()
    return web.Response(status=problem.status, body=body, headers={"Content-Type": MEDIA_TYPE, **problem.headers})
