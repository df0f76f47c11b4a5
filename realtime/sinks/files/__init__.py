"""Outputs that are files, or lines sent on."""
