"""Heads that give boxes of people, and heads that look into boxes."""
