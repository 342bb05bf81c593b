"""Rows in which scenarios differ from the base, against sums over the elements."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.case.case import Outage
from gridhub.kernels.events import (
    FIELDS,
    add_lost_power,
    add_unit_changes,
    copy_constants,
    fill_constants,
    fill_own,
    fill_schedule,
    find_bounds,
    is_steady,
    list_touched,
    reset_events,
)
from gridhub.kernels.lanes import make_lanes
from gridhub.kernels.records import HELD
from tests.unit.kernels.small_bases import WIDTH, Small, make_small, spread_lanes

NONE = np.zeros(24, np.int64)


def make_outages(small: Small) -> list[Outage]:
    case = small.case
    on = np.flatnonzero(case.branch_on).tolist()
    return [
        Outage(branch=(on[0],)),
        Outage(branch=(on[1], on[-1]), load=(2,)),
        Outage(generator=(1,), load=(0, 3)),
        Outage(shunt=(0,)),
        Outage(branch=(on[2],), generator=(0,), shunt=(0,)),
        Outage(),
        Outage(load=(1,)),
        Outage(branch=tuple(on[3:6])),
    ]


def list_dead(small: Small, outages: list[Outage]) -> list[list[int]]:
    scenarios = small.find_scenarios(outages)
    return [
        scenarios.dead[a:b].tolist()
        for a, b in zip(scenarios.dead_start[:-1], scenarios.dead_start[1:], strict=True)
    ]


def open_every_row(small: Small) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Event rows of all nodes in all lanes: rows, slot, constant, event."""
    n = small.case.n_node
    rows, slot = np.arange(n + 1), np.full(n, -1)
    constant, event = np.full(2 * WIDTH * n, np.nan), np.full(FIELDS * WIDTH * n, np.nan)
    reset_events(small.base.state, small.base.control, rows, n, WIDTH, slot, constant, event)
    return rows, slot, constant, event


def test_rows_begin_with_the_equations_of_the_base() -> None:
    small = make_small(1)
    _, slot, constant, event = open_every_row(small)
    fields = event.reshape(-1, FIELDS, WIDTH)
    assert slot.tolist() == list(range(small.case.n_node))
    assert not constant.any()
    assert not fields[:, :2].any()
    assert (fields[:, 2] == 1.0).all()
    held = ~np.isnan(small.setting.regulation.set_point) & (small.solution.at_limit == 0)
    node = small.setting.plan.node
    assert (fields[:, 3] == held[node][:, None]).all()
    target = 0.5 / small.setting.regulation.set_point[node] ** 2
    for i in np.flatnonzero(held[node]):
        assert fields[i, 4] == pytest.approx(target[i])


def test_touched_nodes_are_those_of_everything_that_is_out() -> None:
    small = make_small(2)
    case, position = small.case, small.setting.plan.position
    outages = make_outages(small)
    scenarios = small.find_scenarios(outages)
    touched = np.empty(99, np.int64)
    for k, outage in enumerate(outages):
        nodes = {int(end[i]) for i in outage.branch for end in (case.branch_from, case.branch_to)}
        for kind in ("generator", "load", "shunt"):
            bus = getattr(case, f"{kind}_bus")
            nodes |= {int(case.bus_node[bus[i]]) for i in getattr(outage, kind)}
        expected = {int(position[i]) for i in nodes} | set(list_dead(small, outages)[k]) | {5}
        count = list_touched(
            small.base.grid.branch_from, small.base.grid.branch_to, small.base.units.node, scenarios, k,
            np.array([5]), 1, touched,
        )  # fmt: skip
        assert set(touched[:count].tolist()) == expected


def test_lost_power_is_that_of_the_elements_at_the_lane_s_own_voltage() -> None:
    small, rng = make_small(3), np.random.default_rng(3)
    case, position, units = small.case, small.setting.plan.position, small.base.units
    outages = make_outages(small)
    scenarios = small.find_scenarios(outages)
    n = case.n_node
    voltages = (
        small.voltage * rng.uniform(0.95, 1.05, (WIDTH, n)) * np.exp(1j * rng.normal(0, 0.05, (WIDTH, n)))
    )
    beyond = rng.normal(size=WIDTH * len(units.imbalance))
    _, slot, constant, event = open_every_row(small)
    for lane in range(WIDTH):
        fill_constants(small.base.control, scenarios, lane, lane, WIDTH, NONE, NONE, 0, slot, constant, event)
    copy_constants(n, constant, event, make_lanes(WIDTH))
    V = spread_lanes(voltages)
    for lane, exact in enumerate([False, True] * 4):
        add_lost_power(
            small.base.grid, units, scenarios, lane, lane, WIDTH, exact, slot, beyond, V, event
        )  # fmt: skip
    found = event.reshape(n, FIELDS, WIDTH)
    for lane, (outage, dead) in enumerate(zip(outages, list_dead(small, outages), strict=True)):
        expected, v = np.zeros(n, complex), voltages[lane]
        for i in outage.branch:
            f, t = position[case.branch_from[i]], position[case.branch_to[i]]
            expected[f] += v[f] * np.conj(case.y_ff[i] * v[f] + case.y_ft[i] * v[t])
            expected[t] += v[t] * np.conj(case.y_tf[i] * v[f] + case.y_tt[i] * v[t])
        for i in outage.shunt:
            at = position[case.bus_node[case.shunt_bus[i]]]
            expected[at] += abs(v[at]) ** 2 * (case.shunt_g[i] - 1j * case.shunt_b[i])
        for i in outage.load:
            expected[position[case.bus_node[case.load_bus[i]]]] += case.load_p[i] + 1j * case.load_q[i]
        if lane % 2 == 0:
            for p in range(scenarios.unit_start[lane], scenarios.unit_start[lane + 1]):
                u = scenarios.unit[p]
                more = beyond[WIDTH * units.island[u] + lane]
                expected[units.node[u]] -= units.generated[u] + units.free[u] * more
        assert found[:, 0, lane] == pytest.approx(expected.real, abs=1e-11)
        assert found[:, 1, lane] == pytest.approx(expected.imag, abs=1e-11)
        assert np.flatnonzero(found[:, 2, lane] == 0.0).tolist() == sorted(dead)


