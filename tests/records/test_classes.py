"""records/README.md "Data classes": every column has one, and keeps to it."""

import records.store.admission_tables
import records.store.resource_tables  # noqa: F401  # these add their tables to the metadata
from records.classes import COLUMNS, DataClass, columns_of
from records.store.tables import metadata

TABLES = metadata.tables


class TestEveryColumnHasAClass:
    """A new column must answer the question before it is merged."""

    def test_classes_name_exactly_the_columns_there_are(self) -> None:
        assert {name: set(columns) for name, columns in COLUMNS.items()} == {
            name: {column.name for column in table.columns} for name, table in TABLES.items()
        }

    def test_sealed_and_graded_columns_hold_bytes_only(self) -> None:
        columns = columns_of(DataClass.SEALED) + columns_of(DataClass.GRADED)
        assert [
            (table, name) for table, name in columns if TABLES[table].c[name].type.python_type is not bytes
        ] == []

    def test_bytes_are_never_open(self) -> None:
        assert [
            (table, name) for table, name in columns_of(DataClass.OPEN) if str(TABLES[table].c[name].type) == "BLOB"
        ] == []

    def test_patient_identity_is_sealed(self) -> None:
        sealed = {name for table, name in columns_of(DataClass.SEALED) if table == "patient"}
        assert sealed == {"name", "birth_date", "sex", "phone", "identity_number", "address", "identifiers"}
