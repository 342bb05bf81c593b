"""Sun, wind and climate at a site: the same as a hub placed there gets from the makers of hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.siting.local import compute_local
from gridhub.model.network import Network, build_network
from gridhub.reference import find_region_document

PLACES = {"haenam": (34.68, 126.43), "donghae": (37.48, 129.13)}


def build_places() -> Network:
    """Buses at two places with sun and wind."""
    lat, lon = zip(*PLACES.values(), strict=True)
    names = list(PLACES)
    plants = [(name, fuel, mw) for name in names for fuel, mw in (("solar", 100.0), ("wind", 50.0))]
    return build_network(
        "places",
        bus=pd.DataFrame({"vn_kv": 154.0, "lat": lat, "lon": lon, "province": "Jeonnam"}, index=names),
        line=pd.DataFrame(
            {"from_bus": [names[0]], "to_bus": [names[1]], "r_ohm": 1.0, "x_ohm": 9.0}, index=["between"]
        ),
        generator=pd.DataFrame(
            {
                "bus": [name for name, _, _ in plants],
                "fuel": [fuel for _, fuel, _ in plants],
                "p_max_mw": [mw for _, _, mw in plants],
            },
            index=[f"{name} {fuel}" for name, fuel, _ in plants],
        ),
        documents={"profiles": find_region_document("korea", "profiles")},
    )


@pytest.fixture(scope="module")
def net() -> Network:
    return build_places()


def test_share_and_pue_are_those_of_a_hub_placed_there(net: Network) -> None:
    center = gh.DataCenter("hall", contract_mw=100.0, bus="haenam")
    sites = pd.DataFrame(PLACES, index=["lat", "lon"]).T
    found = compute_local(net, sites, center, 1.0, 0.5, 2025, 3)
    for name in PLACES:
        placed = gh.place(net, gh.DataCenter("hall", contract_mw=100.0, bus=name))
        hours = gh.make_profiles(placed, 2025, 3, data_centers=[center])
        load = hours["load", "p_mw"].sum(axis=1)
        output = hours["generator", "p_mw"][[f"{name} solar", f"{name} wind"]].sum(axis=1)
        share = 100.0 * np.minimum(load, output).sum() / load.sum()
        assert found.at[name, "carbon_free_percent"] == pytest.approx(share, abs=1e-3)
    assert found["pue"].between(1.0, 1.28).all()


def test_no_plants_match_nothing_and_more_match_more(net: Network) -> None:
    center = gh.DataCenter("hall", contract_mw=100.0, bus="haenam")
    sites = pd.DataFrame(PLACES, index=["lat", "lon"]).T
    none, some, more = (
        compute_local(net, sites, center, *ratios, 2025, 0)["carbon_free_percent"]
        for ratios in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    )
    assert (none == 0).all() and (some > 0).all() and (more > some).all() and (more < 100).all()
