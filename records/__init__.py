"""What is kept, who may see it, how it is sealed. Pure except `records.store`; specification: records/README.md."""
