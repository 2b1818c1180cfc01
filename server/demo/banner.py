"""What `make run` prints when it serves: where to click, and who may log in."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import segno

from server.serving import Running


def text(running: Running, demo_file: Path | None) -> str:
    """Return the lines for the terminal; with a demo clinic, its link, QR code and logins too."""
    settings = running.settings
    lines = ["", f"Teleconsult serves at {settings.public_url}", f"  Doctors' console:  {settings.public_url}/console"]
    if demo_file is not None and demo_file.exists():
        lines += demo_lines(json.loads(demo_file.read_text()))
    if not settings.is_secure and settings.host not in ("127.0.0.1", "::1"):
        lines += ["", "  Browsers give camera and microphone only to https pages (and to this machine itself):",
                  "  put a TLS proxy in front and set TELECONSULT_PUBLIC_URL; server/README.md says how."]  # fmt: skip
    return "\n".join([*lines, "", "  Ctrl-C ends it.", ""])


def demo_lines(demo: dict[str, Any]) -> list[str]:
    """Return the demo clinic's link and logins."""
    link = demo["patient_links"][0]
    logins = [f"    {doctor['email']}   {doctor['password']}" for doctor in demo["doctors"]]
    officer = demo.get("privacy_officer")  # a clinic that was seeded before there was one has none
    if officer is not None:
        logins.append(f"    {officer['email']}   {officer['password']}   (privacy officer)")
    return [f"  Patient link:      {link}", "", qr(link), "  Demo logins (e-mail, password):", *logins]


def qr(link: str) -> str:
    """Return the link as a QR code of half-block characters."""
    drawn = io.StringIO()
    segno.make(link, error="l").terminal(drawn, compact=True, border=2)
    return drawn.getvalue()
