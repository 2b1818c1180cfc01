"""Numbers that a story tells in passing: age, sex, pain score, how long. Vital signs are in measured.py."""

# ruff: noqa: E501 - a regular expression is read best on one line

import re

_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "a": 1, "an": 1, "couple": 2, "couple of": 2, "a couple of": 2, "few": 3, "a few": 3,
    "several": 4, "half a": 0.5, "half an": 0.5, "half": 0.5, "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip
_HAN = {
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "几": 3,
    "半": 0.5,
    "数": 3,
}
_HAN_NUMBER = r"[一二两三四五六七八九十几半数]{1,3}"
_NUMBER = r"\d+(?:\.\d+)?"
_WORD_NUMBER = r"(?:half an?|an?|couple of|couple|few|several|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty)"


def number(text: str) -> float | None:
    """Return the value of digits, an English number word or Chinese numerals below 100."""
    text = text.strip()
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if text in _WORDS:
        return float(_WORDS[text])
    if text and all(character in _HAN or character == "十" for character in text):
        if "十" not in text:
            return float(_HAN[text[-1]]) if len(text) == 1 else float(_HAN[text[0]])
        tens, _, ones = text.partition("十")
        return (float(_HAN[tens]) if tens else 1.0) * 10 + (float(_HAN[ones]) if ones else 0.0)
    return None


_UNIT_YEARS = {"y": 1.0, "m": 1 / 12, "w": 1 / 52, "d": 1 / 365}
_AGE_PATTERNS = (
    re.compile(rf"\b({_NUMBER}|{_WORD_NUMBER})[\s-]*(?P<unit>y|m|w|d)(?:ea|o?nt|ee|a)?(?:r|h|k|y)?s?[\s-]*olds?\b"),
    re.compile(r"\b(\d{1,3})\s*-?(?P<unit>y)(?:rs?|ears?)?[\s/.-]*o\b"),
    re.compile(r"\b(\d{1,2})\s*(?P<unit>m)(?:o|os|onths?)?[\s/.-]*o(?:ld)?\b"),
    re.compile(
        r"\b(\d{1,2})\s*-?(?P<unit>m|w|d)(?:k|o|th|ay|eek|onth)?s?[\s-]*(?:old\s*)?(?:m|f|male|female|boy|girl|infant|baby)\b"
    ),
    re.compile(r"\baged?\s*(?:is|of|:|=)?\s*(\d{1,3})\b(?!\s*(?P<unit>m|w|d)o)"),
    re.compile(r"\b(\d{1,3})\s*(?:y|yrs?|years?)?[\s/,-]*(?:m|f|male|female)\b(?!\w|/|')(?!\s*/)"),
    re.compile(
        r"\b(?:m|f|male|female|man|woman)[\s/,]*(\d{1,3})\b(?!\s*(?:/|%|day|week|month|hour|year ago|years ago|mg|bpm))"
    ),
    re.compile(r"\bi\s?(?:'m| am)\s+(?:a\s+)?(\d{1,3})\b(?!\s*(?:week|month|day|hour|min|kg|lb|pound|%))"),
    re.compile(r"\b(?:he|she)\s?(?:'s| is)\s+(?:only\s+)?(\d{1,3})\b(?!\s*(?:week|month|day|hour|min|kg|lb|%))"),
    re.compile(rf"({_NUMBER}|{_HAN_NUMBER})\s*周?岁"),
    re.compile(
        rf"({_NUMBER}|{_HAN_NUMBER})\s*个(?P<unit>月)(?:大|龄|的?(?:宝宝|婴儿|男婴|女婴|孩子|小孩|娃|男宝|女宝))"
    ),
    re.compile(
        rf"(?:宝宝|婴儿|孩子|男婴|女婴|小孩|女儿|儿子|娃)(?:才|刚|今年|现在|只有|刚满|满)?\s*({_NUMBER}|{_HAN_NUMBER})\s*个(?P<unit>月)(?!前)"
    ),
    re.compile(rf"(?:出生|生后)(?:才|刚|第)?\s*({_NUMBER}|{_HAN_NUMBER})\s*(?P<unit>天|日|周|个月)"),
    re.compile(rf"({_NUMBER}|{_HAN_NUMBER})\s*(?P<unit>天|周|月)(?:大|龄)"),
)
_UNIT_YEARS |= {"月": 1 / 12, "个月": 1 / 12, "天": 1 / 365, "日": 1 / 365, "周": 1 / 52}
# Words that tell an age group, and a typical age in years for it.
_AGE_WORDS = (
    (re.compile(r"newborn|neonate|新生儿|刚出生|满月"), 0.08),
    (
        re.compile(
            r"\b(?:my|the|our) (?:infant|baby)\b|\binfant\b|\bbaby (?:boy|girl|is|has|was|won't|keeps|just)\b|婴儿|我家宝宝|宝宝|小宝"
        ),
        0.7,
    ),
    (re.compile(r"\btoddler\b"), 2.0),
    (re.compile(r"\bpreschool(?:er)?\b"), 4.0),
    (re.compile(r"\b(?:my|the|our) (?:little (?:one|boy|girl)|kid|child|son|daughter)\b|小朋友|孩子|小孩|娃"), 6.0),
    (re.compile(r"\bteen(?:ager|age)?\b"), 15.0),
    (re.compile(r"\bin (?:his|her|my|their) (?:early |mid |late |mid-|late-)?(?P<decade>[2-9])0'?s\b"), None),
    (
        re.compile(
            r"\b(?:elderly|old lady|old man|grandma|grandpa|grandmother|grandfather)\b|老人|老太太|老大爷|爷爷|奶奶|外公|外婆|姥姥|姥爷"
        ),
        75.0,
    ),
)


