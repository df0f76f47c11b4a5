"""A rig from people who walk, without any board."""
