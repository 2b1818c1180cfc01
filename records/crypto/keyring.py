"""
The key hierarchy: key service → tenant key → patient key → sub-keys.

Wrapped keys are rows of the store; this module unwraps them and keeps them for a short while. It reads no clock, draws
no randomness and knows no database: fresh keys and `now` (monotonic seconds) come from `records.store`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from records.crypto import suites
from records.crypto.envelope import DataKey, open_sealed, seal, seal_all
from records.crypto.format import Context
from records.errors import CannotOpen, KeyDestroyed

CACHE_LIFE_S = 300.0  # a withdrawn key service permission takes effect within this time
CACHE_KEYS = 1_000  # patients of one busy hour; an entry is about 1 kB
CACHE_USES = 1 << 20  # AES-GCM with random nonces: collision 2^-57 at this many messages (security.md §5)


@dataclass(frozen=True, slots=True, repr=False)
class Wrapped:
    """A key wrapped by the key service."""

    kek_id: str
    blob: bytes


class KeyProvider(Protocol):
    """
    A key service: the file, Vault's transit engine, or an adapter of yours for PKCS#11 or a cloud.

    Raises KeyServiceUnavailable when out of reach, CannotOpen for a wrong blob or context. The context is
    authenticated, not secret; a key that wrapped once must unwrap until it is retired. TestContract of
    tests/server/test_vault.py is what an adapter must pass; server/key_service.py is where it is chosen.
    """

    async def current(self) -> str:
        """Return the id of the key that `wrap` uses now; asks the service, as another process may have rotated."""

    async def wrap(self, key: bytes, context: bytes) -> Wrapped: ...

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes: ...

    async def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped: ...

    async def healthy(self) -> bool: ...


class Owner(NamedTuple):
    """Whose keys: a tenant's of one kind (`tenant_key`, `index_key`, `signing_key`), or one patient's."""

    tenant: UUID
    kind: str
    patient: UUID | None = None

    def __hash__(self) -> int:
        """Tell owners apart by what differs most: a tuple of UUIDs takes four times as long."""
        return hash(self.kind) if self.patient is None else hash(self.patient.int)


@dataclass(frozen=True, slots=True)
class KeySet:
    """All live versions of an owner's key; never empty."""

    keys: tuple[DataKey, ...]  # by version, oldest first

    @property
    def current(self) -> DataKey:
        """The version that seals."""
        return self.keys[-1]

    def version(self, number: int) -> DataKey:
        """Return one version. Raises CannotOpen when it is gone."""
        for key in self.keys:
            if key.version == number:
                return key
        raise CannotOpen

    @property
    def uses(self) -> int:
        """How often the keys of this set were used."""
        return sum(key.uses for key in self.keys)


class KeyCache:
    """Unwrapped keys, least recently used out first; bounded in number, age and uses."""

    def __init__(self, limit: int = CACHE_KEYS, life_s: float = CACHE_LIFE_S, uses: int = CACHE_USES) -> None:
        self._limit, self._life_s, self._uses = limit, life_s, uses
        self._entries: OrderedDict[Owner, tuple[float, KeySet]] = OrderedDict()

    def get(self, owner: Owner, now: float) -> KeySet | None:
        """Return the keys if they are fresh and not worn."""
        entry = self._entries.get(owner)
        if entry is None:
            return None
        added_at, keys = entry
        if now - added_at > self._life_s or keys.uses >= self._uses:
            del self._entries[owner]
            return None
        self._entries.move_to_end(owner)
        return keys

    def put(self, owner: Owner, keys: KeySet, now: float) -> None:
        """Keep the keys, and let the least recently used go if there are too many."""
        self._entries[owner] = (now, keys)
        self._entries.move_to_end(owner)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def forget(self, owner: Owner | None = None) -> None:
        """Let one owner's keys go, or all."""
        if owner is None:
            self._entries.clear()
        else:
            self._entries.pop(owner, None)

    def __len__(self) -> int:
        return len(self._entries)


class Keyring:
    """The keys of this process: the key service in front, the cache behind it."""

    def __init__(self, provider: KeyProvider, cache: KeyCache | None = None) -> None:
        self.provider = provider
        self.cache = cache or KeyCache()
        self.suites: dict[UUID, int] = {}
        """Tenant -> suite; a tenant's suite is chosen once, when it is added."""


def root_context(owner: Owner, version: int) -> bytes:
    """Return what binds a wrapped tenant key to its place: length-prefixed, as every context."""
    return Context(owner.tenant, owner.patient, owner.kind, str(version), "wrapped").associated_data(0)


def hot_suite(suite: int) -> int:
    """Return the suite for keys that seal without bound: XAES for AES, as its random nonces never collide."""
    return suites.XAES_256_GCM if suite == suites.AES_256_GCM else suite


def wrap_patient_key(tenant_key: DataKey, owner: Owner, version: int, material: bytes) -> bytes:
    """Seal a patient's key with the tenant's, bound to patient and version."""
    return seal(tenant_key, _patient_key_context(owner, version), material)


def wrap_new_patient_keys(tenant_key: DataKey, new: Mapping[Owner, DataKey]) -> list[bytes]:
    """Seal the keys of many patients with the tenant's, each bound to patient and version."""
    return seal_all([(tenant_key, _patient_key_context(o, k.version), k.material) for o, k in new.items()])


def unwrap_patient_keys(tenant_keys: KeySet, owner: Owner, rows: Iterable[tuple[int, int, bytes]],
                        suite: int) -> KeySet:  # fmt: skip
    """Open all of a patient's keys from (version, tenant key version, wrapped). Raises KeyDestroyed for none."""
    keys = [DataKey(row[0], open_patient_key(tenant_keys, owner, row), suite) for row in sorted(rows)]
    if not keys:
        raise KeyDestroyed("the keys of this patient were destroyed")
    return KeySet(tuple(keys))


def open_patient_key(tenant_keys: KeySet, owner: Owner, row: tuple[int, int, bytes]) -> bytes:
    """Open one version of a patient's key from (version, tenant key version, wrapped)."""
    version, root, wrapped = row
    return open_sealed(tenant_keys.version(root), _patient_key_context(owner, version), wrapped)


def _patient_key_context(owner: Owner, version: int) -> Context:
    return Context(owner.tenant, owner.patient, "patient_key", str(version), "wrapped")
