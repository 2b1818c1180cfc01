"""
A trained reading of the whole wording, for stories that nobody foresaw: how much it sounds like an emergency.

Linear over hashed character and word n-grams, trained on our own cases alone (`python -m tests.triage.train`). Rules
decide; this reading only ever raises a level, and says so in a flag of its own. Where a sentence encoder is at hand, a
second set of weights reads its vector of the whole complaint together with the n-grams.
"""

import functools
import importlib.resources
import json
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from records.triage.story import Quote, Story

BUCKETS = 8192
# Length of a sentence vector, and how much it weighs beside the n-grams: least log loss, one set left out at a time,
# over 2, 3, 4 and 8.
VECTOR, VECTOR_SCALE = 512, 3.0
VOCABULARY_BITS = 65536
# Softmax inputs were scaled alike in training; a short text must not be surer than a long one.
SCALE = 4.0
# "Hi doctor" says nothing yet.
FEWEST_WORDS = 3
# Each sentence costs about 100 us; a story says what it is about within its first two thousand characters.
MAX_CHARACTERS, MAX_SENTENCES = 2000, 12
_HAN = re.compile(r"[\u3400-\u9fff0-9]+")
_LATIN = re.compile(r"[a-z0-9']+")
_SENTENCE = re.compile(r"[^\n]+")


@dataclass(frozen=True, slots=True)
class Weights:
    """
    Weights of "emergency" and "self-care" against "doctor", one signed byte a bucket and class.

    `vector` has one signed byte for each number of the sentence vector and class; it is empty without an encoder.
    """

    buckets: tuple[bytes, bytes]
    scales: tuple[float, float]
    biases: tuple[float, float]
    vector: tuple[bytes, bytes] = (b"", b"")
    vector_scales: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Head:
    """The trained weights: for n-grams alone, and for n-grams beside a sentence vector."""

    plain: Weights
    mixed: Weights
    vocabulary: bytes
    corpus_sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """
    Probabilities (0-1) by wording alone; `part` is the highest of any run of sentences from either end.

    `familiar` is the share of words (Han pairs) that training has seen: without it nothing here means anything.
    `alone` is (emergency, self-care) by n-grams alone, where a sentence vector was read too.
    """

    emergency: float
    self_care: float
    part: float
    familiar: float
    leading: Quote | None
    alone: tuple[float, float] | None = None
    word_count: int = FEWEST_WORDS


# Found by leaving one case set out at a time (README "Figures"). Where rules understood most clauses, the wording must
# be plainer to outvote them, and where they understood none it is the only reader; a run of sentences says less than
# the whole. Of words that training never saw, a third must be known before their letters count.
WELL_UNDERSTOOD = 0.85
_RAISES_WELL, _RAISES_PARTLY, _RAISES_ALONE = (0.75, 0.98), (0.6, 0.95), (0.4, 0.8)
_FAMILIAR, _FAMILIAR_AT_HOME = 0.35, 0.5
# Nothing recognised, or nothing above routine: so sure of home and so far from an emergency must the wording be.
_LEAST_AT_HOME, _MOST_EMERGENCY = 0.75, 0.08
_LEAST_AT_HOME_ALONE, _MOST_EMERGENCY_ALONE = 0.6, 0.15
# Nobody stays at home whose words sound this grave, however well a rule explains them.
_TOO_GRAVE = 0.25
# A request for paper is known by its words, so the reading need only not shout.
_MOST_REQUEST = 0.3


def raises(heard: Reading, coverage: float) -> bool:
    """Return whether the wording makes an emergency of a story in which rules found less."""
    if heard.familiar < _FAMILIAR or heard.word_count < FEWEST_WORDS:
        return False
    whole, part = _RAISES_ALONE if coverage == 0 else _RAISES_PARTLY
    if coverage >= WELL_UNDERSTOOD:
        whole, part = _RAISES_WELL
    return heard.emergency > whole or heard.part > part


def forbids_self_care(heard: Reading) -> bool:
    """Return whether the wording sounds too grave to stay at home with: staying there takes two readers' word."""
    doctor = 1 - heard.emergency - heard.self_care
    grave = max(heard.emergency, doctor) > heard.self_care or heard.emergency > _TOO_GRAVE
    return heard.familiar >= _FAMILIAR_AT_HOME and grave


def is_alarming(heard: Reading) -> bool:
    """Return whether the wording leans towards an emergency more than a plain request does."""
    return max(heard.emergency, heard.part) > _MOST_REQUEST


