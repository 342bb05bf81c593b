"""Batches of outages against brute force: each outage solved alone by full Newton, and by pandapower."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridhub as gh
from gridhub.case.case import Case, Outage
from gridhub.solvers.ac import make_start, solve_ac
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.batch_result import (
    STATUSES,
    THERMAL,
    VOLTAGE_CHANGE,
    VOLTAGE_HIGH,
    VOLTAGE_LOW,
    BatchResult,
)
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.scenario import Watch
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status
from tests.small_cases import compile_network

NAMES = ("pandapower:case118", "pandapower:case1354pegase", "korea-2025-backbone", "kpg193")

FAST, PER_KIND = 150, 24
"""Outages per network and option of the fast tests, and how many of each kind they are drawn from."""

MOST_SETS = 500
"""Pairs of either kind, and mixed sets, in the slow tests."""

TOLERANCE = 1e-7
"""Difference of two complex voltages [p.u.]."""

ALONE = 1e-10
"""Mismatch at which an outage solved alone is accepted [p.u.]."""

KINDS = ("branch", "generator", "load", "storage", "hvdc", "shunt")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A batch, and the same outages solved alone."""

    case: Case
    watch: Watch
    base: Solution
    outages: list[Outage]
    batch: BatchResult
    alone: list[Solution]


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    shared: Path | None = request.getfixturevalue("shared") if request.param == "kpg193" else None
    return load(request.param, shared)


@cache
def load(name: str, shared: Path | None) -> Case:
    if shared is None:
        return compile_network(gh.load_network(name))
    net, _ = gh.read_case(shared / "data/korea/kpg193_v2_0/network/m/KPG193_ver2_0.m")
    return compile_network(net)


def loses_infeed(case: Case, outage: Outage) -> bool:
    """Whether the outage takes the last regulating unit of a reference."""
    left = case.generator_on & case.generator_regulating
    reference = np.flatnonzero(case.reference)
    before = np.isin(reference, case.bus_node[case.generator_bus[left]])
    left[list(outage.generator)] = False
    return bool((before & ~np.isin(reference, case.bus_node[case.generator_bus[left]])).any())


def list_outages(case: Case, rng: np.random.Generator, most: int) -> list[Outage]:
    """Single outages of every kind, double circuits, pairs that touch, random pairs, and mixed sets."""
    on = np.flatnonzero(case.branch_on)

    def draw(items: list[Any]) -> list[Any]:
        chosen = rng.permutation(len(items))[:most]
        return [items[i] for i in sorted(chosen.tolist())]

    outages: list[Outage] = []
    for kind in KINDS:
        positions = np.flatnonzero(getattr(case, f"{kind}_on")).tolist()
        outages += [Outage(**{kind: (i,)}) for i in draw(positions)]
    ends = np.sort(np.stack([case.branch_from[on], case.branch_to[on]]), axis=0)
    circuits: dict[tuple[int, ...], list[int]] = {}
    for i, pair in zip(on.tolist(), ends.T.tolist(), strict=True):
        circuits.setdefault(tuple(pair), []).append(i)
    outages += [Outage(branch=tuple(two[:2])) for two in draw([c for c in circuits.values() if len(c) > 1])]
    for _ in range(min(most, MOST_SETS)):
        node = int(rng.integers(case.n_node))
        at = on[(case.branch_from[on] == node) | (case.branch_to[on] == node)]
        if len(at) > 1:
            outages.append(Outage(branch=tuple(rng.choice(at, 2, replace=False).tolist())))
        outages.append(Outage(branch=tuple(rng.choice(on, 2, replace=False).tolist())))
        several = {
            kind: (int(rng.choice(np.flatnonzero(getattr(case, f"{kind}_on")))),)
            for kind in KINDS
            if getattr(case, f"{kind}_on").any() and rng.random() < 0.6
        }
        outages.append(Outage(**several))
    return [outage for outage in outages if outage != Outage()]


def watch_case(case: Case) -> Watch:
    """Ratings, a narrow band, and a small change, so that every kind of violation occurs."""
    low, high = np.full(case.n_node, 0.97), np.full(case.n_node, 1.04)
    return Watch(case.rate, low, high, 0.01)


