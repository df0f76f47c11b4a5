"""What the user may choose."""
