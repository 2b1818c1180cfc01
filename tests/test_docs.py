"""The READMEs tell the truth: links lead somewhere, every error code, setting, command and message is in its README."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, sources, tracked, tree

READMES = [name for name in tracked() if name.endswith("README.md")]


def text_of(*tops: str) -> str:
    return "\n".join((ROOT / name).read_text() for name in READMES if name.split("/")[0] in tops or name in tops)


def error_codes(package: str) -> dict[str, str]:
    """Each stable code that an error class of a package carries, with the place where it stands."""
    found: dict[str, str] = {}
    for name in sources(package):
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ClassDef):
                found |= dict.fromkeys(class_codes(node), f"{name}:{node.lineno}")
    return found


def class_codes(node: ast.ClassDef) -> list[str]:
    """The literal `code = "…"` of a class body."""
    codes = []
    for line in node.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        value = getattr(line, "value", None)
        if isinstance(target, ast.Name) and target.id == "code" and isinstance(value, ast.Constant):
            codes.append(str(value.value))
    return codes


class TestErrorCodes:
    """Clients switch on codes, so each is written down."""

    @pytest.mark.parametrize("package", ["server", "signaling", "records"])
    def test_every_code_is_in_the_readme_of_its_package(self, package: str) -> None:
        prose = text_of(package)
        assert {code: at for code, at in error_codes(package).items() if f"`{code}`" not in prose} == {}


class TestLinks:
    """A path that a README names exists."""

    @pytest.mark.parametrize("readme", READMES)
    def test_relative_links_lead_to_files(self, readme: str) -> None:
        targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", (ROOT / readme).read_text())
        folder = (ROOT / readme).parent
        assert [target for target in targets if not (folder / target).exists()] == []

    @pytest.mark.parametrize("package", ["server", "signaling", "records", "migrations", "static", "tests"])
    def test_every_package_has_a_readme(self, package: str) -> None:
        assert Path(ROOT / package / "README.md").is_file()


class TestDecisions:
    """A departure from the design is dated, with its reason."""

    @pytest.mark.parametrize("readme", READMES)
    def test_decisions_carry_a_date(self, readme: str) -> None:
        _, found, decisions = (ROOT / readme).read_text().partition("\n## Decisions")
        entries = re.findall(r"(?m)^(?:### |- \*\*)(.+)$", decisions) if found else []
        assert [entry for entry in entries if not re.search(r"20\d\d-\d\d-\d\d", entry)] == []