def allows_self_care(heard: Reading) -> bool:
    """Return whether the wording is a trifle or a request to both of its readers, n-grams and sentence vector."""
    likely = heard.self_care > _LEAST_AT_HOME and max(heard.emergency, heard.part) < _MOST_EMERGENCY
    if heard.alone is None or heard.familiar < _FAMILIAR_AT_HOME or not likely:
        return False
    emergency, self_care = heard.alone
    return emergency < _MOST_EMERGENCY_ALONE and self_care > _LEAST_AT_HOME_ALONE


def features(plain: str) -> set[str]:
    """Return the n-grams of one searchable sentence: one to three Han characters; words, pairs, four-letter pieces."""
    found: set[str] = set()
    for run in _HAN.findall(plain):
        for size in (1, 2, 3):
            found.update(run[i : i + size] for i in range(len(run) - size + 1))
    words = _LATIN.findall(plain)
    found.update(words)
    found.update(f"{one} {other}" for one, other in zip(words, words[1:], strict=False))
    for word in words:
        edged = f"<{word}>"
        found.update(edged[i : i + 4] for i in range(len(edged) - 3))
    return found


def words(plain: str) -> set[str]:
    """Return what counts as a word of a sentence: Latin words and pairs of Han characters."""
    pairs = {run[i : i + 2] for run in _HAN.findall(plain) for i in range(len(run) - 1) if not run[i].isdigit()}
    return pairs | {word for word in _LATIN.findall(plain) if not word.isdigit()}


def vocabulary_bit(word: str) -> tuple[int, int]:
    """Return the byte and the mask of a word in the vocabulary's bit set."""
    place = zlib.crc32(word.encode()) % VOCABULARY_BITS
    return place // 8, 1 << place % 8


def age_feature(age: float | None) -> frozenset[str]:
    """Return the age band as a feature: the same words mean more at the ends of life."""
    if age is None:
        return frozenset()
    for below, name in ((3, "#baby"), (14, "#child"), (65, "#adult")):
        if age < below:
            return frozenset({name})
    return frozenset({"#old"})


def bucket(feature: str) -> int:
    """Return the weight's place for a feature."""
    return zlib.crc32(feature.encode()) % BUCKETS


@functools.lru_cache(maxsize=1)
def head() -> Head:
    """Return the trained weights; read once."""
    return read_head((importlib.resources.files("records.triage") / "tables" / "wording.bin").read_bytes())


def read_head(data: bytes) -> Head:
    """Return the weights of a file that `pack_head` wrote."""
    line, _, rest = data.partition(b"\n")
    said = json.loads(line)
    heads = []
    for one in said["heads"]:
        sizes = [BUCKETS, BUCKETS] + ([VECTOR, VECTOR] if "vector_scales" in one else [])
        parts = []
        for size in sizes:
            parts.append(rest[:size])
            rest = rest[size:]
        vector = (parts[2], parts[3]) if len(parts) > 2 else (b"", b"")
        scales = tuple(one.get("vector_scales", (0.0, 0.0)))
        heads.append(Weights((parts[0], parts[1]), tuple(one["scales"]), tuple(one["biases"]), vector, scales))
    return Head(heads[0], heads[1], rest, said["corpus"])


# Measured values have their own bands (vitals.py); to a reader of words they are noise of whoever was measured.
_VITAL = (
    r"(?: (?:bp|nibp|sbp|dbp|hr|rr|p|r|t|pr|bt|vs|temp|temperatur|pulse|sp o2|spo2|spo 2|sao2|o2|o 2|sat|resp|gcs|f)"
    r"|血压|心率|脉搏|呼吸|体温|血氧饱和度|血氧|指氧|氧饱和度)"
)
_VALUES = re.compile(
    _VITAL + r"(?: (?:is|was|at|on|in|ra|rate|sat))*[=为,]?(?: ?\d+(?:\.\d+)?)+"
    r"(?: ?(?:mmhg|mm hg|bpm|min|c|f|kpa|ra|on ra|on room air|次分|次|度)\b)*"
)


def audible(story: Story) -> str:
    """Return the searchable complaint with denied findings and values left blank: counting words knows no negation."""
    plain = story.readings[0].normal.plain
    plain = _VALUES.sub(lambda match: " " * len(match.group()), plain)
    for first, last in story.unsaid:
        plain = plain[:first] + " " * (last - first) + plain[last:]
    return plain


def heard_text(story: Story) -> str:
    """Return the complaint as written, with denied findings left blank, for a sentence encoder."""
    normal = story.readings[0].normal
    text = list(normal.original)
    for first, last in story.unsaid:
        start, end = normal.span(first, last)
        text[start:end] = " " * (end - start)
    return "".join(text)[:MAX_CHARACTERS]


