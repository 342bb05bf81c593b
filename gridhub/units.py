"""Conversions between physical units and per unit: the formulas that more than one module needs."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@overload
def calculate_base_impedance(vn_kv: float, base_mva: float) -> float: ...
@overload
def calculate_base_impedance(vn_kv: FloatArray, base_mva: float) -> FloatArray: ...
def calculate_base_impedance(vn_kv: float | FloatArray, base_mva: float) -> float | FloatArray:
    """Calculate the impedance that is 1 p.u.: ``vn_kv**2 / base_mva``.

    Parameters
    ----------
    vn_kv : float or (n,) array
        Nominal voltage, line to line [kV].
    base_mva : float
        Power base [MVA].

    Returns
    -------
    float or (n,) array
        Base impedance [ohm].

    Examples
    --------
    >>> calculate_base_impedance(345.0, 100.0)
    1190.25
    """
    return vn_kv * vn_kv / base_mva


@overload
def calculate_rating(current_ka: float, vn_kv: float) -> float: ...
@overload
def calculate_rating(current_ka: FloatArray, vn_kv: FloatArray) -> FloatArray: ...
def calculate_rating(current_ka: float | FloatArray, vn_kv: float | FloatArray) -> float | FloatArray:
    """Calculate the three-phase rating of a current: ``sqrt(3) * vn_kv * current_ka``.

    Parameters
    ----------
    current_ka : float or (n,) array
        Current per phase [kA].
    vn_kv : float or (n,) array
        Nominal voltage, line to line [kV].

    Returns
    -------
    float or (n,) array
        Rating [MVA].

    Examples
    --------
    >>> round(calculate_rating(1.0, 345.0), 1)
    597.6
    """
    return math.sqrt(3.0) * vn_kv * current_ka


def calculate_reactive_power(p_mw: ArrayLike, power_factor: float) -> FloatArray:
    """Calculate the reactive power that goes with active power at a power factor: ``p tan(acos(pf))``.

    Parameters
    ----------
    p_mw : array_like
        Active power [MW].
    power_factor : float
        Power factor, above 0 and at most 1, lagging.

    Returns
    -------
    array
        Reactive power [Mvar], of the sign of `p_mw`.

    Raises
    ------
    ValueError
        If the power factor is outside (0, 1].

    Examples
    --------
    >>> round(float(calculate_reactive_power(1000.0, 0.95)), 1)
    328.7
    """
    if not 0.0 < power_factor <= 1.0:
        raise ValueError(f"power_factor is {power_factor}; it must be above 0 and at most 1")
    return np.asarray(p_mw, dtype=float) * math.tan(math.acos(power_factor))
