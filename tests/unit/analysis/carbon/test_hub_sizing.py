"""Hubs sized on a network: the accounting gives the share that was promised, at the costs of the region."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import InputError, OptionError

COSTS = """
schema_version = 1
currency = "EUR"
money_unit = "million EUR"
"""
ITEM = """
[cost.{name}]
low = {low}
base = {base}
high = {high}
unit = "million EUR per MW"
price_year = "2025"
source = "made up for a test"
confidence = "assumed"
life_years = {life}
om_share = {om}
life_source = "assumed"
"""
DOCUMENT = COSTS + "".join(
    ITEM.format(name=name, low=0.5 * base, base=base, high=2 * base, life=life, om=om)
    for name, base, life, om in (
        ("solar", 0.6, 25, 0.01),
        ("wind", 1.5, 25, 0.02),
        ("storage_power", 0.2, 15, 0.01),
        ("storage_energy", 0.15, 15, 0.01),
        ("discount_rate", 0.05, 1, 0.0),
    )
)
HOURS = pd.date_range("2025-03-01", periods=14 * 24, freq="h", name="hour")


def make_hub() -> gh.Hub:
    """Sun, wind and a battery at the hub's own bus."""
    return gh.Hub(
        gh.DataCenter("hall", contract_mw=100, bus="b"),
        [
            gh.RenewablePlant("sun", p_mw=200, bus="b"),
            gh.RenewablePlant("wind", kind="wind", p_mw=100, bus="b"),
        ],
        [gh.Storage("cell", p_mw=50, e_mwh=200, bus="b", efficiency=0.9)],
    )


def place_hub(hub: gh.Hub) -> gh.Network:
    """Two buses and a line, unit costs in EUR, the hub placed."""
    bare = gh.build_network(
        "two",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 900.0}, index=["ab"]
        ),
        documents={"costs": DOCUMENT},
        currency="EUR",
    )
    return gh.place(bare, hub)


