"""One running server with one signed visit for the clients of other people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.hospital import Hospital, hospital
from tests.fakes.visits import Seen, signed_visit


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Hospital]:
    with hospital(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def seen(server: Hospital) -> Seen:
    return server.call(signed_visit(server.database))
