"""Hubs with their own sun, wind and storage: by hand, against bisection, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.hosting.joint import share_room
from gridhub.analysis.hosting.own_rooms import OWN_SHARES, find_own_rooms
from gridhub.analysis.hosting.own_supply import OwnSupply, read_own_supply
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network
from gridhub.model.profiles import make_profiles
from gridhub.model.typical_weeks import pick_typical_weeks
from gridhub.reference import load_network

HOURS = pd.RangeIndex(24, name="hour")
MAXIMUM = 5000.0


@pytest.fixture(scope="module")
def net() -> Network:
    """Two buses, two circuits of 400 MVA: 400 MW firm less the load there."""
    return build_network(
        "two",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 400.0},
            index=["l1", "l2"],
        ),
        load=pd.DataFrame({"bus": ["b"], "p_mw": [100.0]}, index=["demand"]),
        generator=pd.DataFrame({"bus": ["a"], "p_mw": 100.0, "p_max_mw": 2000.0}, index=["unit"]),
    )


def find_in(net: Network, load: list[float], own: object) -> pd.Series:
    day = pd.DataFrame({"demand": load})
    options = {"profiles": {("load", "p_mw"): day}, "own": own}
    return hosting_capacity(net, ["b"], options=options).table.loc["b"]


def can_serve(power: float, room: np.ndarray, output: np.ndarray, own: OwnSupply, share: float) -> bool:
    """Whether storage carries a hub through, by a programme over stored energy written out on its own."""
    n, root = len(room), np.sqrt(own.efficiency)
    block = own.block_hours or n
    # columns: draw, charge, discharge, energy before each hour, curtailed
    one, none = np.eye(n), np.zeros((n, n))
    after = np.zeros((n, n))
    for t in range(n):
        after[t, t + 1 if (t + 1) % block else t + 1 - block] = 1.0
    balance = np.hstack([-one, one, -one, none, -one])
    energy = np.hstack([none, -root * one, one / root, after - one, none])
    low_energy = np.concatenate([np.zeros(4 * n), np.ones(n)])[None, :]
    capacity = own.storage_mw * power
    bounds = [(0, r) for r in room] + [(0, capacity)] * (2 * n)
    bounds += [(0, capacity * own.storage_hours)] * n + [(0, power)] * n
    found = linprog(
        np.zeros(5 * n),
        A_ub=np.vstack([balance, low_energy]),
        b_ub=np.concatenate([power * (output - 1.0), [share * n * power]]),
        A_eq=energy,
        b_eq=np.zeros(n),
        bounds=bounds,
    )
    return bool(found.status == 0)


def bisect(room: np.ndarray, output: np.ndarray, own: OwnSupply, share: float) -> float:
    low, high = 0.0, MAXIMUM
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if can_serve(middle, room, output, own, share) else (low, middle)
    return low


def test_two_hours_by_hand(net: Network) -> None:
    sun = pd.Series([0.0, 0.8])
    # rooms 300 and 100 MW: with 0.75 MW of sun the second hour draws 1 - 0.6
    row = find_in(net, [100.0, 300.0], {"solar_mw": 0.75, "output": {"solar": sun}})
    assert row["firm_mw"] == pytest.approx(100.0)
    assert row["own_mw"] == pytest.approx(min(300.0 / 1.0, 100.0 / 0.4))
    # a lossless battery of a MW and an hour levels both: (300 + 100) / 2
    row = find_in(net, [100.0, 300.0], {"storage_mw": 1.0, "storage_hours": 1.0, "efficiency": 1.0})
    assert row["own_mw"] == pytest.approx(200.0, abs=1e-3)
    # with losses C - 100 is discharged of the e (300 - C) charged
    row = find_in(net, [100.0, 300.0], {"storage_mw": 1.0, "storage_hours": 2.0, "efficiency": 0.8})
    assert row["own_mw"] == pytest.approx((100.0 + 0.8 * 300.0) / 1.8, abs=1e-3)
    # power binds: of 0.2 C charged in the one hour 0.86 come back in the other
    row = find_in(net, [100.0, 300.0], {"storage_mw": 0.2})
    assert row["own_mw"] == pytest.approx(100.0 / (1.0 - 0.2 * 0.86), abs=1e-3)


def test_no_own_supply_leaves_the_figures_as_they_are(net: Network) -> None:
    load = np.random.default_rng(2).uniform(20.0, 350.0, 48)
    row = find_in(net, load.tolist(), OwnSupply())
    assert row["own_mw"] == pytest.approx(400.0 - load.max())
    for name in ("flexible_0_25_mw", "flexible_0_5_mw", "flexible_1_mw", "flexible_5_mw"):
        assert row[f"own_{name}"] == pytest.approx(row[name])


@pytest.mark.parametrize("storage_mw", [0.0, 0.3])
@pytest.mark.parametrize("block_hours", [None, 12])
def test_every_figure_equals_bisection(net: Network, storage_mw: float, block_hours: int | None) -> None:
    random = np.random.default_rng(7)
    room = random.uniform(40.0, 400.0, (24, 2))
    sun, wind = random.uniform(0.0, 1.0, (2, 24))
    own = OwnSupply(
        solar_mw=0.6,
        wind_mw=0.5,
        storage_mw=storage_mw,
        storage_hours=2.0,
        block_hours=block_hours,
        output={"solar": pd.Series(sun), "wind": pd.Series(wind)},
    )
    found = find_own_rooms(net, ["a", "b"], HOURS, room, own, MAXIMUM)
    for j in (0, 1):
        for name in ("own_mw", "own_flexible_5_mw"):
            expected = bisect(room[:, j], 0.6 * sun + 0.5 * wind, own, OWN_SHARES[name])
            assert found[name][j] == pytest.approx(expected, abs=0.01)


def test_more_of_anything_is_never_less(net: Network) -> None:
    random = np.random.default_rng(11)
    room = random.uniform(0.0, 400.0, (24, 1))
    output = {"solar": pd.Series(random.uniform(0, 1, 24)), "wind": pd.Series(random.uniform(0, 1, 24))}
    start = {"solar_mw": 0.4, "wind_mw": 0.4, "storage_mw": 0.2, "storage_hours": 2.0, "efficiency": 0.8}
    for key in start:
        figures = []
        for factor in (1.0, 1.1, 1.25):
            own = read_own_supply({**start, key: start[key] * factor, "output": output})
            assert own is not None
            figures.append(find_own_rooms(net, ["b"], HOURS, room, own, MAXIMUM)["own_mw"][0])
        assert figures[0] > 0 and (np.diff(figures) >= -1e-3).all()


def test_an_hour_without_room_wants_storage_and_enough_supply_wants_none(net: Network) -> None:
    room = np.array([[0.0], [300.0]])
    hours = pd.RangeIndex(2)
    assert find_own_rooms(net, ["b"], hours, room, OwnSupply(), MAXIMUM)["own_mw"][0] == 0.0
    small = OwnSupply(storage_mw=0.5)
    assert find_own_rooms(net, ["b"], hours, room, small, MAXIMUM)["own_mw"][0] == 0.0
    large = OwnSupply(storage_mw=1.0, efficiency=1.0)
    assert find_own_rooms(net, ["b"], hours, room, large, MAXIMUM)["own_mw"][0] == pytest.approx(150.0)
    sun = {"solar": pd.Series(1.0, index=hours)}
    for storage in (0.0, 0.1):
        full = OwnSupply(solar_mw=1.0, storage_mw=storage, output=sun)
        assert find_own_rooms(net, ["b"], hours, room, full, MAXIMUM)["own_mw"][0] == pytest.approx(MAXIMUM)


@pytest.mark.slow
def test_the_weather_of_the_region_is_that_of_the_profiles() -> None:
    net = load_network("korea-2025-backbone")
    made = make_profiles(net, 2025, 3)
    plants = net.generator.join(net.bus[["lat"]], on="bus")
    plants = plants[(plants["fuel"] == "solar") & plants["lat"].notna()].head(3)
    profiles = {key: frame.iloc[4000:4048] for key, frame in made.items()}
    hours = profiles["load", "p_mw"].index
    share = profiles["generator", "p_mw"][list(plants.index)] / plants["p_max_mw"]
    share.columns = plants["bus"].to_list()
    own = {"solar_mw": 1.0, "storage_mw": 0.2, "seed": 3}
    buses = list(dict.fromkeys(plants["bus"]))
    options = {"profiles": profiles, "own": own}
    result = hosting_capacity(net, buses, options=options)
    output = share.loc[:, ~share.columns.duplicated()].clip(0.0, 1.0)
    assert output.index.equals(hours) and output.to_numpy().max() > 0.1
    given = hosting_capacity(net, buses, options={**options, "own": {**own, "output": {"solar": output}}})
    table = result.table
    assert table["own_mw"].to_numpy() == pytest.approx(given.table["own_mw"].to_numpy(), abs=0.05)
    assert (table["own_mw"] >= table["firm_mw"] - 1e-3).all()
    assert any("1 MW of solar, 0.2 MW of storage for 4 h" in rule for rule in result.rules)
    assert table["not_assessed"].str.contains("the loss of own plants").all()


def test_what_does_not_fit_is_refused_at_once(net: Network) -> None:
    with pytest.raises(OptionError, match="own without profiles"):
        hosting_capacity(net, options={"own": {"solar_mw": 1.0}})
    with pytest.raises(OptionError, match=r"kind = 'generation'.*own without profiles"):
        hosting_capacity(net, options={"own": {}, "kind": "generation"})
    with pytest.raises(OptionError, match="did you mean solar_mw"):
        read_own_supply({"solar": 1.0})
    with pytest.raises(OptionError, match=r"did you mean solar_mw.*wind_mw = -1"):
        read_own_supply({"solar": 1.0, "wind_mw": -1})
    with pytest.raises(OptionError, match=r"wind_mw = -1.*efficiency = 2.*block_hours = 0"):
        read_own_supply({"wind_mw": -1, "efficiency": 2, "block_hours": 0})
    with pytest.raises(OptionError, match="no output of 'wind'"):
        read_own_supply({"wind_mw": 1.0, "output": {}})
    with pytest.raises(OptionError, match=r"two.* has no profiles.toml"):
        find_in(net, [1.0], {"solar_mw": 1.0})
    with pytest.raises(OptionError, match="lacks the hours 1"):
        find_in(net, [1.0, 1.0], {"solar_mw": 1.0, "output": {"solar": pd.Series([0.5])}})
    with pytest.raises(OptionError, match="no share from 0 to 1 in 1 hours"):
        find_in(net, [1.0, 1.0], {"solar_mw": 1.0, "output": {"solar": pd.Series([0.5, 1.5])}})
    with pytest.raises(OptionError, match="lacks the buses b"):
        find_in(net, [1.0], {"solar_mw": 1.0, "output": {"solar": pd.DataFrame({"a": [0.5]})}})
    with pytest.raises(OptionError, match="no multiple"):
        find_in(net, [1.0] * 3, {"storage_mw": 1.0, "block_hours": 2})
    with pytest.raises(OptionError, match="without own supply"):
        day = {("load", "p_mw"): pd.DataFrame({"demand": [1.0]})}
        share_room(net, ["a", "b"], options={"own": {}, "profiles": day})


@pytest.mark.parametrize("storage_mw", [0.0, 0.3])
def test_an_hour_of_weight_three_is_the_same_hour_three_times(net: Network, storage_mw: float) -> None:
    random = np.random.default_rng(23)
    load, sun = random.uniform(20.0, 380.0, 24), random.uniform(0.0, 1.0, 24)
    own = {"solar_mw": 0.4, "storage_mw": storage_mw, "storage_hours": 2.0, "block_hours": 12}
    copies = np.concatenate([np.arange(12), np.arange(12), np.arange(12), np.arange(12, 24)])

    def find(chosen: np.ndarray, weights: pd.Series | None) -> pd.Series:
        day = pd.DataFrame({"demand": load[chosen]})
        options = {
            "profiles": {("load", "p_mw"): day},
            "weights": weights,
            "own": {**own, "output": {"solar": pd.Series(sun[chosen])}},
        }
        return hosting_capacity(net, ["b"], options=options).table.loc["b"]

    weighted = find(np.arange(24), pd.Series(np.repeat([39.0, 13.0], 12)))
    repeated, alike = find(copies, None), find(np.arange(24), None)
    names = [name for name in weighted.index if "flexible" in name or name == "own_mw"]
    assert len(names) == 9
    for name in names:
        assert weighted[name] == pytest.approx(repeated[name], rel=1e-5), name
    assert abs(weighted["flexible_5_mw"] - alike["flexible_5_mw"]) > 0.1
    assert weighted["own_mw"] == pytest.approx(alike["own_mw"], rel=1e-6)


def test_typical_days_bring_their_weights(net: Network) -> None:
    random = np.random.default_rng(5)
    hours = pd.date_range("2025-01-01", periods=24 * 60, freq="h", tz="Asia/Seoul")
    load = pd.DataFrame({"demand": random.uniform(20.0, 380.0, len(hours))}, index=hours)
    profiles = {("load", "p_mw"): load}
    typical = pick_typical_weeks(profiles, 3, length="day")
    options = {"profiles": typical.take(profiles), "weights": typical.weight}
    result = hosting_capacity(net, ["b"], options=options)
    room = 400.0 - typical.take(profiles)["load", "p_mw"]["demand"].to_numpy()
    mw = float(result.table.at["b", "flexible_5_mw"])
    weight = typical.weight.to_numpy(dtype=float)
    curtailed = float((weight * np.maximum(mw - room, 0.0)).sum())
    assert curtailed == pytest.approx(0.05 * mw * weight.sum())
    assert any("by their weights" in rule for rule in result.rules)


def test_weights_that_do_not_fit_are_all_named(net: Network) -> None:
    day = pd.DataFrame({"demand": [100.0, 200.0, 300.0]}, index=["h1", "h2", "h3"])
    profiles = {("load", "p_mw"): day}
    with pytest.raises(OptionError, match="none of the hours h3; no number above 0 of the hours h2"):
        hosting_capacity(net, ["b"], options={"profiles": profiles, "weights": {"h1": 2.0, "h2": 0.0}})
    with pytest.raises(OptionError, match="weights without profiles"):
        hosting_capacity(net, ["b"], options={"weights": {"h1": 2.0}})
