from __future__ import annotations

import pandas as pd
import pytest

from gridhub.case.compile import compile_case
from gridhub.errors import PlacementError
from gridhub.placement.hub import DataCenter, Hub, OnSiteGenerator, RenewablePlant
from gridhub.placement.place import place
from tests.unit.placement.small_grid import build_small_grid


@pytest.fixture(scope="module")
def grid():
    return build_small_grid()


def get_power(net, unit):
    """Output of a unit in every snapshot [MW], as a power flow takes it."""
    power = {}
    for name in net.snapshots:
        case = compile_case(net, name)
        at = case.labels.generator.index(unit)
        power[name] = float(case.generator_p[at] * net.base_mva) if case.generator_on[at] else None
    return power


def test_on_site_generation_stands_on_the_hub_bus_and_leaves_the_connection_alone(grid):
    center = DataCenter("dc", contract_mw=500.0, lat=35.1, lon=127.2)
    turbine = OnSiteGenerator("gt", p_mw=300.0, cost_per_mwh=80.0)
    net, without = place(grid, Hub(center, generators=[turbine])), place(grid, center)
    row = net.placements.set_index("part").loc["gt"]
    assert (row["bus"], row["kind"], row["feeders"], row["p_mw"]) == ("hub:dc", "gas_turbine", 0, 300.0)
    assert row["rules"] == "behind-the-meter" and row["earliest_energisation"] == "2026-11"
    assert get_power(net, "hub:gt") == pytest.approx({"summer_peak": 300.0, "summer_midday": 300.0})
    unit = net.generator.loc["hub:gt"]
    assert (unit["fuel"], unit["behind_load"], unit["participation"]) == ("lng", "hub:dc", 0.0)
    assert unit["metered"] and unit["in_service"] and unit["cost_c1_per_mwh"] == 80.0
    # contract power, feeders and the load's own dates are as without it
    pd.testing.assert_frame_equal(net.placements.iloc[:1], without.placements)
    pd.testing.assert_frame_equal(net.line, without.line)
    pd.testing.assert_frame_equal(net.load, without.load)


def test_on_site_generation_gives_what_own_sun_leaves_and_never_exports(grid):
    center = DataCenter("dc", contract_mw=500.0, lat=35.1, lon=127.2)
    sun = RenewablePlant("sun", p_mw=1000.0, lat=35.2, lon=127.2)
    units = [OnSiteGenerator("gt", p_mw=150.0, p_min_mw=40.0), OnSiteGenerator("more", "gas_engine", 50.0)]
    net = place(grid, Hub(center, [sun], behind_the_meter=True, generators=units))
    # the sun gives 330 MW at the peak, and would give 750 at midday, of which 500 are drawn
    assert get_power(net, "hub:gt") == pytest.approx({"summer_peak": 150.0, "summer_midday": 0.0})
    assert get_power(net, "hub:more") == pytest.approx({"summer_peak": 20.0, "summer_midday": 0.0})
    apart = place(grid, Hub(center, [sun], generators=units))  # on its own connection the sun is no supply
    assert get_power(apart, "hub:more") == pytest.approx({"summer_peak": 50.0, "summer_midday": 50.0})
    low = OnSiteGenerator("gt", p_mw=150.0, p_min_mw=120.0, output={"summer_peak": 0.5, "summer_midday": 1.0})
    stopped = place(grid, Hub(center, generators=[low]))
    assert get_power(stopped, "hub:gt") == pytest.approx({"summer_peak": 0.0, "summer_midday": 150.0})


def test_standby_is_out_of_service_and_a_cost_comes_from_the_network_or_is_not_known(grid):
    center = DataCenter("dc", contract_mw=500.0, bus="middle")
    costs = {
        "cost_c0_per_h": [4000.0, None],
        "cost_c1_per_mwh": [60.0, 200.0],
        "cost_c2_per_mw2h": [0.004, 0.0],
    }
    priced = grid.replace(generator=grid.generator.assign(fuel=["lng", "oil"], **costs))
    units = [OnSiteGenerator("gt", p_mw=10.0), OnSiteGenerator("set", "diesel", 500.0, standby=True)]
    net = place(priced, Hub(center, generators=units))
    # 4,000 an hour and 0.004 per MW2h over 2,000 MW are 2 and 8 more per MWh
    assert net.generator.loc[["hub:gt", "hub:set"], "cost_c1_per_mwh"].tolist() == [70.0, 200.0]
    assert get_power(net, "hub:set") == {"summer_peak": None, "summer_midday": None}
    notes = net.placements.set_index("part")["note"]
    assert "the median of 1 such units at full output (assumed)" in notes["gt"] and "standby" in notes["set"]
    bare = place(grid, Hub(center, generators=units[:1]))
    assert pd.isna(bare.generator.at["hub:gt", "cost_c1_per_mwh"])
    assert "free in a dispatch" in bare.placements.set_index("part").at["gt", "note"]


def test_on_site_generation_wants_its_hub_and_a_split_hub_has_it_at_the_first_site(grid):
    turbine = OnSiteGenerator("gt", p_mw=1500.0)
    with pytest.raises(PlacementError, match="gt: on-site generation stands at the bus of a data center"):
        place(grid, [DataCenter("dc", contract_mw=300.0, bus="middle"), turbine])
    with pytest.raises(PlacementError, match="`generators` of a Hub"):
        place(grid, turbine)
    net = place(grid, Hub(DataCenter("dc", contract_mw=2000.0, lat=35.1, lon=127.2), generators=[turbine]))
    assert net.generator.at["hub:gt", "behind_load"] == "hub:dc:1"
    assert get_power(net, "hub:gt") == pytest.approx({"summer_peak": 1000.0, "summer_midday": 1000.0})
    assert "first of two points of connection" in net.placements["note"].iloc[-1]
