"""Threads, channels, clocks, signals: what carries a frame from stage to stage."""
