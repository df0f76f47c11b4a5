"""Broken and made-up input through every entrance of the program: `python -m tests.fuzz`."""
