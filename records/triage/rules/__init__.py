"""The rule pack: red-flag rules as YAML, and the loader that is the only reader of the package's own files."""
