"""The pages and their files, out of static/ and nothing else."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from server.errors import NotFound
from server.http import cookies
from server.http.middleware import is_https

routes = web.RouteTableDef()
STATIC = Path(__file__).resolve().parents[2] / "static"

# What is not listed is not served: no .md, no test file, no dot file.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".wasm": "application/wasm",
}
_TEXTUAL = ("text/", "application/json", "application/manifest", "image/svg")
MAX_NAME = 200  # our longest is 30; the file system itself fails beyond 255 bytes
MIN_GZIP_BYTES = 1_024  # below, the headers weigh more than what is won
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    stamp: tuple[int, int]  # modification time in ns, size: when they change the file is read again
    media_type: str
    body: bytes
    gzipped: bytes | None
    etag: str


class Files:
    """The folder, read once per change. Bounded by the folder's own size."""

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root.resolve()
        self._files: dict[str, File] = {}

    def get(self, name: str) -> File:
        """Return a file by its path below the folder. Raises NotFound for everything outside or not listed."""
        path = self._path(name)
        try:
            status = path.stat()
        except OSError:
            raise NotFound from None
        stamp = (status.st_mtime_ns, status.st_size)
        found = self._files.get(name)
        if found is None or found.stamp != stamp:
            found = self._files[name] = _load(path, stamp)
        return found

    def _path(self, name: str) -> Path:
        if len(name) > MAX_NAME:
            raise NotFound
        parts = name.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise NotFound
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or path.suffix not in MEDIA_TYPES or not path.is_file():
            raise NotFound
        return path


def _load(path: Path, stamp: tuple[int, int]) -> File:
    body = path.read_bytes()  # a few kB from the page cache, once per change
    media_type = MEDIA_TYPES[path.suffix]
    is_packed = media_type.startswith(_TEXTUAL) and len(body) >= MIN_GZIP_BYTES
    gzipped = gzip.compress(body, 6, mtime=0) if is_packed else None
    return File(stamp, media_type, body, gzipped, hashlib.sha256(body).hexdigest()[:20])


FILES = web.AppKey("files", Files)


def _answer(request: web.Request, name: str, caching: str) -> web.Response:
    file = request.app[FILES].get(name)
    headers = {"Cache-Control": caching, "ETag": f'"{file.etag}"', "Vary": "Accept-Encoding"}
    if request.if_none_match and any(tag.value in (file.etag, "*") for tag in request.if_none_match):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = file.media_type
    if file.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.gzipped, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=file.body, headers=headers)


@routes.get("/")
async def landing(request: web.Request) -> web.StreamResponse:
    """What this is, and the ways in."""
    return _answer(request, "index.html", "no-store")


@routes.get("/visit")
async def visit(request: web.Request) -> web.StreamResponse:
    """The patient's page. It never touches the link; it gives the browser the value that a link is then bound to."""
    response = _answer(request, "visit.html", "no-store")
    if request.method == "GET" and cookies.browser_of(request.cookies, is_https(request)) is None:
        cookies.put(response, cookies.BROWSER, cookies.new_browser(), is_https(request), cookies.BROWSER_LIFE_S)
    return response


@routes.get("/console")
async def console(request: web.Request) -> web.StreamResponse:
    """The staff's page."""
    return _answer(request, "console.html", "no-store")


@routes.get("/privacy")
async def privacy(request: web.Request) -> web.StreamResponse:
    """The privacy officer's page."""
    return _answer(request, "privacy.html", "no-store")


@routes.get("/favicon.ico")
async def favicon(request: web.Request) -> web.StreamResponse:
    """The icon that browsers ask for by themselves."""
    return _answer(request, "icon.svg", REVALIDATE)


@routes.get("/static/{path:.+}")
async def static(request: web.Request) -> web.StreamResponse:
    """One file. `?v=…` never changes its content, so it may be kept for a year."""
    caching = IMMUTABLE if "v" in request.query else REVALIDATE
    return _answer(request, request.match_info["path"], caching)
