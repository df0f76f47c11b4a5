"""What can go wrong while frames flow, each with a sentence for the user."""

from engines.types.errors import sentence

THEN = "then: "


class RealtimeError(Exception):
    """Root of this package's errors; its text says what happened and what to do."""

    def __str__(self) -> str:
        return sentence(super().__str__())


class SourceError(RealtimeError, OSError):
    """A source cannot be opened, or ends before its time."""


class Unreachable(SourceError):
    """A camera does not answer, or not now: it may be switched on later."""


class Absent(SourceError):
    """A camera is not there; its source may be iterated over all the same, and waits for it.

    passing: whether it may come by itself, as after a power cut, without anything being changed.
    """

    def __init__(self, text: str, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


class OutputError(RealtimeError, OSError):
    """An output cannot be opened or written; what was written stays readable."""


def add_loss(error: BaseException, later: BaseException) -> None:
    """Note on an error what else went wrong after it, and what went wrong after that."""
    error.add_note(f"{THEN}{later}")
    for loss in losses(later):
        error.add_note(f"{THEN}{loss}")


def losses(error: BaseException) -> list[str]:
    """What else went wrong after an error, a sentence each."""
    notes = getattr(error, "__notes__", ())
    return [note.removeprefix(THEN) for note in notes if note.startswith(THEN)]


class SettingsError(RealtimeError, ValueError):
    """Settings that contradict each other or mean nothing."""


class Stopped(Exception):
    """The user asked an output (the window) to end the run."""
