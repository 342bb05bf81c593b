"""Joint optimum: sites, sun, wind, storage and lines together for a total and a carbon-free share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.states import add_queue
from gridhub.analysis.portfolio.grid import Key, PortfolioGrid
from gridhub.analysis.portfolio.inputs import PortfolioInputs, PortfolioOptions, build_inputs, read_options
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import resolve_criteria, run_security
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.selection import apply_works
from gridhub.criteria import Criteria
from gridhub.dispatch.portfolio import PortfolioSolution, solve_portfolio
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network

ROUNDS = 40
"""Times that states and outages found to be exceeded are added, at most."""

ADDED = 8
"""States and outages added at once: those exceeded most."""

NOT_ASSESSED = (
    "storage and plants in the grid's security: it sees the contract power of every site",
    "plants away from the sites, and export: what is not used is curtailed",
    "towers, interfaces, loss of units and links, voltages before the AC run",
    "growth over the years, and the time that works take: see plan_years",
    "hours other than those given; perfect foresight within them",
)


@dataclass(frozen=True, eq=False)
class Portfolio:
    """Result of `plan_portfolio`.

    Attributes
    ----------
    network, criteria : str
    verdict : str
    status : str
        "optimal" (in the DC model, over every state and outage), or how the solver ended.
    sites : DataFrame
        Index site; bus, mw (contract power), storage_mw, storage_mwh, <kind>_mw, cost (of a year), and
        energy of a year: load_mwh, grid_mwh.
    works : tuple of Candidate
        Lines chosen.
    cost : Series
        Of a year [money]: sites, plants, storage, works, grid energy, total.
    summary : mapping
        total_mw, share_percent (carbon-free, of the hours given), bound (no portfolio is cheaper), scenarios
        (states and outages in the programme), rounds, skipped_outages (those that split the grid),
        money_unit.
    hourly : DataFrame
        hour x (site, grid | charge | discharge | stored) [MW, MWh].
    caused : DataFrame
        What the hubs with the works cause by AC, columns of ``Security.violations``; empty: secure.
    network_after : Network
        With works and loads.
    assumptions, not_assessed : tuple of str
    """

    network: str
    criteria: str
    verdict: str
    status: str
    sites: pd.DataFrame
    works: tuple[Candidate, ...]
    cost: pd.Series
    summary: Mapping[str, Any]
    hourly: pd.DataFrame
    caused: pd.DataFrame
    network_after: Network
    assumptions: tuple[str, ...]
    not_assessed: tuple[str, ...]


def plan_portfolio(
    net: Network,
    sites: pd.DataFrame,
    total_mw: float,
    load: pd.Series,
    output: Mapping[str, pd.DataFrame],
    weights: pd.Series,
    share: float = 0.0,
    works: Sequence[Candidate] = (),
    options: Mapping[str, Any] | PortfolioOptions | None = None,
) -> Portfolio:
    """Choose hub sites, sun, wind, storage and lines together at the smallest cost of a year.

    Parameters
    ----------
    net : Network
    sites : DataFrame
        Index site; bus, max_mw; optional min_mw (least if used), cost and cost_per_mw (of the connection, at
        once, in the money unit of the costs), <kind>_max_mw, storage_max_mw.
    total_mw : float
        Contract power of all sites together.
    load : Series
        Hour -> draw per MW of contract power, 0 … 1. Hours come in days (or other blocks, see options).
    output : mapping
        Kind of plant ("solar", "wind", …: its cost is that item of the costs) -> hours x sites, MW per MW.
    weights : Series
        Hour -> hours of a year it stands for, such as ``TypicalWeeks.weight``.
    share : float
        Least carbon-free share of the energy.
    works : sequence of Candidate
        Lines and banks that may be built, such as ``plan_reinforcement(…).chosen``; each adds one branch.
    options : mapping or PortfolioOptions, optional

    Returns
    -------
    Portfolio

    Raises
    ------
    InputError
        If sites, hours or costs lack something; all faults are listed.
    OptionError
        If no portfolio meets the total and the share, an option is out of range, a work adds no branch of its
        own, or the units cannot follow the total.
    KeyError
        If the criteria or a snapshot do not exist.

    Notes
    -----
    See `gridhub.dispatch.portfolio.solve_portfolio` for the programme. States and outages come into it as
    they are found exceeded: every outage of one branch that does not split the grid is looked at with the
    chosen lines put in, until none is. The result is then run by AC under every outage, and what the hubs
    cause is in `Portfolio.caused`. A branch beyond its limit without hubs may grow by 1 percentage point.

    Examples
    --------
    Sun in one of two hours gives the half asked for; the other half comes from the grid.

    >>> from gridhub.model.network import build_network
    >>> from gridhub.reference import find_region_document
    >>> net = build_network(
    ...     "two",
    ...     currency="KRW",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0},
    ...         index=["l1", "l2"],
    ...     ),
    ...     generator=pd.DataFrame(
    ...         {"bus": ["a"], "p_mw": 0.0, "p_max_mw": 900.0, "q_min_mvar": -900.0, "q_max_mvar": 900.0},
    ...         index=["unit"],
    ...     ),
    ... )
    >>> sites = pd.DataFrame({"bus": ["b"], "max_mw": [500.0]}, index=["north"])
    >>> load = pd.Series([1.0, 1.0], index=["night", "noon"])
    >>> sun = {"solar": pd.DataFrame({"north": [0.0, 0.5]}, index=load.index)}
    >>> weights = pd.Series(4380.0, index=load.index)
    >>> options = {"criteria": None, "costs": find_region_document("korea", "costs"), "block": 2}
    >>> found = plan_portfolio(net, sites, 100.0, load, sun, weights, 0.5, options=options)
    >>> found.sites[["mw", "solar_mw", "storage_mw"]].round(3).to_numpy().tolist()
    [[100.0, 200.0, 0.0]]
    """
    settled = read_options(options, net)
    judged = resolve_criteria(net, settled.criteria)
    inputs = build_inputs(net, sites, total_mw, load, output, weights, share, works, settled)
    hosting = HostingOptions(power_flow=settled.power_flow)
    grid = PortfolioGrid(
        net,
        judged,
        works,
        [str(bus) for bus in sites["bus"]],
        total_mw,
        settled.snapshots,
        settled.rate_share,
        settled.worsening_points / 100.0,
        hosting,
    )
    solution, known, rounds = _solve(inputs, grid, settled)
    contract = solution.contract * net.base_mva
    taken = tuple(one for one, there in zip(works, solution.works, strict=True) if there)
    queue: dict[str, float] = {}
    for bus, mw in zip(sites["bus"].astype(str), contract.tolist(), strict=True):
        if mw > 1e-6:
            queue[bus] = queue.get(bus, 0.0) + mw
    after = add_queue(apply_works(net, taken), HostingOptions(queue=queue, power_flow=settled.power_flow))
    caused = _verify(net, after, judged, settled) if settled.verify else pd.DataFrame()
    tables = inputs.read(solution)
    cost = tables.cost
    return Portfolio(
        network=net.name,
        criteria=judged.name if judged is not None else "",
        verdict=_write_verdict(contract, taken, float(cost["total"]), caused, inputs, settled),
        status=solution.status,
        sites=tables.sites,
        works=taken,
        cost=cost,
        summary=MappingProxyType(
            {
                "total_mw": total_mw,
                "share_percent": tables.share_percent,
                # the programme's objective holds a price of wear that is no money
                "bound": min(solution.bound, float(cost["total"])),
                "scenarios": len(known),
                "rounds": rounds,
                "skipped_outages": grid.skipped,
                "money_unit": inputs.costs.money_unit,
            }
        ),
        hourly=tables.hourly,
        caused=caused,
        network_after=after,
        assumptions=inputs.assumptions,
        not_assessed=NOT_ASSESSED if settled.verify else (*NOT_ASSESSED, "AC security: it was not asked for"),
    )


def _solve(
    inputs: PortfolioInputs, grid: PortfolioGrid, settled: PortfolioOptions
) -> tuple[PortfolioSolution, list[Key], int]:
    """Solve, check every state and outage, add what is exceeded, and solve again."""
    known: list[Key] = [(label, "") for label in grid.states]
    scenarios = {key: grid.build(key) for key in known}
    for number in range(1, ROUNDS + 1):
        problem = inputs.make_problem(tuple(scenarios.values()))
        solution = solve_portfolio(problem, settled.time_limit_s)
        if np.isnan(solution.cost):
            raise OptionError(
                f"no portfolio meets {inputs.total_mw:,.0f} MW and a carbon-free share of {inputs.share:.0%} "
                f"({solution.status}): allow more sites, lines or plants, or ask for less"
            )
        exceeded = grid.check(solution.contract * grid.base, solution.works)
        new = [key for key in exceeded if key not in scenarios][:ADDED]
        if not new:
            return solution, list(scenarios), number
        scenarios |= {key: grid.build(key) for key in new}
    raise OptionError(f"{ROUNDS} rounds did not meet every outage: give fewer sites, works or snapshots")


def _verify(
    net: Network, after: Network, criteria: Criteria | None, settled: PortfolioOptions
) -> pd.DataFrame:
    """Run every outage by AC before and after, and list what is caused."""
    names = settled.snapshots if settled.snapshots is not None else net.snapshots or (None,)
    flow = settled.power_flow
    lists = []
    for one in (net, after):
        results, lost = [], []
        for name in names:
            try:
                results.append(run_security(one, None, criteria, name, verify="all", options=flow))
            except NotConverged:
                lost.append(name or "")
        lists.append(collect_violations(results, tuple(lost)))
    table = compare_violations(*lists)
    return table[table["change"] == "caused"].reset_index(drop=True)


def _write_verdict(
    contract: np.ndarray,
    works: Sequence[Candidate],
    cost: float,
    caused: pd.DataFrame,
    inputs: PortfolioInputs,
    settled: PortfolioOptions,
) -> str:
    used = [f"{name} {mw:,.0f} MW" for name, mw in zip(inputs.sites.index, contract, strict=True) if mw > 0.5]
    text = f"{', '.join(used)}, with {len(works)} works, for {cost:,.1f} {inputs.costs.money_unit} a year"
    if not settled.verify:
        return f"{text}; AC was not asked."
    if caused.empty:
        return f"{text}; secure by AC in every outage."
    return f"{text}; by AC {len(caused)} violations are caused, to be mended by plan_reinforcement."
