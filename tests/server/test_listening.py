"""A port that cannot be had is told in words, before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from server.faults import PortInUse
from server.listening import check_media_ports, free_media_port, listen

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as other:
        yield other.getsockname()[1]


def test_a_taken_tcp_port_names_the_setting(taken: int) -> None:
    with pytest.raises(PortInUse, match=rf"TCP port {taken}(.|\n)*TELECONSULT_PORT"):
        listen(HOST, taken)


def test_a_taken_udp_port_names_the_setting() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"UDP port {port}(.|\n)*TELECONSULT_MEDIA_PORT"):
            check_media_ports(HOST, port, 1)


def test_somebody_elses_address_is_told() -> None:
    with pytest.raises(PortInUse, match="192.0.2.1 is not an address of this machine"):
        listen("192.0.2.1", 0)


def test_free_media_ports_are_free_in_a_row() -> None:
    first = free_media_port(HOST, 3)
    check_media_ports(HOST, first, 3)
