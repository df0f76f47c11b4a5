"""Whether a rig still is right, and how to put it right."""
