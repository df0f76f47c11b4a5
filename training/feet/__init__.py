"""Feet for a crop network that knows bodies."""
