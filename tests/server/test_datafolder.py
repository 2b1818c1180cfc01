"""One product owns a data folder; a key is made for an empty one only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.datafolder import RECORDINGS, claim, own_by
from server.faults import DataFolderInUse, DataFolderUnusable
from server.processes import Account, my_account

ME = my_account()


def test_a_missing_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    folder = claim(tmp_path / "a" / "b", ME)
    assert folder.is_new
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_second_product_is_refused_with_the_firsts_process_id(tmp_path: Path) -> None:
    claim(tmp_path, ME)
    with pytest.raises(DataFolderInUse, match=f"process {os.getpid()}"):
        claim(tmp_path, ME)


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    os.close(claim(tmp_path, ME).lock)
    claim(tmp_path, ME)


def test_a_folder_with_anything_kept_is_not_new(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    assert not claim(tmp_path, ME).is_new


def test_a_folder_that_holds_only_an_interrupted_start_is_new(tmp_path: Path) -> None:
    for left in ("logs", "run"):
        (tmp_path / left).mkdir()
    assert claim(tmp_path, ME).is_new


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderUnusable, match="TELECONSULT_DATA_DIR"):
        claim(tmp_path / "data", ME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away; CI is root")
def test_an_unprivileged_web_may_write_recordings(tmp_path: Path) -> None:
    own_by(claim(tmp_path, ME), Account("nobody", 65534, 65534), tmp_path / "keys" / "kek.json")
    assert (tmp_path / RECORDINGS).stat().st_uid == 65534
