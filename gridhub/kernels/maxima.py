"""Highest loadings kept while outages go by, and how the kernels that raise them are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., object])


def compiled_for_numbers(function: Function) -> Function:
    """Compile a kernel whose input holds no NaN, so that maxima are found several at a time.

    Sums and products keep their order and rounding: the result is that of numpy to the last bit.
    """
    options: dict[str, Any] = {
        "cache": True,
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"nnan", "nsz"},
    }
    return cast(Function, numba.njit(**options)(function))


class BranchMaxima(NamedTuple):
    """Highest loading of each monitored branch over outages and hours, (m,) each.

    Equal values: the earlier hour, then the lower outage.
    """

    value: Floats
    outage: Ints
    hour: Ints


class OutageMaxima(NamedTuple):
    """Highest loading after each outage over branches and hours, (n_outage,) each.

    Equal values: the earlier hour, then the lower branch.
    """

    value: Floats
    branch: Ints
    hour: Ints


class HourMaxima(NamedTuple):
    """Highest loading in each hour over outages and branches, (n_hour,) each.

    Equal values: the lower outage, then the lower branch.
    """

    value: Floats
    outage: Ints
    branch: Ints


class PairMaxima(NamedTuple):
    """Highest loading of each monitored branch over pairs of outages and injection sets, (m,) each.

    Equal values: the pair that comes first, then the earlier set.
    """

    value: Floats
    first: Ints
    second: Ints
    injection: Ints


class OutageBlock(NamedTuple):
    """Some outages and their factors.

    Attributes
    ----------
    number : (k,) int
        Number of each outage, for the record.
    start : (k + 1,) int
        Outage i has the entries start[i] to start[i + 1] of the arrays below.
    lost : (r,) int
        Branches lost.
    factor : (r, m) float
        Outage factor of each lost branch on each monitored one, over the limit of the latter [1/p.u.].
    """

    number: Ints
    start: Ints
    lost: Ints
    factor: Floats
