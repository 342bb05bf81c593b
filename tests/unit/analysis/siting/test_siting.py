from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.siting.criteria import CRITERIA
from gridhub.analysis.siting.latency import compute_latency
from gridhub.analysis.siting.scores import (
    Criterion,
    compute_topsis,
    draw_ranks,
    find_pareto,
    rank_descending,
    sum_weighted,
)
from gridhub.analysis.siting.siting import find_alike, rank_sites, read_weights
from gridhub.errors import InputError, OptionError
from gridhub.geo import calculate_distance_km
from gridhub.model.network import build_network

POINTS = pd.DataFrame(
    {
        "lat": [35.18, 36.85, 35.68, 1.32],
        "lon": [129.20, 126.19, 139.65, 103.65],
        "role": ["cable landing", "cable landing", "hub city", "hub and landing"],
    },
    index=["Busan", "Taean", "Tokyo", "Singapore"],
)


def build_ring():
    """Three stations in a ring and one at the end of a line."""
    line = pd.DataFrame(
        {"from_bus": list("abcc"), "to_bus": list("bcad"), "r_ohm": 1.0, "x_ohm": 9.0, "rate_mva": 400.0},
        index=["ab", "bc", "ca", "cd"],
    )
    return build_network(
        "ring",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False, False]}, index=list("abcd")),
        line=line,
        load=pd.DataFrame({"bus": ["b"], "p_mw": [250.0]}, index=["demand"]),
        generator=pd.DataFrame({"bus": ["a"], "p_mw": 250.0, "p_max_mw": 2000.0}, index=["unit"]),
    )


SITES = pd.DataFrame(
    {
        "lat": [35.0, 36.0, 37.0, 37.5],
        "lon": [129.0, 127.0, 128.0, 128.5],
        "bus": list("abcd"),
        "water": [3.0, 9.0, 5.0, 1.0],
    },
    index=["south", "west", "middle", "north"],
)
HUB = gh.DataCenter("hub", contract_mw=300.0, bus="a")


def test_criteria_are_those_of_the_parts_they_come_from():
    net = build_ring()
    ranking = rank_sites(net, SITES, HUB, {"landing_points": POINTS, "layers": {"water": ("high", "m3/s")}})
    table = ranking.table.loc[SITES.index]
    firm = gh.hosting_capacity(net, list("abcd")).table["firm_mw"]
    assert table["headroom_mw"].to_numpy() == pytest.approx(firm.to_numpy())
    assert table["short_mw"].to_numpy() == pytest.approx(np.maximum(300.0 - firm.to_numpy(), 0.0))
    assert table["feeds"].tolist() == [2, 2, 3, 1]
    assert table["water"].tolist() == SITES["water"].tolist()
    assert ranking.criteria["weight"].sum() == pytest.approx(1.0)
    assert {"spur_cost", "permission_years", "congestion_per_mwh"} <= set(ranking.left_out)
    assert "cuts the bus off" in table.at["north", "not_assessed"]
    assert ranking.criteria.at["latency_ms", "unit"] == "ms" and ranking.criteria["method"].ne("").all()


def test_hours_give_the_flexible_headroom_its_column():
    net = build_ring()
    hours = pd.DataFrame({"demand": np.linspace(100.0, 250.0, 200)})
    profiles = {("load", "p_mw"): hours}
    ranking = rank_sites(net, SITES, HUB, {"hosting": {"profiles": profiles, "maximum_mw": 1000.0}})
    own = gh.hosting_capacity(net, list("abcd"), options={"profiles": profiles, "maximum_mw": 1000.0}).table
    table = ranking.table.loc[SITES.index]
    assert table["headroom_flexible_mw"].to_numpy() == pytest.approx(own["flexible_1_mw"].to_numpy())
    assert (table["headroom_flexible_mw"] >= table["headroom_mw"] - 1e-9).all()
    assert table.at["south", "headroom_flexible_mw"] > 0
    assert "profiles" in rank_sites(net, SITES, HUB).left_out["headroom_flexible_mw"]


def test_the_best_in_everything_is_first_and_surely_so():
    sites = SITES.assign(water=[9.0, 1.0, 1.0, 1.0])
    weights = {"headroom_mw": 1.0, "water": 1.0}
    options = {"weights": weights, "layers": {"water": ("high", "m3/s")}}
    table = rank_sites(build_ring(), sites, HUB, options).table
    assert table.index[0] == "south" and table["rank"].tolist()[0] == 1.0
    assert table.at["south", "rank_stability"] == 1.0 and table.at["south", "score"] == pytest.approx(1.0)
    assert bool(table.at["south", "pareto"])