def age_years(text: str) -> float | None:
    """Return the age in years that the text states or implies, or None. `text` is folded."""
    found = []
    for pattern in _AGE_PATTERNS:
        for match in pattern.finditer(text):
            value = number(match.group(1))
            unit = match.groupdict().get("unit") or "y"
            if value is not None and (age := value * _UNIT_YEARS[unit]) <= 115 and value > 0:
                found.append((match.start(), age))
    if found:
        return min(found)[1]
    for pattern, typical in _AGE_WORDS:
        if told := pattern.search(text):
            return typical if typical is not None else int(told.group("decade")) * 10 + 5.0
    return None


_FEMALE = re.compile(
    r"\b(?:woman|female|girl|lady|mother of|housewife|my (?:wife|mother|mom|mum|daughter|sister|grandma|grandmother|aunt|girlfriend))\b"
    r"|(?<![\d.])(?!9[3-9]|10\d)\d{1,2}\s*(?:y|yo|y/o|yr|mo|m/o|wk|d)?s?(?: old)?\s*[,/]?\s*f\b(?!/c)|\bf\s*[,/]?\s*\d{2}\b|女性|女[，,孩婴士宝儿子]|[，,]女|我(?:妈|奶奶|妻子|老婆|姐|妹|女儿)|阿姨|老太太|孕妇|产妇"
)
_MALE = re.compile(
    r"\b(?:man|male|boy|gentleman|my (?:husband|father|dad|son|brother|grandpa|grandfather|uncle|boyfriend))\b"
    r"|(?<![\d.])\d{1,2}\s*(?:y|yo|y/o|yr|mo|m/o|wk|d)?s?(?: old)?\s*[,/]?\s*m\b(?!/o|/min)|(?<!')\bm\s*[,/]?\s*\d{2}\b|男性|男[，,孩婴士宝子]|[，,]男|我(?:爸|爷爷|丈夫|老公|哥|弟|儿子)|大爷|老头"
)


def sex(text: str) -> str | None:
    """Return "male" or "female" when the folded text says so first, or by its pronouns; else None."""
    female, male = _FEMALE.search(text), _MALE.search(text)
    if female or male:
        if female is None or (male is not None and male.start() < female.start()):
            return "male"
        return "female"
    she, he = len(re.findall(r"\b(?:she|her)\b|她", text)), len(re.findall(r"\b(?:he|his|him)\b", text))
    return None if she == he else ("female" if she > he else "male")


_PAIN = (
    re.compile(r"\b(\d{1,2})(?:\.\d)?\s*(?:/|out of|of|-out-of-)\s*(?:10|ten)\b"),
    re.compile(
        r"\b(?:pain(?: score| scale| level)?|nrs|vas)\s*(?:is|of|[:=])?\s*(\d{1,2})\b(?!\s*(?:day|week|hour|month|min|year|天|/\s*\d))"
    ),
    re.compile(r"(?:疼痛(?:评分)?|nrs|vas)\D{0,4}(\d{1,2})\s*分?(?!\s*(?:天|小时|周))"),
)


