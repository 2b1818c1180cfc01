"""Text made searchable: folded width, script, spelling and word endings, with the way back to every original offset."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

SENTENCE_END = "\n"
COMMA = ","

_TOKEN = re.compile(r"\d+(?:\.\d+)?|[a-z]+(?:'[a-z]+)*|[\u3400-\u9fff]|[.,;!?。，；！？、：:\n()（）]|\S")
_SENTENCE_MARKS = frozenset(".;!?。；！？\n")
_COMMA_MARKS = frozenset(",，、:：()（）")
# A full stop after these does not end a sentence.
_ABBREVIATIONS = frozenset(
    [
        "lt",
        "rt",
        "ant",
        "post",
        "dr",
        "mr",
        "mrs",
        "ms",
        "vs",
        "abd",
        "pt",
        "hx",
        "approx",
        "eg",
        "ie",
        "e",
        "g",
        "i",
        "st",
        "temp",
        "resp",
        "no",
        "a",
        "p",
        "m",
    ]
)
# Words that carry no finding; dropped from text and phrases alike, so that "pain in my chest" is "pain in chest".
_DROPPED = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "his",
        "her",
        "hers",
        "their",
        "your",
        "our",
        "its",
        "very",
        "really",
        "quite",
        "so",
        "pretty",
        "extremely",
        "of",
        "some",
        "any",
    ]
)
_DROPPED_HAN = frozenset("的很")
_DROPPED_HAN_WORDS = ("有点儿", "有一点", "有点", "有些", "一点点", "非常", "特别", "一直", "总是", "老是", "老觉得")
_KEPT = frozenset(
    [
        "is",
        "was",
        "has",
        "does",
        "this",
        "his",
        "us",
        "yes",
        "plus",
        "less",
        "as",
        "always",
        "perhaps",
        "gas",
        "lens",
        "pus",
        "during",
        "nothing",
        "something",
        "morning",
        "evening",
        "anything",
        "everything",
        "being",
        "doing",
        "going",
        "having",
        "red",
        "need",
        "bed",
        "shed",
        "diabetes",
        "rabies",
    ]
)
_IRREGULAR: Mapping[str, str] = {
    "swollen": "swell",
    "swelled": "swell",
    "bled": "bleed",
    "broke": "break",
    "broken": "break",
    "fell": "fall",
    "fallen": "fall",
    "threw": "throw",
    "thrown": "throw",
    "ate": "eat",
    "eaten": "eat",
    "drank": "drink",
    "bitten": "bite",
    "biting": "bite",
    "stung": "sting",
    "woke": "wake",
    "waking": "wake",
    "woken": "wake",
    "ach": "ache",
    "puk": "puke",
    "lost": "lose",
    "losing": "lose",
    "felt": "feel",
    "hurting": "hurt",
    "hit": "hit",
    "burnt": "burn",
    "took": "take",
    "taken": "take",
    "taking": "take",
    "came": "come",
    "coming": "come",
    "began": "begin",
    "begun": "begin",
    "shook": "shake",
    "went": "go",
    "gone": "go",
    "going": "go",
    "goes": "go",
    "cannot": "cant",
    "couldnt": "couldnt",
    "spat": "spit",
    "spitting": "spit",
    "swallowed": "swallow",
    "worse": "worse",
    "teeth": "tooth",
    "feet": "foot",
    "children": "child",
    "kids": "child",
    "kid": "child",
    "getting": "get",
    "got": "get",
    "gotten": "get",
    "kept": "keep",
    "stuck": "stuck",
    "seen": "see",
    "saw": "see",
    "died": "die",
    "dying": "dying",
    "choked": "chok",
    "struck": "strike",
    "cut": "cut",
    "cutting": "cut",
    "having": "have",
    "had": "had",
    "throws": "throw",
    "vomitting": "vomit",
    "vomitted": "vomit",
    "vommiting": "vomit",
    "puked": "puke",
    "coughin": "cough",
    "cuz": "because",
    "coz": "because",
    "diarrhoeal": "diarrhea",
    "diarreah": "diarrhea",
    "diarhea": "diarrhea",
    "diahrea": "diarrhea",
    "diarrea": "diarrhea",
    "diarreha": "diarrhea",
    "diarhoea": "diarrhea",
    "dizzyness": "dizziness",
    "breth": "breath",
    "breathe": "breath",
    "breaths": "breath",
    "breathed": "breath",
    "stomache": "stomach",
    "tummy": "tummy",
    "tounge": "tongue",
    "throught": "throat",
    "thraot": "throat",
    "headach": "headach",
    "migrain": "migraine",
    "migraine": "migraine",
    "absess": "abscess",
    "bleading": "bleed",
    "unconcious": "unconscious",
    "unconsious": "unconscious",
    "concious": "conscious",
    "siezure": "seizur",
    "seizer": "seizur",
    "alergic": "allergic",
    "alergy": "allergy",
    "rach": "rash",
    "puss": "pus",
    "feever": "fever",
    "fevers": "fever",
    "feverish": "feverish",
    "urin": "urin",
    "preg": "pregnant",
    "pregnent": "pregnant",
    "siblings": "sibling",
    "numbness": "numb",
    "tightness": "tight",
    "dizziness": "dizzy",
    "weakness": "weak",
    "soreness": "sore",
    "redness": "red",
    "stiffness": "stiff",
    "tenderness": "tender",
    "itchy": "itch",
    "itchiness": "itch",
    "sweaty": "sweat",
    "feces": "stool",
    "poo": "poop",
    "pooped": "poop",
    "pooping": "poop",
    "couple": "couple",
    "shoulders": "shoulder",
    "lethargy": "lethargic",
    "drowsiness": "drowsy",
    "sleepiness": "sleepy",
    "hoarseness": "hoarse",
    "nauseous": "nausea",
    "nauseated": "nausea",
    "queasy": "nausea",
    "clumsiness": "clumsy",
    "confusion": "confused",
    "confuse": "confused",
    "confused": "confused",
    "dizzy": "dizzy",
    "achy": "ache",
    "achey": "ache",
    "acheing": "ache",
    "aching": "ache",
    "ached": "ache",
    "painful": "painful",
    "pains": "pain",
    "paining": "pain",
    "bloodied": "bloody",
    "sob": "sob",
    "wheezy": "wheez",
    "itching": "itch",
    "mins": "minute",
    "min": "minute",
    "hrs": "hour",
    "hr": "hr",
    "wks": "week",
    "yrs": "year",
    "mos": "month",
    "wk": "week",
    "lightheadedness": "lightheaded",
    "pee": "pee",
    "peeing": "pee",
    "peed": "pee",
    "mum": "mom",
    "mummy": "mom",
    "sneezy": "sneez",
    "severe": "severe",
    "severed": "severed",
    "teething": "teething",
    "spotting": "spotting",
    "gaping": "gaping",
    "raped": "raped",
    "winded": "winded",
    "attacked": "attacked",
}
_SPELLINGS = (
    ("haem", "hem"), ("aemi", "emi"), ("oedema", "edema"), ("rrhoe", "rrhe"), ("pnoe", "pne"), ("oesoph", "esoph"),
    ("foet", "fet"), ("faec", "fec"), ("paed", "ped"), ("gynaec", "gynec"), ("colour", "color"), ("tumour", "tumor"),
    ("labour", "labor"), ("centre", "center"), ("odour", "odor"), ("caesar", "cesar"), ("anaesth", "anesth"),
    ("hoea", "hea"), ("grey", "gray"), ("ageing", "aging"), ("fibre", "fiber"), ("mould", "mold"),
)  # fmt: skip
_NOT = re.compile(r"^(do|does|did|is|are|was|were|has|have|had|would|should|need|am|ai)n't$")
_CANNOT = re.compile(r"^(can|could|wo|ca)n?'t$")
_BARE_NOT = {w + "nt": w for w in ("do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "would")}
_VOWEL = re.compile(r"[aeiouy]")


@dataclass(frozen=True, slots=True)
class Normal:
    """Searchable text. `starts[i]` and `ends[i]` are the original half-open span behind `plain[i]`."""

    original: str
    plain: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the original half-open span of plain[first:last], spaces at its ends left out."""
        while first < last - 1 and self.plain[first] == " ":
            first += 1
        return self.starts[first], self.ends[last - 1]


