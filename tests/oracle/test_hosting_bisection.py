"""Hosting capacity against a search that takes branches out and solves again, one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.model.snapshot import apply_snapshot
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_batch import solve_dc_batch
from gridhub.solvers.islands import choose_references, keep_largest_parts
from gridhub.solvers.scenario import Injections
from gridhub.solvers.status import Status
from tests.small_networks import load_rated_case118

TOLERANCE_MW = 0.1
WORSENING = 0.01


class Bisection:
    """Solves every outage of every snapshot anew, one load per bus: no factors, no closed form."""

    def __init__(self, net: Network, buses: list[str], sign: float, towers: bool = False) -> None:
        rows = pd.DataFrame({"bus": buses, "p_mw": 0.0}, index=[f"probe:{bus}" for bus in buses])
        added = complete_table("load", rows).reindex(columns=net.load.columns)
        net = net.replace(load=pd.concat([net.load, added]))
        self.base, self.sign, self.count = net.base_mva, sign, len(buses)
        self.runs = []
        for snapshot in net.snapshots or (None,):
            state = apply_snapshot(net, snapshot)
            case, _ = choose_references(compile_case(net, snapshot))
            intact = plan_dc(case, "x_tap")
            sets = [(i,) for i in np.flatnonzero(case.branch_on)]
            if towers:
                table = gh.list_contingencies(state, ("tower",), 345.0)["elements"]
                sets = [tuple(case.labels.branch.index(name) for name in one) for one in table]
            self.probe = [case.labels.load.index(name) for name in rows.index]
            self._add(case, intact.islands, (), intact, case.rate)
            for lost in sets:
                cut = keep_largest_parts(case.take_out(Outage(branch=lost)), intact.islands)
                self._add(cut, intact.islands, lost, plan_dc(cut, "x_tap"), case.rate_b)

    def _add(self, case: Case, before, lost, plan, rate) -> None:
        node = case.bus_node[case.load_bus[self.probe]]
        alive = plan.islands.live[node]
        start = self._solve(case, plan, np.zeros(self.count))
        if start.status[0] is Status.NOT_CONVERGED:
            return
        flow = np.abs(np.nan_to_num(start.p_from[0]))
        limit = np.where(flow > rate * (1 + 1e-8), flow + WORSENING * rate, rate)
        touched = before.island[node] == (
            before.island[case.branch_from[lost[0]]] if lost else before.island[node]
        )
        self.runs.append((case, plan, alive & touched, limit))

    def _solve(self, case: Case, plan, mw: np.ndarray):
        loads = np.repeat(case.load_p[None, :], self.count, axis=0)
        loads[np.arange(self.count), self.probe] = self.sign * mw / self.base
        return solve_dc_batch(case, plan, Injections(load_p=loads))

    def is_fine(self, mw: np.ndarray) -> np.ndarray:
        fine = np.ones(self.count, dtype=bool)
        for case, plan, counts, limit in self.runs:
            result = self._solve(case, plan, mw)
            solved = np.array([status is not Status.NOT_CONVERGED for status in result.status])
            with np.errstate(invalid="ignore"):
                over = (np.abs(np.nan_to_num(result.p_from)) > limit * (1 + 1e-9)).any(axis=1)
            fine &= ~counts | (solved & ~over)
        return fine

    def run(self, highest: float) -> np.ndarray:
        low, high = np.zeros(self.count), np.full(self.count, highest)
        fine = self.is_fine(high)
        low[fine] = highest
        while (high - low).max() > 0.2 * TOLERANCE_MW:
            middle = 0.5 * (low + high)
            fine = self.is_fine(middle)
            low, high = np.where(fine, middle, low), np.where(fine, high, middle)
        return low


def host_case118(kind: str):
    """30 random buses of the 118."""
    net = load_rated_case118()
    buses = sorted(np.random.default_rng(7).choice(net.bus.index, 30, replace=False))
    hc = hosting_capacity(net, buses, options={"kind": kind, "maximum_mw": 400.0})
    assert hc.summary["existing_violations"] > 0 and (hc.table["firm_mw"] > 1.0).mean() > 0.3
    return net, buses, hc.table["firm_mw"].to_numpy()


@pytest.mark.parametrize(
    ("kind", "sign"), [("load", 1.0), pytest.param("generation", -1.0, marks=pytest.mark.slow)]
)
def test_case118_holds_just_below_the_figure_and_breaks_just_above(kind, sign):
    net, buses, firm = host_case118(kind)
    search = Bisection(net, buses, sign)
    assert search.is_fine(np.maximum(firm - 0.01, 0.0)).all()
    assert not search.is_fine(firm + 0.01)[firm < 400.0].any()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "sign"), [("load", 1.0), ("generation", -1.0)])
def test_case118_equals_bisection(kind, sign):
    net, buses, firm = host_case118(kind)
    assert np.abs(firm - Bisection(net, buses, sign).run(400.0)).max() <= TOLERANCE_MW


@pytest.mark.slow
@pytest.mark.parametrize("towers", [False, True])
def test_the_backbone_equals_bisection(towers):
    net = gh.load_network("korea-2025-backbone")
    buses = sorted(np.random.default_rng(11).choice(net.bus.index, 30, replace=False))
    options = {"maximum_mw": 1200.0, "reserve_mw": 0.0}
    hc = hosting_capacity(net.replace(interface=net.interface.iloc[:0]), buses, options=options)
    if towers:
        both = [Bisection(net, buses, 1.0, towers=which).run(1200.0) for which in (False, True)]
        wanted, column = np.min(both, axis=0), "firm_tower_mw"
    else:
        wanted, column = Bisection(net, buses, 1.0).run(1200.0), "firm_mw"
    assert np.abs(hc.table[column].to_numpy() - wanted).max() <= TOLERANCE_MW


def test_merit_order_equals_a_dispatch_made_by_hand():
    """In merit order, the state at a load is the state with the cheapest units raised by hand."""
    net = load_rated_case118()
    generator = net.generator
    generator["cost_c1_per_mwh"] = np.random.default_rng(3).uniform(20.0, 90.0, len(generator))
    generator["cost_c2_per_mw2h"] = 0.0
    net = net.replace(generator=generator)
    bus = net.bus.index[40]
    hc = hosting_capacity(net, [bus], options={"balancing": "merit", "maximum_mw": 300.0})
    row = hc.table.loc[bus]
    assert row["binding_kind"] == "thermal" and row["firm_mw"] > 1.0
    base = gh.run_power_flow(net, method="dc")
    p = base.generator["p_mw"].copy()
    left = row["firm_mw"]
    for unit in generator.sort_values("cost_c1_per_mwh").index:
        if not generator.at[unit, "in_service"]:
            continue
        step = min(left, max(0.0, generator.at[unit, "p_max_mw"] - p[unit]))
        p[unit] += step
        left -= step
    assert left == pytest.approx(0.0, abs=1e-9)
    generator["p_mw"] = p
    extra = complete_table("load", pd.DataFrame({"bus": [bus], "p_mw": [row["firm_mw"]]}, index=["extra"]))
    load = pd.concat([net.load, extra.reindex(columns=net.load.columns)])
    placed = net.replace(generator=generator, load=load)
    outage = row["binding_contingency"]
    for table in ("line", "transformer"):
        frame = getattr(placed, table)
        if outage in frame.index:
            frame.loc[outage, "in_service"] = False
            placed = placed.replace(**{table: frame})
    flow = gh.run_power_flow(placed, method="dc").branch.loc[row["binding_element"], "p_from_mw"]
    case = compile_case(net)
    at = case.labels.branch.index(row["binding_element"])
    limit = (case.rate_b if outage else case.rate)[at] * net.base_mva
    start = gh.run_power_flow(_take_out(net, outage), method="dc").branch.loc[
        row["binding_element"], "p_from_mw"
    ]
    allowed = limit if abs(start) <= limit else abs(start) + WORSENING * limit
    assert abs(flow) == pytest.approx(allowed, abs=1e-6)


def _take_out(net: Network, branch: str) -> Network:
    for table in ("line", "transformer"):
        frame = getattr(net, table)
        if branch in frame.index:
            frame.loc[branch, "in_service"] = False
            return net.replace(**{table: frame})
    return net
