"""Net present value and benefit-cost ratio of works, over their range of costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LIFE_YEARS = 25
"""Years that benefits count, as in the ENTSO-E guideline; no value is left after them."""

UPKEEP_SHARE = 0.015
"""Upkeep a year as a share of the cost: overhead lines in PyPSA's technology data (2026)."""


def name_rate(rate: float) -> str:
    """Name a rate for a column.

    Examples
    --------
    >>> name_rate(0.045), name_rate(0.04)
    ('4_5', '4')
    """
    return f"{100 * rate:g}".replace(".", "_")


def find_annuity(rate: float, years: int) -> float:
    """Present value of 1 a year, paid at the end of each of some years.

    Examples
    --------
    >>> round(find_annuity(0.04, 25), 4), find_annuity(0.0, 25)
    (15.6221, 25.0)
    """
    return float(years) if rate == 0 else (1.0 - (1.0 + rate) ** -years) / rate


def measure_worth(
    benefit: float,
    cost: Mapping[str, float],
    rates: Sequence[float],
    years: int,
    upkeep: float,
    yearly: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Give NPV and B/C for each rate: at base cost, at high cost (worst) and at low cost (best).

    Parameters
    ----------
    benefit : float
        Money a year.
    cost : mapping
        low, base, high.
    rates : sequence of float
    years : int
    upkeep : float
        Money a year as a share of the cost.
    yearly : mapping, optional
        low, base, high of what is paid every year beside it, as for a contract; None: nothing.
    """
    found = {}
    for rate in rates:
        factor = find_annuity(rate, years)
        for end, tail in (("base", ""), ("high", "_worst"), ("low", "_best")):
            whole = cost[end] * (1.0 + upkeep * factor) + (yearly[end] * factor if yearly else 0.0)
            found[f"npv_{name_rate(rate)}{tail}"] = benefit * factor - whole
            found[f"bc_{name_rate(rate)}{tail}"] = benefit * factor / whole if whole > 0 else float("inf")
    return found
