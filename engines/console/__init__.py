"""What the command line shares: options, status lines, and why OpenCV does not load."""
