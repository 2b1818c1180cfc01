"""Who, when and whether: decides for each mention if the patient has it now (ConText, for two languages)."""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from records.triage.concepts import Hit, Mention, Reading
from records.triage.lexicon.words import Concept, Kind
from records.triage.normalise import COMMA, SENTENCE_END


class Status(enum.Enum):
    """Standing of a mention, the strongest reason against it first."""

    OTHER = "other"  # somebody else has it
    HYPOTHETICAL = "hypothetical"  # feared or asked about
    ABSENT = "absent"  # denied
    PAST = "past"  # over
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Judged:
    """A mention with its standing."""

    mention: Mention
    status: Status


@dataclass(frozen=True, slots=True)
class _Scope:
    first: int
    last: int
    name: str
    trigger: Hit


# Where a list under "no" or "history of" ends.
_STOP = re.compile(
    r"\n| (?:but|however|although|though|except|because|sinc|who|which|present|complain|report|now|then|still|instead"
    r"|yet|today|only|just|until|develop|arriv|brought|wak|notic|began|begin|has|p w|c o|admit|despit|with)\b| (?:and|or) (?:i|he|she|they|it|there|has|have|is|am|are|feel|now|this|had)\b"  # noqa: E501 - one expression
    r"|, (?:i|he|she|they|it|there|we|has|have|is|feel|now|start|and (?:i|he|she|is|has|have|had|it))\b"
    r"|但|不过|可是|然而|却|只是|就是|而且|仅|只有|现在|目前|今天|今日|因为|因|后来|之后|并且|伴有|伴(?!有)|同时|近"
)
_VERB = re.compile(
    r" (?:is|are|was|were|has|have|had|feel|hurt|get|start|begin|keep|notic|look|seem|vomit|can|cant|could|would|want|"
    r"need|think|see|went|go|use|take|eat|drink|show|work|live|ask|try|i|he|she|they|it|we|you)\b"
)
# Numbers and degrees describe what is there: "denies blood, abdominal pain mild".
_OF_ITS_OWN = re.compile(r" (?:\d|mild|moderate|severe|pos|positiv|tolerat|afebrile|vss|s p|h o|pmh)")
_CONJUNCTIONS = re.compile(r"[和及或与也、 ]|or|and|nor")
# How far 不 reaches: 不怎么疼, 不太咳.
MAX_NEXT_HAN = 3
_REOPENED = re.compile(r"again|又|再次|复发|recur")
_FIRST_PERSON = re.compile(
    r" i (?!(?:think|believ|am worri|notic|see|found|call|took|gave|tri|brought|want|wonder|bring))\w+| me\b|我(?!妈|爸|老|儿|女|家|孩|宝|爷|奶|弟|妹|哥|姐|朋|外|们|丈|妻|先|太|媳|姥|婆|公|岳|同|室|想|怀疑|担心|觉得|发现|带|给|该|要|是)"  # noqa: E501
)
_HAS_HAD = re.compile(
    r"had|has|have|die|suffer|diagnos|pass away|get|come down|also|recent|with|was|were|sick|drop dead|collaps|患|死于|去世|走,|走\n|猝死|当年|心绞痛|得过|过,|得|有|感冒|生病|确诊|也"  # noqa: E501
)


def judge(reading: Reading, concepts: Mapping[str, Concept], *, proxy: bool | None = None) -> tuple[Judged, ...]:
    """
    Return each mention with its standing.

    Args:
        proxy: whether somebody speaks for the patient (then "my father" is the patient); None is worked out
            from the text.
    """
    scopes = _scopes(reading)
    if proxy is None:
        proxy = not _opens_with_history(reading) and (
            _opens_with_relative(reading) or _FIRST_PERSON.search(reading.normal.plain) is None
        )
    scopes += _relative_scopes(reading, proxy)
    return tuple(Judged(m, _status(m, scopes, concepts[m.concept].kind, reading)) for m in reading.mentions)


# "Mum has been muddled" is about Mum; "my uncle had a heart attack last year" is background.
_BACKGROUND = re.compile(r" (?:had|die|pass away|suffer|was diagnos|also)\b|得过|死于|去世|患有|病史|也|有.{1,6}史")
# What a relative had long ago, even where nobody says "I".
_LONG_AGO = re.compile(
    r" (?:drop dead|pass away|died? of|has angina|in (?:19|20)\d\d|at \d\d i|at \d\d, i)\b"
    r"|[梗癌风塞]过|中过|当年|那年|过世|去世|猝死|有心绞痛我|有心绞痛, ?我"
)
# Whoever says this speaks of themselves, whatever relative the text opens with.
_ONESELF = re.compile(
    r" (?:own thing|own problem|only ailment|i look after|i feel well|i am well|i fine)\b|我自己|我本人|我没事|我身体"
)
OPENING_REACH = 10


