"""Recordings that did not begin together."""
