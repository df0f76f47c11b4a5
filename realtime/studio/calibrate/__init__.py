"""Lenses and rigs calibrated from the pictures of the run, guided by the studio's page."""
