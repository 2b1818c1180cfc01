"""The private parts of aiortc 1.16 that signaling/net/dtls.py stands on. A new version is tried here first."""

import asyncio
import gc
import weakref

import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport

from signaling.net import dtls
from signaling.net.dtls import DtlsAssociation, DtlsPipe, HandshakeFailed


def pair(*, profiles: int = 3) -> tuple[DtlsAssociation, DtlsAssociation, tuple[str, str], tuple[str, str]]:
    pipes: list[DtlsPipe] = []
    pipes.append(DtlsPipe(lambda data: pipes[1].receive(data)))
    pipes.append(DtlsPipe(lambda data: pipes[0].receive(data)))
    first, second = dtls.make_certificate(), dtls.make_certificate()
    a, b = DtlsAssociation(first, pipes[0]), DtlsAssociation(second, pipes[1])
    a._transport._srtp_profiles = list(dtls.PROFILES[3 - profiles :])
    return a, b, ("sha-256", dtls.fingerprint(first)), ("sha-256", dtls.fingerprint(second))


class TestContract:
    def test_private_names_exist(self) -> None:
        transport = RTCDtlsTransport(DtlsPipe(lambda data: None), [dtls.make_certificate()])  # type: ignore[arg-type]  # duck-typed
        for name in ("_set_role", "_srtp_profiles", "_rx_srtp", "_tx_srtp", "_ssl"):
            assert hasattr(transport, name)

    @pytest.mark.parametrize(("profiles", "tag_bytes"), [(3, 16), (2, 16), (1, 10)])
    async def test_handshake_gives_keys_with_the_profiles_tag(self, profiles: int, tag_bytes: int) -> None:
        a, b, first, second = pair(profiles=profiles)
        keys = await asyncio.gather(
            a.handshake(is_client=True, fingerprints=[second]), b.handshake(is_client=False, fingerprints=[first])
        )
        assert [k.tag_bytes for k in keys] == [tag_bytes] * 2
        await a.close()
        await asyncio.wait_for(b.ended(), 5)
        await b.close()

    async def test_the_end_gives_openssls_memory_back_without_the_collector(self) -> None:
        a, b, first, second = pair()
        await asyncio.gather(
            a.handshake(is_client=True, fingerprints=[second]), b.handshake(is_client=False, fingerprints=[first])
        )
        gc.disable()
        try:
            connection = weakref.ref(a._transport._ssl)
            await a.close()
            await b.close()
            await asyncio.sleep(0)  # the cancelled reader ends
            assert connection() is None
        finally:
            gc.enable()

    async def test_wrong_fingerprint_fails_closed(self) -> None:
        a, b, first, _ = pair()
        results = await asyncio.gather(
            a.handshake(is_client=True, fingerprints=[first]),
            b.handshake(is_client=False, fingerprints=[first]),
            return_exceptions=True,
        )
        assert isinstance(results[0], HandshakeFailed)
        await a.close()
        await b.close()
