from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.hosting.headroom import find_headroom
from gridhub.analysis.works.candidates import list_candidates, rank_routes
from gridhub.analysis.works.comparison import compare_candidates, draw_costs, find_gain
from gridhub.analysis.works.works import (
    add_bank,
    add_circuit,
    add_shunt,
    add_statcom,
    add_storage,
    change_conductor,
    find_conductors,
    shed_load,
)
from gridhub.costs import Cost, read_costs
from gridhub.model.network import Network, build_network

COSTS = read_costs(
    (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
)


def build_corridor() -> Network:
    """A generator, a weak double circuit of 50 km, a load bus; a strong route gives the x4 type."""
    bus = pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False]}, index=["a", "b", "c"])
    common = {"length_km": 50.0, "b_us": 0.0, "construction": "overhead"}
    weak = {**common, "r_ohm": 1.55, "x_ohm": 17.0, "rate_mva": 1086.0, "conductor": "480 mm2 x2"}
    strong = {**common, "r_ohm": 0.775, "x_ohm": 15.0, "rate_mva": 2172.0, "conductor": "480 mm2 x4"}
    rows = [
        {"id": "ab:1", "from_bus": "a", "to_bus": "b", "route": "ab", **weak},
        {"id": "ab:2", "from_bus": "a", "to_bus": "b", "route": "ab", **weak},
        {"id": "bc:1", "from_bus": "b", "to_bus": "c", "route": "bc", **strong},
        {"id": "bc:2", "from_bus": "b", "to_bus": "c", "route": "bc", **strong},
    ]
    return build_network(
        "corridor",
        bus=bus,
        line=pd.DataFrame(rows).set_index("id"),
        transformer=pd.DataFrame(
            {"from_bus": ["a"], "to_bus": ["c"], "x_pu": [10.0], "rate_mva": [500.0]}, index=["t"]
        ),
        generator=pd.DataFrame({"bus": ["a"], "p_max_mw": [9000.0], "vm_pu": [1.0]}, index=["g"]),
        load=pd.DataFrame({"bus": ["b"], "p_mw": [300.0], "q_mvar": [50.0]}, index=["hub:dc"]),
    )


def overload(element: str, percent: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"kind": ["thermal"], "element": [element], "loading_percent": [percent], "snapshot": [""]}
    )


def test_works_change_what_they_say_and_leave_the_input_alone():
    net = build_corridor()
    more = add_circuit(net, "ab").line
    assert list(more.index[-1:]) == ["ab:added:1"] and more.at["ab:added:1", "x_ohm"] == 17.0
    thick = change_conductor(net, "ab", find_conductors(net, 345.0)["480 mm2 x4"]).line.loc["ab:1"]
    assert (thick["rate_mva"], thick["x_ohm"], thick["r_ohm"]) == pytest.approx((2172.0, 15.0, 0.775))
    assert np.isnan(thick["rate_b_mva"])  # after an outage it is rate_mva then
    assert add_bank(net, "t").transformer.at["t:added", "x_pu"] == 10.0
    assert add_shunt(net, "b", 200.0).shunt["b_mvar"].tolist() == [200.0]
    assert add_statcom(net, "b", 400.0).generator.iloc[-1][["p_max_mw", "q_max_mvar"]].tolist() == [
        0.0,
        400.0,
    ]
    assert add_storage(net, "b", 250.0, 6.0).storage.iloc[0][["p_mw", "e_mwh"]].tolist() == [250.0, 1500.0]
    assert shed_load(net, ["hub:dc"], 0.25).load.loc["hub:dc", ["p_mw", "q_mvar"]].tolist() == [225.0, 37.5]
    assert len(net.line) == 4 and net.line.at["ab:1", "rate_mva"] == 1086.0
    for works in (
        lambda n: add_circuit(n, "x"),
        lambda n: add_bank(n, "x"),
        lambda n: add_shunt(n, "x", 1.0),
    ):
        assert works(net) is net


def test_a_new_conductor_ends_the_ratings_that_snapshots_gave_the_old_one():
    net = build_corridor()
    value = {"snapshot": "winter", "table": "line", "column": "rate_mva", "value": "1303.2"}
    net = net.replace(
        snapshot=pd.DataFrame({"time": ["2025-01-15T04:00"]}, index=["winter"]),
        snapshot_value=pd.DataFrame([value | {"id": one} for one in ("ab:1", "ab:2", "bc:1")]),
    )
    thick = change_conductor(net, "ab", find_conductors(net, 345.0)["480 mm2 x4"])
    assert thick.snapshot_value["id"].tolist() == ["bc:1"]
    assert len(net.snapshot_value) == 3