def stem(word: str) -> str:
    """Return the word without its usual English ending: "vomiting", "vomited" and "vomits" are all "vomit"."""
    for british, american in _SPELLINGS:
        if british in word:
            word = word.replace(british, american)
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _KEPT or len(word) < 4:
        return word
    stripped = _without_final_e(_without_verb_ending(_without_plural(word)))
    return _IRREGULAR.get(stripped, stripped)


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _without_verb_ending(word: str) -> str:
    for ending, least in (("ing", 6), ("ed", 5)):
        rest = word[: -len(ending)]
        if not word.endswith(ending) or len(word) < least or word.endswith("eed") or not _VOWEL.search(rest):
            continue
        doubled = len(rest) > 2 and rest[-1] == rest[-2] and rest[-1] not in "lszeaou"
        return rest[:-1] if doubled else rest
    return word


def _without_final_e(word: str) -> str:
    return word[:-1] if len(word) >= 5 and word.endswith("e") and not word.endswith("ee") else word


def _expanded(word: str) -> list[str]:
    """Open contractions: "don't" is do + not, "can't" one word (inability, not negation), "I'm" is I."""
    match = _NOT.match(word)
    if match:
        return [match.group(1), "not"]
    if _CANNOT.match(word):
        return ["cant" if word.startswith("c") else "wont"]
    if word in _BARE_NOT:
        return [_BARE_NOT[word], "not"]
    return [word.split("'")[0]] if "'" in word else [word]


