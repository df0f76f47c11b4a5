"""Cameras, distortion, triangulation, least squares."""
