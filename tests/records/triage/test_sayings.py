"""README "Context": greetings, stories and long-ago illnesses are nobody's danger; the same words about today are."""

import pytest

from records.triage.engine import assess, partial_flags
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.wording import Reading, raises


def level(complaint: str, age: int = 40) -> Level | None:
    return assess(Intake.parse({"id": "1", "complaint": complaint, "age": age})).level


class TestNobodysDanger:
    @pytest.mark.parametrize(
        "complaint",
        [
            "Hi, my nose is blocked",
            "Hi doctor",
            "ta for the letter, ha ha",
            "in a nightmare I had a seizure",
            "my brother had a heart attack at 50 so I get scared. today just a sore spot on my rib",
            "我弟五十岁心梗过，所以我老害怕。今天就是感冒",
            "在写小说，主角中枪身亡。我本人就额头长几颗痘",
            "老板天天把我气得要中风，打个比方",
            "扎马尾扎紧了头皮疼",
            "my phone had a stroke and sent half a message",
        ],
    )
    def test_fires_no_emergency_rule(self, complaint: str) -> None:
        raised = partial_flags(Intake.parse({"id": "1", "complaint": complaint, "age": 40}))
        assert Level.EMERGENCY not in {flag.level for flag in raised}

    def test_a_request_for_a_vaccination_may_stay_at_home(self) -> None:
        assert level("do you do flu jabs on a Saturday") in (Level.SELF_CARE, Level.ROUTINE)

    def test_two_words_are_not_raised_by_wording_alone(self) -> None:
        assert not raises(Reading(0.9, 0.0, 0.9, 1.0, None, word_count=2), coverage=0.0)


class TestTheSameWordsAboutToday:
    @pytest.mark.parametrize(
        "complaint",
        [
            "possible stroke",
            "in a nightmare I fell off a cliff, woke up with crushing chest pain",
            "我爸得过脑梗，今天又说不出话了",
            "Mum had a fit this morning",
            "我的镰状细胞病犯了，气上不来，胸疼",
            "scraped my foot on coral, red streak past the knee, chemo last week, 39.6",
            "had the epipen at one and was grand, now the lumps are back",
            "下午花生过敏打了肾上腺素笔好了，现在疙瘩又起来了",
            "two weeks of ringing, sorted my will and gave the dog to my sister, won't need much longer",
            "药我都数好了，信也写完了",
            "hand in a blender",
            "ran out of insulin two days ago, tummy ache",
            "胰岛素断了两天，肚子疼",
        ],
    )
    def test_is_an_emergency(self, complaint: str) -> None:
        assert level(complaint) is Level.EMERGENCY