def fold(text: str, traditional: Mapping[str, str]) -> tuple[str, list[int]]:
    """Return the text in one width, case and script, and the original index behind each of its characters."""
    characters: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        code = ord(character)
        if code < 128:
            folded = character.lower()
        elif character in "’‘`´":
            folded = "'"
        else:
            folded = unicodedata.normalize("NFKC", character).lower()
            folded = "".join(traditional.get(one, one) for one in folded)
        for one in folded:
            characters.append(one)
            origins.append(index)
    return "".join(characters), origins


class _Builder:
    """Collects plain text and the original span behind each character."""

    def __init__(self, origins: list[int]) -> None:
        self._origins = origins
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.last_word = ""

    def add(self, text: str, first: int, last: int) -> None:
        start, end = self._origins[first], self._origins[last - 1] + 1
        self.parts.append(text)
        self.starts.extend([start] * len(text))
        self.ends.extend([end] * len(text))


def normalise(text: str, traditional: Mapping[str, str]) -> Normal:
    """
    Return the searchable form: English stems each after one space, Han characters unspaced, commas and sentence ends.

    The same function makes phrases of the lexicon searchable, so both sides always agree.
    """
    folded, origins = fold(text, traditional)
    builder = _Builder(origins)
    skip_until = 0
    for match in _TOKEN.finditer(folded):
        first, last, token = match.start(), match.end(), match.group()
        if first < skip_until:
            continue
        dropped = _dropped_han_word(folded, first)
        if dropped:
            skip_until = first + dropped
        elif token[0].isascii() and token[0].isalpha():
            _add_word(builder, token, first, last)
        elif token[0].isdigit():
            builder.add(" " + token, first, last)
        elif token in _SENTENCE_MARKS:
            if token != "." or builder.last_word not in _ABBREVIATIONS:
                builder.add(SENTENCE_END, first, last)
        elif token in _COMMA_MARKS:
            builder.add(COMMA, first, last)
        elif "\u3400" <= token <= "\u9fff" and not _is_dropped_han(folded, first):
            builder.add(token, first, last)
        builder.last_word = token
    builder.parts.append(" ")
    builder.starts.append(len(text))
    builder.ends.append(len(text))
    return Normal(text, "".join(builder.parts), tuple(builder.starts), tuple(builder.ends))


def _dropped_han_word(folded: str, first: int) -> int:
    if folded[first] not in "有一非特总老":
        return 0
    return next((len(word) for word in _DROPPED_HAN_WORDS if folded.startswith(word, first)), 0)


def _is_dropped_han(folded: str, index: int) -> bool:
    character = folded[index]
    if character == "了":
        return index == 0 or folded[index - 1] not in "不受为除到"
    return character in _DROPPED_HAN


def _add_word(builder: _Builder, token: str, first: int, last: int) -> None:
    for word in _expanded(token):
        if word not in _DROPPED:
            builder.add(" " + stem(word), first, last)


def searchable(phrase: str, traditional: Mapping[str, str]) -> str:
    """Return a lexicon phrase in the form in which `Normal.plain` contains it."""
    return normalise(phrase, traditional).plain.strip().strip(SENTENCE_END + COMMA)