def make_profiles() -> dict[tuple[str, str], pd.DataFrame]:
    """Two weeks of March."""
    rng = np.random.default_rng(1)
    n = len(HOURS)
    t = np.arange(n)
    cloud = np.repeat(rng.uniform(0.3, 1.0, n // 24), 24)
    sun = 200 * cloud * np.clip(np.sin(2 * np.pi * (t % 24 - 6) / 24), 0, None)
    wind = 100 * np.clip(0.35 + np.cumsum(rng.normal(0, 0.06, n)) % 0.6, 0, 1)
    load = 80 + 10 * np.sin(2 * np.pi * (t % 24 - 10) / 24)
    plants = pd.DataFrame({"hub:sun": sun, "hub:wind": wind}, index=HOURS)
    return {
        ("load", "p_mw"): pd.DataFrame({"hub:hall": load}, index=HOURS),
        ("generator", "p_mw"): plants,
    }


@pytest.fixture(scope="module")
def hub() -> gh.Hub:
    return make_hub()


@pytest.fixture(scope="module")
def net(hub) -> gh.Network:
    return place_hub(hub)


@pytest.fixture(scope="module")
def profiles() -> dict[tuple[str, str], pd.DataFrame]:
    return make_profiles()


@pytest.mark.parametrize(
    ("share", "price", "found"), [(0.6, None, 0.6), (0.9, None, 0.9), (1.0, 90.0, 1.0), (0.6, 90.0, 0.9466)]
)
def test_accounting_gives_the_share_that_was_promised(net, hub, profiles, share, price, found):
    """Where the grid is dear, more is matched than was asked: `found` is what scipy's linprog has, too."""
    sized = gh.size_hub(net, hub, profiles, share, grid_price=price)
    row = sized.match.summary.loc["hall"]
    assert row["cfe_percent"] == pytest.approx(sized.summary["share_percent"], abs=1e-4)
    assert sized.summary["share_percent"] == pytest.approx(100 * found, abs=1e-2)
    assert row["charged_grid_mwh"] == pytest.approx(0.0, abs=1e-3)
    assert row["missing_mwh"] == pytest.approx(0.0, abs=1e-3)
    # the cost of 14 days of a year, and what is bought
    years = len(HOURS) / 8760
    bought = (price or 0.0) * row["unmatched_mwh"]
    assert row["cost"] == pytest.approx(sized.summary["cost_of_parts"] * years + bought, rel=1e-6)
    assert sized.summary["cost_per_mwh"] == pytest.approx(row["cost_per_mwh"], rel=1e-6)


def test_yearly_cost_is_annuity_and_upkeep_of_what_is_built(net, hub, profiles):
    sized = gh.size_hub(net, hub, profiles, 0.9)
    annuity = {life: 0.05 / (1 - 1.05**-life) for life in (15, 25)}
    size = sized.sizes
    expected = {
        "sun": size.at["sun", "p_mw"] * 0.6e6 * (annuity[25] + 0.01),
        "wind": size.at["wind", "p_mw"] * 1.5e6 * (annuity[25] + 0.02),
        "cell": (size.at["cell", "p_mw"] * 0.2e6 + size.at["cell", "e_mwh"] * 0.15e6) * (annuity[15] + 0.01),
    }
    for part, cost in expected.items():
        assert size.at[part, "yearly_cost"] == pytest.approx(cost)
    assert sized.summary["cost"] == pytest.approx(sum(expected.values()))
    assert size.at["wind", "investment"] == pytest.approx(1.5e6 * size.at["wind", "p_mw"])
    dear = gh.size_hub(net, hub, profiles, 0.9, cost="high", discount_rate=0.05)
    assert dear.summary["cost"] == pytest.approx(2 * sized.summary["cost"], rel=1e-5)


def test_the_hub_as_asked_is_run_not_resized(net, hub, profiles):
    asked = gh.size_hub(net, hub, profiles)
    assert asked.sizes["p_mw"].tolist() == [200.0, 100.0, 50.0]
    assert asked.sizes.at["cell", "e_mwh"] == 200.0
    assert asked.goal == "as asked"
    # nobody who only shifts what is to spare at once does better
    load, made = profiles["load", "p_mw"]["hub:hall"], profiles["generator", "p_mw"].sum(axis=1)
    level, power = 0.0, []
    for need, has in zip(load, made, strict=True):
        if has > need:
            put = min(has - need, 50.0, (200.0 - level) / 0.9**0.5)
            level += put * 0.9**0.5
            power.append(-put)
        else:
            take = min(need - has, 50.0, level * 0.9**0.5)
            level -= take / 0.9**0.5
            power.append(take)
    greedy = gh.match_carbon_free(
        pd.DataFrame({"hall": load}),
        pd.DataFrame({"all": made}),
        pd.DataFrame({"cell": power}, index=HOURS),
        contracts=[gh.HubContract("hall", ["hall"], ["all"], ["cell"])],
        efficiency={"cell": 0.9},
    )
    best = asked.match.summary.at["hall", "cfe_percent"]
    assert best >= greedy.summary.at["hall", "cfe_percent"] - 1e-6
    assert best == pytest.approx(asked.summary["share_percent"], abs=1e-4)


def test_curve_rises_and_holds_the_plants(net, hub, profiles):
    seen = []
    curve = gh.trace_hub_sizing(
        net, hub, profiles, [0.5, 0.8, 0.95], progress=lambda done, count: seen.append((done, count))
    )
    table = curve.table
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert (table["status"] == "OPTIMAL").all()
    assert table["share_percent"].tolist() == pytest.approx([50.0, 80.0, 95.0])
    assert table["cost"].is_monotonic_increasing
    assert table["price_of_share"].is_monotonic_increasing
    assert [one.sizes.at["sun", "p_mw"] for one in curve.sizings] == table["sun_mw"].tolist()
    for one in curve.sizings:
        assert one.match.summary["cfe_percent"].iloc[0] == pytest.approx(100 * one.goal_value, abs=1e-4)
    assert curve.for_budget is None
    # a budget of a point of the curve buys that point
    budget = float(table["cost"].iloc[1])
    again = gh.size_hub(net, hub, profiles, budget=budget)
    assert again.summary["share_percent"] == pytest.approx(80.0, abs=0.05)
    bought = gh.trace_hub_sizing(net, hub, profiles, [0.5], budget=budget).for_budget
    assert bought is not None
    assert bought.summary["cost"] <= budget * (1 + 1e-6)
    assert bought.match.summary["cfe_percent"].iloc[0] == pytest.approx(80.0, abs=0.05)


def test_the_grids_mix_may_count(net, hub, profiles):
    share = pd.Series(np.linspace(0.2, 0.6, len(HOURS)), index=HOURS)
    both = gh.size_hub(net, hub, profiles, 0.9, grid_share=share, count_grid=True)
    alone = gh.size_hub(net, hub, profiles, 0.9, grid_share=share)
    assert both.match.summary.at["hall", "cfe_grid_percent"] == pytest.approx(90.0, abs=1e-3)
    assert alone.match.summary.at["hall", "cfe_grid_percent"] > 90.0
    assert both.summary["cost"] < alone.summary["cost"]


def test_parts_are_no_smaller_than_asked_on_demand(net, hub, profiles):
    sized = gh.size_hub(net, hub, profiles, 0.5, at_least_asked=True)
    assert (sized.sizes["p_mw"] >= sized.sizes["asked_mw"] - 1e-6).all()


def test_typical_weeks_stand_for_the_hours(net, hub, profiles):
    long = {
        key: pd.concat([frame] * 4).set_axis(
            pd.date_range("2025-03-01", periods=4 * len(frame), freq="h"), axis=0
        )
        for key, frame in profiles.items()
    }
    typical = gh.pick_typical_weeks(long, 2, keep=(), kinds={"hub:sun": "solar", "hub:wind": "wind"})
    short = gh.size_hub(net, hub, long, 0.8, typical=typical)
    full = gh.size_hub(net, hub, long, 0.8)
    assert short.match.summary.at["hall", "cfe_percent"] == pytest.approx(80.0, abs=1e-3)
    assert len(short.hourly) == 336
    # two weeks by turns: what the short one lacks is only storage from one week to the next
    assert short.summary["cost"] == pytest.approx(full.summary["cost"], rel=0.1)
    assert short.summary["cost"] >= full.summary["cost"] * (1 - 1e-3)


def test_faults(net, hub, profiles):
    with pytest.raises(OptionError, match=r"grid_price.*count_grid wants grid_share"):
        gh.size_hub(net, hub, profiles, 0.9, grid_price=-1.0, count_grid=True)
    with pytest.raises(OptionError, match="not both"):
        gh.size_hub(net, hub, profiles, 0.9, budget=1.0)
    with pytest.raises(OptionError, match="between 0 and 1"):
        gh.size_hub(net, hub, profiles, 90.0)
    with pytest.raises(InputError, match="has no series of generator"):
        gh.size_hub(net, hub, {("load", "p_mw"): profiles["load", "p_mw"]}, 0.9)
    with pytest.raises(InputError, match=r"storage_power(.|\n)*storage_energy(.|\n)*discount_rate"):
        cut = DOCUMENT[: DOCUMENT.index("[cost.storage_power]")]
        gh.size_hub(net.replace(documents={"costs": cut}), hub, profiles, 0.9)
    dark = {**profiles, ("generator", "p_mw"): 0.0 * profiles["generator", "p_mw"]}
    with pytest.raises(OptionError, match=r"a share of 0\.9 \(infeasible\)"):
        gh.size_hub(net, hub, dark, 0.9)
    curve = gh.trace_hub_sizing(net, hub, dark, [0.9])
    assert curve.table["status"].tolist() == ["INFEASIBLE"]
    assert curve.as_asked.summary["share_percent"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_a_year_of_a_korean_hub_is_sized_and_accounted():
    """8,760 hours of sun, wind at sea and a battery at Solaseado, three points of its curve."""
    here = {"lat": 34.68, "lon": 126.43}
    hub = gh.Hub(
        gh.DataCenter("hall", contract_mw=1000, **here),
        [
            gh.RenewablePlant("sun", p_mw=1500, **here),
            gh.RenewablePlant("sea", kind="offshore_wind", p_mw=1000, lat=34.8, lon=125.95),
        ],
        [gh.Storage("cell", p_mw=500, e_mwh=3000, **here)],
    )
    net = gh.place(gh.load_network("korea-2025-backbone"), hub)
    profiles = gh.make_profiles(net, data_centers=[hub.data_center])
    curve = gh.trace_hub_sizing(net, hub, profiles, [0.7, 0.9, 0.95])
    assert (curve.table["status"] == "OPTIMAL").all()
    assert curve.table["price_of_share"].is_monotonic_increasing
    for one in (*curve.sizings, curve.as_asked):
        row = one.match.summary.iloc[0]
        assert row["cfe_percent"] == pytest.approx(one.summary["share_percent"], abs=1e-3)
        assert row["cfe_percent"] <= row["re100_percent"] + 1e-6
        assert row["charged_grid_mwh"] == pytest.approx(0.0, abs=1.0)
        assert len(one.hourly) == 8760


def test_on_site_generation_changes_no_size_and_is_named(net, hub, profiles):
    plain = gh.size_hub(net, hub, profiles, 0.9)
    burning = gh.Hub(
        hub.data_center,
        hub.plants,
        hub.storage,
        generators=[gh.OnSiteGenerator("gt", p_mw=80, cost_per_mwh=1)],
    )
    sized = gh.size_hub(place_hub(burning), burning, profiles, 0.9)
    pd.testing.assert_frame_equal(sized.sizes, plain.sizes)
    assert sized.match.summary.at["hall", "cfe_percent"] == plain.match.summary.at["hall", "cfe_percent"]
    assert any("(gt) takes no part" in rule for rule in sized.rules)
    assert not any("burns fuel" in rule for rule in plain.rules)