def _opens_with_history(reading: Reading) -> bool:
    """Whether the text opens with what a relative had long ago, or the writer says that it is about themselves."""
    plain = reading.normal.plain
    first = next((hit for hit in reading.triggers if hit.name == "relative" and hit.first <= OPENING_REACH), None)
    if first is None:
        return False
    return bool(_ONESELF.search(plain) or _LONG_AGO.search(plain[first.last : first.last + 24]))


def _opens_with_relative(reading: Reading) -> bool:
    plain = reading.normal.plain
    first = next((hit for hit in reading.triggers if hit.name == "relative" and hit.first <= OPENING_REACH), None)
    return first is not None and _BACKGROUND.search(plain[first.last : first.last + 24]) is None


def _scopes(reading: Reading) -> list[_Scope]:
    plain, scopes = reading.normal.plain, []
    for hit in reading.triggers:
        if hit.name == "relative" or _is_disabled(hit, reading) or _has_begun(hit, plain):
            continue
        if hit.name.endswith("_list"):
            scopes.append(_Scope(hit.last, _list_end(plain, hit, reading), hit.name, hit))
        elif hit.name == "absent_near":
            scopes.append(_Scope(hit.last, _near_end(plain, hit), hit.name, hit))
        elif hit.name == "absent_next":
            # "气上不来，胸疼" denies nothing behind the comma.
            mark = re.search(rf"[{COMMA}{SENTENCE_END}]", plain[hit.last : hit.last + MAX_NEXT_HAN])
            reach = mark.start() if mark else MAX_NEXT_HAN
            scopes.append(_Scope(hit.last, hit.last + reach, hit.name, hit))
        elif hit.name.endswith("_sentence"):
            start = plain.rfind(SENTENCE_END, 0, hit.first) + 1
            scopes.append(_Scope(start, _told_end(plain, hit.last), hit.name, hit))
        else:
            scopes.append(_Scope(_segment_start(plain, hit.first), hit.first, hit.name, hit))
    return scopes


def _has_begun(hit: Hit, plain: str) -> bool:
    """ "去年开始" and "since last year" date the start of something that goes on; they do not end it."""
    if not hit.name.startswith("past"):
        return False
    before, after = plain[max(0, hit.first - 16) : hit.first], plain[hit.last : hit.last + 5]
    return re.search(r"sinc|start|begin|自|从", before) is not None or re.search(r"开始|起|以来|就", after) is not None


def _is_disabled(hit: Hit, reading: Reading) -> bool:
    """A trigger inside a finding's own words ("won't wake", 喘不上气) or a pseudo-negation is not a trigger."""
    for blocker in reading.blockers:
        if blocker.first <= hit.first and hit.last <= blocker.last and blocker.name == "pseudo":
            return True
    for mention in reading.mentions:
        for first, last in mention.parts:
            if first <= hit.first and hit.last <= last and (first, last) != (hit.first, hit.last):
                return True
    return any(
        other.first <= hit.first and hit.last <= other.last and other.last - other.first > hit.last - hit.first
        for other in reading.triggers
    )


def _list_end(plain: str, hit: Hit, reading: Reading) -> int:
    stop = _STOP.search(plain, hit.last)
    limit = stop.start() if stop else len(plain)
    position = hit.last
    while (comma := plain.find(COMMA, position, limit)) >= 0:
        end = min(e for e in (plain.find(COMMA, comma + 1), limit, len(plain)) if e > comma)
        end = min(end, limit)
        segment = plain[comma + 1 : end]
        if not _goes_on(segment, comma + 1, reading):
            return comma
        position = comma + 1
    return limit


def _goes_on(segment: str, first: int, reading: Reading) -> bool:
    """Whether a list under a negation goes on after a comma: Latin without a verb, Han with nothing but findings."""
    if any(character > "\u3400" for character in segment):
        bare = list(segment)
        for mention in reading.mentions:
            for start, last in mention.parts:
                for index in range(max(start, first), min(last, first + len(segment))):
                    bare[index - first] = " "
        return not _CONJUNCTIONS.sub("", "".join(bare)).strip()
    return not _VERB.search(segment + " ") and not _OF_ITS_OWN.search(segment)


