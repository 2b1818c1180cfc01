"""Finds what a text says: mentions of concepts with their place, before anything is known of negation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from records.triage.lexicon.words import ALONE, MIN_TYPO_LETTERS, Kind, Lexicon, NearPhrase, Tag
from records.triage.normalise import COMMA, SENTENCE_END, Normal, normalise


@dataclass(frozen=True, slots=True)
class Hit:
    """A matched pattern: half-open span in the plain text."""

    first: int
    last: int
    name: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept at a place. `parts` are the spans of its own words; words between parts belong to the text."""

    concept: str
    field: str
    first: int
    last: int
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, searched: mentions, context triggers by name, blockers."""

    field: str
    normal: Normal
    mentions: tuple[Mention, ...]
    triggers: tuple[Hit, ...]
    blockers: tuple[Hit, ...]

    def quote(self, first: int, last: int) -> tuple[str, int, int]:
        """Return the verbatim words behind a plain span, with their original offsets."""
        start, end = self.normal.span(first, last)
        return self.normal.original[start:end], start, end


# How far apart the atoms of a near-phrase may stand, in plain characters: about six English words, seven Han.
MAX_GAP_LATIN = 36
MAX_GAP_HAN = 8
_CONTRAST = (" but ", " however ", " although ", " though ", " while ", " whereas ", "但", "不过", "可是", "然而")
_CONNECTORS = {"and", "or", "in", "on", "at", "with", "left", "right", "both", "upper", "lower", "then", "also", "to"}
_CONNECTORS |= {"和", "及", "或", "与", "跟", "到", "往", "、", "左", "右", "两", "上", "下", "还", "有"}


# Nobody says one thing more often than this; a hostile text of 20,000 characters must not cost seconds, because
# near-phrases compare their atoms in pairs.
MAX_HITS: Mapping[str, int] = {"concept": 24, ALONE: 24, "atom": 12, "trigger": 60, "blocker": 60}
# Words of set phrases that are no body part and no complaint ("blood pressure").
ATOM_BLOCKER = "atoms"


def _overlaps(one: Hit, other: Hit) -> bool:
    return one.first < other.last and other.first < one.last


def read(text: str, field: str, lexicon: Lexicon) -> Reading:
    """Return everything the lexicon finds in one text."""
    normal = _without_slips(normalise(text, lexicon.traditional), lexicon)
    sorts: dict[str, list[Hit]] = {"concept": [], "atom": [], "trigger": [], "blocker": []}
    counts: Counter[Tag] = Counter()
    for hit_last, (length, tags) in lexicon.automaton.iter(normal.plain):
        last = hit_last + 1
        first = last - length
        if _is_whole(normal.plain, first, last):
            for tag in tags:
                counts[tag] += 1
                if counts[tag] <= MAX_HITS[tag.sort] and (tag.sort != ALONE or _is_clause(normal.plain, first, last)):
                    sorts["concept" if tag.sort == ALONE else tag.sort].append(Hit(first, last, tag.name))
    blockers = tuple(hit for hit in sorts["blocker"] if hit.name != ATOM_BLOCKER)
    atoms = [
        hit for hit in sorts["atom"] if not any(_overlaps(hit, b) for b in sorts["blocker"] if b.name == ATOM_BLOCKER)
    ]
    mentions = [Mention(hit.name, field, hit.first, hit.last, ((hit.first, hit.last),)) for hit in sorts["concept"]]
    mentions = _longest(mentions)
    mentions += _near_mentions(normal, atoms, lexicon, field)
    kept = [mention for mention in mentions if not any(_touches(mention, blocker) for blocker in blockers)]
    kept = _without_vague(_without_swallowed(kept, lexicon), lexicon)
    kept.sort(key=lambda mention: (mention.first, mention.last))
    return Reading(field, normal, tuple(kept), tuple(sorts["trigger"]), blockers)


_SWALLOWS = (Kind.SYMPTOM, Kind.DISEASE, Kind.VAGUE)


def _without_swallowed(mentions: list[Mention], lexicon: Lexicon) -> list[Mention]:
    """Drop the fever in "hay fever": a longer phrase says what the shorter one does not."""
    whole = [
        m
        for m in mentions
        if len(m.parts) == 1
        and (lexicon.concepts[m.concept].kind in _SWALLOWS or m.concept.endswith("_history"))  # "history of stroke"
    ]
    return [
        m
        for m in mentions
        if lexicon.concepts[m.concept].kind not in _SWALLOWS
        or not any(
            o.first <= m.first and m.last <= o.last and o.last - o.first > m.last - m.first and o.concept != m.concept
            for o in whole
        )
    ]


def _without_vague(mentions: list[Mention], lexicon: Lexicon) -> list[Mention]:
    """Drop "pain" where "pain in the chest" or "headache" already says more."""
    clear = [m for m in mentions if lexicon.concepts[m.concept].kind not in (Kind.VAGUE, Kind.QUALITY, Kind.RELIEF)]
    return [
        mention
        for mention in mentions
        if lexicon.concepts[mention.concept].kind is not Kind.VAGUE
        or not any(a < mention.last and mention.first < b for one in clear for a, b in one.parts)
    ]


def _touches(mention: Mention, blocker: Hit) -> bool:
    """A blocker takes a mention it covers or half covers; a longer mention around it wins."""
    inside = mention.first <= blocker.first and blocker.last <= mention.last
    longer = mention.last - mention.first > blocker.last - blocker.first
    if inside and longer and len(mention.parts) == 1:
        return False
    return any(first < blocker.last and blocker.first < last for first, last in mention.parts)


def _is_word_character(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _is_whole(plain: str, first: int, last: int) -> bool:
    """A Latin pattern must not start or end inside a word; Han needs no segmentation."""
    if first > 0 and _is_word_character(plain[first]) and _is_word_character(plain[first - 1]):
        return False
    return not (last < len(plain) and _is_word_character(plain[last - 1]) and _is_word_character(plain[last]))


# "SI, ETOH" is a row of a triage desk; in a longer text a clause "HTN" is history.
MAX_ROW = 40


def _is_clause(plain: str, first: int, last: int) -> bool:
    """Whether these words are a clause by themselves in a complaint of a few words."""
    before, after = plain[:first].rstrip(" "), plain[last:].lstrip(" ")
    marks = COMMA + SENTENCE_END
    return len(plain) <= MAX_ROW and (not before or before[-1] in marks) and (not after or after[0] in marks)


def _longest(mentions: list[Mention]) -> list[Mention]:
    """Drop a mention strictly inside another of the same concept."""
    by_concept: dict[str, list[Mention]] = {}
    for mention in mentions:
        by_concept.setdefault(mention.concept, []).append(mention)
    kept = []
    for group in by_concept.values():
        for one in group:
            if not any(o.first <= one.first and one.last <= o.last and o != one for o in group):
                kept.append(one)
    return kept


def _near_mentions(normal: Normal, hits: Sequence[Hit], lexicon: Lexicon, field: str) -> list[Mention]:
    atoms: dict[str, list[Hit]] = {}
    for hit in hits:
        atoms.setdefault(hit.name, []).append(hit)
    sites = [hit for hit in hits if hit.name in lexicon.sites]
    words = [hit for hit in hits if hit.name not in lexicon.sites]
    found: dict[tuple[str, int, int], Mention] = {}
    for phrase in lexicon.near:
        if all(atom in atoms for atom in phrase.atoms):
            for parts in _arrangements(normal.plain, phrase, atoms, (sites, words)):
                first, last = min(p[0] for p in parts), max(p[1] for p in parts)
                found[phrase.concept, first, last] = Mention(phrase.concept, field, first, last, parts)
    return list(found.values())


def _arrangements(
    plain: str, phrase: NearPhrase, atoms: Mapping[str, Sequence[Hit]], around: tuple[Sequence[Hit], Sequence[Hit]]
) -> list[tuple[tuple[int, int], ...]]:
    chains: list[tuple[Hit, ...]] = [(hit,) for hit in atoms[phrase.atoms[0]]]
    for atom in phrase.atoms[1:]:
        chains = [
            (*chain, hit) for chain in chains for hit in atoms[atom] if _joins(plain, (*chain, hit), phrase, around)
        ]
    return [tuple(sorted((hit.first, hit.last) for hit in chain)) for chain in chains]


def _joins(plain: str, hits: tuple[Hit, ...], phrase: NearPhrase, around: tuple[Sequence[Hit], Sequence[Hit]]) -> bool:
    """Whether the last hit stands near the others, with no other body part (around[0]) claiming it."""
    *chain, hit = hits
    sites, words = around
    if any(one.first < hit.last and hit.first < one.last for one in chain):
        return False
    nearest = min(chain, key=lambda one: min(abs(one.last - hit.first), abs(hit.last - one.first)))
    left, right = (nearest, hit) if nearest.first < hit.first else (hit, nearest)
    between = plain[left.last : right.first]
    claimed = any(site.name in phrase.atoms for site in sites)  # a phrase without a body part has no rival
    rivals = [s for s in sites if left.last <= s.first and s.last <= right.first and s.name not in phrase.atoms]
    rivals = rivals if claimed else []
    if rivals or COMMA in between or "、" in between:
        fillers = rivals or [a for a in words if left.last <= a.first and a.last <= right.first]
        return len(between) < 80 and _is_only_a_list(plain, left.last, right.first, fillers)
    if SENTENCE_END in between or any(word in between + " " for word in _CONTRAST):
        return False
    limit = MAX_GAP_HAN if any(one > "\u3400" for one in between) else MAX_GAP_LATIN
    return len(between) <= limit


def _is_only_a_list(plain: str, first: int, last: int, rivals: Sequence[Hit]) -> bool:
    """Whether nothing but other body parts and connectors stands between ("pain in chest, jaw and arm")."""
    if SENTENCE_END in plain[first:last]:
        return False
    covered: set[int] = set()
    for rival in rivals:
        covered.update(range(rival.first, rival.last))
    rest = "".join(" " if i in covered or plain[i] == COMMA else plain[i] for i in range(first, last))
    for connector in (
        "、",
        "和",
        "及",
        "或",
        "与",
        "跟",
        "到",
        "往",
        "左",
        "右",
        "两",
        "上",
        "下",
        "还",
        "有",
        "侧",
        "边",
        "都",
        "也",
    ):
        rest = rest.replace(connector, " ")
    return all(word in _CONNECTORS for word in rest.split())


def _without_slips(normal: Normal, lexicon: Lexicon) -> Normal:
    """Return the text with unknown long words one letter away from one known stem read as that stem."""
    words = normal.plain.split(" ")
    changed = {}
    for word in set(words):
        bare = word.strip(COMMA + SENTENCE_END)
        if len(bare) >= MIN_TYPO_LETTERS and bare.isascii() and bare.isalpha() and not _is_known(bare, lexicon):
            close = _one_slip_away(bare, lexicon)
            if close:
                changed[bare] = close
    if not changed:
        return normal
    return _respelled(normal, changed)


def _is_known(word: str, lexicon: Lexicon) -> bool:
    return word in lexicon.vocabulary.get(word, ())


def _one_slip_away(word: str, lexicon: Lexicon) -> str | None:
    candidates: set[str] = set()
    for form in (word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))):
        candidates.update(w for w in lexicon.vocabulary.get(form, ()) if abs(len(w) - len(word)) <= 1 and len(w) >= 6)
    return candidates.pop() if len(candidates) == 1 else None


def _respelled(normal: Normal, changed: Mapping[str, str]) -> Normal:
    plain, starts, ends = [], [], []
    index = 0
    while index < len(normal.plain):
        word = next((w for w in changed if normal.plain.startswith(w, index)), None)
        whole = word is not None and _is_whole(normal.plain, index, index + len(word))
        if word is None or not whole:
            plain.append(normal.plain[index])
            starts.append(normal.starts[index])
            ends.append(normal.ends[index])
            index += 1
            continue
        plain.append(changed[word])
        starts += [normal.starts[index]] * len(changed[word])
        ends += [normal.ends[index]] * len(changed[word])
        index += len(word)
    return Normal(normal.original, "".join(plain), tuple(starts), tuple(ends))
