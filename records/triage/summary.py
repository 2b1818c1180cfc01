"""The summary line: a template over extracted facts. It can't say what the patient did not."""

from records.triage.lexicon.words import Kind, Lexicon
from records.triage.story import Story
from records.triage.vitals import LABELS

_SEX = {"en": {"male": "male", "female": "female"}, "zh": {"male": "男", "female": "女"}}
_TEXT = {
    "en": {"unknown": "Age not given", "reports": "Reports", "denies": "Denies", "history": "Background",
           "vitals": "Vitals", "pregnant": "pregnant", "nothing": "no finding recognised", "for": "for", "join": ", "},
    "zh": {"unknown": "年龄未提供", "reports": "主诉", "denies": "否认", "history": "背景",
           "vitals": "体征", "pregnant": "妊娠", "nothing": "未识别到症状", "for": "持续", "join": "、"},
}  # fmt: skip
MAX_ITEMS = 8


def summary(story: Story, lexicon: Lexicon) -> str:
    """Return one or two sentences for the top of the note, in the intake's language."""
    text = _TEXT[story.lang]
    parts = [_who(story), f"{text['reports']}: {_list(story, lexicon, _complaints(story, lexicon)) or text['nothing']}"]
    denied = [name for name in story.others if story.is_marked("denied", name) and _is_complaint(name, lexicon)]
    if denied:
        parts.append(f"{text['denies']}: {_list(story, lexicon, denied)}")
    history = [name for name in story.present if lexicon.concepts[name].kind is Kind.CONDITION]
    if history:
        parts.append(f"{text['history']}: {_list(story, lexicon, history)}")
    vitals = [f"{LABELS[n]} {getattr(story.vitals, n):g}" for n in LABELS if _has(story, n)]
    if vitals:
        parts.append(f"{text['vitals']}: {', '.join(vitals)}")
    stop = "。" if story.lang == "zh" else ". "
    return stop.join(parts) + stop.strip()


def _has(story: Story, name: str) -> bool:
    return name != "consciousness" and getattr(story.vitals, name) is not None


def _is_complaint(name: str, lexicon: Lexicon) -> bool:
    return lexicon.concepts[name].kind in (Kind.SYMPTOM, Kind.DISEASE, Kind.VAGUE)


def _complaints(story: Story, lexicon: Lexicon) -> list[str]:
    """Complaints in the order of the text, each only by its most exact name."""
    said = [(min(q.start for q in quotes), name) for name, quotes in story.present.items()
            if any(q.concept == name for q in quotes) and _is_complaint(name, lexicon)]  # fmt: skip
    return [name for _, name in sorted(said)]


def _list(story: Story, lexicon: Lexicon, names: list[str]) -> str:
    return _TEXT[story.lang]["join"].join(lexicon.concepts[name].title[story.lang] for name in names[:MAX_ITEMS])


def _who(story: Story) -> str:
    text = _TEXT[story.lang]
    words = []
    if story.age is None:
        words.append(text["unknown"])
    elif story.age < 2:
        months = round(story.age * 12)
        words.append(f"{months} months" if story.lang == "en" else f"{months}个月")
    else:
        words.append(f"{story.age:.0f} y" if story.lang == "en" else f"{story.age:.0f}岁")
    if story.sex in ("male", "female"):
        words.append(_SEX[story.lang][story.sex])
    if story.pregnant:
        words.append(text["pregnant"])
    return text["join"].join(words)
