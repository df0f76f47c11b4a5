"""Pictures of rigs, lenses and coverage."""
