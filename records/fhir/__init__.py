"""FHIR R4 4.0.1: text, validation, search language, projections. Pure; README.md is its specification."""
