"""Footage to calibrate from: boards and people, recorded or live."""
