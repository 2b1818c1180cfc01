"""Ports, looked at before anything is started, so that a clash is told in words."""

from __future__ import annotations

import errno
import socket

from server.faults import PortInUse

# Connections that wait while web is restarted: a second of arrivals at a busy clinic's peak, and to spare.
BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """
    Return the socket that web serves on. The supervisor keeps it open, so that nobody is refused while web restarts.

    Raises:
        PortInUse: taken, not allowed, or not an address of this machine.
    """
    try:
        return socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        raise _fault(host, port, "TCP", error, "TELECONSULT_PORT") from None


def check_media_ports(host: str, first: int, count: int) -> None:
    """Raise PortInUse when a relay could not listen; UDP and TCP take the same number."""
    for port in range(first, first + count):
        for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
            try:
                _bind(host, port, kind).close()
            except OSError as error:
                raise _fault(host, port, name, error, "TELECONSULT_MEDIA_PORT") from None


def free_media_port(host: str, count: int) -> int:
    """
    Return the first of `count` consecutive ports that are free for UDP and TCP now.

    The kernel's own choice starts the search, so that demos that start together look in different places.
    """
    for _ in range(100):
        with _bind(host, 0, socket.SOCK_DGRAM) as probe:
            first = int(probe.getsockname()[1])
        if first + count > 65536:
            continue
        try:
            check_media_ports(host, first, count)
        except PortInUse:
            continue
        return first
    raise PortInUse(f"No {count} free UDP ports in a row on {host}.", "end other programs, or use fewer relays.")


def _bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(_family(host), kind)
    try:
        if kind is socket.SOCK_STREAM:  # connections of a relay before us may still be closing
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _fault(host: str, port: int, kind: str, error: OSError, setting: str) -> PortInUse:
    place = f"{kind} port {port} of {host}"
    match error.errno:
        case errno.EADDRINUSE:
            return PortInUse(
                f"Another program already listens on {place}.",
                f"end it (ss -lnp | grep {port} names it), or choose another port: {setting}={port + 100}.",
            )
        case errno.EACCES:
            return PortInUse(
                f"This user may not listen on {place}.",
                f"choose a port above 1023 ({setting}) and put a proxy in front, or start as root.",
            )
        case errno.EADDRNOTAVAIL:
            return PortInUse(
                f"{host} is not an address of this machine.",
                f"correct {setting.replace('PORT', 'HOST')}; 127.0.0.1 serves this machine alone, 0.0.0.0 everybody.",
            )
        case _:
            return PortInUse(f"Cannot listen on {place}: {error.strerror}.", f"choose another port: {setting}.")
