"""AI triage: a patient's own words in, a note for the doctor out. Pure; README.md is the specification."""
