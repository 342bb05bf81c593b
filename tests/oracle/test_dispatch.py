"""Dispatch against pandapower's DC-OPF, and N-1 dispatch against the full formulation solved by scipy.

The full formulation knows neither PTDF nor outage factors: every state, intact or after an outage, has angles
of its own, and all rows stand in one programme from the start.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import connected_components

import gridhub as gh
from gridhub.case.case import Case, Outage
from gridhub.case.matrices import compute_dc_susceptance
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import NO_INTERFACES, FlowLimits, take_limits
from gridhub.dispatch.offers import UnitOffers, make_offers, offer_units
from gridhub.dispatch.result import DispatchStatus
from gridhub.dispatch.security import plan_security
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.factors import find_splitting_sets
from tests.small_cases import compile_network, load_case
from tests.small_networks import make_meshed


def make_linear(name: str, rate_mva: float | None) -> Any:
    """A pandapower network with linear costs that differ from unit to unit."""
    net = getattr(pn, name)()
    net.poly_cost["cp2_eur_per_mw2"] = 0.0
    net.poly_cost["cp0_eur"] = 7.0
    rng = np.random.default_rng(5)
    net.poly_cost["cp1_eur_per_mw"] = rng.uniform(10.0, 60.0, len(net.poly_cost))
    net.line["max_loading_percent"] = 100.0
    net.trafo["max_loading_percent"] = 100.0
    if rate_mva is not None:
        kv = net.bus["vn_kv"].loc[net.line["from_bus"]].to_numpy()
        # no two alike: lines in series that bind together leave the price between them open
        net.line["max_i_ka"] = rate_mva * rng.uniform(1.0, 1.1, len(kv)) / np.sqrt(3) / kv
    return net


@pytest.mark.parametrize(("name", "rate_mva"), [("case9", 120.0), ("case30", None), ("case118", 160.0)])
def test_cost_output_and_prices_equal_those_of_pandapower(name: str, rate_mva: float | None) -> None:
    source = make_linear(name, rate_mva)
    peer = copy.deepcopy(source)
    pp.rundcopp(peer)
    net, _ = gh.from_pandapower(source)
    case = compile_network(net)
    linear, constant = (net.generator[f"cost_{c}"].to_numpy(float) for c in ("c1_per_mwh", "c0_per_h"))
    units = offer_units(case, linear, constant, relaxed=False)
    found = solve_hour(case, plan_dc(case, "x_tap"), make_offers(case, units), take_limits(case))
    assert found.status is DispatchStatus.OPTIMAL
    assert found.cost.total == pytest.approx(peer.res_cost, rel=1e-6)
    assert found.cost.total > found.cost_market * (1 + 1e-6), "no limit of the grid binds: the test is void"
    output = np.concatenate([peer.res_ext_grid["p_mw"], peer.res_gen["p_mw"]])
    assert net.generator.index.tolist() == [f"ext_grid:{i}" for i in peer.ext_grid.index] + [
        f"gen:{i}" for i in peer.gen.index
    ]
    assert np.abs(found.generator_p - output).max() < 1e-2
    assert np.abs(found.price - peer.res_bus["lam_p"]).max() < 1e-2


class FullFormulation:
    """Every state with angles of its own: output of each unit, then, per state, the angle of each node.

    After an outage each live part shares what it lacks by p_max, in the proportions of what is left there.
    """

    def __init__(self, case: Case, states: list[Outage], limits: FlowLimits) -> None:
        self.n_unit = len(case.generator_bus)
        self.width = self.n_unit + len(states) * case.n_node
        self.equal, self.equal_value = [], []
        self.upper, self.upper_value = [], []
        for k, state in enumerate(states):
            rate = limits.rate_after if state.branch or state.generator else limits.rate
            self.add_state(case.take_out(state), self.n_unit + k * case.n_node, rate, case.reference)

    def add_state(self, case: Case, first: int, rate: np.ndarray, reference: np.ndarray) -> None:
        b, shift = compute_dc_susceptance(case, "x_tap")
        on, base, n = np.flatnonzero(case.branch_on), case.base_mva, case.n_node
        ends = case.branch_from[on], case.branch_to[on]
        part = connected_components(coo_array((np.ones(len(on)), ends), shape=(n, n)), directed=False)[1]
        live = np.isin(part, part[reference]) | (part == np.argmax(np.bincount(part)))
        load, injected = np.zeros(n), np.zeros((n, self.n_unit))
        for bus, p, up in (
            (case.load_bus, case.load_p, case.load_on),
            (case.shunt_bus, case.shunt_g, case.shunt_on),
        ):
            np.add.at(load, case.bus_node[bus[up]], base * p[up])
        unit_node = case.bus_node[case.generator_bus]
        size = np.where(case.generator_on & live[unit_node], case.generator_p_max, 0.0)
        units = np.flatnonzero(size > 0)
        injected[unit_node[units], units] = 1.0
        for one in np.unique(part[live]):
            here, mine = part == one, units[part[unit_node[units]] == one]
            share = np.bincount(unit_node[mine], size[mine] / size[mine].sum(), n)
            injected[here] -= np.outer(share[here], injected[here].sum(axis=0))
            load[here] -= share[here] * load[here].sum()
        flow = np.zeros((len(on), self.width))
        rows = np.arange(len(on))
        flow[rows, first + ends[0]] += base * b[on]
        flow[rows, first + ends[1]] -= base * b[on]
        shifted = base * b[on] * shift[on]
        balance = np.zeros((n, self.width))
        balance[:, : self.n_unit] = injected
        np.subtract.at(balance, ends[0], flow)
        np.add.at(balance, ends[1], flow)
        np.subtract.at(load, ends[0], shifted)
        np.add.at(load, ends[1], shifted)
        self.equal.append(csr_array(balance[live]))
        self.equal_value.append(load[live])
        rated = ~np.isnan(rate[on]) & live[ends[0]]
        for sign in (1.0, -1.0):
            self.upper.append(csr_array(sign * flow[rated]))
            self.upper_value.append(rate[on][rated] + sign * shifted[rated])

    def solve(self, units: UnitOffers, total: float) -> Any:
        price = np.zeros(self.width)
        price[units.block_unit] = units.block_price
        balance = np.zeros((1, self.width))
        balance[0, : self.n_unit] = 1.0
        return linprog(
            price,
            A_ub=vstack(self.upper),
            b_ub=np.concatenate(self.upper_value),
            A_eq=vstack([*self.equal, csr_array(balance)]),
            b_eq=np.concatenate([*self.equal_value, [total]]),
            bounds=[*zip(units.low, units.high, strict=True), *[(None, None)] * (self.width - self.n_unit)],
            method="highs",
        )


def make_case(name: str) -> Case:
    if name.startswith("meshed"):
        return compile_network(make_meshed(int(name.split()[1]), n_bus=14, extra=12))
    case = load_case(name)
    wider = np.where(np.isfinite(case.generator_p_max), case.generator_p_max, 3.0)
    return replace(case, generator_p_max=wider.copy())


def list_outages(case: Case, with_units: bool, with_splits: bool) -> list[Outage]:
    rng = np.random.default_rng(3)
    outages = [Outage((i,)) for i in range(case.n_branch)]
    outages += [Outage((int(a), int(b))) for a, b in rng.integers(0, case.n_branch, (8, 2)) if a != b]
    if with_units:
        outages += [Outage(generator=(i,)) for i in range(len(case.generator_bus))] + [Outage((1,), (0,))]
    splits = find_splitting_sets(case, [outage.branch for outage in outages])
    return [outage for outage, split in zip(outages, splits, strict=True) if with_splits or not split]


@pytest.mark.parametrize(
    ("name", "rate_mw", "with_units", "with_splits"),
    [
        ("pandapower:case14", 60.0, False, False),
        ("pandapower:case14", 70.0, True, True),
        ("pandapower:case30", 40.0, False, False),
        ("pandapower:case30", 40.0, True, False),
        ("meshed 3", 150.0, False, False),
        ("meshed 4", 120.0, True, True),
        ("meshed 5", 170.0, True, True),
    ],
)
def test_secure_cost_equals_that_of_the_full_formulation(
    name: str, rate_mw: float, with_units: bool, with_splits: bool
) -> None:
    case = make_case(name)
    plan = plan_dc(case, "x_tap")
    units = offer_units(case, np.random.default_rng(8).uniform(10.0, 60.0, len(case.generator_bus)))
    outages = list_outages(case, with_units, with_splits)
    rate = np.full(case.n_branch, rate_mw)
    limits = FlowLimits(rate, 1.1 * rate, NO_INTERFACES)
    drawn = case.load_p[case.load_on].sum() + case.shunt_g[case.shunt_on].sum()
    expected = FullFormulation(case, [Outage(), *outages], limits).solve(units, case.base_mva * drawn)
    security = plan_security(case, plan, outages)
    found = solve_hour(case, plan, make_offers(case, units), limits, security)
    assert expected.status == 0, expected.message
    assert found.status is DispatchStatus.OPTIMAL
    assert found.cost.total == pytest.approx(expected.fun, rel=1e-6)
    assert found.security_cost > 1e-6 * found.cost.total, "no outage binds: the test is void"
