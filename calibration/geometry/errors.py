"""What can go wrong with cameras and their calibration."""

MAX_MESSAGE_LENGTH = 800  # characters of a sentence, as in the other packages


class CalibrationError(Exception):
    """Root of this package's errors; the message says what happened and what to do."""

    def __str__(self) -> str:
        return sentence(super().__str__())


class RigError(CalibrationError, ValueError):
    """A camera or rig that is not complete, or whose numbers make no camera."""


class BoardError(CalibrationError, ValueError):
    """A board that cannot be, or that is not the one in the pictures."""


class DegenerateError(CalibrationError):
    """Pictures that cannot answer the question, however many there are; says which would."""


def sentence(text: str) -> str:
    """The text as one line of bounded length, whatever names and files that it quotes hold."""
    line = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text.strip()
    )
    half = MAX_MESSAGE_LENGTH // 2 - 2
    return line if len(line) <= MAX_MESSAGE_LENGTH else f"{line[:half]} … {line[-half:]}"
