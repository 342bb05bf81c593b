"""Interfaces over hours: against each hour alone, margins by hand, hours without a solution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.interface_hours import track_interfaces
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import Method
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table


def make_areas() -> Network:
    """Two lines, one written the other way round, and a link; limits of 450 and 200 MW."""
    return build_network(
        "areas",
        bus=make_table(id=["north", "south"], vn_kv=345.0, reference=[True, False]),
        line=make_table(
            id=["l1", "l2"], from_bus=["north", "south"], to_bus=["south", "north"], r_ohm=1.0, x_ohm=20.0
        ),
        hvdc=make_table(
            id=["dc"], from_bus="north", to_bus="south", p_mw=100.0, loss_percent=2.0, loss_mw=1.0
        ),
        generator=make_table(id=["g"], bus="north", p_min_mw=-500.0, p_max_mw=600.0, vm_pu=1.0),
        load=make_table(id=["demand"], bus="south", p_mw=300.0),
        interface=make_table(
            id=["i1", "i2", "i3", "i4"],
            name=["southward", "southward", "southward", "open"],
            member=["l1", "l2", "dc", "l1"],
            direction=[1, -1, 1, 1],
            limit_mw=[450.0, np.nan, np.nan, np.nan],
            limit_reverse_mw=[200.0, np.nan, np.nan, np.nan],
            source=["a report", "", "", ""],
        ),
    )


def test_margins_by_hand() -> None:
    hours = ["a", "b", "c", "d"]
    loads = pd.DataFrame({"demand": [300.0, 430.0, 500.0, -195.0]}, index=hours)
    links = pd.DataFrame({"dc": [100.0, 0.0, 0.0, 0.0]}, index=hours)
    found = track_interfaces(make_areas(), {("load", "p_mw"): loads, ("hvdc", "p_mw"): links})
    # the link loses 2 % and 1 MW: the lines bring the rest and what is lost
    assert found.flow_mw["southward"].to_list() == pytest.approx([303.0, 431.0, 501.0, -194.0])
    assert found.margin_mw["southward"].to_list() == pytest.approx([147.0, 19.0, -51.0, 6.0])
    row = found.table.loc["southward"]
    assert (row["narrow_hours"], row["over_hours"], row["hours"]) == (3, 1, 4)
    assert row["narrow_share_percent"] == pytest.approx(75.0)
    assert row["worst_hour"] == "c"
    assert row["lowest_margin_percent"] == pytest.approx(-100 * 51 / 450)
    assert row["source"] == "a report"
    free = found.table.loc["open"]
    assert np.isnan(free["narrow_share_percent"])
    assert free["worst_hour"] is None


def test_ac_counts_what_leaves_the_sending_side() -> None:
    """All that north's unit gives crosses the interface: one line and the link forward, one line backward."""
    net = make_areas()
    loads = pd.DataFrame({"demand": [300.0, 430.0]}, index=["a", "b"])
    found = track_interfaces(net, {("load", "p_mw"): loads}, method="ac")
    for hour, demand in loads["demand"].items():
        state = net.replace(load=net.load.assign(p_mw=demand))
        given = gh.run_power_flow(state, options={"reactive_limits": False}).generator["p_mw"].sum()
        assert found.flow_mw.loc[hour, "southward"] == pytest.approx(given, abs=1e-4)
        assert given > demand + 3.0


def test_hour_without_solution_is_named_and_does_not_count() -> None:
    loads = pd.DataFrame({"demand": [300.0, 900.0]}, index=[0, 1])
    found = track_interfaces(make_areas(), {("load", "p_mw"): loads})
    assert found.unsolved == (1,)
    assert found.table.loc["southward", "hours"] == 1
    assert np.isnan(found.flow_mw.loc[1, "southward"])


@pytest.mark.parametrize("method", ["dc", "ac"])
def test_hours_are_those_of_power_flows_alone(method: Method) -> None:
    net = gh.load_network("korea-2025-backbone")
    rng = np.random.default_rng(0)
    stored = gh.run_power_flow(net).solution.case.load_p * 100.0
    loads = stored * rng.uniform(0.97, 1.02, (3, len(stored)))
    profile = pd.DataFrame(loads, columns=net.load.index, index=["x", "y", "z"])
    found = track_interfaces(net, {("load", "p_mw"): profile}, method=method)
    first = net.snapshots[0]
    values = net.snapshot_value
    for hour in profile.index:
        load = net.load
        load["p_mw"] = profile.loc[hour]
        kept = values[~((values["table"] == "load") & (values["column"] == "p_mw"))]
        state = net.replace(load=load, snapshot_value=kept)
        alone = compute_interfaces(state, gh.run_power_flow(state, first, method)).set_index("interface")
        assert found.flow_mw.loc[hour].to_numpy() == pytest.approx(alone["flow_mw"].to_numpy(), abs=1e-6)
        margin = alone["margin_mw"].to_numpy()
        assert found.margin_mw.loc[hour].to_numpy() == pytest.approx(margin, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("method", ["dc", "ac"])
def test_snapshots_are_looked_at_one_by_one(method: str) -> None:
    net = gh.load_network("korea-2025-backbone")
    found = track_interfaces(net, method=method)
    assert found.flow_mw.index.to_list() == list(net.snapshots)
    alone = compute_interfaces(net, gh.run_power_flow(net, net.snapshots[1], method)).set_index("interface")
    assert found.flow_mw.loc[net.snapshots[1]].to_numpy() == pytest.approx(alone["flow_mw"].to_numpy())
    assert found.unsolved == ()
    limited = found.table["limit_mw"].notna()
    assert limited.any()
    assert found.table.loc[limited, "narrow_share_percent"].between(0, 100).all()


def test_bad_input_is_named() -> None:
    net = make_areas()
    with pytest.raises(OptionError, match="method"):
        track_interfaces(net, {}, method="full")
    with pytest.raises(OptionError, match="narrow_percent"):
        track_interfaces(net, narrow_percent=-1.0)
    with pytest.raises(InputError):
        track_interfaces(net, {("load", "p_mw"): pd.DataFrame({"nobody": [1.0]})})
