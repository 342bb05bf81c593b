"""Pairs of outages: the lazy set against itertools, the ranking against solving every pair by DC."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security.outage_pairs import OutagePairs, rank_pairs
from gridhub.errors import OptionError
from tests.small_networks import make_meshed, make_table


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 30])
def test_order_and_number_are_those_of_combinations(n: int) -> None:
    single = pd.DataFrame({"kind": "line", "elements": [(str(i),) for i in range(n)]}, index=range(n))
    pairs = OutagePairs(single)
    expected = [(str(i), str(j)) for i, j in combinations(range(n), 2)]
    assert len(pairs) == len(expected)
    assert [part for block in pairs.blocks(4) for part in block["elements"]] == expected
    with pytest.raises(IndexError, match="no pair"):
        pairs.take([len(expected)])


def test_a_shared_element_is_lost_once() -> None:
    sets = pd.DataFrame({"kind": "given", "elements": [("a", "b"), ("b", "c")]}, index=["x", "y"])
    assert OutagePairs(sets).take([0])["elements"].tolist() == [("a", "b", "c")]


def test_ranking_equals_solving_every_pair_by_dc() -> None:
    net = make_meshed(5, n_bus=9, extra=9)
    options = {"distributed_slack": False}
    pairs = OutagePairs(gh.list_contingencies(net))
    ranking = rank_pairs(net, pairs, keep=10**6, options=options)
    expected = {}
    for name, elements in pairs.take(range(len(pairs)))["elements"].items():
        tables = {table: getattr(net, table) for table in ("line", "transformer")}
        for frame in tables.values():
            frame["in_service"] &= ~frame.index.isin(elements)
        flow = gh.run_power_flow(net.replace(**tables), method="dc", options=options)
        if flow.status is gh.Status.CONVERGED:
            expected[name] = flow.branch["loading_percent"].max()
    alone = set(ranking.not_judged)
    whole = {
        name: value for name, value in expected.items() if name in ranking.table.index and not np.isnan(value)
    }
    assert len(whole) > 50
    for name, value in whole.items():
        assert ranking.table.loc[name, "estimated_percent"] == pytest.approx(value, rel=1e-9), name
    assert ranking.judged == len(ranking.table)
    assert ranking.judged + len(ranking.splitting) == sum(
        alone.isdisjoint(elements) for elements in pairs.take(range(len(pairs)))["elements"]
    )
    assert ranking.table["estimated_percent"].is_monotonic_decreasing
    assert ranking.overloaded == (ranking.table["estimated_percent"] > 100.0).sum()


def test_state_is_that_of_the_snapshot() -> None:
    net = make_meshed(5, n_bus=9, extra=9)
    values = make_table(
        id=["v1", "v2"], snapshot=["day", "night"], table="load", column="p_mw", value=["50", "5"]
    )
    values["id"] = "load 3"
    stored = net.replace(snapshot=make_table(id=["day", "night"], note=""), snapshot_value=values)
    pairs = OutagePairs(gh.list_contingencies(net))
    for name, power in (("day", 50.0), ("night", 5.0)):
        load = net.load
        load.loc["load 3", "p_mw"] = power
        expected = rank_pairs(net.replace(load=load), pairs).table
        pd.testing.assert_frame_equal(rank_pairs(stored, pairs, snapshot=name).table, expected)


def test_a_state_that_cannot_be_balanced_is_refused() -> None:
    net = make_meshed(5, n_bus=9, extra=9)
    units = net.generator
    units["p_max_mw"] = units["p_mw"] = 1.0
    with pytest.raises(gh.NotConverged, match="cannot balance"):
        rank_pairs(net.replace(generator=units), OutagePairs(gh.list_contingencies(net)))


def test_pairs_of_anything_but_branches_are_not_ranked() -> None:
    net = make_meshed(5)
    with pytest.raises(OptionError, match="single branches"):
        rank_pairs(net, OutagePairs(gh.list_contingencies(net, kinds=["line", "generator"])))
