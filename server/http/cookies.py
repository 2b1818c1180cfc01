"""The three cookies. On https they carry the prefix that ties them to this host (RFC 6265bis §4.1.3.2)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping

from aiohttp import web

SESSION = "session"  # staff login
VISIT = "visit"  # redeemed join link
BROWSER = "browser"  # random; join links are bound to it
# A join link lives hours to days, a doctor's known browser a season; both end here.
BROWSER_LIFE_S = 90 * 24 * 3_600
_BROWSER_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def name(base: str, is_https: bool) -> str:
    """Return the cookie's name on the wire."""
    return f"__Host-{base}" if is_https else base


def read(cookies: Mapping[str, str], base: str, is_https: bool) -> str | None:
    """Return a cookie's value. On https the prefixed one alone: another host of the domain can set any other."""
    return cookies.get(name(base, is_https))


def put(response: web.StreamResponse, base: str, value: str, is_https: bool, max_age_s: int | None = None) -> None:
    """Set a cookie that no script reads and no foreign site sends along with a POST."""
    response.set_cookie(
        name(base, is_https), value, path="/", httponly=True, samesite="Lax", secure=is_https, max_age=max_age_s
    )


def drop(response: web.StreamResponse, base: str, is_https: bool) -> None:
    """Delete a cookie."""
    response.del_cookie(name(base, is_https), path="/", httponly=True, samesite="Lax", secure=is_https)


def browser_of(cookies: Mapping[str, str], is_https: bool) -> str | None:
    """Return the browser's random value, or None when it has none of ours."""
    value = read(cookies, BROWSER, is_https)
    return value if value is not None and _BROWSER_VALUE.fullmatch(value) else None


def new_browser() -> str:
    """Return 256 random bits for a browser."""
    return secrets.token_urlsafe(32)


def binding(browser: str) -> str:
    """Return what the database keeps of a browser: enough to recognise it, not enough to be it."""
    return "b_" + hashlib.sha256(browser.encode()).hexdigest()[:32]
