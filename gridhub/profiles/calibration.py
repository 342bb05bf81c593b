"""Meeting a published figure: the one factor or exponent with which a series has it."""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq

from gridhub.errors import InputError, Issue


def find_factor(
    compute: Callable[[float], float], target: float, low: float, high: float, what: str
) -> float:
    """Find the factor with which a monotone function meets its target.

    Parameters
    ----------
    compute : callable
        Monotone from `low` to `high`.
    target, low, high : float
    what : str
        The figure, for the message.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If no factor in the range meets the target.

    Examples
    --------
    >>> round(find_factor(lambda factor: 3.0 * factor, 6.0, 0.0, 10.0, "six"), 9)
    2.0
    """
    ends = sorted((compute(low), compute(high)))
    if not ends[0] <= target <= ends[1]:
        text = (
            f"cannot be met: the shape reaches {ends[0]:.4g} to {ends[1]:.4g}; check the figure and the shape"
        )
        raise InputError(
            [Issue("error", "E-TARGET", "profiles", what, "", f"{target:.4g}", text)], "profiles"
        )
    return float(brentq(lambda factor: compute(factor) - target, low, high, xtol=1e-12))
