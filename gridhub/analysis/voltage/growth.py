"""Growth of load: where, how much reactive power with it, and which units feed it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.flow.areas import find_area_buses, name_area
from gridhub.case.case import Case, Complexes, Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.case.matrices import sum_at_nodes
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.model.snapshot import apply_snapshot
from gridhub.solvers.islands import choose_references, find_islands
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.slack import plan_slack

Area = str | Sequence[str]

PROBE = "growth:"
"""The load that grows at a bus has this and the bus as its id."""


@dataclass(frozen=True, slots=True, eq=False)
class GrowingCase:
    """A case with loads that grow.

    Attributes
    ----------
    case : Case
        References chosen; the growing loads stand in it at 0.
    label : str
        What grows.
    probe : (k,) int
        Positions of the growing loads.
    p, q : (k,) float
        Consumption of each per unit of λ [p.u.].
    """

    case: Case
    label: str
    probe: Ints
    p: Floats
    q: Floats

    @property
    def consumption(self) -> tuple[float, float]:
        """Active and reactive consumption per unit of λ [p.u.]; what is injected does not count."""
        return float(self.p[self.p > 0].sum()), float(self.q[self.p >= 0].sum())

    @property
    def direction(self) -> Complexes:
        """Change of the nodes' injections per unit of λ, (n_node,) [p.u.]."""
        drawn = -(self.p + 1j * self.q)
        return np.asarray(sum_at_nodes(self.case, self.case.load_bus[self.probe], drawn))

    def load_at(self, parameter: float) -> tuple[Floats, Floats]:
        """Active and reactive power of all loads at λ, (n_load,) each [p.u.]."""
        p, q = self.case.load_p.copy(), self.case.load_q.copy()
        p[self.probe], q[self.probe] = parameter * self.p, parameter * self.q
        return p, q


def _spread_growth(
    net: Network, growth: Area | pd.DataFrame, snapshot: str | None, power_factor: float | None
) -> pd.DataFrame:
    """Give bus, p_mw and q_mvar per unit of λ."""
    if isinstance(growth, pd.DataFrame):
        return _check_directions(net, growth)
    if power_factor is not None and not 0.1 <= power_factor <= 1.0:
        raise OptionError(f"power_factor = {power_factor}: a number from 0.1 to 1")
    buses = find_area_buses(net, growth)
    load = apply_snapshot(net, snapshot).load
    load = load[load["bus"].isin(buses) & load["in_service"].astype(bool) & (load["p_mw"] > 0)]
    ratio = math.tan(math.acos(power_factor or 0.95))
    if not len(load):
        bus = net.bus.loc[buses]
        bus = bus[bus["in_service"].astype(bool)]
        p = np.full(len(bus), 1.0 / max(len(bus), 1))
        return pd.DataFrame({"p_mw": p, "q_mvar": p * ratio}, index=bus.index)
    drawn = load.groupby("bus", sort=False)[["p_mw", "q_mvar"]].sum()
    if power_factor is not None:
        drawn["q_mvar"] = drawn["p_mw"] * ratio
    return drawn


def _check_directions(net: Network, growth: pd.DataFrame) -> pd.DataFrame:
    """Check a direction given bus by bus; every fault is reported."""
    issues = [
        Issue("error", "E-REF", "growth", str(bus), "", "", "no such bus")
        for bus in growth.index
        if bus not in net.bus.index
    ]
    for column in ("p_mw", "q_mvar"):
        if column not in growth:
            issues.append(Issue("error", "E-KEY", "growth", "", column, "", "column is missing"))
            continue
        bad = ~np.isfinite(growth[column].to_numpy(dtype=float))
        issues += [
            Issue("error", "E-NAN", "growth", str(bus), column, "", "wants a finite number")
            for bus in growth.index[bad]
        ]
    if growth.index.has_duplicates:
        twice = growth.index[growth.index.duplicated()].unique()
        issues += [Issue("error", "E-DUP", "growth", str(bus), "", "", "bus is given twice") for bus in twice]
    if issues:
        raise InputError(issues, "growth")
    return growth[["p_mw", "q_mvar"]].astype(float)


