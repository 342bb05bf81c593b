"""Plans of Newton's method, and what happens where their order cannot be factored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Case, Outage
from gridhub.kernels.newton import SINGULAR, iterate_newton, sum_units
from gridhub.model.network import Network, build_network
from gridhub.solvers.ac import prepare_setting, solve_ac
from gridhub.solvers.islands import find_islands
from gridhub.solvers.newton import find_roots, plan_newton
from gridhub.solvers.options import read_options
from gridhub.solvers.pivoting import build_jacobian, iterate_with_pivoting
from gridhub.solvers.status import Status
from tests.small_cases import compile_network
from tests.small_networks import make_meshed, make_table
from tests.unit.kernels.small_bases import make_dense_admittance, make_dense_jacobian, make_small

OPTIONS = read_options({"reactive_limits": False, "threads": 1})


def make_two_islands() -> Case:
    """A tree cut in the middle, each part with units of its own."""
    for seed in range(50):
        case = compile_network(make_meshed(seed, 12, 0))
        for branch in range(case.n_branch):
            net = make_meshed(seed, 12, 0)
            name = case.labels.branch[branch]
            if name in net.line.index:
                line = net.line
                line.loc[name, "in_service"] = False
                cut = compile_network(net.replace(line=line))
                islands = find_islands(cut)
                if islands.count == 2 and islands.live.all() and np.bincount(islands.island).min() > 3:
                    return cut
    raise AssertionError


def make_compensated(joined: bool) -> Network:
    """A line from a to b whose reactance a series capacitor cancels; or its ends joined to one node."""
    ends = [("a", "m", 20.0), ("m", "b", -20.0)] if not joined else [("a", "b", 0.0), ("a", "m", 20.0)]
    ends += [("b", "c", 15.0), ("b", "d", 25.0), ("c", "d", 10.0), ("b", "e", 12.0), ("e", "d", 9.0)]
    return build_network(
        "compensated",
        bus=make_table(id=list("abcdem"), vn_kv=345.0, reference=[True] + [False] * 5),
        line=make_table(
            id=[f + t for f, t, _ in ends],
            from_bus=[f for f, _, _ in ends],
            to_bus=[t for _, t, _ in ends],
            r_ohm=0.0,
            x_ohm=[x for _, _, x in ends],
            rate_mva=900.0,
        ),
        load=make_table(id=list("cde"), bus=list("cde"), p_mw=[90.0, 120.0, 60.0], q_mvar=[20.0, 30.0, 5.0]),
        generator=make_table(id=["unit"], bus="a", p_mw=270.0, p_max_mw=900.0, vm_pu=1.0),
    )


@pytest.mark.parametrize("case", [compile_network(make_meshed(1)), make_two_islands()], ids=["one", "two"])
def test_every_island_ends_with_its_reference(case: Case) -> None:
    plan, islands = plan_newton(case), find_islands(case)
    assert sorted(plan.position.tolist()) == list(range(case.n_node))
    assert (plan.node[plan.position] == np.arange(case.n_node)).all()
    root = find_roots(plan, islands)
    for number in range(islands.count):
        positions = np.sort(plan.position[islands.island == number])
        last = plan.position[islands.reference[number]]
        assert positions[-1] == last
        assert positions.tolist() == list(range(int(positions[0]), int(last) + 1))
        assert (root[positions] == last).all()
        assert plan.elimination.parent[last] == -1
        assert (plan.elimination.parent[positions[:-1]] >= 0).all()


def test_a_plan_fits_its_case_and_its_outages_and_no_other() -> None:
    case = compile_network(make_meshed(3))
    plan = plan_newton(case)
    assert plan.fits(case, find_islands(case))
    for branch in range(case.n_branch):
        out = case.take_out(Outage(branch=(branch,)))
        islands = find_islands(out)
        roots = plan.position[islands.reference[islands.reference >= 0]]
        last = plan.elimination.parent[roots] < 0
        assert plan.fits(out, islands) == last.all()
        # the plan of the outage lacks the branch
        assert not plan_newton(out).fits(case, find_islands(case))
    reference = np.zeros(case.n_node, dtype=bool)
    reference[plan.node[0]] = True
    moved = replace(case, reference=reference)
    assert not plan.fits(moved, find_islands(moved))


def test_admittances_are_filled_in_after_outages_too() -> None:
    case = compile_network(make_meshed(4))
    plan = plan_newton(case)
    rows = np.repeat(np.arange(case.n_node), np.diff(plan.elimination.y_start))
    for lost in (Outage(), Outage(branch=(0, 3)), Outage(shunt=(0,))):
        out = case.take_out(lost)
        dense = np.zeros((case.n_node, case.n_node), complex)
        dense[rows, plan.elimination.y_column] = plan.fill_admittance(out)
        assert dense == pytest.approx(make_dense_admittance(out, plan.position), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slack", [True, False])
@pytest.mark.parametrize("limits", [(np.inf, np.inf), (0.02, 0.004)])
def test_pivoting_makes_the_same_steps(seed: int, slack: bool, limits: tuple[float, float]) -> None:
    small = make_small(seed, slack=slack)
    held, n = small.equations.voltage_held, small.case.n_node
    found = []
    for iterate in (iterate_newton, iterate_with_pivoting):
        vm, va, imbalance = np.where(held, np.abs(small.voltage), 1.0), np.zeros(n), np.zeros(n)
        calculated = np.empty(2 * n)
        outcome, iterations, _ = iterate(
            small.elimination, small.equations, vm, va, imbalance, calculated, 1e-9, 30, *limits
        )
        found.append((outcome, iterations, np.concatenate([vm, va, imbalance, calculated])))
    assert found[0][:2] == found[1][:2]
    assert found[0][2] == pytest.approx(found[1][2], abs=1e-9)


@pytest.mark.parametrize("slack", [True, False])
def test_sparse_jacobian_is_the_dense_one(slack: bool) -> None:
    small = make_small(5, slack=slack)
    n = small.case.n_node
    imbalance, generated, slope = np.zeros(n), np.empty(n), np.empty(n)
    sum_units(small.equations, imbalance, generated, slope)
    found = build_jacobian(small.elimination, small.equations, small.voltage, slope).toarray()
    y = make_dense_admittance(small.case, small.setting.plan.position)
    assert found == pytest.approx(make_dense_jacobian(y, small.voltage, small.equations, slope), abs=1e-9)


def test_where_a_diagonal_block_cancels_pivots_are_chosen() -> None:
    case = compile_network(make_compensated(joined=False))
    setting = prepare_setting(case, None, OPTIONS)
    middle = setting.plan.position[case.bus_node[case.labels.bus.index("m")]]
    assert setting.admittance[setting.plan.diagonal[middle]] == 0.0
    # from a flat start nothing flows through m, and its block of the Jacobian is zero
    flat = replace(OPTIONS, start="flat")
    outcomes: list[int] = []

    def watch(*arguments: object) -> tuple[int, int, float]:
        result: tuple[int, int, float] = iterate_newton(*arguments)  # type: ignore[arg-type]
        outcomes.append(result[0])
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gridhub.solvers.newton.iterate_newton", watch)
        solution = solve_ac(case, flat)
    assert outcomes == [SINGULAR]
    assert solution.status is Status.CONVERGED
    # the capacitor makes one node of both ends
    joined = compile_network(make_compensated(joined=True))
    expected = solve_ac(joined, OPTIONS)
    for bus in "abcde":
        one = case.bus_node[case.labels.bus.index(bus)]
        other = joined.bus_node[joined.labels.bus.index(bus)]
        assert solution.vm[one] == pytest.approx(expected.vm[other], abs=1e-7)
        assert solution.va[one] == pytest.approx(expected.va[other], abs=1e-7)