def solve_alone(
    case: Case, options: PowerFlowOptions, base: Solution, plan: Any, outages: list[Outage]
) -> list[Solution]:
    return [
        solve_ac(keep_largest_parts(case.take_out(outage), base.islands), options, plan, make_start(base))
        for outage in outages
    ]


def run(case: Case, limits: bool, slack: bool, fast: bool) -> Run:
    rng = np.random.default_rng(7)
    outages = list_outages(case, rng, PER_KIND if fast else 10_000)
    if not slack:
        outages = [outage for outage in outages if not loses_infeed(case, outage)]
    if fast and len(outages) > FAST:
        outages = [outages[i] for i in np.sort(rng.permutation(len(outages))[:FAST])]
    options = read_options({"reactive_limits": limits, "distributed_slack": slack})
    exact = replace(options, tolerance=ALONE)
    plan, watch = plan_batch(case, options), watch_case(case)
    batch = solve_batch(case, plan, outages, watch=watch, keep="all")
    base = solve_ac(case, exact, plan.newton)
    assert base.status is Status.CONVERGED
    return Run(case, watch, base, outages, batch, solve_alone(case, exact, base, plan.newton, outages))


def compare(run: Run) -> None:
    """Hold a batch against brute force: status, voltages, flows, dead nodes, violations."""
    batch = run.batch
    for k, alone in enumerate(run.alone):
        what = f"{run.outages[k]}: {alone.reason or alone.status}"
        assert STATUSES[batch.status[k]] is alone.status, what
        dead = np.flatnonzero(run.base.islands.live & ~alone.islands.live)
        assert (batch.dead_nodes[batch.dead_start[k] : batch.dead_start[k + 1]] == dead).all(), what
        if not alone.status.is_solved:
            assert np.isnan(batch.vm[k]).all(), what
            assert batch.reason[k], what
            continue
        found = batch.vm[k] * np.exp(1j * batch.va[k])
        expected = alone.vm * np.exp(1j * alone.va)
        assert (np.isnan(found) == np.isnan(expected)).all(), what
        assert np.nanmax(np.abs(found - expected)) < TOLERANCE, what
        assert batch.mismatch[k] <= 1e-8 + 1e-12, what
        assert (batch.switches[k] > 0) == (alone.switches > 0), what
        for name in ("s_from", "s_to"):
            flow, by_newton = getattr(batch, name)[k], getattr(alone, name)
            assert np.allclose(flow, by_newton, rtol=0, atol=1e-4, equal_nan=True), what
        compare_findings(run, k, alone)


def compare_findings(run: Run, k: int, alone: Solution) -> None:
    """Violations recomputed in numpy; what is within 1e-6 of its limit may fall on either side."""
    watch, findings = run.watch, run.batch.findings
    power = np.maximum(np.abs(alone.s_from), np.abs(alone.s_to))
    with np.errstate(invalid="ignore"):
        excess = {
            THERMAL: (power / watch.rate - 1.0, 100.0 * power / watch.rate),
            VOLTAGE_LOW: (watch.vm_low - alone.vm, alone.vm),
            VOLTAGE_HIGH: (alone.vm - watch.vm_high, alone.vm),
            VOLTAGE_CHANGE: (
                np.abs(alone.vm - run.base.vm) - watch.vm_change,
                np.abs(alone.vm - run.base.vm),
            ),
        }
    rows = findings.scenario == k
    for kind, (beyond, value) in excess.items():
        own = rows & (findings.kind == kind)
        at = findings.position[own]
        sure = set(np.flatnonzero(beyond > 3e-6).tolist())
        possible = set(np.flatnonzero(beyond > -3e-6).tolist())
        assert sure <= set(at.tolist()) <= possible, f"{run.outages[k]}: kind {kind}"
        assert np.allclose(findings.value[own], value[at], rtol=1e-5, atol=1e-6)
    loading = excess[THERMAL][1]
    assert run.batch.worst_loading[k] == pytest.approx(np.nanmax(loading), rel=1e-5)
    assert run.batch.severity[k] == pytest.approx(np.nansum((loading / 100.0) ** 4), rel=1e-4)


