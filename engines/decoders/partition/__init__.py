"""Candidates of keypoints parted among people all at once."""
