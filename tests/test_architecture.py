"""The four laws and the size limits of the design, checked on the syntax tree of every file of the product."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("server", "signaling", "records", "migrations")
TOP_LEVEL = {
    "pyproject.toml", "README.md", "server", "signaling", "records", "migrations", "tests", "static",
    # What tools need beside the user's list (DESIGN.md §1).
    ".ci", ".gitignore", "Makefile", "requirements.lock", "requirements-test.lock", "package.json", "package-lock.json",
}  # fmt: skip

# Law 1: who may import whom (first-party packages).
MAY_IMPORT = {
    "server": {"server", "signaling", "records", "migrations"},
    "signaling": {"signaling"},
    "records": {"records"},
    "migrations": {"migrations", "records"},
}

# Law 2: modules that touch the world, and where they may be imported.
IO_ADDRESSES = ("server/", "signaling/net/", "records/store/", "migrations/")
IO_MODULES = {
    "socket", "ssl", "select", "selectors", "time", "random", "secrets", "subprocess", "os", "signal", "tempfile",
    "shutil", "multiprocessing", "threading", "urllib.request", "http.client", "asyncio", "fcntl", "logging",
}  # fmt: skip
# records/crypto/envelope.py draws its own nonces (DESIGN.md, law 2).
IO_EXCEPTIONS = {("records/crypto/envelope.py", "secrets"), ("records/crypto/envelope.py", "os")}
IO_CALLS = {"open", "input", "print"}

# Law 3: a library and the folders that may know it.
HOMES = {
    "aiohttp": ("server/",),
    "jwt": ("server/auth/",),
    "aiortc": ("signaling/net/",),
    "aioice": ("signaling/net/",),
    "pylibsrtp": ("signaling/net/",),
    "av": ("signaling/net/",),
    "sqlalchemy": ("records/store/", "migrations/"),
    "asyncpg": ("records/store/", "migrations/"),
    "cryptography": ("records/crypto/",),
    "pkcs11": ("server/adapters/",),
    "alembic": ("migrations/", "records/store/"),
}

FORBIDDEN_NAMES = re.compile(r"(^|/)(common|utils?|helpers?|misc)(/|\.py$)|(Manager|Handler|Helper|Util)s?$")
TALKS_TO_A_TERMINAL = re.compile(
    r"server/(cli|__main__|supervisor|demo|triage_command|commands)|signaling/net/(worker|native)\.py"
    r"|records/store/native\.py"
)
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 500
MAX_PUBLIC_METHODS = 10


@cache
def tracked() -> tuple[str, ...]:
    """Every file git knows or would know, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in output.splitlines() if (ROOT / name).is_file())


def sources(*tops: str) -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in tops]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(), filename=name)


def imports(name: str) -> Iterator[str]:
    """Absolute dotted names of every module that a file imports, wherever in the file."""
    package = name.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *(node.module or "").split(".")]).strip(".")


def under(name: str, folders: tuple[str, ...]) -> bool:
    return name.startswith(folders)


