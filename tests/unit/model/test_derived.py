"""What is kept with a network: made once, never stale, gone with it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import gridhub as gh
from gridhub.case.compile import compile_case
from gridhub.model.derived import MOST, derive
from gridhub.model.network import Network
from tests.small_networks import make_meshed


def test_a_value_is_made_once_for_each_kind_and_key() -> None:
    net, made = make_meshed(1), []

    def make() -> list[int]:
        made.append(1)
        return [len(made)]

    assert derive(net, "one", "a", make) is derive(net, "one", "a", make)
    assert derive(net, "one", "b", make) == [2]
    assert derive(net, "two", "a", make) == [3]
    assert derive(net.replace(title="x"), "one", "a", make) == [4]
    assert derive(net, "one", "a", make) == [1]


def test_the_oldest_values_make_room() -> None:
    net = make_meshed(1)
    for key in range(MOST + 2):
        derive(net, "number", key, lambda key=key: key)
    assert derive(net, "number", MOST + 1, lambda: -1) == MOST + 1
    assert derive(net, "number", 0, lambda: -1) == -1


def test_an_error_is_not_kept() -> None:
    net = make_meshed(1)
    with pytest.raises(ZeroDivisionError):
        derive(net, "number", 0, lambda: 1 // 0)
    assert derive(net, "number", 0, lambda: 5) == 5


def test_a_column_that_is_replaced_in_a_stored_table_makes_everything_anew() -> None:
    net = make_meshed(2)
    before = gh.run_security(net, screen=None)
    assert compile_case(net) is compile_case(net)
    net.tables["line"]["rate_mva"] = 0.5 * net.tables["line"]["rate_mva"].to_numpy()
    after = gh.run_security(net, screen=None)
    lines = net.tables["line"].index
    loading = before.base.branch.loc[lines, "loading_percent"]
    np.testing.assert_allclose(after.base.branch.loc[lines, "loading_percent"], 2.0 * loading)
    assert len(after.violations) > len(before.violations)


def make_two_states() -> Network:
    """A network whose second snapshot carries half the load of the first."""
    net = make_meshed(3)
    columns = {"table": "load", "column": "p_mw"}
    rows = [
        {"snapshot": name, **columns, "id": key, "value": str(factor * value)}
        for name, factor in (("peak", 1.0), ("night", 0.5))
        for key, value in net.tables["load"]["p_mw"].items()
    ]
    snapshot = net.snapshot.reindex(["peak", "night"]).rename_axis("id")
    values = net.snapshot_value.reindex(range(len(rows))).assign(
        **{name: [row[name] for row in rows] for name in rows[0]}
    )
    values.index = values.index.astype(str)
    return net.replace(snapshot=snapshot.fillna(""), snapshot_value=values)


def test_each_snapshot_has_its_own_case_and_the_second_call_says_the_same() -> None:
    net = make_two_states()
    first, night = gh.run_security(net, screen=None), gh.run_security(net, snapshot="night", screen=None)
    again = gh.run_security(net, snapshot="peak", screen=None)
    assert night.base.summary["load_mw"] == pytest.approx(0.5 * first.base.summary["load_mw"])
    assert again.violations.equals(first.violations)
    assert again.status.equals(first.status)
    assert compile_case(net, "night") is compile_case(net, "night")
    assert compile_case(net, "night") is not compile_case(net)


def test_what_is_kept_goes_with_the_network() -> None:
    net = make_two_states()
    gh.run_security(net, screen=None)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
