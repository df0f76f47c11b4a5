"""What can go wrong with models and devices, each with a sentence for the user."""


class EngineError(Exception):
    """Root of this package's errors; its text says what happened and what to do."""


class CardError(EngineError, ValueError):
    """A model card or skeleton cannot be read, or is not known."""


class WeightsError(EngineError, OSError):
    """A model's weights are missing, damaged or cannot be fetched."""


class DeviceError(EngineError, RuntimeError):
    """A runtime or device is not there, or refuses the network."""
