"""Hours tied together: by hand, by scipy's own programme, and by finite differences."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from gridhub.case.case import Case, Outage
from gridhub.dispatch import horizon
from gridhub.dispatch.coupling import BudgetRules, CallRules, Coupling, RampRules, ReserveRules, StorageRules
from gridhub.dispatch.cuts import write_flow_rows
from gridhub.dispatch.horizon import HorizonResult, solve_horizon
from gridhub.dispatch.offers import Offers, StorageOffers, make_offers, offer_units
from gridhub.dispatch.problem import Kind, build_problem
from gridhub.dispatch.programme import LinearProgramme
from gridhub.dispatch.result import DispatchStatus
from gridhub.dispatch.security import plan_security
from gridhub.solvers.dc import plan_dc
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle, take_rates

POWER, ENERGY, EFFICIENCY = 60.0, 150.0, 0.81


def make_day(
    loads: list[float], cost: tuple[float, float] = (10.0, 30.0), power: float = POWER, **offered: Any
) -> list[Any]:
    """Hours of the triangle with a battery at c."""
    storage = make_table(id=["battery"], bus="c", p_mw=0.0, q_mvar=0.0, p_max_mw=POWER, e_mwh=ENERGY)
    case = compile_network(make_triangle(storage=storage))
    zero = np.zeros(1)
    battery = StorageOffers(np.array([-power]), np.array([power]), zero, zero)
    hours: list[tuple[Case, Offers]] = []
    for load in loads:
        own = replace(case, load_p=np.array([load / case.base_mva]))
        hours.append((own, make_offers(own, offer_units(own, np.array(cost)), battery, **offered)))
    return hours


def store(start: float, end: float) -> StorageRules:
    return StorageRules(np.array([ENERGY]), np.array([EFFICIENCY]), np.array([start]), np.array([end]))


def solve(hours: list[Any], coupling: Coupling, outages: list[Outage] | None = None) -> HorizonResult:
    case = hours[0][0]
    plan = plan_dc(case, "x_tap")
    security = None if outages is None else plan_security(case, plan, outages)
    return solve_horizon(hours, plan, take_rates(case), security, coupling)


def total(found: HorizonResult) -> float:
    return sum(one.cost.total for one in found.hours)


def test_a_battery_moves_energy_as_scipy_says_and_loses_what_it_must() -> None:
    loads = [100.0, 260.0, 150.0, 300.0, 220.0, 120.0]
    found = solve(make_day(loads), Coupling(storage=store(75.0, 75.0)))
    n, one_way = len(loads), np.sqrt(EFFICIENCY)
    # unknowns by hour: cheap, dear, discharge, charge, energy; flow on ac is (2 cheap + dear) / 3 <= 150
    price = np.tile([10.0, 30.0, 0.0, 0.0, 0.0], n)
    equal, value, upper, most = [], [], [], []
    for t, load in enumerate(loads):
        row = np.zeros(5 * n)
        row[5 * t : 5 * t + 4] = 1.0, 1.0, 1.0, -1.0
        equal.append(row)
        value.append(load)
        row = np.zeros(5 * n)
        row[5 * t + 2 : 5 * t + 5] = 1.0 / one_way, -one_way, 1.0
        if t:
            row[5 * t - 1] = -1.0
        equal.append(row)
        value.append(0.0 if t else 75.0)
        for flow in ([2 / 3, 1 / 3], [1 / 3, 2 / 3], [1 / 3, -1 / 3], [-1 / 3, 1 / 3]):
            row = np.zeros(5 * n)
            row[5 * t : 5 * t + 2] = flow
            upper.append(row)
            most.append(150.0)
    bounds = [(0, 400), (0, 400), (0, POWER), (0, POWER), (0, ENERGY)] * (n - 1)
    bounds += [(0, 400), (0, 400), (0, POWER), (0, POWER), (75.0, ENERGY)]
    expected = linprog(
        price, A_eq=np.array(equal), b_eq=value, A_ub=np.array(upper), b_ub=most, bounds=bounds
    )
    assert total(found) == pytest.approx(expected.fun, rel=1e-9)
    energy, before = found.energy[:, 0], 75.0
    for one, after in zip(found.hours, energy, strict=True):
        p = one.storage_p[0]
        gained = -p / one_way if p > 0 else -p * one_way
        assert after == pytest.approx(before + gained, abs=1e-6)
        before = after
    assert energy[-1] >= 75.0 - 1e-6
    assert max(one.storage_p[0] for one in found.hours) > 10.0
    for one, load in zip(found.hours, loads, strict=True):
        assert one.generator_p.sum() + one.storage_p[0] == pytest.approx(load, abs=1e-6)


@pytest.mark.parametrize("outages", [None, [Outage((0,)), Outage((2,))]])
def test_prices_are_finite_differences_of_the_whole(outages: list[Outage] | None) -> None:
    loads = [100.0, 130.0, 190.0, 90.0]
    coupling = Coupling(storage=store(20.0, 30.0), ramp=RampRules(np.array([35.0, np.inf])))
    shedding = {"shed_price": 500.0}
    base = solve(make_day(loads, **shedding), coupling, outages)
    assert {one.status for one in base.hours} == {DispatchStatus.OPTIMAL}
    seen, step = set(), 0.01
    for t, one in enumerate(base.hours):
        bounds = []
        for change in (step, -step):
            other = [load + change * (k == t) for k, load in enumerate(loads)]
            bounds.append(
                (total(solve(make_day(other, **shedding), coupling, outages)) - total(base)) / change
            )
        seen.add(round(bounds[0], 6))
        assert bounds[1] - 1e-4 <= one.price[2] <= bounds[0] + 1e-4
    assert len(seen) > 1, "every hour costs the same: nothing is tied"


def test_a_secure_horizon_keeps_limits_after_outages() -> None:
    loads, outages = [100.0, 205.0, 195.0], [Outage((1,)), Outage((2,))]
    coupling = Coupling(storage=store(100.0, 0.0))
    free = solve(make_day(loads), coupling)
    secure = solve(make_day(loads), coupling, outages)
    assert total(secure) > total(free) + 1.0
    for one in secure.hours:
        # with ac or bc lost the other feeds c alone
        into_c = one.flow[1] + one.flow[2]
        assert abs(into_c) <= 150.0 + 1e-5
    assert secure.hours[1].constraints.outage.max() >= 0


def test_ramps_hold_from_the_hour_before_on() -> None:
    loads = [50.0, 150.0, 200.0, 60.0]
    rules = RampRules(np.array([40.0, np.inf]), before=np.array([30.0, 0.0]))
    found = solve(make_day(loads, power=0.0), Coupling(ramp=rules))
    output = np.array([one.generator_p for one in found.hours])
    steps = np.diff(np.concatenate([[30.0], output[:, 0]]))
    assert np.abs(steps).max() <= 40.0 + 1e-6
    # up 20, 40, then as low as the last hour lets it: the best by hand
    assert output[:, 0] == pytest.approx([50.0, 90.0, 100.0, 60.0], abs=1e-6)


def test_flexible_load_spends_its_energy_in_the_dearest_hours() -> None:
    hours = make_day([140.0, 240.0, 280.0], power=0.0, call_limit=50.0)
    rules = BudgetRules(np.array([0]), np.array([70.0]))
    found = solve(hours, Coupling(budget=rules))
    shed = np.array([one.called[0] for one in found.hours])
    # price 10 up to 225 MW at c (ac is full), 50 beyond
    assert shed.sum() == pytest.approx(70.0)
    assert shed[2] == pytest.approx(50.0)
    assert shed[1] >= 15.0 - 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_longest_calls_are_the_best_of_all_whole_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, longest = 9, 1 + seed % 3
    loads, price = rng.uniform(5.0, 60.0, count), rng.uniform(10.0, 90.0, count)
    before = (np.arange(longest) >= longest - 1 - seed % 2).astype(float)  # called just before, or twice
    hours = []
    for load, cost in zip(loads, price, strict=True):
        (hour,) = make_day([load], cost=(cost, 500.0), power=0.0, call_limit=40.0)
        hours.append(hour)
    rules = CallRules(np.array([0]), np.array([longest]), before[:, None])
    found = solve(hours, Coupling(call=rules))
    offer, best = np.minimum(loads, 40.0), 0.0
    for called in product([0.0, 1.0], repeat=count):
        row = np.concatenate([before, called])
        if all(row[t : t + longest + 1].sum() <= longest for t in range(count)):
            best = max(best, float(price * offer @ np.array(called)))
    assert best > 0.0
    assert total(found) == pytest.approx(price @ loads - best, rel=1e-9)
    share = np.array([one.called[0] for one in found.hours]) / offer
    assert np.abs(share - np.round(share)).max() < 1e-6
    assert share.sum() < count


def test_what_flexible_loads_leave_is_called_first_and_shed_beyond() -> None:
    load = make_table(id=["hall", "town"], bus="c", p_mw=[50.0, 100.0], q_mvar=0.0)
    unit = make_table(id=["cheap"], bus="a", p_mw=0.0, p_min_mw=0.0, p_max_mw=20.0, vm_pu=1.0)
    case = compile_network(make_triangle(load=load, generator=unit))
    offered = {"shed_price": 500.0, "call_price": 5.0, "call_limit": np.array([30.0, 0.0])}
    hours = [(case, make_offers(case, offer_units(case, np.array([10.0])), **offered))]
    (one,) = solve(hours, Coupling()).hours
    # not 30 MW of the hall beside all 50: no load gives power back
    assert one.called == pytest.approx([30.0, 0.0])
    assert one.shed.sum() == pytest.approx(100.0)
    assert one.called[0] + one.shed[0] <= 50.0 + 1e-6
    assert one.cost.calls == pytest.approx(150.0)
    assert one.cost.shedding == pytest.approx(50_000.0)
    assert one.cost.total == pytest.approx(200.0 + 150.0 + 50_000.0)
    assert one.price == pytest.approx([500.0] * 3)
    # with the budget spent the offer is load like any other
    (spent,) = solve(hours, Coupling(budget=BudgetRules(np.array([0]), np.array([0.0])))).hours
    assert spent.called == pytest.approx([0.0, 0.0])
    assert spent.cost.shedding == pytest.approx(65_000.0)


def test_called_and_shed_together_are_no_more_than_the_load() -> None:
    # 70 MW are short: 80 if the hall gave what it offers beside all it draws, 50 in truth
    load = make_table(id=["hall", "town"], bus="c", p_mw=[50.0, 100.0], q_mvar=0.0)
    unit = make_table(id=["cheap"], bus="a", p_mw=0.0, p_min_mw=0.0, p_max_mw=80.0, vm_pu=1.0)
    case = compile_network(make_triangle(load=load, generator=unit))
    offered = {"shed_price": np.array([500.0, np.inf]), "call_limit": np.array([30.0, 0.0])}
    (one,) = solve(
        [(case, make_offers(case, offer_units(case, np.array([10.0])), **offered))], Coupling()
    ).hours
    assert one.status is DispatchStatus.INFEASIBLE
    assert [(c.element, round(c.give_mw, 3)) for c in one.conflicts] == [("town", 20.0)]


def test_no_conflict_lets_a_load_give_more_than_it_draws() -> None:
    # a shunt that draws 20 MW is nothing that can give: without units no load makes up for it
    load = make_table(id=["hall"], bus="c", p_mw=50.0, q_mvar=0.0)
    unit = make_table(id=["cheap"], bus="a", p_mw=0.0, p_min_mw=0.0, p_max_mw=0.0, vm_pu=1.0)
    shunt = make_table(id=["reactor"], bus="b", g_mw=20.0, b_mvar=0.0)
    case = compile_network(make_triangle(load=load, generator=unit, shunt=shunt))
    made = make_offers(case, offer_units(case, np.array([10.0])), call_limit=np.array([30.0]))
    (one,) = solve([(case, made)], Coupling()).hours
    assert one.conflicts == ()
    assert one.status is DispatchStatus.UNSOLVED


def test_an_outage_that_loses_a_load_loses_its_call() -> None:
    # the hall draws 20 of its 50 MW; with it lost, ac carries what the town takes alone: 100 / 3 of it
    load = make_table(id=["hall", "town"], bus=["c", "b"], p_mw=[50.0, 100.0], q_mvar=0.0)
    unit = make_table(id=["cheap"], bus="a", p_mw=0.0, p_min_mw=0.0, p_max_mw=400.0, vm_pu=1.0)
    case = compile_network(make_triangle(load=load, generator=unit))
    plan = plan_dc(case, "x_tap")
    offers = make_offers(case, offer_units(case, np.array([10.0])), call_limit=np.array([30.0, 0.0]))
    problem = build_problem(case, plan, offers)
    security = plan_security(case, plan, [Outage(load=(0,))])
    (one,) = security.replanned
    lost = ~one.find_kept(problem.columns)
    assert {Kind(kind) for kind in problem.columns.kind[lost]} == {Kind.LOAD, Kind.CALL}
    assert set(problem.columns.element[lost]) == {0}
    rows = write_flow_rows(problem, security, np.array([2]), np.array([0]))
    found = solve_horizon([(case, offers)], plan, take_rates(case), security).hours[0]
    assert found.called == pytest.approx([30.0, 0.0])
    x = np.zeros(len(problem.columns.kind))
    for kind, value in ((Kind.LOAD, [50.0, 100.0]), (Kind.CALL, [30.0]), (Kind.UNIT_BLOCK, [120.0])):
        x[problem.columns.kind == kind] = value
    angles = plan.solve_angles(problem.compute_injection(x))[plan.free]
    after = rows.by_column @ x + rows.by_angle @ angles + rows.offset
    assert after == pytest.approx([100.0 / 3.0])


def test_an_hour_without_a_dispatch_gives_no_more_than_there_is_load() -> None:
    load = make_table(id=["hall", "town"], bus="c", p_mw=[50.0, 100.0], q_mvar=0.0)
    unit = make_table(id=["cheap"], bus="a", p_mw=0.0, p_min_mw=0.0, p_max_mw=0.0, vm_pu=1.0)
    case = compile_network(make_triangle(load=load, generator=unit))
    made = make_offers(case, offer_units(case, np.array([10.0])), call_limit=np.array([30.0, 0.0]))
    (one,) = solve([(case, made)], Coupling()).hours
    assert one.status is DispatchStatus.INFEASIBLE
    assert {(c.element, round(c.give_mw, 3)) for c in one.conflicts} == {("hall", 20.0), ("town", 100.0)}
    assert one.called == pytest.approx([30.0, 0.0], abs=1e-3)
    assert one.shed == pytest.approx([20.0, 100.0], abs=1e-3)


def test_reserve_is_kept_or_paid_for() -> None:
    room = np.array([400.0, 50.0])
    hour = make_day([200.0], power=0.0)
    held = solve(hour, Coupling(reserve=ReserveRules(np.array([230.0]), room, np.inf)))
    # the dear unit counts for 50 MW at most: the cheap one keeps the rest
    assert held.hours[0].generator_p == pytest.approx([200.0, 0.0])
    tight = solve(hour, Coupling(reserve=ReserveRules(np.array([300.0]), room, np.inf)))
    assert tight.hours[0].generator_p == pytest.approx([150.0, 50.0])
    assert tight.hours[0].price == pytest.approx([30.0] * 3)
    dear = solve(hour, Coupling(reserve=ReserveRules(np.array([300.0]), room, 5.0)))
    assert dear.reserve_shortage == pytest.approx([50.0])
    assert dear.hours[0].cost.reserve == pytest.approx(250.0)
    assert dear.hours[0].cost.total == pytest.approx(2250.0)
    # the grid is not what makes reserve short
    assert dear.hours[0].cost_market == dear.hours[0].cost_intact == pytest.approx(2250.0)


def test_an_hour_that_cannot_be_is_named_and_the_rest_is_dispatched() -> None:
    found = solve(make_day([100.0, 450.0]), Coupling(storage=store(0.0, 0.0)))
    assert [one.status for one in found.hours] == [DispatchStatus.OPTIMAL, DispatchStatus.INFEASIBLE]
    assert found.hours[1].conflicts[0].give_mw > 0
    assert found.hours[0].generator_p.sum() + found.hours[0].storage_p[0] == pytest.approx(100.0)


def test_what_ties_hours_may_be_what_makes_them_infeasible() -> None:
    found = solve(make_day([100.0, 100.0]), Coupling(storage=store(0.0, ENERGY)))
    assert {one.status for one in found.hours} == {DispatchStatus.INFEASIBLE}
    # 60 MW for two hours put 108 of the 150 MWh in
    (conflict,) = found.hours[1].conflicts
    assert (conflict.kind, conflict.element, conflict.limit_mw) == ("storage", "battery", ENERGY)
    assert conflict.give_mw == pytest.approx(42.0)
    assert "ties the hours together. Here must give: storage battery (150.0 MWh) by 42.0 MWh" in (
        found.hours[1].message
    )
    assert found.hours[0].message == "hours that this one is tied to have no dispatch"
    assert np.isnan(found.hours[0].generator_p).all()


def test_ramps_and_reserve_that_must_give_are_named() -> None:
    # cheap 20 and dear 30 MW an hour: of the 200 MW more, 150 are too many
    rules = RampRules(np.array([20.0, 30.0]))
    found = solve(make_day([100.0, 300.0], power=0.0), Coupling(ramp=rules))
    given = {one.element: one.give_mw for one in found.hours[1].conflicts}
    assert {one.kind for one in found.hours[1].conflicts} == {"ramp"}
    assert sum(given.values()) == pytest.approx(150.0)
    assert "cheap" in given
    # 800 MW of units, less 300 of load: 500 of the 550 MW
    reserve = ReserveRules(np.array([550.0, 550.0]), np.array([400.0, 400.0]), np.inf)
    found = solve(make_day([100.0, 300.0], power=0.0), Coupling(reserve=reserve))
    assert [len(one.conflicts) for one in found.hours] == [0, 1]
    assert found.hours[1].conflicts[0].kind == "reserve"
    assert found.hours[1].conflicts[0].give_mw == pytest.approx(50.0)


def test_a_battery_does_not_burn_power_at_a_negative_price(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = make_day([50.0], cost=(-20.0, 30.0))
    built = []

    class Counted(LinearProgramme):
        def __init__(self, largest_price: float) -> None:
            built.append(largest_price)
            super().__init__(largest_price)

    monkeypatch.setattr(horizon, "LinearProgramme", Counted)
    found = solve(hours, Coupling(storage=store(ENERGY, 0.0)))
    assert len(built) == 1, "what burns is closed in the programme that stands"
    one = found.hours[0]
    assert "battery" in one.message
    p = one.storage_p[0]
    gained = -p / np.sqrt(EFFICIENCY) if p > 0 else -p * np.sqrt(EFFICIENCY)
    assert found.energy[0, 0] == pytest.approx(ENERGY + gained)
