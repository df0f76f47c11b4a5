"""What can go wrong with models and devices, each with a sentence for the user."""

MAX_SENTENCE = 800  # characters of a sentence: two addresses of weights must fit


class EngineError(Exception):
    """Root of this package's errors; its text says what happened and what to do."""

    def __str__(self) -> str:
        return sentence(super().__str__())


class UsageError(EngineError):
    """A command line that cannot be understood."""


class CardError(EngineError, ValueError):
    """A model card or skeleton cannot be read, or is not known."""


class WeightsError(EngineError, OSError):
    """A model's weights are missing, damaged or cannot be fetched."""


class UnreachableError(WeightsError):
    """Weights are not here and cannot be fetched now."""


class DeviceError(EngineError, RuntimeError):
    """A runtime or device is not there, or refuses the network."""


def sentence(text: str) -> str:
    """The text as one line of bounded length, whatever names and files that it quotes hold."""
    line = one_line(text)
    half = MAX_SENTENCE // 2 - 2
    return line if len(line) <= MAX_SENTENCE else f"{line[:half]} … {line[-half:]}"


def one_line(text: str) -> str:
    """The text with escapes for what would end the line, or steer the terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text.strip()
    )
