"""What every room speaks of: poses, skeletons, letterboxes, errors."""
