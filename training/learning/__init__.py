"""The student and how it learns."""
