"""What the place itself gives a hub: carbon-free hours of sun and wind beside it, and a cool climate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter
from gridhub.profiles.cooling import compute_pue
from gridhub.profiles.data_center import DataCenterLoad, build_data_center_load
from gridhub.profiles.region_file import read_region_profiles
from gridhub.profiles.site_output import build_site_output

CARBON_METHOD = (
    "share of the hub's energy of a synthetic year that sun and wind beside it serve in the same hour: sum "
    "of min(load, output) over load; no storage, no grid mix"
)
PUE_METHOD = (
    "mean PUE of a synthetic year by the kind of cooling and the temperature of the place; the figures of "
    "cooling are assumed"
)


def compute_local(
    net: Network,
    sites: pd.DataFrame,
    center: DataCenter,
    solar_ratio: float,
    wind_ratio: float,
    year: int,
    seed: int,
) -> pd.DataFrame:
    """Compute what sun, wind and climate give a hub at each site.

    Parameters
    ----------
    net : Network
        With the document ``profiles`` of its region.
    sites : DataFrame
        lat, lon [degree], all known.
    center : DataCenter
    solar_ratio, wind_ratio : float
        MW of sun and of wind on land beside the hub per MW of contract power.
    year, seed : int
        Of the weather.

    Returns
    -------
    DataFrame
        Index site; carbon_free_percent [%], pue [1].

    Notes
    -----
    With load L and output G of hour t: sum_t min(L_t, G_t) / sum_t L_t. The weather is that of the region's
    cells, synthetic: its shapes and correlations are held to published figures, its hours are no record.

    References
    ----------
    Google, "24/7 Carbon-Free Energy: Methodologies and Metrics", 2021: an hour counts at most its load.
    """
    region = read_region_profiles(net.documents["profiles"])
    names = sites.index.to_numpy()
    ratios = (solar_ratio, wind_ratio)
    made = build_site_output(region, sites["lat"], sites["lon"], names, ratios, year, seed)
    model = DataCenterLoad.of(center, ramp={})
    shares, pues = np.empty(made.output.shape[1]), np.empty(made.output.shape[1])
    for k in range(made.output.shape[1]):
        air = made.air_c[:, k]
        load = build_data_center_load(model, made.hours, air, seed).p_mw
        shares[k] = 100.0 * np.minimum(load, made.output[:, k] * center.contract_mw).sum() / load.sum()
        pues[k] = compute_pue(model.cooling, air, model.hot_pue).mean()
    where = made.where
    return pd.DataFrame({"carbon_free_percent": shares[where], "pue": pues[where]}, index=sites.index)
