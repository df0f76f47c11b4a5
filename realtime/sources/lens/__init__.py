"""Pictures without the distortion of their lens."""
