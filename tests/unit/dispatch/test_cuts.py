"""Flows after outages, as rows and as solved again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Case, Outage
from gridhub.dispatch.cuts import INTACT, find_breaches, write_flow_rows
from gridhub.dispatch.limits import NO_INTERFACES, FlowLimits
from gridhub.dispatch.offers import make_offers, offer_units
from gridhub.dispatch.problem import HourProblem, Kind, build_problem
from gridhub.dispatch.security import SecurityPlan, plan_security
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.islands import keep_largest_parts
from tests.small_cases import compile_network, load_case
from tests.small_networks import make_meshed

NONE_HELD = (np.empty(0, dtype=int), np.empty(0, dtype=int))


def free_units(case: Case, seed: int) -> Case:
    """Units without limits that share by given weights, so that solving again shares as the rows do."""
    rng, n = np.random.default_rng(seed), len(case.generator_bus)
    wide = np.full(n, np.inf)
    share = rng.uniform(0.5, 2.0, n)
    return replace(case, generator_p_min=-wide, generator_p_max=wide, generator_participation=share)


def balance(case: Case, plan: DcPlan) -> Case:
    """Put the slack of the intact state into the schedule."""
    return replace(case, generator_p=solve_dc(case, plan.convention, True).generator_p)


def list_mixed(case: Case, seed: int) -> list[Outage]:
    """Branches, pairs, units, both together, links, a load, a storage, a shunt."""
    rng = np.random.default_rng(seed)
    branches = rng.choice(case.n_branch, min(case.n_branch, 25), replace=False).tolist()
    units = rng.choice(np.flatnonzero(case.generator_on), 4).tolist()
    outages = [Outage((i,)) for i in branches]
    outages += [Outage((a, b)) for a, b in zip(branches, branches[1:], strict=False)][:10]
    outages += [Outage(generator=(i,)) for i in units] + [Outage((branches[0],), (units[0],))]
    outages += [Outage(load=(0,)), Outage(shunt=(0,))] if len(case.shunt_bus) else []
    outages += [Outage(hvdc=(i,)) for i in range(len(case.hvdc_on))]
    outages += [Outage(storage=(i,)) for i in range(min(2, len(case.storage_bus)))]
    return [*outages, Outage()]


def make_hour(name: str, seed: int) -> tuple[Case, DcPlan, HourProblem, np.ndarray]:
    case = compile_network(make_meshed(seed, n_bus=15, extra=5)) if name == "meshed" else load_case(name)
    case = free_units(case, seed)
    plan = plan_dc(case, "x_tap")
    case = balance(case, plan)
    every = np.ones(len(case.generator_bus), dtype=bool)
    units = offer_units(case, np.zeros(len(every)), held=every)
    problem = build_problem(case, plan, make_offers(case, units))
    x = problem.columns.low.copy()
    assert (
        x[problem.columns.kind == Kind.LOAD] == problem.columns.high[problem.columns.kind == Kind.LOAD]
    ).all()
    return case, plan, problem, x


def find_angles(problem: HourProblem, x: np.ndarray) -> np.ndarray:
    plan = problem.plan
    shifted = plan.incidence.T @ (problem.case.base_mva * plan.susceptance * plan.shift)
    return plan.solve_angles(problem.compute_injection(x) + shifted)[plan.free]


@pytest.mark.parametrize(
    ("name", "seed"),
    [("meshed", 1), ("meshed", 2), ("meshed", 3), ("pandapower:case30", 4), ("korea-2025-backbone", 5)],
)
def test_rows_give_the_flows_of_solving_again(name: str, seed: int) -> None:
    case, plan, problem, x = make_hour(name, seed)
    outages = list_mixed(case, seed)
    security = plan_security(case, plan, outages)
    assert len(security.whole) > 5
    assert len(security.replanned) > 5
    angles, every = find_angles(problem, x), np.arange(case.n_branch)
    for number in range(-1, len(outages) - 1):
        outage = Outage() if number == INTACT else outages[number]
        again = solve_dc(keep_largest_parts(case.take_out(outage), plan.islands), "x_tap", True)
        expected = case.base_mva * np.where(np.isnan(again.p_from), 0.0, again.p_from)
        rows = write_flow_rows(problem, security, every, np.full(case.n_branch, number))
        flow = rows.by_column @ x + rows.by_angle @ angles + rows.offset
        assert np.abs(flow - expected).max() < 1e-6 * max(1.0, np.abs(expected).max()), (number, outage)


def test_rows_of_flows_before_and_after_line_outages_have_few_entries() -> None:
    _, plan, problem, _ = make_hour("korea-2025-backbone", 1)
    outages = [Outage((i,)) for i in range(5)]
    security = plan_security(problem.case, plan, outages)
    rows = write_flow_rows(problem, security, np.array([40, 40]), np.array([INTACT, 3]))
    assert rows.by_column.nnz == 0
    assert rows.by_angle.nnz <= 2 + 4


def count_breaches(
    problem: HourProblem, security: SecurityPlan, x: np.ndarray, limits: FlowLimits
) -> dict[tuple[int, int], float]:
    """Every limit that is broken, by writing out all rows."""
    every, found = np.arange(problem.case.n_branch), {}
    angles = find_angles(problem, x)
    for number in range(-1, len(security.outages)):
        rate = limits.rate if number == INTACT else limits.rate_after
        if number >= 0 and security.outages[number] == Outage():
            continue
        rows = write_flow_rows(problem, security, every, np.full(len(every), number))
        over = np.abs(rows.by_column @ x + rows.by_angle @ angles + rows.offset) - rate
        found |= {(i, number): float(over[i]) for i in np.flatnonzero(over > 1e-6).tolist()}
    return found


@pytest.mark.parametrize("seed", range(3))
def test_breaches_are_the_worst_of_every_branch_and_of_every_outage(seed: int) -> None:
    case, plan, problem, x = make_hour("meshed", seed)
    outages = list_mixed(case, seed)
    security = plan_security(case, plan, outages)
    rate = np.full(case.n_branch, 40.0)
    limits = FlowLimits(rate, 1.1 * rate, NO_INTERFACES)
    every = count_breaches(problem, security, x, limits)
    found = find_breaches(problem, limits, security, x, 1e-6, NONE_HELD)
    named = dict(zip(zip(found.branch.tolist(), found.outage.tolist(), strict=True), found.over, strict=True))
    assert named.keys() <= every.keys()
    assert all(value == pytest.approx(every[key], abs=1e-6) for key, value in named.items())
    assert {outage for _, outage in every} == {outage for _, outage in named}
    single = set(security.whole.tolist()) | {INTACT}
    assert {branch for branch, outage in every if outage in single} <= {branch for branch, _ in named}
    # what is held is not found again, and the rest comes up
    held = found.branch, found.outage
    rest = find_breaches(problem, limits, security, x, 1e-6, held)
    assert not set(zip(rest.branch.tolist(), rest.outage.tolist(), strict=True)) & named.keys()


def test_a_branch_without_impedance_cannot_be_lost() -> None:
    case = compile_network(make_meshed(1))
    joined = replace(case, branch_joins=np.arange(case.n_branch) == 2)
    with pytest.raises(ValueError, match=case.labels.branch[2]):
        plan_security(joined, plan_dc(joined, "x_tap"), [Outage((2,))])
