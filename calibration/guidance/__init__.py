"""What to do next while calibrating live, and the screen that says it."""
