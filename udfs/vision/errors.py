"""What can be wrong with a photo, a device or a file of weights."""

from __future__ import annotations

from typing import Literal


class DecodeError(ValueError):
    """A photo that cannot be used; `reason` is one word of the outcome vocabulary."""

    def __init__(self, reason: Literal["too_small", "too_many_pixels", "unsupported", "corrupt"], message: str):
        super().__init__(message)
        self.reason = reason


class DeviceError(RuntimeError):
    """A device was asked for that this process does not have."""


class WeightsError(RuntimeError):
    """Weights that are missing or not what they should be; the message says what to do."""