def is_type_checking_only(name: str, module: str) -> bool:
    """Imported for annotations alone, below `if TYPE_CHECKING:`."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            text = "\n".join(ast.unparse(inner) for inner in node.body)
            if re.search(rf"\b{re.escape(module)}\b", text):
                return True
    return False


class TestLaw1Direction:
    """static → server → signaling | records; migrations → records."""

    @pytest.mark.parametrize("package", PACKAGES)
    def test_packages_import_only_downwards(self, package: str) -> None:
        wrong = [
            f"{name} imports {module}"
            for name in sources(package)
            for module in imports(name)
            if module.split(".")[0] in MAY_IMPORT and module.split(".")[0] not in MAY_IMPORT[package]
        ]
        assert wrong == []

    def test_product_never_imports_tests(self) -> None:
        wrong = [n for n in sources(*PACKAGES) if any(m.split(".")[0] == "tests" for m in imports(n))]
        assert wrong == []


class TestLaw2InputOutputHasAnAddress:
    """Sockets, clocks, randomness, files, processes and the database only in three places."""

    def test_pure_modules_import_nothing_that_touches_the_world(self) -> None:
        wrong = [
            f"{name} imports {module}"
            for name in sources("signaling", "records")
            if not under(name, IO_ADDRESSES)
            for module in imports(name)
            if (module in IO_MODULES or module.split(".")[0] in IO_MODULES)
            and (name, module.split(".")[0]) not in IO_EXCEPTIONS
            and not is_type_checking_only(name, module)
        ]
        assert wrong == []

    def test_pure_modules_call_nothing_that_touches_the_world(self) -> None:
        wrong = [
            f"{name}:{node.lineno} {node.func.id}()"
            for name in sources("signaling", "records")
            if not under(name, IO_ADDRESSES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS
        ]
        assert wrong == []

    def test_pure_modules_ask_no_clock(self) -> None:
        wrong = [
            f"{name}:{node.lineno} {ast.unparse(node.func)}()"
            for name in sources("signaling", "records")
            if not under(name, IO_ADDRESSES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Call)
            and re.search(r"(datetime|date)\.(now|utcnow|today)$|uuid\.uuid[14]$|^uuid[14]$", ast.unparse(node.func))
        ]
        assert wrong == []

    def test_pure_modules_await_nothing(self) -> None:
        wrong = [
            f"{name}:{node.lineno}"
            for name in sources("signaling", "records")
            if not under(name, IO_ADDRESSES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
        ]
        assert wrong == []


class TestLaw3OneLibraryOneHome:
    """Each library is known to one folder."""

    @pytest.mark.parametrize("library", sorted(HOMES))
    def test_library_is_imported_only_at_home(self, library: str) -> None:
        wrong = [
            f"{name} imports {module}"
            for name in sources(*PACKAGES)
            if not under(name, HOMES[library])
            for module in imports(name)
            if module.split(".")[0] == library
        ]
        assert wrong == []


class TestNoCodec:
    """
    Media is never decoded or encoded on the server: of the media libraries only DTLS, SRTP, SCTP and a muxer are used.

    The muxer is in the recorder process, which web starts for a recording and which has no keys. Neither web, nor the
    relay, nor the supervisor can reach it by any import.
    """

    MUXER = "signaling/net/muxer.py"

    def test_nothing_imports_a_codec(self) -> None:
        used = {
            f"{node.module}.{alias.name}"
            for name in sources(*PACKAGES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("aiortc", "av")
            for alias in node.names
        }
        transports = {"rtcdtlstransport", "rtcsctptransport", "rtcdatachannel"}
        assert {each for each in used if each.split(".")[1] not in transports} == set()

    def test_nothing_but_the_muxer_imports_a_whole_media_library(self) -> None:
        assert [n for n in sources(*PACKAGES) if {"aiortc", "av"} & set(plain_imports(n))] == [self.MUXER]

    def test_the_muxer_uses_no_more_of_it_than_muxing(self) -> None:
        names = [ast.unparse(node) for node in ast.walk(tree(self.MUXER)) if isinstance(node, ast.Attribute)]
        assert {name for name in names if name.startswith("av.")} == {
            "av.open", "av.Packet", "av.stream", "av.stream.Stream",
        }  # fmt: skip
        methods = {name.rpartition(".")[2] for name in names if name.startswith("self._container.")}
        assert methods == {"add_mux_stream", "mux_one", "close"}  # a mux stream has no codec context

    @pytest.mark.parametrize(
        "entry", ["server/__main__.py", "server/app.py", "signaling/net/worker.py", "server/supervisor.py"]
    )
    def test_no_other_process_reaches_the_muxer(self, entry: str) -> None:
        assert self.MUXER not in reached_from(entry)

    def test_the_recorder_process_does(self) -> None:
        assert self.MUXER in reached_from("signaling/net/recorder.py")


def reached_from(entry: str) -> set[str]:
    """Every file of the product that a process with this entry can import, wherever the import stands."""
    found, waiting = set[str](), [entry]
    while waiting:
        name = waiting.pop()
        if name in found or not (ROOT / name).is_file():
            continue
        found.add(name)
        for node in ast.walk(tree(name)):
            modules = list(imported_by(name, node))
            waiting += [f"{module.replace('.', '/')}.py" for module in modules]
            waiting += [f"{module.replace('.', '/')}/__init__.py" for module in modules]
    return found


def imported_by(name: str, node: ast.AST) -> Iterator[str]:
    """Modules that one statement may load: a name that is imported from a package may be a module too."""
    package = name.removesuffix(".py").split("/")[:-1]
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def plain_imports(name: str) -> Iterator[str]:
    """Modules of `import x`, without those of `from x import y`."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


