"""On-site generation in a dispatch: by hand, cheaper and dearer than the grid, and what it never does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.model.network import Network
from tests.small_networks import make_table

HOURS = pd.Index(["h1", "h2", "h3", "h4"], name="hour")


def make_pair(
    *generators: gh.OnSiteGenerator, center: gh.DataCenter | None = None, **more: object
) -> Network:
    """A grid unit of 300 MW at 50 and one at 90 at a, 200 MW of line to b, a hub of 100 MW at b."""
    net = gh.build_network(
        "pair",
        bus=make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False]),
        line=make_table(id=["ab"], from_bus="a", to_bus="b", r_ohm=1.0, x_ohm=10.0, rate_mva=200.0),
        load=make_table(id=["town"], bus="a", p_mw=250.0),
        generator=make_table(
            id=["base", "peak"],
            bus="a",
            p_min_mw=0.0,
            p_max_mw=[300.0, 500.0],
            cost_c1_per_mwh=[50.0, 90.0],
            fuel=["coal", "lng"],
        ),
    )
    hall = center or gh.DataCenter("hall", contract_mw=100.0, bus="b")
    return gh.place(net, gh.Hub(hall, generators=generators, **more))  # type: ignore[arg-type]


def load_hours(*mw: float) -> dict[tuple[str, str], pd.DataFrame]:
    return {("load", "p_mw"): pd.DataFrame({"hub:hall": mw}, index=HOURS[: len(mw)])}


def test_it_runs_where_it_is_cheaper_than_the_grid_and_not_where_it_is_dearer() -> None:
    # the town takes 250 of the cheap 300 MW, so the hub's first 50 MW cost 50 and the rest 90
    hours = load_hours(40.0, 100.0)
    between = gh.run_dispatch(make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=70.0)), hours)
    assert between.generation["hub:gt"].tolist() == pytest.approx([0.0, 50.0])
    assert between.flow["ab"].tolist() == pytest.approx([40.0, 50.0])
    assert between.cost.tolist() == pytest.approx([290 * 50.0, 300 * 50.0 + 50 * 70.0])
    assert between.price["b"].tolist() == pytest.approx([50.0, 70.0])
    cheap = gh.run_dispatch(make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=30.0)), hours)
    assert cheap.generation["hub:gt"].tolist() == pytest.approx([40.0, 80.0])
    assert cheap.flow["ab"].tolist() == pytest.approx([0.0, 20.0], abs=1e-9)
    assert cheap.cost.tolist() == pytest.approx([40 * 30.0 + 250 * 50.0, 80 * 30.0 + 270 * 50.0])
    dear = gh.run_dispatch(make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=95.0)), hours)
    assert dear.generation["hub:gt"].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
    for found in (between, cheap, dear):
        balance = found.generation.sum(axis=1) - found.status["load_mw"]
        assert np.abs(balance).max() < 1e-6


def test_a_line_that_is_too_weak_makes_it_run_at_any_cost() -> None:
    net = make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=500.0))
    net = net.replace(line=net.line.assign(rate_mva=60.0))
    found = gh.run_dispatch(net, load_hours(100.0))
    assert found.generation["hub:gt"].tolist() == pytest.approx([40.0])
    assert found.price.loc["h1"].tolist() == pytest.approx([90.0, 500.0])


def test_it_exports_nothing_however_dear_the_grid_is() -> None:
    net = make_pair(gh.OnSiteGenerator("gt", p_mw=400.0, cost_per_mwh=1.0))
    found = gh.run_dispatch(net, load_hours(100.0, 30.0, 0.0))
    assert found.generation["hub:gt"].tolist() == pytest.approx([100.0, 30.0, 0.0])
    assert found.flow["ab"].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_two_units_and_own_sun_share_the_load_cheapest_first() -> None:
    sun = gh.RenewablePlant("sun", p_mw=50.0, bus="b")
    units = (
        gh.OnSiteGenerator("dear", p_mw=90.0, cost_per_mwh=40.0),
        gh.OnSiteGenerator("cheap", p_mw=60.0, cost_per_mwh=20.0),
    )
    net = make_pair(*units, plants=[sun], behind_the_meter=True)
    hours = load_hours(100.0, 100.0, 40.0)
    hours["generator", "p_mw"] = pd.DataFrame({"hub:sun": [0.0, 30.0, 30.0]}, index=HOURS[:3])
    found = gh.run_dispatch(net, hours)
    assert found.generation["hub:sun"].tolist() == pytest.approx([0.0, 30.0, 30.0])
    assert found.generation["hub:cheap"].tolist() == pytest.approx([60.0, 60.0, 10.0])
    assert found.generation["hub:dear"].tolist() == pytest.approx([40.0, 10.0, 0.0])
    assert found.flow["ab"].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_own_sun_behind_the_meter_is_cut_to_the_load_hour_by_hour() -> None:
    sun = [gh.RenewablePlant("sun", p_mw=90.0, bus="b"), gh.RenewablePlant("roof", p_mw=30.0, bus="b")]
    net = make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=30.0), plants=sun, behind_the_meter=True)
    hours = load_hours(100.0, 40.0)
    given = {"hub:sun": [45.0, 60.0], "hub:roof": [15.0, 20.0]}
    hours["generator", "p_mw"] = pd.DataFrame(given, index=HOURS[:2])
    found = gh.run_dispatch(net, hours)
    assert found.generation["hub:sun"].tolist() == pytest.approx([45.0, 30.0])
    assert found.generation["hub:roof"].tolist() == pytest.approx([15.0, 10.0])
    assert found.generation["hub:gt"].tolist() == pytest.approx([40.0, 0.0])
    assert found.flow["ab"].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
    # on a connection of their own they feed the grid
    apart = gh.run_dispatch(make_pair(plants=sun), hours)
    assert apart.flow["ab"].tolist() == pytest.approx([40.0, -40.0])


def test_standby_serves_no_hour() -> None:
    net = make_pair(gh.OnSiteGenerator("set", kind="diesel", p_mw=100.0, cost_per_mwh=1.0, standby=True))
    found = gh.run_dispatch(net, load_hours(100.0))
    assert found.generation["hub:set"].tolist() == [0.0]
    assert found.flow["ab"].tolist() == pytest.approx([100.0])


def test_a_minimum_counts_where_commitment_is_given() -> None:
    unit = gh.OnSiteGenerator("gt", p_mw=80.0, p_min_mw=60.0, cost_per_mwh=95.0)
    found = gh.run_dispatch(make_pair(unit), load_hours(100.0, 20.0), options={"commitment": "given"})
    # it cannot stop, and where the load is below its minimum it gives that load: it exports nothing
    assert found.generation["hub:gt"].tolist() == pytest.approx([60.0, 20.0])


def test_without_any_known_cost_it_is_named_as_free() -> None:
    net = make_pair(gh.OnSiteGenerator("set", kind="diesel", p_mw=10.0))
    found = gh.run_dispatch(net, load_hours(100.0))
    assert found.summary["units_without_cost"] == ("hub:set",)
    assert "free in a dispatch" in net.placements.set_index("part").at["set", "note"]


def test_the_loss_of_the_unit_is_an_outage_the_dispatch_can_secure() -> None:
    net = make_pair(gh.OnSiteGenerator("gt", p_mw=80.0, cost_per_mwh=30.0))
    net = net.replace(line=net.line.assign(rate_mva=200.0, rate_b_mva=70.0))
    outage = pd.DataFrame({"kind": ["generator"], "elements": [("hub:gt",)]}, index=["hub:gt"])
    plain = gh.run_dispatch(net, load_hours(60.0), outage)
    # after the loss the line carries all 60 MW, within 70
    assert plain.status["status"].tolist() == ["OPTIMAL"]
    assert plain.generation["hub:gt"].tolist() == pytest.approx([60.0])
    # 100 MW are more than the 70 that the line carries then: nothing within the hub can mend that
    assert gh.run_dispatch(net, load_hours(100.0), outage).status["status"].tolist() == ["INFEASIBLE"]
