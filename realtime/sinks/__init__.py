"""Outputs: where results go. A new one is a file and a line in table.py."""
