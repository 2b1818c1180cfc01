"""records/README.md "Keys": the cache is bounded; a patient's key opens as that patient's only."""

from uuid import UUID

import pytest

from records.crypto.envelope import DataKey, seal
from records.crypto.format import Context
from records.crypto.keyring import KeyCache, KeySet, Owner, unwrap_patient_keys, wrap_patient_key
from records.errors import CannotOpen, KeyDestroyed

TENANT = UUID(int=1)
CONTEXT = Context(TENANT, None, "t", "r", "c")


def owner(number: int) -> Owner:
    return Owner(TENANT, "patient_key", UUID(int=number))


def keys(version: int = 1) -> KeySet:
    return KeySet((DataKey(version, bytes(32)),))


class TestCache:
    """5 minutes, 1,000 entries, 2^20 uses."""

    def test_fresh_keys_are_found(self) -> None:
        cache, kept = KeyCache(), keys()
        cache.put(owner(1), kept, now=0.0)
        assert cache.get(owner(1), now=300.0) is kept

    def test_old_keys_are_not(self) -> None:
        cache = KeyCache()
        cache.put(owner(1), keys(), now=0.0)
        assert cache.get(owner(1), now=300.1) is None

    def test_worn_keys_are_not(self) -> None:
        cache, kept = KeyCache(uses=2), keys()
        cache.put(owner(1), kept, now=0.0)
        for _ in range(2):
            seal(kept.current, CONTEXT, b"")
        assert cache.get(owner(1), now=0.0) is None

    def test_the_least_recently_used_goes_first(self) -> None:
        cache = KeyCache(limit=2)
        for number in (1, 2):
            cache.put(owner(number), keys(), now=0.0)
        cache.get(owner(1), now=0.0)
        cache.put(owner(3), keys(), now=0.0)
        assert [cache.get(owner(number), 0.0) is not None for number in (1, 2, 3)] == [True, False, True]

    def test_forgotten_keys_are_gone(self) -> None:
        cache = KeyCache()
        cache.put(owner(1), keys(), now=0.0)
        cache.forget(owner(1))
        assert len(cache) == 0


class TestPatientKeys:
    """A patient's key is sealed with the tenant's, bound to patient and version."""

    TENANT_KEYS = KeySet((DataKey(1, b"a" * 32, 2), DataKey(2, b"b" * 32, 2)))

    def wrapped(self) -> bytes:
        return wrap_patient_key(self.TENANT_KEYS.version(1), owner(1), 1, b"p" * 32)

    def test_opens_for_its_patient(self) -> None:
        found = unwrap_patient_keys(self.TENANT_KEYS, owner(1), [(1, 1, self.wrapped())], suite=1)
        assert found.current.material == b"p" * 32

    def test_another_patients_row_is_refused(self) -> None:
        with pytest.raises(CannotOpen):
            unwrap_patient_keys(self.TENANT_KEYS, owner(2), [(1, 1, self.wrapped())], suite=1)

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(CannotOpen):
            unwrap_patient_keys(self.TENANT_KEYS, owner(1), [(2, 1, self.wrapped())], suite=1)

    def test_another_tenant_key_is_refused(self) -> None:
        with pytest.raises(CannotOpen):
            unwrap_patient_keys(self.TENANT_KEYS, owner(1), [(1, 2, self.wrapped())], suite=1)

    def test_no_row_means_destroyed(self) -> None:
        with pytest.raises(KeyDestroyed):
            unwrap_patient_keys(self.TENANT_KEYS, owner(1), [], suite=1)

    def test_the_newest_version_seals(self) -> None:
        assert self.TENANT_KEYS.current.version == 2
