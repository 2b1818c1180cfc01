"""static/README.md: the pure parts by node's own test runner, and every file by the type checker."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
TSC = ROOT / "node_modules" / ".bin" / "tsc"
TSC_OPTIONS = [
    "--noEmit",
    "--allowJs",
    "--checkJs",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--lib",
    "es2022,dom,dom.iterable",
]


def output(*command: str | Path) -> tuple[int, str]:
    """Run a program in the checkout; return its exit code and everything it printed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    return done.returncode, done.stdout + done.stderr


def modules() -> list[Path]:
    """Every script of the pages."""
    return sorted(STATIC.rglob("*.js"))


class TestPureParts:
    """Reducers, tables and dictionaries need no browser."""

    def test_node_tests_pass(self) -> None:
        tests = sorted((ROOT / "tests" / "static" / "js").glob("*.test.mjs"))
        code, text = output("node", "--test", *tests)
        assert code == 0, text
        assert "# fail 0" in text and "# pass 0" not in text


class TestTypes:
    """Every module is checked as if it were TypeScript."""

    def test_each_module_asks_for_the_check(self) -> None:
        assert [str(path) for path in modules() if not path.read_text().startswith("// @ts-check\n")] == []

    def test_type_checker_finds_nothing(self) -> None:
        assert TSC.exists(), "run `make install-test` (or `npm ci`) first: it brings the type checker"
        code, text = output(TSC, *TSC_OPTIONS, *modules())
        assert code == 0, text


class TestSafety:
    """No text is ever read as markup, no script stands in a page (security.md §8)."""

    def test_no_module_parses_markup(self) -> None:
        forbidden = (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "setAttribute('on",
        )
        found = [f"{path.name}: {word}" for path in modules() for word in forbidden if word in path.read_text()]
        assert found == []

    def test_pages_have_no_inline_script_or_style(self) -> None:
        for page in STATIC.glob("*.html"):
            text = page.read_text()
            assert "<style" not in text and "style=" not in text and " on" not in text.lower().replace(" online", ""), (
                page
            )
            assert text.count("<script") == text.count('<script type="module" src="/static/'), page

    def test_no_token_or_session_in_web_storage(self) -> None:
        found = [path.name for path in modules() if "localStorage" in path.read_text() and path.parent.name != "i18n"]
        assert found == []


class TestWeight:
    """A slow line pays for each round trip: modules are asked for together, not one after another."""

    def test_visit_page_asks_for_all_its_modules_at_once(self) -> None:
        entry, found = STATIC / "patient" / "main.js", set[Path]()
        waiting = [entry]
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += [
                    (module.parent / name).resolve() for name in re.findall(r"from '(\.[^']+)'", module.read_text())
                ]
        listed = re.findall(r'rel="modulepreload" href="/static/([^"]+)"', (STATIC / "visit.html").read_text())
        assert sorted(listed) == sorted(str(module.relative_to(STATIC)) for module in found - {entry})
