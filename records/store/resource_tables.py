"""Tables of the FHIR resources: sealed content, its history, and the indexes by which it is found.

What stands in the clear, and so what a thief of the database learns, is the leakage table of records/fhir/README.md.
`metadata` is the one of `records.store.tables` when that module exists, so that migrations see all tables at once.
"""
