"""What a classifier consists of, as bytes: its file will not do, for two files of one classifier differ in times and
addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def content(value: Any) -> Iterator[bytes]:
    """Equal for equal values, before they are stored and when they are read again. Raises TypeError for what is neither
    an array, a plain value, nor made of those."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        yield f"{array.dtype.str}{np.shape(value)}".encode()
        yield array.tobytes()
    elif value is None or isinstance(value, bool | int | float | str):
        yield repr(value).encode()
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield f"key {key!r}".encode()
            yield from content(value[key])
    elif isinstance(value, list | tuple):
        yield f"{len(value)} values".encode()
        for one in value:
            yield from content(one)
    else:
        yield type(value).__qualname__.encode()
        yield from content(vars(value))
