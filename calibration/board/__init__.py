"""The printed target: finding it, and what lenses and rigs it gives."""
