"""Landmarks of things that nobody labelled."""
