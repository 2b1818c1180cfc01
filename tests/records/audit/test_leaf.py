"""records/README.md "Audit": one entry's canonical JSON."""

from datetime import UTC, datetime
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.audit.leaf import AuditAction, AuditEvent, AuditOutcome, leaf

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
