"""How this process asks the system for memory: in large pieces, kept for the next request."""

from __future__ import annotations

import ctypes

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = 64 * 1024 * 1024
_PIECE = 8 * 1024 * 1024


def keep_memory() -> None:
    """Let what a request freed serve the next one, up to a bound.

    A picture's tensor is above the size that malloc gives back at once, and each page of it that
    comes again is a fault: seventy for a request of 300 kB. Nothing happens where the C library
    has no such setting.
    """
    settings = getattr(ctypes.CDLL(None), "mallopt", None)
    if settings is None:
        return
    settings(_MMAP_THRESHOLD, _KEPT // 2)
    settings(_TRIM_THRESHOLD, _KEPT)
    settings(_TOP_PAD, _PIECE)