def test_roles_hold_a_voltage_or_a_limit() -> None:
    small = make_small(4)
    control, n = small.base.control, small.case.n_node
    scenarios = small.find_scenarios([Outage()])
    held = np.flatnonzero(small.base.state.kind == HELD)[:2]
    _, slot, constant, event = open_every_row(small)
    fill_constants(control, scenarios, 0, 3, WIDTH, held.copy(), np.array([1, -1]), 2, slot, constant, event)
    found, reactive = event.reshape(n, FIELDS, WIDTH), constant.reshape(n, 2, WIDTH)[:, 1]
    assert not found[held, 3, 3].any()
    assert reactive[held, 3].tolist() == [control.high[held[0]], control.low[held[1]]]
    others = np.delete(np.arange(WIDTH), 3)
    assert found[held][:, 3][:, others].all()
    assert not reactive[:, others].any()


def test_injections_of_a_set_stand_in_the_lane_of_its_scenario() -> None:
    small, rng = make_small(8), np.random.default_rng(8)
    n = small.case.n_node
    sets = rng.normal(size=(2, 3, n))
    scenarios = small.find_scenarios([Outage()] * 2)._replace(
        injection=np.array([2, -1]), set_p=sets[0], set_q=sets[1]
    )
    own = np.zeros(2 * n * WIDTH)
    for k, lane in enumerate((5, 1)):
        fill_own(scenarios, k, lane, WIDTH, own)
    expected = np.zeros((n, 2, WIDTH))
    expected[:, :, 5] = sets[:, 2].T
    assert (own.reshape(n, 2, WIDTH) == expected).all()


def test_bounds_are_those_of_the_units_that_are_left() -> None:
    small = make_small(5)
    case, control, position = small.case, small.base.control, small.setting.plan.position
    scenarios = small.find_scenarios([Outage(generator=(i,)) for i in range(len(case.generator_bus))])
    for i, bus in enumerate(case.generator_bus.tolist()):
        node = int(position[case.bus_node[bus]])
        left = [k for k in np.flatnonzero(case.generator_bus == bus) if k != i]
        low, high, target = find_bounds(control, scenarios, i, node)
        if left:
            assert (low, high) == pytest.approx(
                (case.generator_q_min[left].sum(), case.generator_q_max[left].sum())
            )
        assert (target > 0) == bool(left)
        other = (i + 1) % len(case.generator_bus)
        at = int(position[case.bus_node[case.generator_bus[other]]])
        if at != node:
            expected = control.low[at], control.high[at], control.target[at]
            assert find_bounds(control, scenarios, i, at) == expected


def test_units_are_steady_until_one_meets_a_limit() -> None:
    small = make_small(6)
    units, none = small.base.units, np.array([-1])
    assert not is_steady(units, np.array([0]), 0, np.zeros(WIDTH), WIDTH, 2)

    def find_sides(total: float) -> list[int]:
        asked = units.scheduled + units.share * total
        return np.sign((asked > units.high) * 1 - (asked < units.low)).tolist()

    sides = find_sides(units.imbalance[0])
    seen = set()
    for more in np.linspace(-4.0, 4.0, 81).tolist():
        beyond = np.zeros(WIDTH)
        beyond[2] = more
        steady = is_steady(units, none, 0, beyond, WIDTH, 2)
        assert steady == (find_sides(units.imbalance[0] + more) == sides)
        seen.add(steady)
    assert seen == {True, False}


def test_units_asked_one_by_one_give_what_their_limits_allow() -> None:
    small, rng = make_small(7), np.random.default_rng(7)
    units, n = small.base.units, small.case.n_node
    outages = make_outages(small)
    scenarios = small.find_scenarios(outages)
    beyond = rng.normal(size=WIDTH * len(units.imbalance)) * 2.0
    exact = np.array([1.0, 0.0] * 4)
    schedule = np.full(3 * WIDTH * len(units.node), np.nan)
    for lane in range(WIDTH):
        fill_schedule(units, scenarios, lane, lane, WIDTH, schedule)
    _, slot, _, event = open_every_row(small)
    add_unit_changes(units, exact, schedule, slot, beyond, event, make_lanes(WIDTH))
    found = event.reshape(n, FIELDS, WIDTH)[:, 0]
    for lane in range(WIDTH):
        out = scenarios.unit[scenarios.unit_start[lane] : scenarios.unit_start[lane + 1]]
        more = beyond.reshape(-1, WIDTH)[units.island, lane]
        asked = units.scheduled + units.share * (units.imbalance[units.island] + more)
        given = np.clip(asked, units.low, units.high)
        given[out] = 0.0
        change = (given - units.generated - units.free * more) * exact[lane]
        assert found[:, lane] == pytest.approx(np.bincount(units.node, change, n), abs=1e-12)
