"""Crop networks: one person a picture, taught by a bottom-up network and MoveNet together."""
