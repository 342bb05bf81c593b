"""A day of N-1 secure dispatch, DC: limits added as they are broken, beside PyPSA's full formulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

import gridhub as gh
from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.case.case import Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.model.network import Network
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.factors import SetFactors, compute_set_factors, find_bridge_branches
from tests.bench.peers.session import Session
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

NAME, HOURS, QUICK_HOURS = "case118", 24, 2
OWN, PYPSA = "gridhub run_dispatch", "PyPSA optimize_security_constrained"

ROOM = 0.7
"""Share of the worst flow after an outage, at the peak and without ratings, that branches are rated for."""

EVEN_ROOM = 1.02
"""The same where all units give alike: that dispatch stays possible in every hour."""

SMALLEST_RATE_MW = 40.0


@dataclass(frozen=True)
class Day:
    """A network with ratings that bind, the load of each hour, and the outages."""

    net: Network
    load: pd.DataFrame
    outages: Ints


def list_rows(settings: Settings) -> list[Row]:
    """One row."""
    return [Row(f"N-1 secure dispatch of a day, {NAME}", bench)]


def make_day(hours: int) -> Day:
    """pandapower's case118 with linear costs, a load that follows the day, and ratings that bind."""
    net = gh.load_network(f"pandapower:{NAME}")
    units = net.generator
    price = np.random.default_rng(5).uniform(10.0, 60.0, len(units))
    net = net.replace(
        generator=units.assign(cost_c0_per_h=0.0, cost_c1_per_mwh=price, cost_c2_per_mw2h=0.0, p_min_mw=0.0)
    )
    shape = 0.8 + 0.2 * np.sin(2 * np.pi * (np.arange(hours) - 8.0) / 24.0)
    load = pd.DataFrame(np.outer(shape, net.load["p_mw"]), columns=net.load.index)
    case = compile_case(net)
    plan, bridge = plan_dc(case, "x_tap"), find_bridge_branches(case)
    outages = np.flatnonzero(case.branch_on & ~bridge)
    peak = net.replace(load=net.load.assign(p_mw=load.max().to_numpy()))
    units = peak.generator
    share = units["p_max_mw"] * peak.load["p_mw"].sum() / units["p_max_mw"].sum()
    even = peak.replace(generator=units.assign(p_min_mw=share, p_max_mw=share))
    factors = compute_set_factors(case, plan, [(int(k),) for k in outages])
    cheapest, evenly = (_find_worst(gh.run_dispatch(one).flow.to_numpy()[0], factors) for one in (peak, even))
    rate = np.maximum(np.maximum(ROOM * cheapest, EVEN_ROOM * evenly), SMALLEST_RATE_MW)
    by_id = pd.Series(rate, index=list(case.labels.branch))
    tables = {
        table: getattr(net, table).assign(rate_mva=by_id.reindex(getattr(net, table).index))
        for table in ("line", "transformer", "series")
    }
    return Day(net.replace(**tables), load, outages)


def _find_worst(flow: Floats, factors: SetFactors) -> Floats:
    """Largest flow of each branch before and after outages of one branch each [MW]."""
    after = np.abs(flow + factors.factor * flow[factors.lost][:, None])
    return np.maximum(after.max(axis=0), np.abs(flow))


def lay_out(day: Day) -> dict[str, Floats | Ints | float]:
    """The same day for a peer."""
    case, base = compile_case(day.net), day.net.base_mva
    return {
        "base_mva": base,
        "n_node": case.n_node,
        "end": np.stack([case.branch_from, case.branch_to]),
        "x": case.x,
        "tap": case.tap,
        "rate": base * case.rate,
        "unit_node": case.bus_node[case.generator_bus],
        "price": day.net.generator["cost_c1_per_mwh"].to_numpy(),
        "p_max": base * case.generator_p_max,
        "load_node": case.bus_node[case.load_bus],
        "load_p": day.load.to_numpy(),
        "outages": day.outages,
    }


def bench(settings: Settings) -> Table:
    """Time the day from tables to tables."""
    hours = QUICK_HOURS if settings.quick else HOURS
    day = make_day(hours)
    case = compile_case(day.net)
    lost = {case.labels.branch[k] for k in day.outages}
    every = list_contingencies(day.net)
    chosen = every[[elements[0] in lost for elements in every["elements"]]]
    profiles = {("load", "p_mw"): day.load}

    def solve() -> Dispatch:
        return gh.run_dispatch(day.net, profiles, chosen)

    contestants, goals, agreements, notes = [Contestant(OWN, solve, hours)], [], [], []
    found = solve()
    secure = found.summary["security_cost"] / found.summary["cost"]
    rounds = int(found.status["rounds"].sum())
    notes.append(f"N-1 costs {100 * secure:.2f} % more than the intact grid; {rounds} rounds")
    session = None
    if settings.pypsa_python:
        session = Session(settings.pypsa_python, "pypsa_dispatch_script.py", lay_out(day))
        contestants.append(Contestant(PYPSA, session.work, hours, "all rows at once, HiGHS"))
        goals.append(Goal(OWN, PYPSA, 20, 200))
    else:
        notes.append(f"{PYPSA}: left out, no interpreter was named (--pypsa-python)")
    # the peer takes minutes a call
    seconds = time_in_turns(contestants, 1)
    if session is not None:
        cost, theirs = found.summary["cost"], session.answer["objective"]
        agreements.append(Agreement(PYPSA, abs(theirs / cost - 1.0), "of the cost", hours))
        session.stop()
    title = f"N-1 secure DC dispatch of {hours} hours, {NAME}: {len(day.outages)} outages"
    return Table(title, "hour", contestants, seconds, goals, agreements, notes)
