"""Generator cost functions on their way in: polynomials to quadratic, piecewise linear to points."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridhub.interop.bridge import Bridge
from gridhub.interop.powerio_reader import Record

_POINTS = 21
"""Points that a polynomial of higher order is replaced by."""


def add_cost(bridge: Bridge, id_: str, cost: Record, row: dict[str, Any]) -> None:
    """Put a cost function into a row, or into points where it is not quadratic.

    Parameters
    ----------
    bridge : Bridge
        Receives cost points and issues.
    id_ : str
        Generator or HVDC link the cost belongs to.
    cost : dict
        ``model`` 1 (pairs of MW and cost per hour) or 2 (coefficients, highest order first), ``startup``,
        ``shutdown``.
    row : dict
        Row of the generator or link; gets the cost columns.
    """
    coefficients = [float(str(c)) for c in cost["coeffs"]]
    is_link = id_.startswith("dcline")
    if not is_link:
        row["startup_cost"], row["shutdown_cost"] = float(cost["startup"]), float(cost["shutdown"])
    if int(cost["model"]) == 2:
        while len(coefficients) > 1 and coefficients[0] == 0.0:
            coefficients.pop(0)
        if len(coefficients) <= 3:
            for name, value in zip(
                ("cost_c0_per_h", "cost_c1_per_mwh", "cost_c2_per_mw2h"),
                [*reversed(coefficients), 0.0, 0.0],
                strict=False,
            ):
                row[name] = value
            return
    if is_link:
        bridge.warn(
            "W-COST", "hvdc", [id_], "cost_c1_per_mwh", "the cost of the link is not quadratic: not held"
        )
    elif int(cost["model"]) == 1:
        _add_points(bridge, id_, coefficients[0::2], coefficients[1::2])
    else:
        _add_sampled(bridge, id_, coefficients, row)


def _add_points(bridge: Bridge, id_: str, powers: list[float], costs: list[float]) -> None:
    for number, (p_mw, cost_per_h) in enumerate(zip(powers, costs, strict=True), start=1):
        bridge.add("cost_point", f"{id_}:{number}", generator=id_, p_mw=p_mw, cost_per_h=cost_per_h)


def _add_sampled(bridge: Bridge, id_: str, coefficients: list[float], row: dict[str, Any]) -> None:
    """Replace a polynomial of third or higher order by straight pieces between the power limits."""
    low, high = row["p_min_mw"], row["p_max_mw"]
    order = len(coefficients) - 1
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        message = f"polynomial of order {order} over an unlimited or empty range: cost not held"
        bridge.warn("W-COST", "generator", [id_], "cost_c2_per_mw2h", message)
        return
    powers = np.linspace(low, high, _POINTS)
    costs = np.polyval(coefficients, powers)
    middle = (powers[:-1] + powers[1:]) / 2
    error = float(np.max(np.abs(np.polyval(coefficients, middle) - (costs[:-1] + costs[1:]) / 2)))
    _add_points(bridge, id_, powers.tolist(), costs.tolist())
    message = f"polynomial of order {order}: {_POINTS} points instead, off by up to {error:.3g} per hour"
    bridge.warn("W-COST", "generator", [id_], "cost_c2_per_mw2h", message)
