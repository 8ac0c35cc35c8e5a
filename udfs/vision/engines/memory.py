"""Memory that does not suffice: how each engine says so, and what can be given back before a smaller try."""

from __future__ import annotations

import torch

# As RuntimeErrors say it: torch's of a processor, OpenVINO's and the C++ library's, cuBLAS's and cuDNN's.
SAYINGS = ("DefaultCPUAllocator", "bad_alloc", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Whether less at a time may go through.

    >>> is_out_of_memory(RuntimeError("std::bad_alloc")), is_out_of_memory(RuntimeError("a bug"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in SAYINGS)


def free_device_memory() -> None:
    """What torch keeps of a GPU's memory for later goes back, so that pieces of another size fit in."""
    torch.cuda.empty_cache()  # does nothing where no GPU was used
