"""Dispatch of the snapshots of korea-2025: a case worked out by hand, and the hours as committed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridhub.model.files import read_network
from gridhub.model.network import Network, build_network
from gridhub.model.snapshot import apply_snapshot
from tests.small_networks import make_table

KOREA = Path(__file__).resolve().parents[2] / "networks" / "korea"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KOREA))
    found = importlib.import_module("dispatch_hours")
    monkeypatch.setattr(found, "find_maintenance", lambda snapshot: {"idle"})
    monkeypatch.setattr(found, "find_reserve", lambda factors: {"mainland": 0.0})
    yield found
    for name in set(sys.modules) - before:
        if name.startswith(("build", "dispatch_hours")):
            del sys.modules[name]


def make_pair() -> Network:
    """Cheap unit at a, dear one and the load at b, two circuits of 100 MW between them."""
    names = ["cheap", "dear", "idle", "spare", "sun", "roof"]
    fuel = ["nuclear", "lng", "lng", "lng", "solar", "solar"]
    return build_network(
        "pair",
        bus=make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False], area="mainland"),
        line=make_table(
            id=["ab:1", "ab:2"],
            from_bus="a",
            to_bus="b",
            r_ohm=0.0,
            x_ohm=10.0,
            rate_mva=100.0,
            rate_b_mva=100.0,
        ),
        load=make_table(id=["demand"], bus="b", p_mw=200.0, q_mvar=0.0),
        generator=make_table(
            id=names,
            bus=["a", "b", "b", "b", "a", "b"],
            p_mw=[0.0, 0.0, 0.0, 0.0, 20.0, 10.0],
            p_min_mw=[0.0, 40.0, 0.0, 10.0, 0.0, 0.0],
            p_max_mw=[500.0, 300.0, 500.0, 300.0, 40.0, 20.0],
            vm_pu=1.0,
            regulating=[True, True, True, True, False, False],
            participation=[0.0, 1.0, 1.0, 1.0, 0.0, 0.0],
            fuel=fuel,
            metered=[True, True, True, True, True, False],
            combined_heat="false",
            cost_c0_per_h=0.0,
            cost_c1_per_mwh=[1_000.0, 50_000.0, 10.0, 60_000.0, 0.0, 0.0],
            cost_c2_per_mw2h=0.0,
        ),
    )


def dispatch(module: ModuleType, market_mw: float = 190.0) -> Any:
    net = make_pair().replace(snapshot=make_table(id=["hour"], time="2025-01-01T00:00"))
    factors = SimpleNamespace(name="hour", market_mw=market_mw, hydro=0.0)
    return module.dispatch_snapshot(net, module.plan_grid(net), factors)


def test_n1_holds_back_the_cheap_unit_and_the_market_demand_is_met(module: ModuleType) -> None:
    # Market demand 190 MW is metered; 10 MW on the roofs come on top: load 200 MW. After one circuit the
    # other may carry 93 MW: 20 MW of sun and 73 MW of the cheap unit; the dear one gives the other 97 MW.
    outputs = dispatch(module).list_outputs()
    assert outputs == pytest.approx({"cheap": 73.0, "dear": 97.0}, abs=0.01)


def test_cost_of_n1_is_what_the_cheap_unit_may_not_give(module: ModuleType) -> None:
    # Intact, 2 x 93 MW come from a: 166 MW cheap and 4 MW dear. N-1 moves 93 MW at 49,000 KRW/MWh.
    figures = dispatch(module).describe()
    assert figures["n1_cost"] == pytest.approx(93.0 * 49_000.0 / 1e6)
    assert figures["n1_excess_mw"] == figures["shed_mw"] == 0.0


def test_reserve_commits_the_next_cheapest_unit_at_its_minimum(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_reserve", lambda factors: {"mainland": 250.0})
    outputs = dispatch(module).list_outputs()
    # 300 - 97 MW of room are not enough; the spare unit runs 10 % above its 10 MW.
    assert outputs == pytest.approx({"cheap": 73.0, "dear": 86.0, "spare": 11.0}, abs=0.01)


def test_sun_is_curtailed_where_units_must_run_at_their_minimum(module: ModuleType) -> None:
    # 60 MW market demand and 10 MW on roofs; no wish for gas, so the cheap unit and the sun serve all.
    assert "sun" not in dispatch(module, 60.0).list_outputs()
    assert dispatch(module, 10.0).list_outputs() == pytest.approx({"sun": 10.0}, abs=0.01)


@pytest.fixture(scope="module")
def net() -> Network:
    return read_network(KOREA / "2025")


def test_units_in_maintenance_are_off_and_nuclear_units_run_in_every_snapshot(net: Network) -> None:
    tables = ("maintenance", "season_maintenance")
    off = pd.concat([pd.read_csv(KOREA / f"sources/{name}.csv", encoding="utf-8") for name in tables])
    for name in net.snapshots:
        generator = apply_snapshot(net, name).generator
        out = set(off.unit[off.snapshot == name])
        nuclear = generator[(generator.fuel == "nuclear") & ~generator.index.isin(out)]
        assert nuclear.in_service.all(), name
        assert not generator.in_service[sorted(out)].any(), name


def test_mainland_keeps_its_reserve_and_no_gas_unit_sits_on_its_minimum(net: Network) -> None:
    for name in net.snapshots:
        generator = apply_snapshot(net, name).generator
        helps = generator[generator.in_service & (generator.participation > 0)]
        area = helps.bus.map(net.bus.area)
        room = (helps.p_max_mw - helps.p_mw).groupby(area).sum()
        assert room["mainland"] >= (2_999.9 if name == "spring_midday" else 4_499.9), name
        assert room["jeju"] >= apply_snapshot(net, name).hvdc.p_mw["jeju-1"] - 0.1, name
        assert np.all(helps.p_mw >= 1.0999 * helps.p_min_mw), name
