"""Keypoints between computers: nodes publish them, and one computer makes 3D people of them."""
