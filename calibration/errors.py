"""What can go wrong with cameras and their calibration."""


class CalibrationError(Exception):
    """Root of this package's errors; the message says what happened and what to do."""


class RigError(CalibrationError, ValueError):
    """A camera or rig that is not complete, or whose numbers make no camera."""


class BoardError(CalibrationError, ValueError):
    """A board that cannot be, or that is not the one in the pictures."""


class DegenerateError(CalibrationError):
    """Pictures that cannot answer the question, however many there are; says which would."""
