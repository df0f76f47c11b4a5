"""Looking again at people whom another network found, or whom a tracker expects."""
