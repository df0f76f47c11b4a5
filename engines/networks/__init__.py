"""Networks as torch modules; torch is imported here and in training alone."""
