"""Outputs that a person looks at."""
