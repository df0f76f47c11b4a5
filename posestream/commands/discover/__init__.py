"""Landmarks without labels, as a command."""
