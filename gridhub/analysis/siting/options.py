"""Options of a ranking of sites."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

import pandas as pd

from gridhub.analysis.siting.impact import ImpactMethod
from gridhub.analysis.siting.scores import Better, Score
from gridhub.errors import OptionError


@dataclass(frozen=True, slots=True)
class SitingOptions:
    """Options of `gridhub.rank_sites`.

    Attributes
    ----------
    weights : mapping, optional
        Criterion -> weight of at least 0, scaled to add up to 1; what is not named gets 0. None: the same
        for each group of criteria (room, spur, works, time, resilience, latency, losses, market, carbon,
        climate)
        and each layer (assumed: the choice is the planner's).
    score : {"weighted_sum", "topsis"}
        What the rank and its stability go by; both scores are shown.
    layers : mapping
        Column of the sites -> ("high" | "low", unit): criteria of the user, such as land, water or climate.
    landing_points : DataFrame, optional
        See `gridhub.analysis.siting.latency.compute_latency`; None: no latency.
    method : {"dc", "ac"}
        Of headroom_mw.
    hosting : mapping
        Options of `gridhub.hosting_capacity`.
    market : bool
        Whether every snapshot is dispatched with a load at each point of connection: congestion_per_mwh,
        curtailment_relieved_percent. Wants units with costs.
    dispatch : mapping
        Options of `gridhub.run_dispatch` for that.
    impact : {"ac", "dc", "off"}
        How the grid with the hub as asked is solved, and that after its loss, for
        hub_loss_rise_percent and the evidence of `gridhub.analysis.siting.impact.SiteImpact`. "ac": by DC
        where there is no AC solution; "dc": no voltages, so no hub_loss_rise_percent; "off": none of it.
    solar_ratio, wind_ratio : float
        MW of sun and of wind on land beside the hub per MW of contract power, for carbon_free_percent:
        assumed.
    weather_year : int
        Calendar of the synthetic year of weather; drawn with `seed`.
    draws, seed : int
        Of the Monte Carlo (and of the weather).
    weight_spread : float
        Standard deviation of a weight over its value: assumed.
    """

    weights: Mapping[str, float] | None = None
    score: Score = "weighted_sum"
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    landing_points: pd.DataFrame | None = None
    method: Literal["dc", "ac"] = "dc"
    hosting: Mapping[str, Any] = field(default_factory=dict)
    market: bool = False
    dispatch: Mapping[str, Any] = field(default_factory=dict)
    impact: ImpactMethod = "ac"
    solar_ratio: float = 1.0
    wind_ratio: float = 0.5
    weather_year: int = 2025
    draws: int = 1000
    seed: int = 0
    weight_spread: float = 0.3

    def __post_init__(self) -> None:
        """Check the values and refuse all that are wrong at once."""
        faults = []
        if self.score not in get_args(Score):
            faults.append(f"score = {self.score!r}: choose from {', '.join(get_args(Score))}")
        if self.method not in ("dc", "ac"):
            faults.append(f'method = {self.method!r}: "dc" or "ac"')
        if self.impact not in get_args(ImpactMethod):
            faults.append(f"impact = {self.impact!r}: choose from {', '.join(get_args(ImpactMethod))}")
        if not 1 <= self.draws <= 100_000:
            faults.append(f"draws = {self.draws!r}: a whole number from 1 to 100,000")
        if not 0 <= self.weight_spread <= 2:
            faults.append(f"weight_spread = {self.weight_spread!r}: a number from 0 to 2")
        market: object = self.market
        if not isinstance(market, bool):
            faults.append(f"market = {self.market!r}: True or False")
        for name in ("solar_ratio", "wind_ratio"):
            if not 0 <= getattr(self, name) <= 100:
                faults.append(f"{name} = {getattr(self, name)!r}: a number from 0 to 100")
        for name, layer in self.layers.items():
            if len(layer) != 2 or layer[0] not in get_args(Better):
                faults.append(f'layers[{name!r}] = {layer!r}: wants ("high" | "low", unit)')
        if faults:
            raise OptionError("; ".join(faults))


def read_siting_options(options: Mapping[str, Any] | SitingOptions | None) -> SitingOptions:
    """Complete options given as a mapping, an object or nothing.

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.
    """
    if isinstance(options, SitingOptions):
        return options
    known = [item.name for item in fields(SitingOptions)]
    unknown = [str(key) for key in options or {} if key not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise OptionError(f"unknown option {', '.join(unknown)}{hint} Options: {', '.join(known)}")
    return SitingOptions(**dict(options or {}))
