"""What can go wrong in training."""


class TrainingError(Exception):
    """Root of this package's errors; the message says what happened and what to do."""
