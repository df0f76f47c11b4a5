"""People as avatars in other programs, live."""
