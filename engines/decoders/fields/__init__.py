"""Bottom-up heads beside part affinity fields: maps, tags, offsets and centres -> people."""
