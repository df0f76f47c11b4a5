"""Kinds of input, one a file. Each is a module with a class `Kind`, see tests/fuzz/worker.py."""

KINDS = (
    *("videos", "images", "keypoints", "cards", "rigs", "settings", "commands"),
    *("requests", "websockets", "streams", "downloads"),
)
