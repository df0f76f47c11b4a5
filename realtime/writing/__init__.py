"""How text and whole files are written."""
