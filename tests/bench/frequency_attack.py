"""
`python -m tests.bench.frequency_attack`: what a thief of the index rows alone learns of 10,000 names, by counting.

The thief has the rows as the product writes them (patient ids stand beside the tokens), knows the language's names and
how frequent each is as well as a statistics office does, and matches rank to rank: the most frequent token is the most
frequent surname, among its patients the most frequent second token the most frequent next letter, and so on. He has no
key, so he cannot try a name. Shares are of patients whose surname, or whole name, is named rightly by the best guess.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from records.crypto import blind_index
from records.crypto.envelope import DataKey

PATIENTS = 10_000
# Shares in percent of the hundred-odd most frequent Han surnames' head (Ministry of Public Security, 2020 report,
# rounded); the tail is a geometric series over the further surnames.
HEAD = {"王": 7.1, "李": 7.0, "张": 6.7, "刘": 5.4, "陈": 4.6, "杨": 3.1, "黄": 2.3, "赵": 2.1, "吴": 2.0, "周": 1.9,
        "徐": 1.6, "孙": 1.5, "马": 1.3, "朱": 1.2, "胡": 1.2, "郭": 1.1, "何": 1.1, "林": 1.1, "高": 1.0, "罗": 1.0}
TAIL = ("郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟"
        "秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤")
GIVEN = ("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力峰宁晓东海波志鹏婷雪梅佳欣怡子轩浩宇思涵雨"
         "泽一诺梓萱俊熙诗晨曦嘉豪睿瑶琪颖慧琳倩莹洁丹蕾薇楠璐云飞龙凤鑫森林清新春秋冬光荣德才福贵生根发财宝山川河松柏竹菊莲荷")


@dataclass(frozen=True)
class Layout:
    """How a name's beginnings are kept, as the thief sees them: a beginning's token."""

    name: str
    token: Callable[[DataKey, str], bytes]


LAYOUTS = (
    Layout("patient_index, 14 bits", lambda key, text: blind_index.token(key, "patient.name", text)),
    Layout("the same, not truncated", lambda key, text: blind_index.token(key, "a field of full width", text)),
)


def names(seed: int, count: int = PATIENTS) -> list[str]:
    """Names of one, two and three letters' given parts drawn by how frequent they are."""
    drawn = random.Random(seed)
    tail = [40.0 * 0.97**n / 33 for n in range(len(TAIL))]
    surnames = drawn.choices([*HEAD, *TAIL], [*HEAD.values(), *tail], k=count)
    letters = list(dict.fromkeys(GIVEN))
    weights = [1 / (n + 3) for n in range(len(letters))]
    given = ("".join(drawn.choices(letters, weights, k=2 if drawn.random() < 0.8 else 1)) for _ in range(count))
    return [surname + each for surname, each in zip(surnames, given, strict=True)]


def stolen(key: DataKey, layout: Layout, found: Sequence[str]) -> list[frozenset[bytes]]:
    """What the thief has: each patient's tokens, in no order."""
    return [frozenset(layout.token(key, each) for each in blind_index.name_prefixes(name)) for name in found]


def guesses(rows: Sequence[frozenset[bytes]], known: Sequence[str]) -> list[str]:
    """The thief's best guess of each patient's name: of a patient's tokens the most frequent is the shortest text."""
    counts = Counter(token for row in rows for token in row)
    ordered = [sorted(row, key=lambda token: (-counts[token], token)) for row in rows]
    guessed = [""] * len(rows)
    _match(range(len(rows)), ordered, known, guessed)
    return guessed


def _match(group: Iterable[int], ordered: Sequence[Sequence[bytes]], known: Sequence[str], guessed: list[str]) -> None:
    """Match one letter: rank of the tokens in a group of patients to rank of the letters after the same beginning."""
    by_token: dict[bytes, list[int]] = defaultdict(list)
    for patient in group:
        depth = len(guessed[patient])
        if depth < len(ordered[patient]):
            by_token[ordered[patient][depth]].append(patient)
    if not by_token:
        return
    depth = len(guessed[next(iter(by_token.values()))[0]])
    by_letter: dict[str, list[str]] = defaultdict(list)
    for name in known:
        if len(name) > depth:
            by_letter[name[depth]].append(name)
    tokens = sorted(by_token.items(), key=lambda item: -len(item[1]))
    letters = sorted(by_letter.items(), key=lambda item: -len(item[1]))
    for (_, patients), (letter, others) in zip(tokens, letters, strict=False):
        for patient in patients:
            guessed[patient] += letter
        _match(patients, ordered, others, guessed)


def attack(layout: Layout, seed: int = 1) -> tuple[float, float]:
    """Return the shares of patients whose surname and whose whole name the thief names rightly."""
    found, known = names(seed), names(seed + 1_000, 10 * PATIENTS)
    rows = stolen(DataKey(1, random.Random(seed).randbytes(32)), layout, found)
    guessed = guesses(rows, known)
    surname = sum(guess[:1] == name[:1] for guess, name in zip(guessed, found, strict=True))
    whole = sum(guess == name for guess, name in zip(guessed, found, strict=True))
    return surname / len(found), whole / len(found)


def main() -> None:
    """Print the figures."""
    found = names(1)
    blind = Counter(name[:1] for name in found).most_common(1)[0][1] / len(found)
    blind_whole = Counter(found).most_common(1)[0][1] / len(found)
    print(f"{PATIENTS} names, {len(set(found))} different; always the commonest: {blind:.1%}, {blind_whole:.2%}")
    for layout in LAYOUTS:
        surname, whole = attack(layout)
        print(f"{layout.name}: surname {surname:.1%}, whole name {whole:.2%}")


if __name__ == "__main__":
    main()