def pain_score(text: str) -> float | None:
    """Return the highest stated 0-10 pain score, or None."""
    found = [float(match.group(1)) for pattern in _PAIN for match in pattern.finditer(text)]
    return max((score for score in found if score <= 10), default=None)


_UNIT_DAYS = {
    "sec": 1e-5, "min": 1 / 1440, "hour": 1 / 24, "hr": 1 / 24, "h": 1 / 24, "day": 1, "d": 1, "night": 1, "week": 7, "wk": 7,
    "month": 30, "mo": 30, "year": 365, "yr": 365, "分钟": 1 / 1440, "小时": 1 / 24, "钟头": 1 / 24, "天": 1, "日": 1,
    "晚": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "年": 365,
}  # fmt: skip
_LASTED = re.compile(
    rf"(?P<before>\b(?:every|each|per|once|twice|times|after|at|within|in|next|for the next|takes?|old)\s+(?:an?\s+)?)?"
    rf"\b(?P<count>{_NUMBER}|{_WORD_NUMBER})(?:\s*(?:-|–|to|or)\s*(?P<upper>{_NUMBER}|{_WORD_NUMBER}))?[\s-]*(?:full |whole |more )?"
    r"(?P<unit>sec|min|hour|hr|day|night|week|wk|month|year|yr|h|d)(?:ond|ute)?s?\b(?P<after>[\s-]*(?:old|pregnant|gestation|postpartum|post-?partum|supply|ago|later|post)?)"
)
_LASTED_HAN = re.compile(
    rf"(?P<before>每|第|孕|怀孕|隔|一)?(?P<count>{_NUMBER}|{_HAN_NUMBER})(?:[-~到至](?P<upper>{_NUMBER}))?\s*(?:多)?个?(?:多|半)?(?P<unit>分钟|小时|钟头|天|日|晚|周|星期|礼拜|月|年)(?!岁|龄|大|\d)(?P<after>前|次|后|一次|的宝宝|的婴儿|经)?"
)
_SINCE = (
    (re.compile(r"\bsince (?:yesterday|last night)\b|\byesterday\b|\blast night\b|昨天|昨晚|昨日|昨夜"), 1.0),
    (re.compile(r"\bthis (?:morning|afternoon|evening)\b|\btoday\b|\btonight\b|今早|今晨|今天|今日|刚才|刚刚|今晚|早上起"), 0.4),
    (re.compile(r"\bjust now\b|\bminutes ago\b|\ball of a sudden\b"), 0.02),
    (re.compile(r"\bday before yesterday\b|前天"), 2.0),
    (re.compile(r"\b(?:all|past|last|this) week\b|\bsince last (?:mon|tues|wednes|thurs|fri|satur|sun)day\b|一周来|这周|上周"), 7.0),
    (re.compile(r"\bsince (?:mon|tues|wednes|thurs|fri|satur|sun)day\b"), 3.0),
    (re.compile(r"\bfor weeks\b|\bseveral weeks\b|好几周|数周"), 21.0),
    (re.compile(r"\bfor (?:several )?months\b|\blast month\b|\bpast month\b|好几个月|数月|上个月"), 60.0),
    (re.compile(r"\bfor (?:several )?days\b|好几天|数日|多日|好些天"), 4.0),
    (re.compile(r"\bfor (?:many |several )?years\b|\bfor as long as\b|好多年|多年|好几年"), 1500.0),
)  # fmt: skip


def durations_days(text: str) -> tuple[float, ...]:
    """Return every stretch of time, in days, that the folded text gives for a complaint."""
    found = [days for pattern, days in _SINCE if pattern.search(text)]
    for match in (*_LASTED.finditer(text), *_LASTED_HAN.finditer(text)):
        if match.group("before") and match.group("before").strip() not in ("一",):
            continue
        after = (match.group("after") or "").strip(" -")
        unit = match.group("unit")
        if after in ("old", "pregnant", "gestation", "supply", "次", "一次", "经", "later", "后"):
            continue
        if after in ("ago", "前") and unit in ("year", "yr", "年"):
            continue
        count = number(match.group("upper") or match.group("count"))
        if count is not None:
            found.append(count * _UNIT_DAYS[unit])
    return tuple(found)
