"""Chinese numerals as people say vital signs: 一百九 is 190, 三十九度二 is 39.2, 两百二十几 is 220."""

_DIGITS = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
# A vital sign in numerals: never a lone digit ("心跳一停" is no 1), at most six characters and one decimal.
HAN_VALUE = r"[一二两三四五六七八九][百十][零一二两三四五六七八九十几多]{0,4}(?:[点度][一二三四五六七八九半])?"


def han_value(text: str) -> float | None:
    """Return the value of a spoken numeral below 1,000, with one decimal after 点 or 度; None when it is none."""
    whole, _, tenth = text.replace("度", "点").partition("点")
    value = _below_thousand(whole.rstrip("几多"))
    if value is None:
        return None
    return value + (0.5 if tenth == "半" else _DIGITS.get(tenth, 0) / 10)


def _below_thousand(text: str) -> float | None:
    hundreds, hundred, rest = text.partition("百")
    if not hundred:
        return _below_hundred(text)
    if hundreds not in _DIGITS:
        return None
    if len(rest) == 1 and rest in _DIGITS:  # 一百九 leaves the ten unsaid
        return _DIGITS[hundreds] * 100 + _DIGITS[rest] * 10
    ones = _below_hundred(rest.removeprefix("零")) if rest else 0
    return None if ones is None else _DIGITS[hundreds] * 100 + ones


def _below_hundred(text: str) -> float | None:
    tens, ten, ones = text.partition("十")
    if not ten:
        return _DIGITS.get(text)
    if tens and tens not in _DIGITS or ones and ones not in _DIGITS:
        return None
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)
