"""Cooling of data centers: PUE by kind of cooling and outside temperature.

All figures are assumed, from ranges given for new sites; a measured or designed value goes before them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

HOT_HOUR_C = 35.0
"""Outdoor temperature of the hottest hour [°C]: assumed. Contract power is IT power x PUE there."""

REFERENCE_C = 15.0
"""Temperature up to which the mean PUE holds [°C]: assumed."""

COOLING_PUE: Mapping[str, tuple[float, float]] = {
    "air": (1.45, 0.006),
    "air_economiser": (1.30, 0.006),
    "direct_to_chip": (1.20, 0.004),
    "warm_water": (1.12, 0.002),
    "immersion": (1.06, 0.002),
}
"""Cooling -> mean PUE and its slope per °C above `REFERENCE_C`. Assumed, from ranges given for new sites."""

DEFAULT_COOLING = "direct_to_chip"
"""Kind of cooling where none is said (assumed)."""


def compute_hot_pue(cooling: str) -> float:
    """Compute the PUE at the hottest hour that a kind of cooling stands for.

    Parameters
    ----------
    cooling : str
        A key of `COOLING_PUE`.

    Returns
    -------
    float
        Mean PUE + slope x (35 - 15 °C). An assumption: a measured or designed value goes before it.

    Raises
    ------
    KeyError
        If the kind of cooling is not known.

    Examples
    --------
    >>> round(compute_hot_pue("direct_to_chip"), 3)
    1.28
    """
    if cooling not in COOLING_PUE:
        raise KeyError(f"cooling {cooling!r} is not known; there are {', '.join(COOLING_PUE)}")
    mean, slope = COOLING_PUE[cooling]
    return mean + slope * (HOT_HOUR_C - REFERENCE_C)


def compute_pue(
    cooling: str, air_c: NDArray[np.float64], hot_pue: float | None = None
) -> NDArray[np.float64]:
    """Compute the PUE from the outside temperature.

    Parameters
    ----------
    cooling : str
        A key of `COOLING_PUE`.
    air_c : (n_hour,) array
        Outside temperature [°C].
    hot_pue : float, optional
        PUE at 35 °C; the slope is that of the cooling.

    Returns
    -------
    (n_hour,) array
        Flat below 15 °C, rising to its value at 35 °C, held there: above, IT gives way to the contract.

    Examples
    --------
    >>> compute_pue("air", np.array([0.0, 25.0, 35.0, 40.0])).round(3).tolist()
    [1.45, 1.51, 1.57, 1.57]
    """
    hot = compute_hot_pue(cooling) if hot_pue is None else hot_pue
    below = HOT_HOUR_C - np.clip(air_c, REFERENCE_C, HOT_HOUR_C)
    return np.asarray(np.maximum(hot - COOLING_PUE[cooling][1] * below, 1.0))
