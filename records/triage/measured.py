"""Vital signs and glucose that a story states: labelled, in a row without labels, in any of the usual units."""

# ruff: noqa: E501 - a regular expression is read best on one line

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from records.triage.intake import Consciousness, Vitals
from records.triage.numerals import HAN_VALUE, han_value

_LINK = r"(?:\s*(?:rate|level|levels|readings?|is|are|was|were|of|at|to|in|the|now|about|around|only|up|down|dropped|dropping|drops|fell|falling|low|high|recorded|found|noted|measures|measured|reads|reading|machine|monitor|cuff|says?|said|shows|showing|sat|sats|ra|room air|on|off|显示|into|as|约|为|有|是|在|到|只有|都|升到|掉到|降到|降至|升至|高达|大概|才|竟然|居然|飙到|飙|冲到|窜到|量了|量得|测了|测得|测出来|测|仪|未吸氧|吸空气|超过|波动|最高|最低|快|[:=：,~≈()]))*\s*"
_PER_MINUTE = r"(?!\d)(?!\s*(?:/(?!\s*(?:min|m\b|分))|%|天|小时|hour|day|mins?\b|mg|kg|cm|mm\b|ml|weeks?|yo\b|y/o|y\b))"
_PRESSURE = r"(\d{2,3})\s*(?:/|over|-)\s*\d{2,3}"
_BP = r"(?:\b(?:ni)?bp(?![a-z])|\bblood pressures?|\bhypotensive|\bhypertensive|血压)"
_MEASURED: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "heart_rate": (
        re.compile(rf"(?:\bhr(?![a-z])|\bheart ?rate|\bpulse(?! ?ox)(?: rate)?|\bpr(?![a-z])|\btachy(?:cardic|cardia)?|\bbrady(?:cardic|cardia)?|心率|脉搏|脉率|心跳){_LINK}(\d{{2,3}}){_PER_MINUTE}"),
        re.compile(r"\b(\d{2,3})\s*(?:bpm|beats (?:per|a) min|beats/min)"),
        re.compile(r"\bp\s*[:=]?\s*(\d{2,3})(?!\d)(?:次|(?!\s*(?:%|/(?!\s*min)|day|week|mg)))"),
        re.compile(rf"(?:心率|脉搏|脉率|心跳){_LINK}({HAN_VALUE})(?!天|小时|年|分钟)"),
    ),
    "respiratory_rate": (
        re.compile(rf"(?:\brr(?![a-z])|\bresp(?:iratory|iration|irations|s)?\b(?: rate)?|\bbreathing rate|\btachypn(?:ei|oei|e)c|呼吸频率|呼吸){_LINK}(\d{{1,3}}){_PER_MINUTE}"),
        re.compile(r"\b(\d{2,3})\s*breaths (?:per|a) min"),
        re.compile(r"\br\s*[:=]?\s*(\d{2})(?!\d)(?:次|(?!\s*(?:%|/(?!\s*min)|day|week|mg|cm)))"),
    ),
    "spo2": (
        re.compile(rf"(?:\bsp[o0]2|\bsa[o0]2|\b[o0]2 ?sats?\b|\bsat(?:t?ing|'ing|s)?\b|\bsaturations?|\boxygen\b|\bo2\b|\bpulse ?ox(?:imetry)?|血氧饱和度|指脉氧|指氧|脉氧|血氧|氧饱和度?|氧饱){_LINK}(?:\bfor\b)?(0\.\d\d|\d{{2,3}})(?:\.\d)?\s*(?:%|\b)(?!\s*(?:l\b|l/|升))"),
        re.compile(r"\b(\d{2})\s*% ?(?:on|ra|room)\b"),
    ),
    "systolic_bp": (
        re.compile(rf"{_BP}{_LINK}{_PRESSURE}"),
        re.compile(rf"(?:\bsbp(?![a-z])|\bsystolics?(?: bp| blood pressure| pressure)?|收缩压|高压){_LINK}(\d{{2,3}})(?!\d)"),
        re.compile(r"\b(\d{2,3})/\d{2,3}\s*mm ?hg"),
        re.compile(rf"{_BP}{_LINK}(\d{{2,3}})\s*/\s*(?:palp|p\b|doppler)"),
        re.compile(rf"{_BP}{_LINK}(\d{{2,3}})(?!\d)(?!\s*/)"),
        re.compile(rf"(?:收缩压|高压|血压){_LINK}({HAN_VALUE})"),
    ),
    "diastolic_bp": (
        re.compile(rf"{_BP}{_LINK}\d{{2,3}}\s*(?:/|over|-)\s*(\d{{2,3}})"),
        re.compile(rf"(?:\bdbp(?![a-z])|\bdiastolic(?: bp| blood pressure| pressure)?|舒张压|低压){_LINK}(\d{{2,3}})(?!\d)"),
        re.compile(r"\b\d{2,3}/(\d{2,3})\s*mm ?hg"),
        re.compile(rf"(?:舒张压|低压){_LINK}({HAN_VALUE})"),
    ),
    "temperature_c": (
        re.compile(rf"(?:\btemp(?:erature)?s?\b|\btmax|\bbt(?![a-z])|\bt(?![a-z'])|\bfevers?\b|\bfebrile\b|体温|腋温|耳温|额温|肛温|发烧|高烧|低烧|高热|发热|烧){_LINK}(\d{{2,3}}(?:\.\d+)?)\s*(?!\s*(?:天|小时|hour|day|week|min|周))"),
        re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*(?:°\s*[cf]?|degrees|度|c\b|华氏)"),
        re.compile(r"\b((?:9[3-9]|10\d)(?:\.\d+)?)\s*f\b"),
        re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*fever\b"),
        re.compile(rf"(?:体温|腋温|耳温|额温|发烧|高烧|发热|烧){_LINK}({HAN_VALUE})(?!天|小时|分钟)"),
        # A clause that begins with such a number and goes on without a unit is a reading: "shaking, 39.6 tonight".
        re.compile(r"(?:^|[,，。.;；、]\s*)((?:3[6-9]|4[01])\.\d)(?!\d)(?=\s*(?:$|[,，。;；、!！]|on the|in the|under|armpit|ear|this|now|tonight|today|since|and|腋|左右|不退))"),
        re.compile(r"(?:thermometer|therm|armpit|under the arm|in the ear|forehead|腋下|量的?|量了|量过|测了|耳朵里){_LINK}((?:3[5-9]|4[0-2])(?:\.\d)?)(?![\d.]|\s*(?:cm|厘米|次|天|斤|公斤|mmol|%))".replace("{_LINK}", r"\s*(?:says|said|reads|read|is|was|at|of|was|到|是|出来|[:：])?\s*")),
    ),
}  # fmt: skip
_KILOPASCAL = re.compile(rf"(?:{_BP}{_LINK})?\b(\d{{1,2}}(?:\.\d+)?)\s*/\s*(\d{{1,2}}(?:\.\d+)?)\s*kpa")
MMHG_PER_KPA = 7.50062
# Rows without labels: temperature, pulse, pressure, breaths, saturation, in the two usual orders.
_T, _P, _BPS, _R, _S = (
    r"(?P<temperature_c>\d{2,3}(?:\.\d)?) ?[cf]?", r"(?P<heart_rate>\d{2,3})",
    r"(?P<systolic_bp>\d{2,3})/(?P<diastolic_bp>\d{2,3})", r"(?P<respiratory_rate>\d{1,2})", r"(?P<spo2>\d{2,3}) ?%?",
)  # fmt: skip
_ROWS = tuple(re.compile(rf"\b{r'[, ]+'.join(order)}") for order in ((_T, _P, _BPS, _R, _S), (_T, _P, _R, _BPS, _S)))
# A pair without any label is a pressure only where nothing else is as likely (dates, fractions, visual acuity are not).
_BARE_PRESSURE = re.compile(r"(?<![\d/.])(\d{2,3})/(\d{2,3})(?![\d/%.])")
_RANGES = {
    "heart_rate": (20, 280), "respiratory_rate": (4, 90), "spo2": (40, 100), "systolic_bp": (40, 290),
    "diastolic_bp": (20, 190), "temperature_c": (33.5, 43), "fahrenheit": (93, 110),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """A vital sign found in the text: name, value, half-open span in the folded text."""

    name: str
    value: float
    first: int
    last: int


def measured(text: str) -> Iterator[Measured]:
    """Yield the first plausible value of each vital sign that the folded text states."""
    rest = {one.name: one for one in (*_bare_pressure(text), *_unlabelled(text))}
    rest |= {one.name: one for one in _kilopascal(text)}
    for name, patterns in _MEASURED.items():
        labelled = (found for pattern in patterns if (found := _first(name, pattern, text)))
        if found := next(labelled, rest.get(name)):
            yield found


def _first(name: str, pattern: re.Pattern[str], text: str) -> Measured | None:
    values = (_plausible(name, match.group(1), match) for match in pattern.finditer(text))
    return next(filter(None, values), None)


def _plausible(name: str, said: str, match: re.Match[str]) -> Measured | None:
    value = float(said) if said[0].isdigit() else han_value(said)
    if value is None:
        return None
    if name == "temperature_c" and _RANGES["fahrenheit"][0] <= value <= _RANGES["fahrenheit"][1]:
        value = round((value - 32) * 5 / 9, 2)
    if name == "spo2" and value < 1:
        value = round(value * 100)
    low, high = _RANGES[name]
    return Measured(name, value, match.start(), match.end()) if low <= value <= high else None


def _unlabelled(text: str) -> Iterator[Measured]:
    for pattern in _ROWS:
        if match := pattern.search(text):
            every = [_plausible(name, said, match) for name, said in match.groupdict().items()]
            if all(every):
                yield from filter(None, every)
                return


def _bare_pressure(text: str) -> Iterator[Measured]:
    for match in _BARE_PRESSURE.finditer(text):
        high, low = int(match.group(1)), int(match.group(2))
        if 70 <= high <= 270 and 35 <= low <= 150 and 15 <= high - low <= 130:
            yield Measured("systolic_bp", high, match.start(), match.end())
            yield Measured("diastolic_bp", low, match.start(), match.end())
            return


def _kilopascal(text: str) -> Iterator[Measured]:
    if match := _KILOPASCAL.search(text):
        for name, said in zip(("systolic_bp", "diastolic_bp"), match.groups(), strict=True):
            if found := _plausible(name, str(round(float(said) * MMHG_PER_KPA)), match):
                yield found


_GLUCOSE = re.compile(
    r"(?:blood sugars?|blood glucose|glucose|sugars?|\bbst\b|\bbgl?(?![a-z])|\bfsb[gs](?![a-z])|\bfs(?![a-z])|\bbsl?(?![a-z])|\bcbg(?![a-z])|\brbs(?![a-z])|\bfbs(?![a-z])|\bd-?stick|\baccu-?check|\bfinger ?stick|\bdexi?\b|\bglu\b|血糖仪?)"
    r"(?:\s*(?:level|is|are|was|were|of|at|in|the|to|reads|reading|over|about|above|low|high|only|down|dropped|meter|为|是|到|高达|只有|才|掉到|降到|测得?|量|显示|竟然|约|[:=：,()]))*\s*(\d{1,4}(?:\.\d)?)(?!\d)(?!\s*(?:days?|weeks?|hours?|times|天|周|/|units))(?P<unit>\s*mg)?"
)
# Without a unit: meters in mmol/L end at 33.3, and nobody at a triage desk writes a lower mg/dL.
MOST_MMOL = 35.0
MG_PER_MMOL = 18.0


def glucose_mmol(text: str) -> float | None:
    """Return a stated blood glucose in mmol/L; mg/dL (18 of them are 1 mmol/L) by its unit or by its size."""
    match = _GLUCOSE.search(text)
    if match is None:
        return None
    value = float(match.group(1))
    return value / MG_PER_MMOL if value > MOST_MMOL or match.group("unit") else value


_GCS = re.compile(r"\bgcs(?: (?:of|is|was|score|total))*\D{0,6}(\d{1,2})\b|(?:昏迷评分|gcs评分)\D{0,4}(\d{1,2})")
_AVPU = re.compile(
    r"\b(?:acvpu|avpu|loc|mental(?: status| state)?)\s*[:=]?\s*(a|c|v|p|u|alert|verbal|pain|unresponsive|confused)\b"
)
_AVPU_NAMES = {"alert": "A", "confused": "C", "verbal": "V", "pain": "P", "unresponsive": "U"}


def consciousness(text: str) -> Consciousness | None:
    """Return ACVPU from an AVPU or GCS value in the folded text (GCS 15 A, 13-14 C, 9-12 V, 4-8 P, 3 U)."""
    if match := _AVPU.search(text):
        return Consciousness(_AVPU_NAMES.get(match.group(1), match.group(1).upper()))
    if match := _GCS.search(text):
        score = int(match.group(1) or match.group(2))
        for least, letter in ((15, "A"), (13, "C"), (9, "V"), (4, "P"), (3, "U")):
            if score >= least:
                return Consciousness(letter) if score <= 15 else None
    return None


def stated_vitals(text: str) -> tuple[Vitals, tuple[Measured, ...]]:
    """Return the vitals that the folded text states, and where."""
    found = tuple(measured(text))
    values = {one.name: one.value for one in found}
    return Vitals(**values, consciousness=consciousness(text)), found
