"""How kernels are compiled: cached on disk, without the interpreter lock, dividing by zero as numpy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a kernel on its first call for each set of argument types."""
    options: dict[str, Any] = {
        "cache": True,
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "nsz", "arcp"},
    }
    return cast(Function, numba.njit(**options)(function))
