"""The shipped wording head is what training on our cases gives (README "Model card")."""

from records.triage.wording import BUCKETS, VECTOR
from tests.triage.train import TARGET, material, trained

WEIGHTS = 4 * BUCKETS + 2 * VECTOR


def _signed(data: bytes) -> list[int]:
    weights = data.partition(b"\n")[2][:WEIGHTS]
    return [value - 256 if value > 127 else value for value in weights]


def test_training_anew_gives_the_shipped_head() -> None:
    # Other processors add in another order: the last bit of a weight may differ.
    shipped, anew = TARGET.read_bytes(), trained(material())
    assert max(abs(a - b) for a, b in zip(_signed(shipped), _signed(anew), strict=True)) <= 1
    assert shipped.partition(b"\n")[2][WEIGHTS:] == anew.partition(b"\n")[2][WEIGHTS:]
