"""Which sites are best for a hub: criteria side by side, a ranking, and how sure it is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from gridhub.analysis.siting_criteria import LEFT_OUT, build_criteria, list_criteria
from gridhub.analysis.siting_scores import (
    Better,
    Criterion,
    Score,
    compute_topsis,
    draw_ranks,
    find_pareto,
    rank_descending,
    sum_weighted,
)
from gridhub.errors import InputError, Issue, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter, Hub

TOP = 3
"""A draw counts for a site where it is among this many."""


@dataclass(frozen=True, slots=True)
class SitingOptions:
    """Options of `gridhub.rank_sites`.

    Attributes
    ----------
    weights : mapping, optional
        Criterion -> weight of at least 0, scaled to add up to 1; what is not named gets 0. None: the same
        for room, spur, time, feeds, latency and each layer (assumed: the choice is the planner's).
    score : {"weighted_sum", "topsis"}
        What the rank and its stability go by; both scores are shown.
    layers : mapping
        Column of the sites -> ("high" | "low", unit): criteria of the user, such as land, water or climate.
    landing_points : DataFrame, optional
        See `gridhub.analysis.siting_latency.compute_latency`; None: no latency.
    method : {"dc", "ac"}
        Of headroom_mw.
    hosting : mapping
        Options of `gridhub.hosting_capacity`.
    draws, seed : int
        Of the Monte Carlo.
    weight_spread : float
        Standard deviation of a weight over its value: assumed.
    """

    weights: Mapping[str, float] | None = None
    score: Score = "weighted_sum"
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    landing_points: pd.DataFrame | None = None
    method: Literal["dc", "ac"] = "dc"
    hosting: Mapping[str, Any] = field(default_factory=dict)
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
        if not 1 <= self.draws <= 100_000:
            faults.append(f"draws = {self.draws!r}: a whole number from 1 to 100,000")
        if not 0 <= self.weight_spread <= 2:
            faults.append(f"weight_spread = {self.weight_spread!r}: a number from 0 to 2")
        for name, layer in self.layers.items():
            if len(layer) != 2 or layer[0] not in get_args(Better):
                faults.append(f'layers[{name!r}] = {layer!r}: wants ("high" | "low", unit)')
        if faults:
            raise OptionError("; ".join(faults))


@dataclass(frozen=True, eq=False)
class SiteRanking:
    """Result of `rank_sites`.

    Attributes
    ----------
    network, hub : str
    table : DataFrame
        One row per site, best first: rank, rank_stability (share of draws in which it is among the first
        three), score (weighted sum, 0 to 1), topsis, rank_topsis, pareto, short_mw (what the headroom lacks
        for the hub as asked), the criteria in their units, then bus, vn_kv [kV], province, feeders, binding,
        note (why it is not ranked) and not_assessed. A site that cannot be connected, or that lacks a
        criterion, has no rank.
    criteria : DataFrame
        Index criterion; unit, better, weight, spread, method, note ("the same at every site").
    left_out : mapping
        Criterion -> why it is not here.
    options : SitingOptions
    """

    network: str
    hub: str
    table: pd.DataFrame
    criteria: pd.DataFrame
    left_out: Mapping[str, str]
    options: SitingOptions


def rank_sites(
    net: Network,
    sites: pd.DataFrame,
    hub: Hub | DataCenter,
    options: Mapping[str, Any] | SitingOptions | None = None,
) -> SiteRanking:
    """Rank sites for a hub.

    Parameters
    ----------
    net : Network
        With connection rules and costs, or sites that name their bus.
    sites : DataFrame
        Index site; lat, lon [degree] and, if wanted, bus (the point of connection). Columns named in
        ``layers`` are criteria of the user.
    hub : Hub or DataCenter
        Its data center is moved to each site in turn; where it stands now does not count, nor do its plants.
    options : mapping or SitingOptions, optional

    Returns
    -------
    SiteRanking

    Raises
    ------
    InputError
        If the sites lack columns or numbers; all faults are listed.
    OptionError
        If an option is unknown or a weight names no criterion.

    Notes
    -----
    Each criterion has its unit and method in ``criteria``; nothing is hidden in a score. Criteria are scaled
    to 0 to 1 over the sites given, however little they differ; those that differ nowhere do not count. A rank
    compares: short_mw says whether a site can take the hub at all. The rank's stability comes from seeded
    draws: weights by a gamma distribution, data by a log-normal one with the spread of each criterion.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> ring = pd.DataFrame(
    ...     {"from_bus": list("abc"), "to_bus": list("bca"), "r_ohm": 1.0, "x_ohm": 9.0, "rate_mva": 400.0},
    ...     index=["ab", "bc", "ca"],
    ... )
    >>> net = build_network(
    ...     "ring",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False]}, index=list("abc")),
    ...     line=ring,
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [250.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_mw": 250.0, "p_max_mw": 2000.0}, index=["unit"]),
    ... )
    >>> table = {"lat": 35.0, "lon": [127.0, 128.0], "bus": ["b", "a"]}
    >>> hall = DataCenter("hall", contract_mw=100.0, bus="a")
    >>> ranking = rank_sites(net, pd.DataFrame(table, index=["x", "y"]), hall)
    >>> ranking.table["rank"].tolist(), ranking.table["headroom_mw"].round(1).tolist()
    ([1.0, 2.0], [1750.0, 150.0])
    """
    settled = read_siting_options(options)
    center = hub.data_center if isinstance(hub, Hub) else hub
    check_sites(sites, settled.layers)
    table = build_criteria(net, sites, center, settled.landing_points, settled.hosting, settled.method)
    table["short_mw"] = (center.contract_mw - table["headroom_mw"]).clip(lower=0.0)
    layers = [
        Criterion(name, str(unit), "high" if better == "high" else "low", name, "column of the sites")
        for name, (better, unit) in settled.layers.items()
    ]
    for layer in layers:
        table[layer.name] = sites[layer.name].astype(float)
    criteria, left_out = _choose_criteria(table, [*list_criteria(net), *layers], settled)
    weights = read_weights(settled.weights, criteria)
    _score(table, criteria, weights, settled)
    described = pd.DataFrame(
        {
            "unit": [one.unit for one in criteria],
            "better": [one.better for one in criteria],
            "weight": weights,
            "spread": [one.spread for one in criteria],
            "method": [one.method for one in criteria],
            "note": ["the same at every site" if table[one.name].nunique() <= 1 else "" for one in criteria],
        },
        index=pd.Index([one.name for one in criteria], name="criterion"),
    )
    scores = ["rank", "rank_stability", "score", "topsis", "rank_topsis", "pareto", "short_mw"]
    rest = ["bus", "vn_kv", "province", "feeders", "binding", "note", "not_assessed"]
    shown = table.reindex(columns=[*scores, *described.index, *rest])
    return SiteRanking(
        network=net.name,
        hub=center.name,
        table=shown.sort_values("rank", kind="stable", na_position="last").rename_axis("site"),
        criteria=described,
        left_out=MappingProxyType(left_out),
        options=settled,
    )


def _choose_criteria(
    table: pd.DataFrame, wanted: Sequence[Criterion], options: SitingOptions
) -> tuple[list[Criterion], dict[str, str]]:
    """Keep the criteria that some site has; name the others."""
    left_out = dict(LEFT_OUT)
    kept = []
    for one in wanted:
        if table[one.name].notna().any() if one.name in table else False:
            kept.append(one)
        elif one.name == "latency_ms" and options.landing_points is None:
            left_out[one.name] = "no landing points given"
        else:
            left_out[one.name] = "the network's rules, costs or the sites do not give it"
    return kept, left_out


def _score(
    table: pd.DataFrame, criteria: Sequence[Criterion], weights: np.ndarray, options: SitingOptions
) -> None:
    """Add scores and ranks to the table; sites that lack a criterion get none, and a note."""
    names = [one.name for one in criteria]
    for column in ("rank", "rank_stability", "score", "topsis", "rank_topsis"):
        table[column] = np.nan
    table["pareto"] = False
    lacking = table[names].isna()
    able = ~lacking.any(axis=1) & (table["bus"] != "")
    for site in table.index[~able & (table["bus"] != "")]:
        gaps = name_ids(lacking.columns[lacking.loc[site].to_numpy(dtype=bool)])
        table.loc[site, "note"] = f"not ranked: {gaps} not known"
    if not able.any():
        return
    values, better = table.loc[able, names].to_numpy(dtype=float), [one.better for one in criteria]
    score, topsis = sum_weighted(values, weights, better), compute_topsis(values, weights, better)
    chosen = score if options.score == "weighted_sum" else topsis
    ranks = draw_ranks(
        options.score, values, weights, list(criteria), options.weight_spread, options.draws, options.seed
    )
    table.loc[able, "score"], table.loc[able, "topsis"] = score, topsis
    table.loc[able, "rank"] = rank_descending(chosen).astype(float)
    table.loc[able, "rank_topsis"] = rank_descending(topsis).astype(float)
    table.loc[able, "pareto"] = find_pareto(values, better)
    table.loc[able, "rank_stability"] = (ranks <= TOP).mean(axis=0)


def read_weights(weights: Mapping[str, float] | None, criteria: Sequence[Criterion]) -> np.ndarray:
    """Bring weights to an array that adds up to 1; for None every group of criteria has the same.

    Raises
    ------
    OptionError
        If one names no criterion, is below 0, or all are 0.
    """
    names = [one.name for one in criteria]
    if weights is None:
        groups = [one.group for one in criteria]
        return np.array([1.0 / (len(set(groups)) * groups.count(group)) for group in groups])
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise OptionError(f"weights of {name_ids(unknown)}: no such criterion; there are {', '.join(names)}")
    given = np.array([float(weights.get(name, 0.0)) for name in names])
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise OptionError(f"weights {dict(weights)}: finite numbers of at least 0, one of them above 0")
    return np.asarray(given / given.sum())


def check_sites(sites: pd.DataFrame, layers: Mapping[str, object]) -> None:
    """Refuse sites without an index of their own, a place or a bus; all faults are listed.

    Raises
    ------
    InputError
    """
    missing = [name for name in ("lat", "lon", *layers) if name not in sites]
    issues = [Issue("error", "E-COLUMN", "sites", "", name, "", "is missing") for name in missing]
    for name in sites.index[sites.index.duplicated()].unique():
        issues.append(Issue("error", "E-DUP", "sites", str(name), "", "", "comes more than once"))
    if not len(sites):
        issues.append(Issue("error", "E-EMPTY", "sites", "", "", "", "there is no site"))
    if "lat" in sites and "lon" in sites:
        bus = sites["bus"].fillna("") if "bus" in sites else pd.Series("", index=sites.index)
        lat, lon = (pd.to_numeric(sites[key], errors="coerce") for key in ("lat", "lon"))
        placed = lat.between(-90, 90) & lon.between(-180, 180)
        for name in sites.index[(~placed & (bus == "")).to_numpy(dtype=bool)]:
            text = "wants lat and lon in degrees, or a bus"
            issues.append(Issue("error", "E-NUMBER", "sites", str(name), "lat, lon", "", text))
    if issues:
        raise InputError(issues, "sites")


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