def test_a_site_that_lacks_a_criterion_is_not_ranked_and_says_why():
    sites = SITES.copy()
    sites.loc["west", "water"] = np.nan
    table = rank_sites(build_ring(), sites, HUB, {"layers": {"water": ("low", "m3/s")}}).table
    assert math.isnan(table.at["west", "rank"]) and table.index[-1] == "west"
    assert "water" in table.at["west", "note"] and table["rank"].notna().sum() == 3


def test_a_state_without_an_ac_solution_costs_the_losses_not_the_ranking():
    net = build_ring()
    net = net.replace(line=net.line.assign(x_ohm=2000.0, rate_mva=9000.0))
    ranking = rank_sites(net, SITES, HUB)
    assert ranking.table["rank"].notna().all() and "loss_percent" not in ranking.criteria.index
    assert "no AC solution without the hub" in ranking.left_out["loss_percent"]


def test_a_site_without_a_point_of_connection_is_a_row_with_the_reason():
    sites = pd.DataFrame({"lat": [35.0, 36.0], "lon": [127.0, 128.0], "bus": ["b", ""]}, index=["x", "y"])
    table = rank_sites(build_ring(), sites, HUB).table
    assert "no connection rules" in table.at["y", "note"] and math.isnan(table.at["y", "headroom_mw"])
    assert table.at["x", "rank"] == 1.0


def test_latency_goes_through_the_nearer_landing_point():
    seoul = pd.DataFrame({"lat": [37.57], "lon": [126.98]}, index=["Seoul"])
    ways = {}
    for gate in ("Busan", "Taean"):
        first = calculate_distance_km(37.57, 126.98, POINTS.at[gate, "lat"], POINTS.at[gate, "lon"])
        second = calculate_distance_km(POINTS.at[gate, "lat"], POINTS.at[gate, "lon"], 1.32, 103.65)
        ways[gate] = float(first + second)
    wanted = 2e3 * min(ways.values()) * 1.4 / 204_000 + 2.0
    assert compute_latency(seoul, POINTS).at["Seoul", "Singapore"] == pytest.approx(wanted)
    # published round figures for Busan: Tokyo about 15 ms, Singapore about 65 ms
    busan = compute_latency(pd.DataFrame({"lat": [35.18], "lon": [129.2]}, index=["Busan"]), POINTS).loc[
        "Busan"
    ]
    assert busan["Tokyo"] == pytest.approx(15.0, abs=1.0) and busan["Singapore"] == pytest.approx(
        65.0, abs=3.0
    )


def test_pareto_front_equals_a_search_of_all_pairs():
    values = np.random.default_rng(2).integers(0, 4, (40, 3)).astype(float)
    better = ["high", "low", "high"]
    signed = values * np.array([1, -1, 1])
    beaten = [any((b >= a).all() and (b > a).any() for b in signed) for a in signed]
    assert (find_pareto(values, better) == ~np.array(beaten)).all()


def test_scores_and_ranks_by_hand():
    values = np.array([[10.0, 1.0], [0.0, 3.0], [5.0, 2.0]])
    weights, better = np.array([0.75, 0.25]), ["high", "low"]
    assert sum_weighted(values, weights, better).tolist() == pytest.approx([1.0, 0.0, 0.5])
    assert compute_topsis(values, weights, better).tolist() == pytest.approx([1.0, 0.0, 0.5])
    assert rank_descending(np.array([0.2, 0.9, 0.9, 0.1])).tolist() == [3, 1, 1, 4]


@pytest.mark.peers
def test_topsis_equals_pymcdm():
    methods = pytest.importorskip("pymcdm.methods", reason="pip install pymcdm")
    rng = np.random.default_rng(4)
    values, weights = rng.uniform(1.0, 9.0, (20, 5)), rng.dirichlet(np.ones(5))
    better = ["high", "low", "low", "high", "high"]
    types = np.array([1 if one == "high" else -1 for one in better])
    assert compute_topsis(values, weights, better) == pytest.approx(methods.TOPSIS()(values, weights, types))


