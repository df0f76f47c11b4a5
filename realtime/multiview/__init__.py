"""People in 3D: association, triangulation, refinement, the rig watched."""
