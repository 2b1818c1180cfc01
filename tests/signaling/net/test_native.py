"""signaling.net.native: a kernel is loaded only beside the sources that it was built from."""

import shutil
from pathlib import Path

from signaling.net.native import SOURCES, is_missing, library


class TestLibrary:
    def test_any_change_of_a_source_names_another_library(self, tmp_path: Path) -> None:
        sources = tmp_path / "native"
        shutil.copytree(SOURCES, sources)
        before = library(sources).name
        header = sources / "relay.h"
        header.write_text(header.read_text() + "/* one more field */\n")
        assert library(sources).name != before

    def test_a_copied_tree_names_the_same_library(self, tmp_path: Path) -> None:
        shutil.copytree(SOURCES, tmp_path / "native")
        assert library(tmp_path / "native").name == library().name

    def test_the_suite_runs_on_a_built_kernel(self) -> None:
        assert not is_missing()
