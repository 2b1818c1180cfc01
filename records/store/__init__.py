"""The only door to the database: `Database`, its units of work and their repositories. Specification: ../README.md."""
