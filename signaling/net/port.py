"""The relay's one UDP port: opening it, its buffers, addresses, and segmentation offload where the kernel has it."""

import contextlib
import errno
import socket
import struct
from collections.abc import Sequence

from signaling.media.dscp import CONTROL, traffic_class

Address = tuple[str, int]

# 8 MiB hold 0.4 s of 160 Mbit/s while the process is not scheduled; the kernel may cap it (net.core.rmem_max).
BUFFER_BYTES = 8 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33  # Linux: above the cap, with CAP_NET_ADMIN
UDP_SEGMENT = 103  # linux/udp.h
SOL_UDP = 17
MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of Linux 4.18
MAX_BATCH_BYTES = 65_000  # one UDP datagram before it is cut


def open_port(host: str, port: int) -> socket.socket:
    """Open the UDP socket, non-blocking; an IPv6 wildcard takes IPv4 too. OSError when the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        for forced, plain in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
            except PermissionError:
                sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def has_segmentation(sock: socket.socket) -> bool:
    """Return whether the kernel cuts one large send into packets (UDP_SEGMENT, Linux 4.18)."""
    try:
        sock.getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True


def plain_address(address: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Return (host, port) with an IPv4-mapped IPv6 host written as IPv4."""
    host = address[0]
    return (host[7:] if host.startswith("::ffff:") and "." in host else host, address[1])


Marked = tuple[int, bytes]
"""The traffic class of a packet and the packet."""


class Sender:
    """Sends to one address at a time, many packets a call where the kernel can."""

    def __init__(self, sock: socket.socket, *, segmentation: bool | None = None, marking: bool = True) -> None:
        self._sock = sock
        self._is_v6 = sock.family == socket.AF_INET6
        self._segmentation = has_segmentation(sock) if segmentation is None else segmentation
        self._marking = marking
        self.dropped = 0

    def send(self, address: Address, data: bytes, mark: int = traffic_class(CONTROL)) -> None:
        """Send one datagram; a full buffer or an unreachable peer drops it, as the network would."""
        try:
            self._sock.sendmsg([data], self._control(address, mark), 0, self._kernel_address(address))
        except (BlockingIOError, ConnectionRefusedError):
            self.dropped += 1
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EINVAL):
                raise
            self.dropped += 1

    def send_all(self, address: Address, packets: Sequence[Marked]) -> None:
        """Send packets in order; runs of one mark and size, the last one shorter at most, go out in one call."""
        at = 0
        while at < len(packets):
            mark, packet = packets[at]
            run = self._run(packets, at) if self._segmentation else 1
            if run == 1:
                self.send(address, packet, mark)
            else:
                self._send_run(address, [data for _, data in packets[at : at + run]], mark)
            at += run

    def _run(self, packets: Sequence[Marked], at: int) -> int:
        mark, size = packets[at][0], len(packets[at][1])
        total, run = size, 1
        while at + run < len(packets) and run < MAX_SEGMENTS:
            following = len(packets[at + run][1])
            if packets[at + run][0] != mark or following > size or total + following > MAX_BATCH_BYTES:
                break
            run, total = run + 1, total + following
            if following < size:
                break
        return run

    def _send_run(self, address: Address, packets: Sequence[bytes], mark: int) -> None:
        segment = (SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(packets[0])))
        try:
            self._sock.sendmsg(packets, [*self._control(address, mark), segment], 0, self._kernel_address(address))
        except (BlockingIOError, ConnectionRefusedError):
            self.dropped += len(packets)
        except OSError:  # a device that cannot (EIO, EINVAL): from now on one by one
            self._segmentation = False
            for packet in packets:
                self.send(address, packet, mark)

    def _control(self, address: Address, mark: int) -> list[tuple[int, int, bytes]]:
        """By the address's own family: a mapped one goes out as IPv4 (RFC 3493 §3.7)."""
        if not self._marking:
            return []
        value = struct.pack("=i", mark)
        if ":" in address[0]:
            return [(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, value)]
        return [(socket.IPPROTO_IP, socket.IP_TOS, value)]

    def _kernel_address(self, address: Address) -> Address:
        if self._is_v6 and ":" not in address[0]:
            return ("::ffff:" + address[0], address[1])
        return address


def close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.close()