class TestSizes:
    """A function is 50 lines at most, a file 500, a class has ten public methods at most."""

    def test_functions_are_short(self) -> None:
        wrong = [
            f"{name}:{node.lineno} {node.name}: {length} lines"
            for name in sources(*PACKAGES, "tests")
            for node in ast.walk(tree(name))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
        ]
        assert wrong == []

    def test_files_are_short(self) -> None:
        code = [n for n in tracked() if n.endswith((".py", ".js", ".css", ".html", ".c"))]
        lengths = {name: (ROOT / name).read_text().count("\n") for name in code}
        assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}

    def test_classes_are_small(self) -> None:
        wrong = [
            f"{name}:{node.lineno} {node.name}: {len(public)} public methods"
            for name in sources(*PACKAGES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.ClassDef)
            and len(public := [m.name for m in node.body if is_public_method(m)]) > MAX_PUBLIC_METHODS
        ]
        assert wrong == []


def is_public_method(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    decorators = [ast.unparse(d) for d in node.decorator_list]
    return not any("property" in d or d.endswith(".setter") for d in decorators)


class TestNames:
    """Domain nouns; no drawer for odds and ends."""

    def test_no_drawers(self) -> None:
        assert [n for n in tracked() if n.split("/")[0] in (*PACKAGES, "static") and FORBIDDEN_NAMES.search(n)] == []

    def test_no_class_is_a_manager(self) -> None:
        wrong = [
            f"{name}:{node.lineno} {node.name}"
            for name in sources(*PACKAGES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.ClassDef) and FORBIDDEN_NAMES.search(node.name)
        ]
        assert wrong == []

    def test_top_level_is_what_the_user_fixed(self) -> None:
        assert {name.split("/")[0] for name in tracked()} - TOP_LEVEL == set()


class TestErrorsAndTasks:
    """No bare catch-all outside a task's outermost frame; every task has an owner."""

    def test_pure_modules_never_catch_everything(self) -> None:
        wrong = [
            f"{name}:{node.lineno}"
            for name in sources("signaling", "records")
            if not under(name, IO_ADDRESSES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        ]
        assert wrong == []

    def test_every_broad_catch_gives_its_reason(self) -> None:
        wrong = [
            f"{name}:{node.lineno}"
            for name in sources(*PACKAGES)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
            and "#" not in (ROOT / name).read_text().splitlines()[node.lineno - 1]
        ]
        assert wrong == []

    def test_no_print_outside_the_command_line(self) -> None:
        wrong = [
            f"{name}:{node.lineno}"
            for name in sources("server", "signaling", "records")
            if not re.match(TALKS_TO_A_TERMINAL, name)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        ]
        assert wrong == []


class TestJavaScript:
    """ES modules, checked types, no HTML from strings."""

    SCRIPTS = [name for name in tracked() if name.startswith("static/") and name.endswith(".js")]

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_every_module_is_type_checked(self, name: str) -> None:
        assert "// @ts-check" in (ROOT / name).read_text()[:200]

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_no_module_writes_html(self, name: str) -> None:
        unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
        found = re.findall(unsafe, (ROOT / name).read_text())
        assert found == []

    def test_pages_hold_no_inline_code(self) -> None:
        pages = [name for name in tracked() if name.startswith("static/") and name.endswith(".html")]
        inline = r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+="
        assert [name for name in pages if re.search(inline, (ROOT / name).read_text())] == []


class TestLockFile:
    """Everything is pinned with hashes, at or above the floors of the security facts."""

    FLOORS = {"aiohttp": (3, 14, 5), "pyjwt": (2, 15), "cryptography": (50,)}

    @pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
    def test_every_requirement_has_a_hash(self, lock: str) -> None:
        blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
        pinned = [block for block in blocks if re.match(r"[a-zA-Z0-9]", block)]
        assert [block.splitlines()[0] for block in pinned if "--hash=sha256:" not in block] == []

    @pytest.mark.parametrize("name", sorted(FLOORS))
    def test_no_requirement_is_below_its_floor(self, name: str) -> None:
        match = re.search(rf"(?m)^{name}==([0-9.]+)", (ROOT / "requirements.lock").read_text())
        assert match is not None
        assert tuple(int(part) for part in match[1].split(".")) >= self.FLOORS[name]

    def test_test_tools_are_npm_development_dependencies(self) -> None:
        package = json.loads((ROOT / "package.json").read_text())
        assert package.get("dependencies", {}) == {}
