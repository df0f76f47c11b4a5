"""Rigs and sightings as files, written whole or not at all."""
