"""records/README.md "Record format": published vectors, opened by the product and by the reader on that page."""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from records.crypto.envelope import DataKey, open_sealed
from records.crypto.format import Context
from records.errors import CannotOpen

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "sealed"
Vector = dict[str, Any]
SUITES = 3


def readers_reader() -> Callable[..., bytes]:
    """The reader of the README, as it is printed; it imports nothing of ours."""
    (code,) = re.findall(r"```python\n(import hmac.*?)```", (ROOT / "records" / "README.md").read_text(), re.DOTALL)
    assert "records" not in code
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102  # our own page
    return scope["open_sealed"]  # type: ignore[no-any-return]  # what the page defines


def opened_by_readme(vector: Vector) -> bytes:
    place = [vector["context"][name] for name in ("tenant", "patient", "table", "row", "column")]
    sealed, key = bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["key"])
    return readers_reader()(sealed, key, vector["key_version"], place, vector["context"]["schema"])


def opened_by_us(vector: Vector) -> bytes:
    given = vector["context"]
    patient = UUID(given["patient"]) if given["patient"] else None
    place = Context(UUID(given["tenant"]), patient, given["table"], given["row"], given["column"])
    key = DataKey(vector["key_version"], bytes.fromhex(vector["key"]))
    return open_sealed(key, place, bytes.fromhex(vector["sealed"]))


def vectors(path: Path) -> list[Vector]:
    return list(json.loads(path.read_text()))


class TestOpens:
    """Each suite: a name, nothing, a value of the tenant."""

    @pytest.mark.parametrize("vector", vectors(VECTORS / "opens.json"), ids=lambda each: each["what"])
    def test_by_both(self, vector: Vector) -> None:
        assert opened_by_us(vector).hex() == opened_by_readme(vector).hex() == vector["plaintext"]


class TestRefused:
    """One file for each way to fail, in each suite."""

    @pytest.mark.parametrize("path", sorted((VECTORS / "refused").iterdir()), ids=lambda each: each.stem)
    def test_by_both(self, path: Path) -> None:
        found = vectors(path)
        assert len(found) == SUITES
        for vector in found:
            with pytest.raises(CannotOpen):
                opened_by_us(vector)
            with pytest.raises((ValueError, KeyError, InvalidTag, struct.error)):
                opened_by_readme(vector)

    def test_no_way_is_missing(self) -> None:
        assert len(list((VECTORS / "refused").iterdir())) == 27
