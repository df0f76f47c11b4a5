"""Cameras and geometry: calibrate a rig, project, triangulate, refine."""
