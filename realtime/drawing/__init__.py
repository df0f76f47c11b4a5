"""Poses, maps and captions drawn into pictures."""
