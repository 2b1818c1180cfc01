"""records/README.md "Audit": one entry's canonical JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from records.actors import Actor, ActorKind, Purpose
from records.audit.leaf import AuditAction, AuditEvent, AuditOutcome, leaf, leaves

ACTOR = Actor(UUID(int=1), ActorKind.PRACTITIONER, "doctor-1", Purpose.TREAT, "request-1")
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class TestLeaf:
    """Sorted keys, no white space, absent values left out."""

    def test_full(self) -> None:
        event = AuditEvent(AuditAction.READ, "note", "n1", UUID(int=2), UUID(int=3), AuditOutcome.DENIED, "not in care")
        assert leaf(event, ACTOR, AT) == (
            '{"action":"R","actor":"doctor-1","actor_kind":"practitioner","at":"2026-11-22T09:00:00+00:00",'
            '"detail":"not in care","entity":"n1","entity_type":"note","outcome":"8",'
            '"patient":"00000000-0000-0000-0000-000000000002","purpose":"TREAT","request":"request-1",'
            '"tenant":"00000000-0000-0000-0000-000000000001","visit":"00000000-0000-0000-0000-000000000003"}'
        )

    def test_absent_values_are_left_out(self) -> None:
        assert '"patient"' not in leaf(AuditEvent(AuditAction.READ, "queue"), ACTOR, AT)


class TestCanonical:
    """What is written piece by piece is what json writes with sorted keys and no white space."""

    @given(
        texts=st.tuples(*[st.text()] * 4), detail=st.none() | st.text(), patient=st.none() | st.uuids(),
        visits=st.tuples(*[st.none() | st.uuids()] * 2),
    )  # fmt: skip
    def test_is_json_sorted_and_compact(
        self, texts: tuple[str, ...], detail: str | None, patient: UUID | None, visits: tuple[UUID | None, UUID | None]
    ) -> None:
        actor = replace(ACTOR, id=texts[0], request_id=texts[1], visit_id=visits[0])
        event = AuditEvent(AuditAction.READ, texts[2], texts[3], patient, visits[1], detail=detail)
        written = leaf(event, actor, AT)
        assert written == json.dumps(json.loads(written), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert leaves([(event, actor), (event, replace(actor, id="x"))], AT)[0] == written
