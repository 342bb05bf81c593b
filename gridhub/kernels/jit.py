"""How kernels are compiled: cached on disk, without the interpreter lock, dividing by zero as numpy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "arcp"},
}

_BORROWING: dict[str, Any] = {"_nrt": False}
"""Without numba's own memory management: nothing can be allocated, no references are counted."""


def compiled(function: Function) -> Function:
    """Compile a kernel on its first call for each set of argument types."""
    return cast(Function, numba.njit(**_OPTIONS)(function))


def compiled_in_place(function: Function) -> Function:
    """Compile a kernel that allocates nothing and calls only such kernels.

    Its arrays are borrowed: nothing counts who refers to them. Taking a record of arrays out of another
    costs two atomic operations per array otherwise, which is most of what a small kernel takes.
    """
    return cast(Function, numba.njit(**_OPTIONS, **_BORROWING)(function))


def compiled_in_line(function: Function) -> Function:
    """Compile a kernel that allocates nothing into each of its callers.

    For small kernels that are called once for every scenario: a record of arrays is handed over as eight
    numbers per array, which takes longer than the work of some of them.
    """
    return cast(Function, numba.njit(**_OPTIONS, **_BORROWING, forceinline=True)(function))
