"""Many files as one source: their names, their order, and those that cannot be read."""
