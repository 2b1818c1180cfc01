"""records/README.md tells the truth: its tables are the code's."""

import re
from pathlib import Path

from records.access import PLACE_GRADES, POLICY
from records.actors import ActorKind
from records.audit.verify import Tampering
from records.classes import COLUMNS, DataClass
from records.consent import ConsentScope
from records.crypto.format import NONCE_BYTES
from records.retention import TABLE_CLASSES, TERMS, RetentionClass

README = (Path(__file__).resolve().parents[2] / "records" / "README.md").read_text()


def rows(*header: str) -> list[list[str]]:
    """The cells of the table with this header."""
    start = README.index("| " + " | ".join(header) + " |\n")
    lines = README[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


class TestTables:
    """Every table that code follows."""

    def test_data_classes(self) -> None:
        assert [names(row[0])[0] for row in rows("class", "meaning")] == [each.value for each in DataClass]

    def test_sealed_and_graded_columns(self) -> None:
        written = {row[0]: (set(names(row[1])), set(names(row[2]))) for row in rows("table", "sealed", "graded")}
        by_class = {
            table: tuple({name for name, each in columns.items() if each is wanted} for wanted in
                         (DataClass.SEALED, DataClass.GRADED))
            for table, columns in COLUMNS.items()
        }  # fmt: skip
        assert written == {table: columns for table, columns in by_class.items() if any(columns)}

    def test_place_grades(self) -> None:
        written = {(row[0], row[1]): row[2] for row in rows("actor", "purpose", "grade")}
        assert written == {(kind.value, purpose.value): grade.name.lower()
                           for (kind, purpose), grade in PLACE_GRADES.items()}  # fmt: skip

    def test_access(self) -> None:
        written = {(row[0], row[1]): row[2] for row in rows("actor", "object", "action: condition")}
        assert written == {
            (kind.value, object_.value): ", ".join(f"{action.value}: {need.value}" for action, need in actions.items())
            for kind, objects in POLICY.items() if kind is not ActorKind.SYSTEM
            for object_, actions in objects.items()
        }  # fmt: skip

    def test_retention(self) -> None:
        for name, term, tables in rows("class", "term", "tables"):
            retention = RetentionClass(name)
            number, unit = term.split()
            assert TERMS[retention].months == int(number) * (12 if unit == "years" else 1)
            assert set(names(tables)) == {table for table, each in TABLE_CLASSES.items() if each is retention}

    def test_suites(self) -> None:
        suites = rows("suite", "cipher", "nonce", "derivation", "for")
        assert {int(row[0]): int(row[2]) for row in suites} == NONCE_BYTES

    def test_tamperings(self) -> None:
        assert [names(row[0])[0] for row in rows("tampering", "how it shows")] == [each.value for each in Tampering]

    def test_actors_and_scopes_are_named(self) -> None:
        wanted = [each.value for each in (*ActorKind, *ConsentScope)]
        assert [each for each in wanted if f"`{each}`" not in README] == []