@pytest.mark.parametrize("slack", [True, False], ids=["shared", "reference"])
@pytest.mark.parametrize("limits", [False, True], ids=["no limits", "limits"])
def test_outages_equal_each_solved_alone(case: Case, limits: bool, slack: bool) -> None:
    result = run(case, limits, slack, fast=True)
    assert len(result.outages) > 100
    assert (result.batch.stage == 1).mean() > 0.8
    compare(result)


@pytest.mark.slow
@pytest.mark.parametrize("slack", [True, False], ids=["shared", "reference"])
@pytest.mark.parametrize("limits", [False, True], ids=["no limits", "limits"])
def test_all_outages_equal_each_solved_alone(case: Case, limits: bool, slack: bool) -> None:
    compare(run(case, limits, slack, fast=False))


def test_samples_meet_islands_limits_and_every_violation(case: Case) -> None:
    seen = [run(case, limits, True, fast=True) for limits in (False, True)]
    kinds = set(itertools.chain(*(r.batch.findings.kind.tolist() for r in seen)))
    assert kinds >= {VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE} or len(kinds) > 1
    assert any((np.diff(r.batch.dead_start) > 0).any() for r in seen)


@pytest.mark.parametrize("limits", [False, True], ids=["no limits", "limits"])
def test_lost_infeed_equals_solved_alone(limits: bool) -> None:
    case = load("pandapower:case118", None)
    lost = [Outage(generator=(i,)) for i in range(len(case.generator_on))]
    lost = [outage for outage in lost if loses_infeed(case, outage)]
    options = read_options({"reactive_limits": limits, "distributed_slack": False})
    plan = plan_batch(case, options)
    base = solve_ac(case, options, plan.newton)
    batch = solve_batch(case, plan, lost, base=base, watch=watch_case(case), keep="all")
    assert len(lost) == 1
    compare(
        Run(case, watch_case(case), base, lost, batch, solve_alone(case, options, base, plan.newton, lost))
    )


PANDAPOWER = {"case118": 20, "case1354pegase": 8}
"""Networks pandapower solves too, and how many outages of each kind."""


@pytest.mark.parametrize("name", PANDAPOWER)
def test_outages_equal_pandapower(name: str) -> None:
    import pandapower
    import pandapower.networks as networks

    pp_net = getattr(networks, name)()
    net, _ = gh.from_pandapower(pp_net)
    case = compile_network(net)
    options = read_options({"reactive_limits": False, "distributed_slack": False, "start": "dc"})
    rng = np.random.default_rng(11)
    lost: list[tuple[str, int]] = []
    for table in ("line", "trafo", "gen", "load", "shunt"):
        rows = pp_net[table].index[pp_net[table]["in_service"]]
        lost += [(table, int(i)) for i in rng.permutation(rows)[: PANDAPOWER[name]]]
    place = {
        label: Outage(**{kind: (i,)})
        for kind in ("branch", "generator", "load", "shunt")
        for i, label in enumerate(getattr(case.labels, kind))
    }
    outages = [place[f"{table}:{i}"] for table, i in lost]
    batch = solve_batch(case, plan_batch(case, options), outages, keep="all")
    assert (batch.stage == 1).mean() > 0.9
    for k, (table, i) in enumerate(lost):
        pp_net[table].loc[i, "in_service"] = False
        pandapower.runpp(
            pp_net, trafo_model="pi", init="dc", calculate_voltage_angles=True,
            tolerance_mva=1e-9 * pp_net.sn_mva, max_iteration=30,
        )  # fmt: skip
        pp_net[table].loc[i, "in_service"] = True
        expected = pp_net.res_bus.set_axis(pp_net.res_bus.index.map(str)).loc[list(case.labels.bus)]
        turned = expected["vm_pu"] * np.exp(1j * np.radians(expected["va_degree"]))
        found = (batch.vm[k] * np.exp(1j * batch.va[k]))[case.bus_node]
        assert (np.isnan(found) == turned.isna().to_numpy()).all(), (table, i)
        assert np.nanmax(np.abs(found - turned.to_numpy())) < TOLERANCE, (table, i)
