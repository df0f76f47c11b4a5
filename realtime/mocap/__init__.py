"""Takes of people in 3D, and the files that animation and biomechanics read."""