def _near_end(plain: str, hit: Hit) -> int:
    stop = _STOP.search(plain, hit.last)
    limit = stop.start() if stop else len(plain)
    joined = plain.find(" and ", hit.last, limit)
    if joined >= 0 and _VERB.search(plain[joined + 4 : limit] + " "):
        limit = joined
    comma = plain.find(COMMA, hit.last, limit)
    while comma >= 0 and re.match(r" (?:or|nor)\b|(?:也没|或|、)", plain[comma + 1 : comma + 6]):
        comma = plain.find(COMMA, comma + 1, limit)
    return comma if comma >= 0 else limit


# Where a dream or a film ends and the person's own day begins.
_AWAKE = re.compile(
    r" (?:wak|wok|now|but|today|real|actual|meanwhile|since|i have|i am|i got|me)|醒|今天|现在|但|却|真的|其实|我(?!们)"
)


def _told_end(plain: str, after: int) -> int:
    awake = _AWAKE.search(plain, after)
    return min(_sentence_end(plain, after), awake.start() if awake else len(plain))


def _segment_start(plain: str, before: int) -> int:
    return max(plain.rfind(mark, 0, before) for mark in (SENTENCE_END, COMMA, " but ", "但")) + 1


def _relative_scopes(reading: Reading, proxy: bool) -> list[_Scope]:
    """A relative who "had" or "died of" something, unless the relative is the patient."""
    plain, scopes = reading.normal.plain, []
    for hit in reading.triggers:
        if hit.name != "relative":
            continue
        end = _sentence_end(plain, hit.last)
        owned = re.search(r"(?:his|her|patient|其|患者|孩子) ?$", plain[: hit.first]) is not None
        after = plain[hit.last : hit.last + 30]
        died = (
            re.search(
                r"^[^,\n]{0,20}(?: die| had |pass away|死于|去世|患有|梗过|[梗癌风塞]过|中过| have similar|diagnos)",
                after,
            )
            is not None
        )
        speaks = re.search(r"^\W*(?:say|state|report|bring|brought|call|notic|说|发现|带|代述|诉)", after) is not None
        if speaks or not _HAS_HAD.search(after):
            continue
        if died and (not proxy or owned or hit.first > 60) or not proxy:
            stop = re.search(r", (?:and )?i |\bbut i |, my|我|, he |, she |,", plain[hit.last : end])
            scopes.append(_Scope(hit.last, hit.last + stop.start() if stop else end, "other_list", hit))
    return scopes


def _sentence_end(plain: str, after: int) -> int:
    end = plain.find(SENTENCE_END, after)
    return len(plain) if end < 0 else end


# Lasting conditions that people fear without having them; pregnancy is not one of them.
_FEARED = frozenset({"cancer", "immunosuppressed"})
_STATUS = {"absent": Status.ABSENT, "past": Status.PAST, "other": Status.OTHER, "hypothetical": Status.HYPOTHETICAL}


def _status(mention: Mention, scopes: Sequence[_Scope], kind: Kind, reading: Reading) -> Status:
    reasons = {Status.PRESENT}
    for scope in scopes:
        if not _covers(scope, mention):
            continue
        family = scope.name.split("_")[0]
        if family == "worry":
            if kind is Kind.DISEASE or mention.concept in _FEARED:
                reasons.add(Status.HYPOTHETICAL)
            continue
        if family == "past" and (
            kind is Kind.CONDITION or _REOPENED.search(reading.normal.plain[mention.first :][:40])
        ):
            continue
        reasons.add(_STATUS[family])
    return next(status for status in Status if status in reasons)


def _covers(scope: _Scope, mention: Mention) -> bool:
    """Whether the mention starts in the scope, or the negator stands between its parts ("chest does not hurt")."""
    first_part = mention.parts[0]
    if scope.first <= first_part[0] < scope.last:
        return True
    if scope.name.endswith("back") and scope.first <= first_part[0] and mention.last <= scope.last:
        return True
    if len(mention.parts) == 1 or not scope.name.startswith("absent") or scope.name.endswith("back"):
        return False
    inside = mention.first < scope.trigger.first and scope.trigger.last < mention.last
    last_part = mention.parts[-1]
    return inside and scope.first <= last_part[0] < scope.last
