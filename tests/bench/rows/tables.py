"""From tables to result tables, on small and middling grids: what a user of single flows waits for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import gridhub as gh
from tests.bench.grids import OPTIONS
from tests.bench.peers import pandapower_flows
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Table, time_in_turns

Solve = Callable[[], np.ndarray]
OWN, PANDAPOWER, WITH_LIGHTSIM = "gridhub", "pandapower", "pandapower with lightsim2grid"


def list_rows(settings: Settings) -> list[Row]:
    """AC and DC power flow, and a small N-1 by AC."""
    names = ("case118",) if settings.quick else ("case118", "case2869pegase")
    rows = [(f"AC power flow, {name}", make_ac, name) for name in names]
    rows += [(f"DC power flow, {name}", make_dc, name) for name in names]
    rows.append(("N-1 by AC, case118, islanding outages included", make_security, "case118"))
    return [make_row(f"Tables to tables, {title}", make, name) for title, make, name in rows]


def make_row(title: str, make: Callable[[str], dict[str, Solve]], name: str) -> Row:
    """A row whose contestants each return their answer; the first is gridhub."""

    def bench(settings: Settings) -> Table:
        solves = make(name)
        contestants = [Contestant(who, solve) for who, solve in solves.items()]
        seconds = time_in_turns(contestants, settings.turns * 3)
        unit = "degree" if "DC" in title else "p.u. of |V|"
        answers = {who: solve() for who, solve in solves.items()}
        agreements = [
            Agreement(who, float(np.nanmax(np.abs(answer - answers[OWN]))), unit)
            for who, answer in answers.items()
            if who != OWN
        ]
        table = Table(title, "call", contestants, seconds, agreements=agreements)
        own = table.get_cost(OWN)
        table.notes += [f"{who} / gridhub: {table.get_cost(who) / own:.2f}" for who in solves if who != OWN]
        if settings.pypsa_python and "power flow" in title:
            pypsa = pandapower_flows.time_pypsa(settings.pypsa_python, name, repeat=3)
            cost = pypsa["dc" if "DC" in title else "ac"]
            table.notes.append(
                f"PyPSA {pypsa['version']} / gridhub: {cost / own:.2f}, right after, not in turns"
            )
        return table

    return Row(title, bench)


def make_ac(name: str) -> dict[str, Solve]:
    """AC power flow; the answers are voltages."""
    net = gh.load_network(f"pandapower:{name}")
    return {
        OWN: lambda: gh.run_power_flow(net, options=OPTIONS).bus["vm_pu"].to_numpy(),
        PANDAPOWER: pandapower_flows.make_pandapower_flow(name, lightsim2grid=False),
        WITH_LIGHTSIM: pandapower_flows.make_pandapower_flow(name, lightsim2grid=True),
    }


def make_dc(name: str) -> dict[str, Solve]:
    """DC power flow; the answers are angles."""
    net = gh.load_network(f"pandapower:{name}")
    return {
        OWN: lambda: gh.run_power_flow(net, method="dc", options=OPTIONS).bus["va_degree"].to_numpy(),
        PANDAPOWER: pandapower_flows.make_pandapower_dc(name),
    }


def make_security(name: str) -> dict[str, Solve]:
    """Every single outage by AC; the answers are the lowest voltages that the buses see in any outage."""
    net = gh.load_network(f"pandapower:{name}")

    def solve() -> np.ndarray:
        result = gh.run_security(net, screen=None, verify="all", keep="all", options=OPTIONS)
        assert result.vm_pu is not None
        return np.fmin(result.vm_pu.min().to_numpy(), result.base.bus["vm_pu"].to_numpy())

    return {OWN: solve, PANDAPOWER: pandapower_flows.make_pandapower_security(name)}
