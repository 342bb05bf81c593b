"""Which sites are best for a hub: criteria side by side, a ranking, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.siting.criteria import LEFT_OUT, build_criteria, list_criteria
from gridhub.analysis.siting.impact import SiteImpact
from gridhub.analysis.siting.options import SitingOptions, read_siting_options
from gridhub.analysis.siting.scores import (
    Criterion,
    compute_topsis,
    draw_ranks,
    find_pareto,
    rank_descending,
    sum_weighted,
)
from gridhub.errors import InputError, Issue, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter, Hub

PLACE = ("name", "name_ko", "lat", "lon")
"""Columns of the sites that stay beside the result."""

LOSSES = ("hub_loss_mw", "hub_loss_state", "hub_loss_worst_percent", "hub_loss_caused")
"""Evidence on the loss of the hub that stands beside the criteria."""

TOP = 3
"""A draw counts for a site where it is among this many."""


@dataclass(frozen=True, eq=False)
class SiteRanking:
    """Result of `rank_sites`.

    Attributes
    ----------
    network, hub : str
    table : DataFrame
        One row per site, best first: rank, rank_stability (share of draws in which it is among the first
        three), score (weighted sum, 0 to 1), topsis, rank_topsis, pareto, short_mw (what the headroom lacks
        for the hub as asked), the criteria in their units, then bus, vn_kv [kV], province, feeders, works and
        reinforcement_mw (behind reinforcement_per_mw: what they are, and the MW by which routes are beyond
        what they may carry), hub_loss_mw, hub_loss_state, hub_loss_worst_percent, hub_loss_caused (evidence
        beside hub_loss_rise_percent, worst of the snapshots: see ``impact.hub_losses``), binding, note (why
        it is not ranked), not_assessed and what the sites hold of `PLACE`. A site that cannot be connected,
        or that lacks a criterion with a weight, has no rank.
    criteria : DataFrame
        Index criterion; unit, better, weight, spread, method, note ("the same at every site").
    left_out : mapping
        Criterion -> why it is not here.
    options : SitingOptions
    impact : SiteImpact
        Technical inputs of a grid impact assessment per site, as evidence and no official score: the grid
        with the hub as asked, its supplying banks, the branches it loads visibly, and the loss of the hub.
    """

    network: str
    hub: str
    table: pd.DataFrame
    criteria: pd.DataFrame
    left_out: Mapping[str, str]
    options: SitingOptions
    impact: SiteImpact = field(default_factory=SiteImpact)


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
    to 0 to 1 over the sites given; without weights of the caller, those that differ by less than their own
    uncertainty do not count (note of ``criteria``). A rank
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
    table, reasons, impact = build_criteria(net, sites, center, settled)
    table["short_mw"] = (center.contract_mw - table["headroom_mw"]).clip(lower=0.0)
    layers = [
        Criterion(name, str(unit), "high" if better == "high" else "low", name, "column of the sites")
        for name, (better, unit) in settled.layers.items()
    ]
    for layer in layers:
        table[layer.name] = sites[layer.name].astype(float)
    criteria, left_out = _choose_criteria(table, [*list_criteria(net), *layers], settled)
    left_out |= reasons
    alike = find_alike(table, criteria)
    weights = read_weights(settled.weights, criteria, alike)
    _score(table, criteria, weights, settled)
    described = pd.DataFrame(
        {
            "unit": [one.unit for one in criteria],
            "better": [one.better for one in criteria],
            "weight": weights,
            "spread": [one.spread for one in criteria],
            "method": [one.method for one in criteria],
            "note": alike,
        },
        index=pd.Index([one.name for one in criteria], name="criterion"),
    )
    scores = ["rank", "rank_stability", "score", "topsis", "rank_topsis", "pareto", "short_mw"]
    rest = ["bus", "vn_kv", "province", "feeders", "works", "reinforcement_mw", *LOSSES]
    rest += ["binding", "note", "not_assessed"]
    place = [name for name in PLACE if name in sites]
    table[place] = sites[place]
    rest += place
    shown = table.reindex(columns=[*scores, *described.index, *rest])
    return SiteRanking(
        network=net.name,
        hub=center.name,
        table=shown.sort_values("rank", kind="stable", na_position="last").rename_axis("site"),
        criteria=described,
        left_out=MappingProxyType(left_out),
        options=settled,
        impact=impact,
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
        else:
            left_out[one.name] = _say_why(one.name, options)
    return kept, left_out


def _say_why(criterion: str, options: SitingOptions) -> str:
    """Say why no site has a criterion."""
    if criterion == "headroom_flexible_mw":
        return "no hours: give hosting the option profiles"
    if criterion == "hub_loss_rise_percent":
        asked = 'by AC: asked for by impact = "ac"'
        return "no site has an AC solution with the hub as asked" if options.impact == "ac" else asked
    if criterion == "latency_ms" and options.landing_points is None:
        return "no landing points given"
    if criterion in ("congestion_per_mwh", "curtailment_relieved_percent"):
        return "asked for by market = true" if not options.market else "no snapshot can be dispatched with it"
    if criterion in ("carbon_free_percent", "pue"):
        return "the region has no profiles to make weather from, or no site a place"
    return "the network's rules, costs or the sites do not give it"


def _score(
    table: pd.DataFrame, criteria: Sequence[Criterion], weights: np.ndarray, options: SitingOptions
) -> None:
    """Add scores and ranks to the table; sites that lack a criterion with a weight get none, and a note."""
    criteria = [one for one, weight in zip(criteria, weights, strict=True) if weight > 0]
    weights = weights[weights > 0]
    names = [one.name for one in criteria]
    for column in ("rank", "rank_stability", "score", "topsis", "rank_topsis"):
        table[column] = np.nan
    table["pareto"] = False
    lacking = table[names].isna()
    able = ~lacking.any(axis=1) & (table["bus"] != "")
    for site in table.index[~able & (table["bus"] != "")]:
        gaps = name_ids(lacking.columns[lacking.loc[site].to_numpy(dtype=bool)])
        text = f"not ranked: {gaps} not known"
        table.loc[site, "note"] = "; ".join(filter(None, (text, str(table.loc[site, "note"]))))
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


def find_alike(table: pd.DataFrame, criteria: Sequence[Criterion]) -> list[str]:
    """Say of each criterion whether the sites hardly differ in it; empty where they do."""
    notes = []
    for one in criteria:
        values = table[one.name].dropna()
        span = float(values.max() - values.min())
        within = span <= one.spread * float(values.abs().mean())
        notes.append("the same at every site" if span == 0 else f"within {one.spread:.0%}" if within else "")
    return notes


def read_weights(
    weights: Mapping[str, float] | None, criteria: Sequence[Criterion], alike: Sequence[str] = ()
) -> np.ndarray:
    """Bring weights to an array that adds up to 1; for None every group of criteria has the same.

    Parameters
    ----------
    weights : mapping or None
    criteria : sequence of Criterion
    alike : sequence of str, optional
        As of `find_alike`: for None, what the sites do not differ in beyond its uncertainty gets no weight.

    Raises
    ------
    OptionError
        If one names no criterion, is below 0, or all are 0.
    """
    names = [one.name for one in criteria]
    if weights is None:
        counts = [not note for note in alike] or [True] * len(names)
        if not any(counts):
            counts = [True] * len(names)
        groups = [one.group for one in criteria]
        counted = [group for group, used in zip(groups, counts, strict=True) if used]
        share = [1.0 / (len(set(counted)) * max(1, counted.count(group))) for group in groups]
        return np.where(counts, share, 0.0)
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