def test_draws_are_seeded_and_certain_without_spread():
    criteria = [Criterion("a", "1", "high", "a", "x", 0.1), Criterion("b", "1", "low", "b", "x", 0.0)]
    values = np.random.default_rng(0).uniform(1, 2, (6, 2))
    weights = np.array([0.5, 0.5])
    one, two = (draw_ranks("topsis", values, weights, criteria, 0.3, 50, 9) for _ in range(2))
    assert (one == two).all() and len(np.unique(one, axis=0)) > 1
    sure = [Criterion(c.name, "1", c.better, c.group, "x") for c in criteria]
    ranks = draw_ranks("weighted_sum", values, weights, sure, 0.0, 20, 1)
    assert (ranks == rank_descending(sum_weighted(values, weights, ["high", "low"]))).all()


def test_groups_share_a_weight_where_none_is_given():
    weights = dict(zip([one.name for one in CRITERIA], read_weights(None, CRITERIA), strict=True))
    room = ("headroom_mw", "headroom_near_mw", "headroom_flexible_mw")
    assert sum(weights[name] for name in room) == pytest.approx(weights["latency_ms"])


def test_what_sites_hardly_differ_in_gets_no_weight_unless_asked_for():
    criteria = [
        Criterion("room", "MW", "high", "room", "x", 0.1),
        Criterion("pue", "1", "low", "climate", "x", 0.02),
        Criterion("years", "year", "low", "time", "x"),
    ]
    table = pd.DataFrame({"room": [1.0, 2.0], "pue": [1.211, 1.214], "years": [9.0, 9.0]})
    alike = find_alike(table, criteria)
    assert alike == ["", "within 2%", "the same at every site"]
    assert read_weights(None, criteria, alike).tolist() == [1.0, 0.0, 0.0]
    assert read_weights({"pue": 2.0}, criteria, alike).tolist() == [0.0, 1.0, 0.0]
    assert read_weights(None, criteria, ["x", "x", "x"]) == pytest.approx([1 / 3] * 3)


def test_a_criterion_without_weight_keeps_no_site_from_its_rank():
    sites = SITES.assign(water=[1.0, np.nan, 3.0, 4.0])
    options = {"layers": {"water": ("high", "m3/s")}, "weights": {"headroom_mw": 1.0}}
    table = rank_sites(build_ring(), sites, HUB, options).table
    assert table["rank"].notna().all() and table.loc["west", "note"] == ""


def test_bad_input_is_refused_at_once():
    net = build_ring()
    with pytest.raises(InputError, match="2 error"):
        rank_sites(net, SITES.drop(columns=["lat"]), HUB, {"layers": {"land": ("low", "KRW")}})
    with pytest.raises(InputError, match="wants lat and lon"):
        rank_sites(net, SITES.assign(lat=np.nan, bus=""), HUB)
    with pytest.raises(OptionError, match="no such criterion"):
        rank_sites(net, SITES, HUB, {"weights": {"beauty": 1.0}})
    with pytest.raises(OptionError, match="did you mean weights"):
        rank_sites(net, SITES, HUB, {"weight": {}})
    with pytest.raises(OptionError, match="market = 1: True or False; solar_ratio = -1"):
        rank_sites(net, SITES, HUB, {"market": 1, "solar_ratio": -1})
    with pytest.raises(OptionError, match="score = 'best'.*draws = 0"):
        rank_sites(net, SITES, HUB, {"score": "best", "draws": 0})
    with pytest.raises(InputError, match="no row is 'cable landing'"):
        rank_sites(net, SITES, HUB, {"landing_points": POINTS.iloc[2:]})


@pytest.mark.slow
def test_the_sites_of_korea_rank_and_jeju_says_why_not():
    net = gh.load_network("korea-2025-backbone")
    from gridhub.reference import read_region_table

    sites, points = (read_region_table(net.name, name) for name in ("sites", "landing_points"))
    hub = gh.DataCenter("hub", contract_mw=1000.0, lat=35.0, lon=127.0)
    table = rank_sites(net, sites, hub, {"landing_points": points}).table
    assert len(table) == len(sites) and table["rank"].notna().sum() == len(sites) - 1
    assert "no site that can give it" in table.at["jeju", "note"]
    assert table.at["goyang", "permission_years"] > table.at["solaseado", "permission_years"]
    assert table["latency_ms"].between(40, 70).all()
