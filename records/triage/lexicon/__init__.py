"""What patients and clinicians say, as YAML; `words` turns it into one automaton."""