def test_a_third_circuit_gains_what_the_arithmetic_says():
    net = build_corridor()
    before = find_headroom(net, "b", None, check=False).near_mw
    found = list_candidates(net, COSTS, overload("ab:1", 120.0), [], "b", ["hub:dc"], 300.0)
    by_kind = {one.kind: one for one in found}
    # N-1 of two circuits carries one rating, of three carries two, of two thick ones 2,172; the loop over
    # the transformer is too weak to matter much
    gain = {kind: find_gain(net, one, "b", before, None) for kind, one in by_kind.items()}
    assert gain["second_circuit"] == pytest.approx(1086.0, rel=0.03)
    assert gain["larger_conductor"] == pytest.approx(1086.0, rel=0.03)
    assert gain["storage"] == gain["flexible_load"] == 75.0


def test_costs_follow_the_unit_costs():
    net = build_corridor()
    found = list_candidates(net, COSTS, overload("ab:1", 120.0), ["t"], "b", ["hub:dc"], 1000.0)
    cost = {one.kind: one.cost for one in found}
    assert cost["second_circuit"].base == pytest.approx((3.22 * 50 * 0.4 + 2 * 2.0) * 1.2)
    assert cost["larger_conductor"].low == pytest.approx(3.19 * 50 * 0.3)
    assert cost["storage"].base == pytest.approx(0.31 * 250 * 6)
    assert "bank" not in cost  # 345/345 kV: the region has no price, so it is not offered


def test_voltage_candidates_come_only_where_a_voltage_is_low():
    net = build_corridor()
    low = pd.DataFrame(
        {"kind": ["voltage_low"], "element": ["b"], "loading_percent": [np.nan], "snapshot": [""]}
    )
    kinds = [one.kind for one in list_candidates(net, COSTS, low, [], "b", ["hub:dc"], 1000.0)]
    assert kinds == ["capacitor", "statcom", "storage", "flexible_load"]


def test_routes_are_ranked_by_what_binds_then_by_overload():
    net = build_corridor()
    table = pd.concat([overload("ab:1", 105.0), overload("ab:2", 105.0), overload("bc:1", 130.0)])
    assert rank_routes(net, table, []) == ["bc", "ab"]
    assert rank_routes(net, table, ["ab:2", "not a branch"]) == ["ab", "bc"]


def make_candidates():
    net = build_corridor()
    found = list_candidates(net, COSTS, overload("ab:1", 120.0), [], "b", ["hub:dc"], 1000.0)
    return found, [1000.0, 1000.0, 250.0, 0.0], [(0, np.nan), (1, 104.0), (2, 110.0), (3, 120.0)]


def test_table_is_ordered_by_cost_per_mw_and_what_gains_nothing_is_last():
    found, gains, left = make_candidates()
    result = compare_candidates(found, gains, left, "bn KRW", seed=1)
    table = result.table
    assert table["cost_per_mw_base"].dropna().is_monotonic_increasing
    assert table.iloc[-1]["kind"] == "flexible_load" and np.isnan(table.iloc[-1]["rank"])
    row = table.set_index("kind").loc["second_circuit"]
    assert row["cost_per_mw_base"] == pytest.approx(row["cost_base_bn"] / 1000.0)
    assert set(result.flips["flip_percent"].between(0, 100)) == {True}
    again = compare_candidates(found, gains, left, "bn KRW", seed=1)
    pd.testing.assert_frame_equal(result.flips, again.flips)


def test_certain_order_never_flips_and_equal_ranges_flip_half_the_time():
    def cost(low, base, high):
        return Cost(low, base, high, "bn KRW", "2024", "s", "M")

    found, _, _ = make_candidates()
    pair = [
        type(found[0])(f"c{i}", kind, "t", "d", one, lambda n: n)
        for i, (kind, one) in enumerate(
            [("storage", cost(1, 2, 3)), ("bank", cost(1, 2, 3)), ("statcom", cost(10, 20, 30))]
        )
    ]
    flips = compare_candidates(pair, [100.0] * 3, [(0, 0.0)] * 3, "bn KRW").flips
    flips = flips.set_index(["cheaper", "dearer"])["flip_percent"]
    assert flips["c0", "c1"] == pytest.approx(50.0, abs=2.0)
    assert flips["c0", "c2"] == flips["c1", "c2"] == 0.0


def test_draws_follow_the_triangular_distribution():
    cost = Cost(1.0, 2.0, 6.0, "u", "2024", "s", "M")
    drawn = draw_costs([cost, cost], ["a", "a"], seed=0, draws=40_000)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])  # one kind moves together
    assert drawn.min() >= 1.0 and drawn.max() <= 6.0
    assert drawn[:, 0].mean() == pytest.approx((1 + 2 + 6) / 3, abs=0.02)
    # variance of a triangle, (a² + b² + c² - ab - ac - bc) / 18
    assert drawn[:, 0].var() == pytest.approx((1 + 4 + 36 - 2 - 6 - 12) / 18, rel=0.03)