def wording(story: Story, trained: Head | None = None, vector: Sequence[float] | None = None) -> Reading:
    """
    Return how the complaint reads as a whole and in part, with the sentence that speaks most for an emergency.

    Args:
        vector: the sentence vector of `heard_text(story)`, of unit length; without it n-grams are read alone.
    """
    known = trained or head()
    normal, plain = story.readings[0].normal, audible(story)
    spans = [m.span() for m in _SENTENCE.finditer(plain[:MAX_CHARACTERS]) if m.group().strip()][:MAX_SENTENCES]
    if not spans:
        return Reading(0.0, 0.0, 0.0, 0.0, None)
    sentences = [features(plain[a:b]) for a, b in spans]
    band = age_feature(story.age)
    whole, parts = set(band).union(*sentences), _runs(sentences, band)
    emergency, _, self_care = _probabilities(whole, known.plain if vector is None else known.mixed, vector)
    alone = None
    if vector is not None:
        by_words = _probabilities(whole, known.plain)
        alone = (by_words[0], by_words[2])
    part = max((_probabilities(one, known.plain)[0] for one in parts), default=emergency)
    most = max(range(len(spans)), key=lambda i: _lean(sentences[i], known.plain))
    first, last = spans[most]
    start, end = normal.span(first, last)
    quote = Quote("wording", "complaint", normal.original[start:end], start, end)
    said = set().union(*(words(plain[a:b]) for a, b in spans))
    return Reading(emergency, self_care, part, _familiar(said, known), quote, alone, len(said))


def _familiar(said: set[str], known: Head) -> float:
    bits = [vocabulary_bit(word) for word in said]
    return sum(bool(known.vocabulary[byte] & mask) for byte, mask in bits) / (len(bits) or 1)


def _runs(sentences: Sequence[set[str]], band: frozenset[str]) -> list[set[str]]:
    """Runs of sentences from the start and to the end: what is added before or after hides nothing."""
    count = len(sentences)
    return [set(band).union(*sentences[:i]) for i in range(1, count)] + [
        set(band).union(*sentences[i:]) for i in range(1, count)
    ]


def _signed(weights: bytes, place: int) -> int:
    value = weights[place]
    return value - 256 if value > 127 else value


def _lean(found: set[str], known: Weights) -> float:
    places = [bucket(one) for one in found]
    return sum(_signed(known.buckets[0], place) for place in places) / math.sqrt(len(places) or 1)


def _probabilities(
    found: set[str], known: Weights, vector: Sequence[float] | None = None
) -> tuple[float, float, float]:
    """Return P(emergency), P(doctor), P(self-care)."""
    places = [bucket(one) for one in found]
    norm = SCALE / math.sqrt(len(places) or 1)
    odds = []
    for index in (0, 1):
        score = known.biases[index]
        score += norm * known.scales[index] * sum(_signed(known.buckets[index], place) for place in places)
        if vector is not None:
            weights = known.vector[index]
            leaning = sum(_signed(weights, place) * number for place, number in enumerate(vector))
            score += VECTOR_SCALE * known.vector_scales[index] * leaning
        odds.append(math.exp(score))
    total = 1.0 + sum(odds)
    return odds[0] / total, 1.0 / total, odds[1] / total


def pack_weights(columns: Sequence[Sequence[float]], biases: tuple[float, float]) -> tuple[dict[str, object], bytes]:
    """
    Return what the file's first line says of one set of weights, and its signed bytes.

    `columns` are emergency and self-care: BUCKETS numbers each, or VECTOR more for the sentence vector.
    """
    said: dict[str, object] = {}
    packed = b""
    for name, first, last in (("scales", 0, BUCKETS), ("vector_scales", BUCKETS, BUCKETS + VECTOR)):
        part = [column[first:last] for column in columns]
        if part[0]:
            largest = [max(abs(value) for value in column) or 1.0 for column in part]
            said[name] = [round(most / 127, 8) for most in largest]
            for column, most in zip(part, largest, strict=True):
                packed += bytes(round(value / most * 127) & 0xFF for value in column)
    return {**said, "biases": [round(one, 6) for one in biases]}, packed


def pack_head(heads: Sequence[tuple[dict[str, object], bytes]], vocabulary: set[str], corpus_sha256: str) -> bytes:
    """Return the file: a line of JSON, the bytes of the plain and of the mixed weights, the vocabulary's bits."""
    bits = bytearray(VOCABULARY_BITS // 8)
    for word in vocabulary:
        byte, mask = vocabulary_bit(word)
        bits[byte] |= mask
    line = json.dumps({"heads": [said for said, _ in heads], "corpus": corpus_sha256})
    return line.encode() + b"\n" + b"".join(packed for _, packed in heads) + bytes(bits)
