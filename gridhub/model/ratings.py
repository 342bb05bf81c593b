"""Ratings by season: the snapshots of a network with the ratings of their time of the year."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.rating_rules import RATING_COLUMNS
from gridhub.ratings import Season, SeasonalRatings, read_ratings

DOCUMENT = "ratings"
"""Document of a network that holds its seasonal ratings."""


def apply_seasonal_ratings(net: Network) -> Network:
    """Give every snapshot the ratings of its season.

    Parameters
    ----------
    net : Network
        With a document ``ratings`` (`gridhub.ratings.read_ratings`) and snapshots that have a time.

    Returns
    -------
    Network
        Its snapshots override ``rate_mva``, ``rate_b_mva`` and ``rate_c_mva`` of the branches that a factor
        other than 1 names: rating in the table times the factor, to 0.1 MVA. The tables keep their ratings,
        and so do hours that are not taken from a snapshot (profiles): these are those of the season whose
        factors are 1. Limits of interfaces stay as they are.

    Raises
    ------
    OptionError
        If the network has no seasonal ratings, no snapshots, snapshots whose time names no month, or
        snapshots that have ratings of their own already.
    FileFormatError
        If the document is not valid.
    """
    ratings = _read(net)
    months = _find_months(net)
    values = net.tables["snapshot_value"]
    own = values["column"].isin(RATING_COLUMNS)
    if own.any():
        names = name_ids(values["snapshot"][own].unique())
        raise OptionError(f"network {net.name!r} has ratings by snapshot already: {names}")
    by_season = {season.name: _list_values(net, season) for season in ratings.seasons}
    seasons = {name: ratings.find_season(month).name for name, month in months.items()}
    rated = [by_season[seasons[name]].assign(snapshot=name) for name in net.snapshots]
    # pandas guesses types of empty frames, and warns
    parts = [rows for rows in (values, *rated) if len(rows)]
    merged = pd.concat(parts)[list(values.columns)] if parts else values
    merged.index = pd.Index([str(i) for i in range(1, len(merged) + 1)], dtype=object, name="id")
    title = f"{net.title or net.name}; ratings of the season"
    return net.replace(snapshot_value=merged, title=title)


def _read(net: Network) -> SeasonalRatings:
    if DOCUMENT not in net.documents:
        raise OptionError(
            f"network {net.name!r} has no seasonal ratings: its network.toml names no document {DOCUMENT!r}"
        )
    return read_ratings(net.documents[DOCUMENT])


def _find_months(net: Network) -> dict[str, int]:
    """Month of every snapshot."""
    if not net.snapshots:
        raise OptionError(f"network {net.name!r} has no snapshots: its only state has no season")
    times = pd.to_datetime(net.tables["snapshot"]["time"], errors="coerce")
    if times.isna().any():
        names = name_ids(times.index[times.isna()])
        raise OptionError(f"snapshots of {net.name!r} have no time, so no season: {names}")
    return {str(name): int(time.month) for name, time in times.items()}


def _list_values(net: Network, season: Season) -> pd.DataFrame:
    """Rows of ``snapshot_value`` of one season, without the snapshot."""
    parts = []
    for one in season.factors:
        if one.factor == 1.0:
            continue
        frame = net.tables[one.table]
        mine = frame[frame["construction"] == one.construction] if one.construction else frame
        for column in RATING_COLUMNS:
            rate = mine[column].to_numpy(dtype=float)
            known = np.isfinite(rate)
            texts = [f"{value:.1f}" for value in rate[known] * one.factor]
            rows = {"table": one.table, "id": mine.index[known], "column": column, "value": texts}
            parts.append(pd.DataFrame(rows))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["table", "id", "column", "value"])
