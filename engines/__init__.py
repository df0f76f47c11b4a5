"""Models and devices: from a picture to the people in it. Knows no tracks, threads or video."""
