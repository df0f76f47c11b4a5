"""Train our own network, measure it, export it."""
