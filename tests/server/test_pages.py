"""Pages and files: out of static/ and nothing else (README "Both")."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NotFound
from server.http.pages import Files
from tests.server.clinic import Clinic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "call").mkdir(parents=True)
    (root / "call" / "state.js").write_text("export {};\n")
    (root / ".secret.js").write_text("no")
    (root / "README.md").write_text("no")
    (tmp_path / "outside.js").write_text("no")
    (root / "way_out.js").symlink_to(tmp_path / "outside.js")
    return root


class TestFolder:
    """Nothing outside, nothing hidden, nothing of another type."""

    def test_a_file_below_the_folder_is_served_with_its_type(self, folder: Path) -> None:
        file = Files(folder).get("call/state.js")
        assert (file.media_type, file.body) == ("text/javascript; charset=utf-8", b"export {};\n")

    @pytest.mark.parametrize(
        "name",
        [
            "../outside.js", "call/../../outside.js", "/etc/passwd", "call//state.js", ".secret.js", "README.md",
            "way_out.js",
            "call", "", "call/state.js/", "call\\..\\..\\outside.js", "call/state.js\0.png", "x" * 5_000 + ".js",
        ],
    )  # fmt: skip
    def test_every_other_path_is_not_found(self, folder: Path, name: str) -> None:
        with pytest.raises(NotFound):
            Files(folder).get(name)

    def test_a_changed_file_is_read_again(self, folder: Path) -> None:
        files = Files(folder)
        before = files.get("call/state.js").etag
        (folder / "call" / "state.js").write_text("export const changed = true;\n")
        assert files.get("call/state.js").etag != before


class TestAnswers:
    """Files are revalidated, versioned ones kept for a year."""

    async def test_a_file_that_is_known_is_not_sent_again(self, clinic: Clinic) -> None:
        person = await clinic.person()
        first = await person.get("/static/api.js")
        again = await person.get("/static/api.js", If_None_Match=first.headers["ETag"])
        assert (first.status, again.status, again.body) == (200, 304, "")

    async def test_a_versioned_file_is_immutable(self, clinic: Clinic) -> None:
        answer = await (await clinic.person()).get("/static/api.js?v=1")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    @pytest.mark.parametrize("path", ["/", "/visit", "/console", "/favicon.ico"])
    async def test_every_page_is_there(self, clinic: Clinic, path: str) -> None:
        assert (await (await clinic.person()).get(path)).status == 200

    WAYS_OUT = ["/static/%2e%2e/pyproject.toml", "/static/..%5cserver", "/static/%00.js", "/static/"]

    @pytest.mark.parametrize("path", WAYS_OUT)
    async def test_a_way_out_of_the_folder_is_not_found(self, clinic: Clinic, path: str) -> None:
        assert (await (await clinic.person()).get(path)).code == "not-found"
