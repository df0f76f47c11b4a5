"""Kinds of input, one a file. Each is a module with a class `Kind`, see tests/fuzz/worker.py."""

KINDS = (
    "streams",  # first, as they wait more than they work
    *("videos", "images", "keypoints", "cards", "rigs", "foreign", "settings", "commands"),
    *("requests", "websockets", "downloads", "journals"),
)
