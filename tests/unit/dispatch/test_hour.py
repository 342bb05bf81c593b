"""Hours worked out by hand, prices by finite differences, and what must hold for any hour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import gridhub as gh
from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.case.case import Case, Outage
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import NO_INTERFACES, FlowLimits, compile_interfaces, take_limits
from gridhub.dispatch.offers import StorageOffers, make_offers, offer_storage, offer_units
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.dispatch.security import plan_security
from gridhub.solvers.dc import plan_dc, solve_dc
from tests.small_cases import compile_network, load_case
from tests.small_networks import make_meshed, make_table
from tests.unit.dispatch.small_hours import (
    dispatch,
    make_triangle,
    make_two_islands,
    price_units,
    take_rates,
)


def test_a_binding_line_splits_prices_as_worked_out_by_hand() -> None:
    found = dispatch(make_triangle(), 10.0, 30.0)
    # two thirds of the cheap unit's and one third of the dear unit's power flow over ac: 150 MW at 150 each
    assert found.status is DispatchStatus.OPTIMAL
    assert found.generator_p == pytest.approx([150.0, 150.0])
    assert found.flow == pytest.approx([0.0, 150.0, 150.0])
    assert found.cost.total == pytest.approx(6000.0)
    assert found.cost_market == pytest.approx(3000.0)
    # one more MW at c wants one less of the cheap unit and two more of the dear one
    assert found.price == pytest.approx([10.0, 30.0, 50.0])
    assert found.price_energy == pytest.approx([50.0] * 3)
    assert found.price_congestion == pytest.approx([-40.0, -20.0, 0.0])
    assert found.constrained_off == pytest.approx([150.0, 0.0])
    assert found.constrained_on == pytest.approx([0.0, 150.0])
    binding = found.constraints
    assert (binding.kind, binding.element.tolist(), binding.outage.tolist()) == (("branch",), [2], [-1])
    # a MW more lets three MW change places
    assert binding.shadow_price == pytest.approx([60.0])
    assert binding.rent == pytest.approx([9000.0])
    assert binding.limit == pytest.approx([150.0])


def test_an_outage_binds_as_worked_out_by_hand() -> None:
    net = make_triangle(load_mw=200.0)
    case = compile_network(net)
    rate = np.full(3, 250.0)
    # without ab each unit feeds c over its own line: ac carries the cheap unit alone
    limits = FlowLimits(rate, np.array([250.0, 250.0, 120.0]), NO_INTERFACES)
    found = dispatch(net, 10.0, 30.0, outages=[Outage((0,))], limits=limits)
    assert found.generator_p == pytest.approx([120.0, 80.0])
    assert found.cost.total == pytest.approx(3600.0)
    assert found.cost_intact == pytest.approx(2000.0)
    assert found.security_cost == found.congestion_cost == pytest.approx(1600.0)
    assert found.constraints.outage.tolist() == [0]
    assert found.constraints.shadow_price == pytest.approx([20.0])
    assert found.constraints.flow == pytest.approx([120.0])
    assert case.labels.branch[found.constraints.element[0]] == "ac"


def test_must_run_and_minimum_output() -> None:
    net = make_triangle(
        generator=make_table(
            id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=80.0, p_max_mw=400.0, vm_pu=1.0
        ),
        load_mw=100.0,
    )
    case = compile_network(net)
    free = dispatch(net, 10.0, 30.0)
    assert free.generator_p == pytest.approx([100.0, 0.0])
    must = price_units(case, 10.0, 30.0, must_run=np.array([False, True]))
    assert dispatch(net, units=must).generator_p == pytest.approx([20.0, 80.0])
    everyone = price_units(case, 10.0, 30.0, relaxed=False)
    found = dispatch(net, units=everyone)
    assert found.status is DispatchStatus.INFEASIBLE
    assert [(c.kind, c.element) for c in found.conflicts if c.give_mw > 0][0][0] == "unit"
    assert sum(c.give_mw for c in found.conflicts) == pytest.approx(60.0)
    # the rest of the hour is dispatched: one unit is below its minimum by what had to give
    assert found.generator_p.sum() == pytest.approx(100.0, abs=1e-2)


def test_constant_costs_of_relaxed_units_are_spread_over_their_maximum() -> None:
    minimum = make_table(
        id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=50.0, p_max_mw=400.0, vm_pu=1.0
    )
    net = make_triangle(load_mw=100.0, generator=minimum)
    case = compile_network(net)
    c0 = np.array([400.0, 40.0])
    units = offer_units(case, np.array([10.0, 30.0]), c0)
    assert dispatch(net, units=units).cost.total == pytest.approx(100.0 * (10.0 + 1.0))
    units = offer_units(case, np.array([10.0, 30.0]), c0, relaxed=False)
    # both run: 50 MW each and both constant costs
    assert dispatch(net, units=units).cost.total == pytest.approx(440.0 + 500.0 + 1500.0)


def test_sun_is_curtailed_behind_a_line_and_its_price_counts() -> None:
    net = make_triangle(
        generator=make_table(
            id=["sun", "dear"], bus=["a", "b"], p_mw=[290.0, 0.0], p_min_mw=0.0, p_max_mw=400.0, vm_pu=1.0
        )
    )
    case = compile_network(net)
    units = price_units(case, 0.0, 30.0, curtailable=np.array([True, False]), curtail_price=5.0)
    found = dispatch(net, units=units)
    assert found.generator_p == pytest.approx([150.0, 150.0])
    assert found.curtailment == pytest.approx([140.0, 0.0])
    assert found.cost.curtailment == pytest.approx(700.0)
    assert found.cost.generation == pytest.approx(4500.0)
    assert found.price[:2] == pytest.approx([-5.0, 30.0])
    assert found.constrained_off == pytest.approx([140.0, 0.0])
    held = price_units(case, 0.0, 30.0, held=np.array([True, False]))
    assert dispatch(net, units=held, shed_price=1000.0).generator_p[0] == pytest.approx(290.0)


def test_load_is_shed_at_its_price_and_only_where_it_may_be() -> None:
    net = make_triangle(load_mw=900.0)
    found = dispatch(net, 10.0, 30.0, shed_price=500.0)
    assert found.generator_p == pytest.approx([150.0, 150.0])
    assert found.shed == pytest.approx([600.0])
    assert found.cost.shedding == pytest.approx(300_000.0)
    assert found.price[2] == pytest.approx(500.0)
    firm = dispatch(net, 10.0, 30.0)
    assert firm.status is DispatchStatus.INFEASIBLE
    giving = {(c.kind, c.element): c.give_mw for c in firm.conflicts if c.give_mw > 0}
    # the units give 800 MW in all: either 100 MW of load is not served and lines give, or all of it
    assert sum(giving.values()) == pytest.approx(600.0)


def test_storage_gives_and_takes_by_its_prices() -> None:
    net = make_triangle(
        load_mw=100.0,
        storage=make_table(id=["pump", "battery"], bus=["c", "c"], p_mw=0.0, p_max_mw=50.0, e_mwh=100.0),
    )
    case = compile_network(net)
    stores = offer_storage(
        case,
        np.array([50.0, 50.0]),
        np.array([60.0, 50.0]),
        np.array([100.0, 100.0]),
        np.array([0.5, 0.2]),
        np.array([0.81, 1.0]),
        np.array([12.0, 0.0]),
        np.array([20.0, 8.0]),
    )
    # room for 50 MWh takes 50 / 0.9 MW of the pump's 60
    assert stores.low == pytest.approx([-50.0 / 0.9, -50.0])
    # the battery holds 20 MWh; nine tenths of 50 MWh are more than the pump's 50 MW
    assert stores.high == pytest.approx([45.0, 20.0])
    found = dispatch(net, 10.0, 30.0, storage=stores)
    assert found.storage_p == pytest.approx([-50.0 / 0.9, 20.0])
    assert found.generator_p == pytest.approx([80.0 + 50.0 / 0.9, 0.0])
    assert found.cost.storage == pytest.approx(20.0 * 8.0 - 50.0 / 0.9 * 12.0)
    with pytest.raises(ValueError, match="pump"):
        offer_storage(case, *[np.ones(2)] * 5, np.array([9.0, 1.0]), np.array([8.0, 2.0]))


def test_a_link_carries_cheap_power_less_its_losses() -> None:
    net = make_two_islands()
    found = dispatch(net, 10.0, 50.0, links=(np.array([-60.0]), np.array([60.0])))
    assert found.hvdc_p == pytest.approx([60.0])
    assert found.generator_p == pytest.approx([110.0, 36.0])
    assert found.price == pytest.approx([10.0, 50.0])
    # a MW more of the link replaces 0.9 MW of the dear unit
    assert found.constraints.kind == ("link",)
    assert found.constraints.shadow_price == pytest.approx([0.9 * 50.0 - 10.0])
    back = dispatch(net, 50.0, 10.0, links=(np.array([-60.0]), np.array([60.0])))
    # 50 MW are wanted at a: what is sent from b is a tenth more
    assert back.hvdc_p == pytest.approx([-50.0])
    assert back.generator_p == pytest.approx([0.0, 90.0 + 55.0])
    assert back.price == pytest.approx([11.0, 10.0])
    held = dispatch(net, 10.0, 50.0)
    assert held.hvdc_p == pytest.approx([0.0])


def test_a_link_does_not_burn_power_at_a_negative_price() -> None:
    net = make_two_islands(
        generator=make_table(
            id=["sun", "dear"], bus=["a", "b"], p_mw=[200.0, 0.0], p_min_mw=0.0, p_max_mw=200.0, vm_pu=1.0
        )
    )
    case = compile_network(net)
    units = price_units(case, 0.0, 50.0, curtailable=np.array([True, False]), curtail_price=7.0)
    found = dispatch(net, units=units, links=(np.array([-500.0]), np.array([500.0])))
    assert found.hvdc_p == pytest.approx([100.0])
    assert found.curtailment[0] == pytest.approx(50.0)
    assert found.cost.total == pytest.approx(350.0)
    assert "link" in found.message


def test_an_interface_holds_the_sum_of_its_members_in_its_direction() -> None:
    net = make_triangle(load_mw=200.0)
    case = compile_network(net)
    table = make_table(
        id=["1", "2"], name="out of a", member=["ab", "ac"], direction=1, limit_mw=[90.0, 120.0],
        limit_reverse_mw=np.nan,
    )  # fmt: skip
    limits = replace(take_rates(case), interfaces=compile_interfaces(case, table))
    found = dispatch(net, 10.0, 30.0, limits=limits)
    assert found.generator_p == pytest.approx([90.0, 110.0])
    assert found.interface_flow == pytest.approx([90.0])
    assert found.constraints.kind == ("interface",)
    assert found.constraints.shadow_price == pytest.approx([20.0])
    against = table.assign(direction=-1, limit_mw=np.nan, limit_reverse_mw=90.0)
    limits = replace(limits, interfaces=compile_interfaces(case, against))
    found = dispatch(net, 10.0, 30.0, limits=limits)
    assert found.generator_p == pytest.approx([90.0, 110.0])
    assert found.interface_flow == pytest.approx([-90.0])


@pytest.mark.parametrize(("direction", "flow"), [(1, 60.0), (-1, -54.0)])
def test_a_link_counts_in_an_interface_with_what_enters_at_the_sending_end(
    direction: int, flow: float
) -> None:
    net = make_two_islands()
    case = compile_network(net)
    table = make_table(
        id=["1"], name="sea", member="link", direction=direction, limit_mw=1000.0, limit_reverse_mw=1000.0
    )
    limits = replace(take_rates(case), interfaces=compile_interfaces(case, table))
    found = dispatch(net, 10.0, 50.0, links=(np.array([-60.0]), np.array([60.0])), limits=limits)
    assert found.interface_flow == pytest.approx([flow])


def test_soft_limits_are_exceeded_where_that_is_cheaper() -> None:
    net = make_triangle()
    case = compile_network(net)
    soft = replace(take_rates(case), excess_price=50.0)
    found = dispatch(net, 10.0, 30.0, limits=soft)
    # holding ac costs 60 per MW: it is let go until bc, unloaded then, would not bind either
    assert found.generator_p == pytest.approx([300.0, 0.0])
    assert found.constraints.excess == pytest.approx([50.0])
    assert found.cost.excess == pytest.approx(2500.0)
    assert found.cost.total == pytest.approx(5500.0)
    hard = dispatch(net, 10.0, 30.0, limits=replace(soft, excess_price=61.0))
    assert hard.generator_p == pytest.approx([150.0, 150.0])


def test_equal_units_do_not_seem_constrained_off_by_chance() -> None:
    net = make_triangle(load_mw=100.0)
    found = dispatch(net, 10.0, 10.0)
    assert found.constrained_off == pytest.approx([0.0, 0.0])
    bound = dispatch(make_triangle(load_mw=290.0), 10.0, 10.0)
    assert bound.cost.total == pytest.approx(bound.cost_market)
    assert bound.constrained_off + bound.constrained_on == pytest.approx([0.0, 0.0])


def test_load_in_a_dead_island_is_counted_and_left_out() -> None:
    net = make_triangle(
        bus=make_table(id=["a", "b", "c", "d"], vn_kv=345.0, reference=[True, False, False, False]),
        load=make_table(id=["demand", "alone"], bus=["c", "d"], p_mw=[100.0, 7.0], q_mvar=0.0),
    )
    found = dispatch(net, 10.0, 30.0, shed_price=100.0)
    assert found.status is DispatchStatus.OPTIMAL
    assert found.dead_load_mw == pytest.approx(7.0)
    assert found.shed == pytest.approx([0.0, 0.0])
    assert np.isnan(found.price[3])
    assert found.generator_p.sum() == pytest.approx(100.0)


def test_a_plan_with_several_references_is_refused() -> None:
    case = compile_network(make_triangle())
    plan = plan_dc(case, "x_tap", single_reference=False)
    with pytest.raises(ValueError, match="single_reference"):
        solve_hour(case, plan, make_offers(case, price_units(case, 1.0, 2.0)), take_rates(case))


# -- any network ---------------------------------------------------------------------------------------------


def compile_straight(seed: int) -> Case:
    """A network without phase shifters: what they drive in a circle can exceed any rating."""
    net = make_meshed(seed)
    return compile_network(net.replace(transformer=net.transformer.assign(shift_degree=0.0)))


SHED_PRICE = 500.0


def solve_case(
    case: Case,
    seed: int,
    rate_mw: float,
    outages: list[Outage] | None,
    extra: np.ndarray | None = None,
) -> HourResult:
    shed_price = np.full(len(case.load_p), SHED_PRICE)
    if extra is not None:
        # firm load beside the one that is there: more of a load that is shed would be shed too
        case = replace(
            case,
            labels=replace(case.labels, load=(*case.labels.load, *(f"{i} more" for i in case.labels.load))),
            load_bus=np.tile(case.load_bus, 2),
            load_on=np.tile(case.load_on, 2),
            load_p=np.concatenate([case.load_p, extra / case.base_mva]),
            load_q=np.tile(case.load_q, 2),
        )
        shed_price = np.concatenate([shed_price, np.full(len(shed_price), np.inf)])
    plan = plan_dc(case, "x_tap")
    rng = np.random.default_rng(seed)
    n = len(case.generator_bus)
    units = offer_units(case, rng.uniform(10.0, 60.0, n), None, rng.uniform(0.01, 0.2, n))
    rate = np.full(case.n_branch, rate_mw)
    limits = FlowLimits(rate, 1.2 * rate, NO_INTERFACES)
    security = None if outages is None else plan_security(case, plan, outages)
    offers = make_offers(case, units, shed_price=shed_price)
    return solve_hour(case, plan, offers, limits, security, cost_error=1e-11)


def list_single(case: Case) -> list[Outage]:
    return [Outage((i,)) for i in range(case.n_branch)]


@settings(max_examples=15)
@given(st.integers(0, 2000), st.floats(60.0, 200.0))
def test_more_constraints_never_lower_the_cost(seed: int, rate_mw: float) -> None:
    case = compile_straight(seed)
    outages = list_single(case)
    market = solve_case(case, seed, 1e6, None)
    intact = solve_case(case, seed, rate_mw, None)
    few = solve_case(case, seed, rate_mw, outages[::3])
    every = solve_case(case, seed, rate_mw, outages)
    totals = [market.cost.total, intact.cost.total, few.cost.total, every.cost.total]
    assert all(one.status is DispatchStatus.OPTIMAL for one in (market, intact, few, every))
    assert all(b >= a - 1e-7 * a for a, b in zip(totals, totals[1:], strict=False)), totals
    assert every.cost_market == pytest.approx(market.cost.total, rel=1e-9)
    assert every.cost_intact == pytest.approx(intact.cost.total, rel=1e-9)
    tighter = solve_case(case, seed, 0.9 * rate_mw, outages)
    assert tighter.cost.total >= every.cost.total * (1 - 1e-7)


@settings(max_examples=15)
@given(st.integers(0, 2000), st.floats(60.0, 200.0))
def test_power_balances_and_every_limit_holds_after_every_outage(seed: int, rate_mw: float) -> None:
    case = compile_straight(seed)
    outages = list_single(case)
    found = solve_case(case, seed, rate_mw, outages)
    base = case.base_mva
    served = base * case.load_p - found.shed
    drawn = served.sum() + base * case.shunt_g.sum()
    assert found.generator_p.sum() == pytest.approx(drawn, abs=1e-6)
    state = replace(case, generator_p=found.generator_p / base, load_p=served / base)
    assert base * np.abs(solve_dc(state, "x_tap", True).p_from).max() <= rate_mw + 1e-5
    for outage in outages:
        after = solve_dc(state.take_out(outage), "x_tap", True)
        if after.islands.count > 1:
            continue
        assert base * np.abs(after.p_from).max() <= 1.2 * rate_mw + 1e-5


@settings(max_examples=15)
@example(2, 60.0, 0)  # a price above that of shedding: no more can be shed there
@example(63, 60.0, 0)  # limits after an outage that splits the grid have a price of their own at every bus
@given(st.integers(0, 2000), st.floats(60.0, 200.0), st.integers(0, 11))
def test_prices_are_finite_differences_of_the_cost(seed: int, rate_mw: float, bus: int) -> None:
    case = compile_straight(seed)
    outages = [*list_single(case), *(Outage(generator=(i,)) for i in range(len(case.generator_bus)))]
    found = solve_case(case, seed, rate_mw, outages)
    step = 1e-3
    change = np.where(case.load_bus == bus, step, 0.0)
    up = solve_case(case, seed, rate_mw, outages, change).cost.total - found.cost.total
    down = found.cost.total - solve_case(case, seed, rate_mw, outages, -change).cost.total
    price = found.price[bus]
    # the cost is convex: at a kink the price lies between the slopes
    slack = 1e-4 * max(1.0, abs(price))
    assert down / step - slack <= price <= up / step + slack


@settings(max_examples=15)
@given(st.integers(0, 2000), st.floats(60.0, 200.0))
def test_what_consumers_pay_beyond_what_units_get_is_the_rent(seed: int, rate_mw: float) -> None:
    case = compile_straight(seed)
    whole = [o for o in list_single(case) if not plan_security(case, plan_dc(case, "x_tap"), [o]).replanned]
    found = solve_case(case, seed, rate_mw, whole)
    base = case.base_mva
    bought = found.price[case.load_bus] @ (base * case.load_p - found.shed)
    bought += found.price[case.shunt_bus] @ (base * case.shunt_g)
    sold = found.price[case.generator_bus] @ found.generator_p
    assert bought - sold == pytest.approx(found.constraints.rent.sum(), rel=1e-7, abs=1e-4)


def test_prices_of_the_backbone_with_links_interfaces_and_towers_are_finite_differences() -> None:
    net = gh.load_network("korea-2025-backbone")
    case = compile_network(net)
    plan, generator, link = plan_dc(case, "x_tap"), net.generator, net.hvdc
    weather = generator["fuel"].isin(["solar", "wind"]).to_numpy()
    costs = [generator[f"cost_{c}"].to_numpy(float) for c in ("c1_per_mwh", "c0_per_h", "c2_per_mw2h")]
    nuclear = (generator["fuel"] == "nuclear").to_numpy()
    units = offer_units(case, *costs, must_run=nuclear, curtailable=weather)
    links = link["p_min_mw"].to_numpy(float), link["p_max_mw"].to_numpy(float)
    offers = make_offers(case, units, links=links, shed_price=1e7)
    limits = take_limits(case, compile_interfaces(case, net.interface), excess_price_after=1e6)
    outages = find_outages(net, case, list_contingencies(net, ("line", "transformer", "tower")))
    security = plan_security(case, plan, outages)

    def solve(load: int | None = None, step_mw: float = 0.0) -> HourResult:
        p = case.load_p.copy()
        if load is not None:
            p[load] += step_mw / case.base_mva
        return solve_hour(replace(case, load_p=p), plan, offers, limits, security, cost_error=1e-9)

    found, step = solve(), 10.0
    assert found.status is DispatchStatus.OPTIMAL
    assert len(found.constraints.kind) > 3
    assert (found.constraints.outage >= 0).any()
    for load in (0, 100):
        price = found.price[case.load_bus[load]]
        up = (solve(load, step).cost.total - found.cost.total) / step
        down = (found.cost.total - solve(load, -step).cost.total) / step
        assert down - 2.0 - 1e-6 * price <= price <= up + 2.0 + 1e-6 * price


def test_shadow_prices_are_finite_differences_of_the_cost() -> None:
    seed = 7
    case = compile_straight(seed)
    rate = np.full(case.n_branch, 110.0)
    plan, outages = plan_dc(case, "x_tap"), list_single(case)
    security = plan_security(case, plan, outages)
    rng = np.random.default_rng(seed)
    units = offer_units(case, rng.uniform(10.0, 60.0, len(case.generator_bus)))
    offers = make_offers(case, units, shed_price=500.0)
    found = solve_hour(case, plan, offers, FlowLimits(rate, rate, NO_INTERFACES), security)
    assert (found.constraints.outage >= 0).any()
    for branch in np.unique(found.constraints.element):
        wider, step = rate.copy(), 1e-3
        wider[branch] += step
        more = solve_hour(case, plan, offers, FlowLimits(wider, wider, NO_INTERFACES), security)
        shadow = found.constraints.shadow_price[found.constraints.element == branch].sum()
        assert (found.cost.total - more.cost.total) / step == pytest.approx(shadow, rel=1e-5)


def test_a_start_from_the_cuts_of_a_similar_hour_gives_the_same_answer_in_fewer_rounds() -> None:
    case = load_case("pandapower:case118")
    rng = np.random.default_rng(1)
    n = len(case.generator_bus)
    plan = plan_dc(case, "x_tap")
    units = offer_units(case, rng.uniform(10.0, 60.0, n), None, rng.uniform(0.01, 0.05, n))
    offers = make_offers(case, units, shed_price=5000.0)
    rate = np.full(case.n_branch, 200.0)
    limits = FlowLimits(rate, 1.2 * rate, NO_INTERFACES)
    security = plan_security(case, plan, list_single(case))
    first = solve_hour(case, plan, offers, limits, security)
    again = solve_hour(case, plan, offers, limits, security, start_cuts=first.cuts)
    assert again.cost.total == pytest.approx(first.cost.total, rel=1e-10)
    assert again.price == pytest.approx(first.price, rel=1e-6)
    assert again.rounds < first.rounds


def test_storage_offers_hold_what_the_case_says() -> None:
    net = make_triangle(
        storage=make_table(id=["s"], bus="c", p_mw=[25.0], p_max_mw=50.0, e_mwh=100.0), load_mw=100.0
    )
    found = dispatch(net, 10.0, 30.0)
    assert found.storage_p == pytest.approx([25.0])
    assert found.generator_p.sum() == pytest.approx(75.0)
    free = StorageOffers(np.array([0.0]), np.array([50.0]), np.zeros(1), np.array([5.0]))
    assert dispatch(net, 10.0, 30.0, storage=free).storage_p == pytest.approx([50.0])
