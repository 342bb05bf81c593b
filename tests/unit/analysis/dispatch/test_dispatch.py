"""Dispatch of networks: by hand, by closed forms, and its tables against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle


def price_triangle(load_mw: float = 300.0, cost: tuple[float, float] = (10.0, 30.0), **more: Any) -> Network:
    """The triangle with costs; `more` are columns of its units."""
    columns = {"p_mw": 0.0, "p_min_mw": 0.0, "p_max_mw": 400.0, "vm_pu": 1.0, "cost_c1_per_mwh": cost} | more
    return make_triangle(load_mw, generator=make_table(id=["cheap", "dear"], bus=["a", "b"], **columns))


def test_a_snapshot_is_one_hour_with_prices_and_rents() -> None:
    found = gh.run_dispatch(price_triangle(cost_c0_per_h=[100.0, 7.0]))
    assert found.status["status"].tolist() == ["OPTIMAL"]
    # see test_hour: 150 MW each, one more MW at c wants one less of the cheap unit and two more of the dear
    assert found.generation.iloc[0].tolist() == pytest.approx([150.0, 150.0])
    assert found.cost.iloc[0] == pytest.approx(6000.0 + 107.0)
    assert found.price.iloc[0].tolist() == pytest.approx([10.0, 30.0, 50.0])
    row = found.congestion.iloc[0]
    assert (row["kind"], row["element"], row["contingency"]) == ("branch", "ac", "")
    assert (row["shadow_price"], row["rent"]) == pytest.approx((60.0, 9000.0))
    assert found.summary["congestion_cost"] == pytest.approx(3000.0)
    assert found.constrained_off.iloc[0].tolist() == pytest.approx([150.0, 0.0])


def test_outages_are_named_in_the_congestion() -> None:
    net = price_triangle(200.0)
    line = net.line
    line["rate_mva"], line["rate_b_mva"] = 250.0, [250.0, 250.0, 120.0]
    found = gh.run_dispatch(net.replace(line=line), security="n-1")
    # without ab each unit feeds c over its own line
    assert found.generation.iloc[0].tolist() == pytest.approx([120.0, 80.0])
    assert found.congestion[["element", "contingency"]].to_numpy().tolist() == [["ac", "ab"]]
    assert found.summary["security_cost"] == pytest.approx(1600.0)
    assert found.security == ("ab", "bc", "ac")


@pytest.mark.parametrize("load_mw", [50.0, 210.0, 380.0])
def test_quadratic_costs_share_load_at_equal_slopes(load_mw: float) -> None:
    net = price_triangle(load_mw, cost=(10.0, 12.0), cost_c2_per_mw2h=[0.02, 0.05])
    net = net.replace(line=net.line.assign(rate_mva=np.nan))
    found = gh.run_dispatch(net)
    # 10 + 0.04 p = 12 + 0.1 (L - p)
    cheap = (2.0 + 0.1 * load_mw) / 0.14
    assert found.generation["cheap"].iloc[0] == pytest.approx(min(cheap, load_mw), abs=0.2)
    p = np.array([min(cheap, load_mw), max(load_mw - cheap, 0.0)])
    exact = 10.0 * p[0] + 0.02 * p[0] ** 2 + 12.0 * p[1] + 0.05 * p[1] ** 2
    assert found.cost.iloc[0] == pytest.approx(exact, rel=1e-7)
    assert found.price.iloc[0].tolist() == pytest.approx([10.0 + 0.04 * p[0]] * 3, rel=1e-3)
    assert found.summary["unrated_branches"] == 3


def test_piecewise_costs_are_exact() -> None:
    points = make_table(
        id=["1", "2", "3"], generator="cheap", p_mw=[0.0, 100.0, 400.0], cost_per_h=[50.0, 1050.0, 7050.0]
    )
    net = price_triangle(140.0, cost=(np.nan, 30.0)).replace(cost_point=points)
    found = gh.run_dispatch(net)
    assert found.cost.iloc[0] == pytest.approx(1050.0 + 40.0 * 20.0)
    assert found.price["c"].iloc[0] == pytest.approx(20.0)
    bent = points.assign(cost_per_h=[0.0, 3000.0, 4000.0])
    with pytest.raises(InputError, match=r"cheap.*not convex"):
        gh.run_dispatch(net.replace(cost_point=bent))


def test_a_shunt_draws_and_an_angle_limit_holds() -> None:
    net = price_triangle(100.0)
    shunt = make_table(id=["iron"], bus="c", g_mw=10.0, b_mvar=0.0)
    assert gh.run_dispatch(net.replace(shunt=shunt)).cost.iloc[0] == pytest.approx(1100.0)
    # ac carries two thirds of 100 MW; x = 10 ohm at 345 kV and 100 MVA is 0.0084 p.u.
    most = np.rad2deg(0.5 * 10.0 / 345.0**2 * 100.0)
    line = net.line.assign(angle_min_degree=-90.0, angle_max_degree=[90.0, 90.0, most])
    found = gh.run_dispatch(net.replace(line=line))
    assert found.flow["ac"].iloc[0] == pytest.approx(50.0)
    assert found.congestion["kind"].tolist() == ["angle"]


def test_an_hour_without_a_dispatch_names_its_limits_and_the_others_go_on() -> None:
    load = pd.DataFrame({"demand": [100.0, 310.0, 200.0]}, index=["one", "two", "three"])
    found = gh.run_dispatch(price_triangle(), {("load", "p_mw"): load}, security="n-1")
    assert found.status["status"].tolist() == ["OPTIMAL", "INFEASIBLE", "INFEASIBLE"]
    # with bc or ac lost, 150 MW reach c
    give = found.conflicts.groupby("hour")["give_mw"].sum()
    assert give["three"] == pytest.approx(50.0, abs=0.1)
    assert "must give" in found.status.loc["three", "reason"]
    assert set(found.conflicts["contingency"]) & {"ac", "bc"}
    shed = gh.run_dispatch(
        price_triangle(), {("load", "p_mw"): load}, security="n-1", options={"shed_price": 1000.0}
    )
    assert shed.status["status"].tolist() == ["OPTIMAL"] * 3
    assert shed.shed.loc["three", "demand"] == pytest.approx(50.0)
    assert shed.status.loc["three", "cost_shedding"] == pytest.approx(50_000.0)


def test_sun_with_a_profile_is_curtailed_and_costs_are_those_of_hours_alone() -> None:
    net = price_triangle(300.0, cost=(0.0, 30.0), fuel=["solar", "lng"], p_max_mw=[500.0, 400.0])
    sun = pd.DataFrame({"cheap": [400.0, 0.0]}, index=["noon", "night"])
    load = pd.DataFrame({"demand": [300.0, 140.0]}, index=["noon", "night"])
    profiles = {("generator", "p_mw"): sun, ("load", "p_mw"): load}
    found = gh.run_dispatch(net, profiles, options={"curtail_price": 5.0})
    assert found.curtailment["cheap"].tolist() == pytest.approx([250.0, 0.0])
    assert found.price.loc["noon", "a"] == pytest.approx(-5.0)
    assert found.cost.tolist() == pytest.approx([150.0 * 30.0 + 250.0 * 5.0, 140.0 * 30.0])
    assert (found.status["imbalance_mw"] < 1e-6).all()
    assert list(found.curtailment.columns) == ["cheap"]


def test_bad_options_are_all_named_at_once() -> None:
    net = price_triangle()
    with pytest.raises(OptionError, match="commitment = 'never'.*shed_price = -1"):
        gh.run_dispatch(net, options={"shed_price": -1.0, "commitment": "never"})
    with pytest.raises(OptionError, match="did you mean shed_price"):
        gh.run_dispatch(net, options={"shed_prize": 1.0})
    with pytest.raises(OptionError, match=r"(?s)ramp_mw_per_h.*ghost.*flexible.*nobody"):
        gh.run_dispatch(net, options={"ramp_mw_per_h": {"ghost": 1.0}, "flexible": {"nobody": {"mw": 1.0}}})
    with pytest.raises(OptionError, match="n-2"):
        gh.run_dispatch(net, security="n-2")
    with pytest.raises(ValueError, match="empty"):
        gh.run_dispatch(net, security=gh.list_contingencies(net, kinds=["tower"]))
    with pytest.raises(KeyError, match="no snapshot"):
        gh.run_dispatch(net, snapshot="never")


def test_units_that_cannot_be_are_all_named() -> None:
    net = price_triangle(p_min_mw=[500.0, 0.0], cost_c2_per_mw2h=[0.0, -0.1])
    with pytest.raises(InputError, match="2 error") as caught:
        gh.run_dispatch(net)
    assert {(i.id, i.column) for i in caught.value.issues} == {
        ("cheap", "p_min_mw"),
        ("dear", "cost_c2_per_mw2h"),
    }


def test_the_network_is_left_as_it_was_and_what_was_assumed_is_said() -> None:
    net = price_triangle(100.0, cost=(np.nan, 30.0))
    before = {name: table.copy() for name, table in net.tables.items()}
    found = gh.run_dispatch(net)
    assert found.summary["units_without_cost"] == ("cheap",)
    assert found.cost.iloc[0] == pytest.approx(0.0)
    for name, table in before.items():
        pd.testing.assert_frame_equal(net.tables[name], table)


def make_hub_days(days: int) -> tuple[Network, dict[tuple[str, str], pd.DataFrame]]:
    """The triangle with a battery and sun at c, over some days of load and weather."""
    net = price_triangle(200.0)
    units = pd.concat(
        [
            net.generator,
            make_table(id=["sun"], bus="c", p_mw=0.0, p_min_mw=0.0, p_max_mw=200.0, vm_pu=1.0, fuel="solar"),
        ]
    )
    battery = make_table(
        id=["battery"], bus="c", p_mw=0.0, q_mvar=0.0, p_max_mw=60.0, e_mwh=240.0, soc=0.25, efficiency=0.81
    )
    hours = pd.date_range("2025-06-01", periods=24 * days, freq="h")
    angle = 2.0 * np.pi * (hours.hour.to_numpy() - 6.0) / 24.0
    rng = np.random.default_rng(1)
    load = 210.0 + 80.0 * np.sin(angle - 1.5) + rng.uniform(0.0, 10.0, len(hours))
    sun = 200.0 * np.clip(np.sin(angle), 0.0, None) * rng.uniform(0.5, 1.0, len(hours))
    return net.replace(generator=units, storage=battery), {
        ("load", "p_mw"): pd.DataFrame({"demand": load}, index=hours),
        ("generator", "p_mw"): pd.DataFrame({"sun": sun}, index=hours),
    }


def test_windows_carry_storage_over_and_cost_hardly_more_than_all_at_once() -> None:
    net, profiles = make_hub_days(2)
    shedding = {"shed_price": 500.0}
    whole = gh.run_dispatch(net, profiles, "n-1", {"window_hours": 48, **shedding})
    rolled = gh.run_dispatch(net, profiles, "n-1", {"window_hours": 24, "overlap_hours": 12, **shedding})
    assert whole.summary["OPTIMAL"] == rolled.summary["OPTIMAL"] == 48
    assert whole.cost.sum() <= rolled.cost.sum() * (1 + 1e-9)
    assert rolled.cost.sum() <= whole.cost.sum() * 1.03
    for found in (whole, rolled):
        p, energy = found.storage["battery"].to_numpy(), found.energy["battery"].to_numpy()
        gained = np.where(p > 0, -p / 0.9, -p * 0.9)
        assert np.diff(np.concatenate([[60.0], energy])) == pytest.approx(gained, abs=1e-6)
        assert (energy > -1e-9).all()
        assert (energy < 240.0 + 1e-6).all()
        assert found.summary["largest_imbalance_mw"] < 1e-6
    assert np.ptp(whole.energy["battery"]) > 50.0


@pytest.mark.parametrize(
    ("charge_max_mw", "given_mw"),
    [
        # what is taken in at night, less a tenth on each way
        (20.0, 20.0 * 0.81),
        (np.nan, 40.0 * 0.81),
        # here what it may give binds
        (60.0, 40.0),
    ],
)
def test_a_pump_takes_in_no_more_than_its_own_power(charge_max_mw: float, given_mw: float) -> None:
    pump = make_table(
        id=["pump"], bus="c", p_mw=0.0, p_max_mw=40.0, charge_max_mw=charge_max_mw, e_mwh=100.0, soc=0.5,
        efficiency=0.81,
    )  # fmt: skip
    net = price_triangle(p_max_mw=[150.0, 400.0]).replace(storage=pump)
    load = pd.DataFrame({"demand": [90.0, 200.0]}, index=["night", "noon"])
    found = gh.run_dispatch(net, {("load", "p_mw"): load})
    assert found.storage["pump"].to_numpy() == pytest.approx([-given_mw / 0.81, given_mw])
    # the cheap unit fills it, and the dear one gives what is left at noon
    assert found.generation["cheap"].to_numpy() == pytest.approx([90.0 + given_mw / 0.81, 150.0])
    assert found.generation.loc["noon", "dear"] == pytest.approx(50.0 - given_mw)


def test_flexible_load_of_a_hub_is_used_within_its_budget() -> None:
    net, profiles = make_hub_days(2)
    options = {
        "shed_price": None,
        "storage": "hold",
        "flexible": {"demand": {"mw": 40.0, "energy_mwh": 100.0}},
    }
    firm = gh.run_dispatch(net, profiles, options={"storage": "hold"})
    found = gh.run_dispatch(net, profiles, options=options)
    used = found.flexible["demand"]
    assert used.sum() == pytest.approx(100.0, abs=1e-4)
    assert used.max() <= 40.0 + 1e-6
    # the first window may spend what its hours are worth of the budget
    assert found.cost.sum() < firm.cost.sum() - 100.0 * 10.0


def test_a_reserve_is_a_share_of_the_load_beside_its_mw() -> None:
    # cheap 150 and dear 400 MW; a unit counts for half: 75 and 200
    net = price_triangle(p_max_mw=[150.0, 400.0])
    load = pd.DataFrame({"demand": [100.0, 140.0]}, index=["night", "noon"])
    options = {"reserve_mw": [195.0, 175.0], "reserve_load_share": 0.5, "reserve_share": 0.5}
    found = gh.run_dispatch(net, {("load", "p_mw"): load}, options=options)
    # 245 MW in both hours, 200 of them by dear: cheap keeps 45, which it has at night, but not at noon
    assert found.generation["cheap"].tolist() == pytest.approx([100.0, 105.0])
    assert found.generation["dear"].tolist() == pytest.approx([0.0, 35.0])
    assert found.summary["reserve_short_mwh"] == 0.0
