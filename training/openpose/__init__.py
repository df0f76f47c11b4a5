"""OpenPose's own training: labels alone teach, every stage is supervised."""
