"""What calibrations and checks say of themselves: figures, then a verdict."""