def compile_growth(
    net: Network,
    growth: Area | pd.DataFrame,
    snapshot: str | None,
    options: PowerFlowOptions,
    *,
    power_factor: float | None = None,
    supply: Area | None = None,
    generation_limits: bool = True,
) -> GrowingCase:
    """Compile a network whose load grows.

    Parameters
    ----------
    net : Network
    growth : str, sequence of str or DataFrame
        Area (`areas.find_area_buses`): its loads grow in proportion, λ = 1 doubles them;
        where it has none, 1 MW per unit of λ, equally at its buses. Or a DataFrame, index bus, p_mw and
        q_mvar consumed per unit of λ.
    snapshot : str or None
    options : PowerFlowOptions
        Settled.
    power_factor : float, optional
        Of the growth, lagging; None: that of the area's loads, 0.95 where it has none.
    supply : str or sequence of str, optional
        Area whose units feed the growth and the losses, by participation; None: all units of the island.
    generation_limits : bool
        False lifts the active limits of the units that take part: the network alone limits.

    Raises
    ------
    KeyError
        If an area or the snapshot does not exist.
    InputError
        If a DataFrame names unknown or repeated buses, lacks a column or holds no numbers.
    OptionError
        If the growth is nothing, all of it stands at dead buses, or nobody can supply it.
    """
    per_bus = _spread_growth(net, growth, snapshot, power_factor)
    label = f"{len(per_bus)} buses" if isinstance(growth, pd.DataFrame) else name_area(growth)
    if not len(per_bus) or not (per_bus.to_numpy() != 0).any():
        raise OptionError(
            f"growth at {label}: nothing grows; give a bus in service or p_mw, q_mvar other than 0"
        )
    ids = [f"{PROBE}{bus}" for bus in per_bus.index]
    rows = complete_table("load", pd.DataFrame({"bus": per_bus.index, "p_mw": 0.0}, index=ids))
    old = net.load
    probed = net.replace(load=pd.concat([old, rows.reindex(columns=old.columns)]) if len(old) else rows)
    case, _ = choose_references(compile_case(probed, snapshot))
    place = {name: i for i, name in enumerate(case.labels.load)}
    probe = np.array([place[name] for name in ids])
    node = case.bus_node[case.load_bus[probe]]
    live = find_islands(case).live
    if not np.where(node >= 0, live[node], False).any():
        raise OptionError(f"growth at {label}: every bus of it is out of service or without a reference")
    case = _restrict_supply(net, case, supply, options)
    if not generation_limits:
        case = _lift_generation_limits(case, options)
    p, q = (per_bus[column].to_numpy() / case.base_mva for column in ("p_mw", "q_mvar"))
    return GrowingCase(case, label, probe, p, q)


def _restrict_supply(net: Network, case: Case, supply: Area | None, options: PowerFlowOptions) -> Case:
    """Let only the units of an area take up what is missing."""
    if supply is None:
        return case
    if not options.distributed_slack:
        raise OptionError("supply wants distributed_slack=True: otherwise the reference bus takes all")
    buses = find_area_buses(net, supply)
    inside = np.isin(np.array(case.labels.bus, dtype=object)[case.generator_bus], buses)
    slack = plan_slack(case, find_islands(case), True)
    share = np.where(inside, slack.share, 0.0)
    if not share.any():
        raise OptionError(f"no unit in service in {name_area(supply)} takes part: it cannot supply")
    return replace(case, generator_participation=share)


def _lift_generation_limits(case: Case, options: PowerFlowOptions) -> Case:
    """Take the active limits from the units that share an imbalance, their shares unchanged."""
    share = plan_slack(case, find_islands(case), options.distributed_slack).share
    part = share > 0
    return replace(
        case,
        generator_participation=share,
        generator_p_min=np.where(part, -np.inf, case.generator_p_min),
        generator_p_max=np.where(part, np.inf, case.generator_p_max),
    )
