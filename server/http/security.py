"""Headers of every answer, and the checks that keep foreign pages out (security.md §8, §13 rows 21-24)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Programs with their own credential: no cookie is read there, so no page can ride on one.
TOKEN_PREFIXES = ("/fhir", "/whip/", "/whep/", "/auth/")
CUSTOM_HEADER = "X-Requested-With"
CUSTOM_VALUE = "teleconsult"
ONE_YEAR_S = 31_536_000

# No inline code or style, nothing from elsewhere. blob: carries photographs that the page itself made.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

OWN_DEVICES = ("camera", "microphone", "display-capture", "geolocation")
NO_DEVICES = ("payment", "usb")

_ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        [*(f"{device}=(self)" for device in OWN_DEVICES), *(f"{device}=()" for device in NO_DEVICES)]
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request says it comes from, and where it went."""

    method: str
    path: str
    host: str
    scheme: str
    origin: str | None
    fetch_site: str | None
    custom: str | None


def headers_for(path: str, is_https: bool) -> dict[str, str]:
    """Return the headers of an answer to this path. Static files set their own Cache-Control before."""
    headers = dict(_ALWAYS)
    if is_https:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_S}; includeSubDomains"
    if not path.startswith("/static/"):
        headers["Cache-Control"] = "no-store"
    return headers


def is_foreign(request: Origin, public_origin: str | None) -> bool:
    """
    Say whether a request must be refused as coming from another site.

    An unsafe call needs the custom header, which a foreign page cannot send without a preflight that we never grant,
    and
    an Origin of ours where the browser sends one. API reads by foreign pages are refused by Sec-Fetch-Site.
    """
    if request.path.startswith(TOKEN_PREFIXES):
        return False
    if request.method in SAFE_METHODS:
        return request.path.startswith("/api/") and request.fetch_site in ("cross-site", "same-site")
    if request.custom != CUSTOM_VALUE:
        return True
    if request.fetch_site is not None and request.fetch_site not in ("same-origin", "none"):
        return True
    return request.origin is not None and request.origin not in _own_origins(request, public_origin)


def _own_origins(request: Origin, public_origin: str | None) -> tuple[str, ...]:
    if public_origin is not None:
        return (public_origin,)
    return (f"{request.scheme}://{request.host}",)
