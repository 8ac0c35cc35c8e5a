"""What can be wrong with a device or a file of weights."""

from __future__ import annotations


class DeviceError(RuntimeError):
    """A device was asked for that this process does not have."""


class WeightsError(RuntimeError):
    """Weights that are missing or not what they should be; the message says what to do."""
