"""HOUSE rules that tools check: no lint finding anywhere, and every package's types hold strictly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_architecture import ROOT

# Tests are linted, not typed: what they drive (Playwright, fhirpy) and their fixtures carry no types of use.
PACKAGES = ("server", "signaling", "records", "migrations")


def findings(*argv: str) -> str:
    """What a tool found, as it says it; empty when nothing."""
    done = subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_nothing_to_lint() -> None:
    assert findings("ruff", "check", "--output-format", "concise", "--quiet", ".") == ""


@pytest.mark.timeout(300)
def test_types_hold() -> None:
    assert findings("mypy", "--no-error-summary", *PACKAGES) == ""
