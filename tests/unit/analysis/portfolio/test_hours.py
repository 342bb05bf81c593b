"""Typical days keep the year's energies as their weights say; lines are offered where the room ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.portfolio.hours import make_site_hours, offer_lines
from gridhub.errors import OptionError
from gridhub.reference import load_network
from tests.unit.analysis.portfolio.test_portfolio import COSTS, NET, SITES


def test_lines_are_offered_where_the_room_of_a_site_ends():
    table = hosting_capacity(NET, ["d", "e"], None).table
    ends = {*table["binding_element"], *table["next_element"]} & set(NET.line.index)
    found = offer_lines(NET, ["d", "e", "d"], COSTS, None)
    assert {one.target for one in found} == ends and len(found) == len(ends) > 0
    assert {one.kind for one in found} == {"second_circuit"}


def test_a_bus_without_a_place_has_no_weather():
    with pytest.raises(OptionError, match="buses d, e have no coordinates"):
        make_site_hours(NET, SITES)
    with pytest.raises(OptionError, match="kinds tide: choose from solar"):
        make_site_hours(NET, SITES, ("tide",))


@pytest.mark.slow
def test_typical_days_of_korean_sites():
    net = load_network("korea-2025-backbone")
    sites = pd.DataFrame({"bus": ["singangjin-345", "sinpohang-345"]}, index=["honam", "pohang"])
    found = make_site_hours(net, sites, days=3, seed=1)
    assert len(found.load) == 72 and found.weights.sum() == pytest.approx(8760.0)
    assert found.load.between(0.0, 1.0).all() and found.weights.index.equals(found.load.index)
    for kind, low, high in (("solar", 0.08, 0.25), ("wind", 0.1, 0.5)):
        frame = found.output[kind]
        assert list(frame.columns) == ["honam", "pohang"]
        share = (frame.mul(found.weights, axis=0).sum() / 8760.0).to_numpy(dtype=float)
        assert ((share > low) & (share < high)).all()
    night = found.output["solar"][found.output["solar"].index.hour < 4]
    assert np.allclose(night, 0.0)
