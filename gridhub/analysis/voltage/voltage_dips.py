"""Voltage during a fault, the data centers that leave the grid on it, and the voltage afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, find_units_behind
from gridhub.analysis.flow.power_flow import explain_failure
from gridhub.analysis.security.judging import spread_voltage
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.voltage.fault_levels import FaultModel, build_fault_model
from gridhub.analysis.voltage.fault_sources import (
    FaultAssumptions,
    check_fault_sources,
    list_fault_sources,
    read_assumptions,
)
from gridhub.case.case import Bools, Case, Floats, Outage
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.errors import InputError, Issue, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.ac import make_start, solve_ac
from gridhub.solvers.faults import BLOCK
from gridhub.solvers.islands import choose_references, find_islands, keep_largest_parts
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.solution import Solution

METHOD = (
    "voltage during the fault: voltage before it x |1 - Z_kf / Z_ff|, bolted three-phase fault, machines "
    "behind their subtransient reactance, loads and the support of converters left out"
)

BY_VOLTAGE = "a load trips by the voltage alone: how long the fault lasts is not given"
"""What is assumed where no time is given until a fault is cleared."""


@dataclass(frozen=True, eq=False)
class FaultEffect:
    """A fault, what trips on it, and the voltages afterwards.

    Attributes
    ----------
    network, snapshot, bus : str
        Where the fault is.
    ride_through_vm_pu : float
        Voltage below which a data center leaves the grid; the highest, where loads differ.
    clearing_s : float or None
        Time until the fault is cleared [s].
    table : DataFrame
        Index bus: vn_kv, before_vm_pu, during_vm_pu, after_vm_pu (loads tripped, fault cleared, units holding
        their voltage), frozen_vm_pu (the same before any unit changes its reactive power: the highest voltage
        to expect; only a reference keeps its voltage), low_pu, high_pu (criteria of the state after an
        outage, NaN: not judged), over (above high_pu in either state).
    tripped : DataFrame
        Index load: bus, p_mw, q_mvar, during_vm_pu, ride_through_vm_pu and ride_through_s (its own).
    tripped_mw : float
    examined : int
        Loads that could have tripped; 0 means that the network has no data center in service.
    status_after, status_frozen : str
        Status of the power flows after the fault; voltages are NaN where one has no solution.
    assumptions : tuple of str
    """

    network: str
    snapshot: str
    bus: str
    ride_through_vm_pu: float
    clearing_s: float | None
    table: pd.DataFrame
    tripped: pd.DataFrame
    tripped_mw: float
    examined: int
    status_after: str
    status_frozen: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Study:
    """What every fault of a study shares; `threshold` [p.u.] and `bears_s` [s] are by load."""

    net: Network
    state: Network
    snapshot: str
    criteria: Criteria | None
    options: PowerFlowOptions
    model: FaultModel
    before: Solution
    threshold: Floats
    bears_s: Floats
    clearing_s: float | None
    loads: tuple[str, ...]
    assumptions: tuple[str, ...]

    @property
    def is_long(self) -> Bools:
        """Which loads a dip as long as the fault makes trip, (n_load,)."""
        if self.clearing_s is None:
            return np.ones(len(self.loads), dtype=bool)
        return np.asarray(self.clearing_s > self.bears_s)


def assess_fault(
    net: Network,
    bus: str,
    snapshot: str | None = None,
    criteria: str | Criteria | None = "network",
    *,
    lost: Sequence[str] = (),
    ride_through_vm_pu: float | None = None,
    clearing_s: float | None = None,
    loads: Sequence[str] | None = None,
    sources: pd.DataFrame | None = None,
    assumptions: FaultAssumptions | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> FaultEffect:
    """Assess a three-phase fault at a bus: dips, data centers that trip, and the voltages after that.

    Parameters
    ----------
    net : Network
    bus : str
        Where the fault is.
    snapshot : str, optional
    criteria : str, Criteria or None
        Ride-through threshold and voltage limits.
    lost : sequence of str
        Elements that clear the fault by being switched off, such as one circuit.
    ride_through_vm_pu : float, optional
        Voltage below which a load trips; None: that of each load (``ride_through_vm_pu`` of its row, which
        `gridhub.DataCenter` hands over), where it has none that of the criteria.
    clearing_s : float, optional
        Time until the fault is cleared [s]: a load trips only if that is longer than it bears a lower voltage
        (``ride_through_s`` of its row). None: by the voltage alone.
    loads : sequence of str, optional
        Ids of the loads that trip on a dip; None: those of kind data_center.
    sources, assumptions
        As for `compute_fault_levels`.
    options : mapping or PowerFlowOptions, optional

    Returns
    -------
    FaultEffect

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    InputError
        If the bus, a load, an element or a source is unknown; all are listed.
    OptionError
        If no threshold is known, an assumption is out of range, or the bus is not fed by any machine.
    NotConverged
        If the state before the fault has no trustworthy solution.

    Notes
    -----
    V_k = V_k0 |1 - Z_kf / Z_ff|: one column of the impedance matrix (J. J. Grainger, W. D. Stevenson, Power
    System Analysis, 1994, chapter 10). Units behind a load that trips leave with it. Motors, phase angles and
    how a voltage comes back are not looked at: indicative.
    """
    study = _prepare(
        net,
        snapshot,
        criteria,
        (ride_through_vm_pu, clearing_s),
        loads,
        sources,
        assumptions,
        options,
        (bus,),
    )
    case = study.before.case
    node = int(case.bus_node[case.labels.bus.index(bus)])
    if node < 0 or not study.model.plan.fed[node]:
        raise OptionError(f"bus {bus} is out of service or not connected with any machine: no fault current")
    before = spread_voltage(study.before)
    during = before * _spread(case, _find_retained(study.model, node), np.nan)
    tripped = _list_tripped(study, case, during)
    outages = find_outages(study.state, case, pd.DataFrame({"elements": [tuple(lost)]})) if lost else []
    after, frozen = (_solve_after(study, tripped, outages, hold) for hold in (True, False))
    return FaultEffect(
        network=net.name,
        snapshot=study.snapshot,
        bus=bus,
        ride_through_vm_pu=float(study.threshold.max()),
        clearing_s=clearing_s,
        table=_build_table(study, before, during, after, frozen),
        tripped=tripped,
        tripped_mw=float(tripped["p_mw"].sum()),
        examined=len(study.loads),
        status_after=str(after.status),
        status_frozen=str(frozen.status),
        assumptions=study.assumptions,
    )


def rank_faults(
    net: Network,
    snapshot: str | None = None,
    criteria: str | Criteria | None = "network",
    *,
    ride_through_vm_pu: float | None = None,
    clearing_s: float | None = None,
    loads: Sequence[str] | None = None,
    sources: pd.DataFrame | None = None,
    assumptions: FaultAssumptions | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> pd.DataFrame:
    """Rank the buses by the data-center load that a fault there would make leave the grid.

    Parameters and errors are those of `assess_fault`.

    Returns
    -------
    DataFrame
        Index bus, largest loss first; columns vn_kv, tripped_mw, tripped (number of loads), lowest_vm_pu and
        lowest_load (the load with the deepest dip).
    """
    asked = (ride_through_vm_pu, clearing_s)
    study = _prepare(net, snapshot, criteria, asked, loads, sources, assumptions, options, ())
    case, plan = study.before.case, study.model.plan
    place = {name: i for i, name in enumerate(case.labels.load)}
    rows = np.array([place[name] for name in study.loads], dtype=np.int64)
    node = case.bus_node[case.load_bus[rows]]
    p = case.load_p[rows] * case.base_mva
    z_own = plan.find_diagonal()
    during = np.ones((case.n_node, len(rows)))
    for first in range(0, len(rows), BLOCK):
        some = slice(first, first + BLOCK)
        # Z is symmetric: the column of a load's node holds what a fault anywhere does to it
        with np.errstate(invalid="ignore"):
            during[:, some] = np.abs(1.0 - plan.find_columns(node[some]) / z_own[:, None])
    during[~plan.fed] = 1.0
    during *= study.before.vm[node]
    trips = (during < study.threshold) & study.is_long
    deepest = during.argmin(axis=1) if len(rows) else np.zeros(case.n_node, dtype=np.int64)
    names = np.array([*study.loads, ""], dtype=object)
    by_node = pd.DataFrame(
        {
            "tripped_mw": trips @ p,
            "tripped": trips.sum(axis=1),
            "lowest_vm_pu": during.min(axis=1, initial=np.inf),
            "lowest_load": names[deepest],
        }
    )
    alive = np.flatnonzero(case.bus_node >= 0)
    table = by_node.iloc[case.bus_node[alive]].set_axis(np.array(case.labels.bus, dtype=object)[alive])
    table.insert(0, "vn_kv", net.bus["vn_kv"].to_numpy()[alive])
    ordered = table.sort_values(["tripped_mw", "lowest_vm_pu"], ascending=[False, True], kind="stable")
    return ordered.rename_axis("bus")


def _prepare(
    net: Network,
    snapshot: str | None,
    criteria: str | Criteria | None,
    asked: tuple[float | None, float | None],
    loads: Sequence[str] | None,
    sources: pd.DataFrame | None,
    assumptions: FaultAssumptions | Mapping[str, Any] | None,
    options: Mapping[str, Any] | PowerFlowOptions | None,
    buses: tuple[str, ...],
) -> _Study:
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    given = read_assumptions(assumptions)
    if asked[1] is not None and not 0.0 <= asked[1] < np.inf:
        raise OptionError(f"clearing_s = {asked[1]}: seconds, wants a number of 0 or more")
    state = apply_snapshot(net, snapshot)
    chosen = _choose_loads(state, loads, buses)
    usual = rules.ride_through_vm_pu if rules is not None else None
    threshold, bears = _find_thresholds(state, chosen, asked[0], usual)
    used = list_fault_sources(net, snapshot, given) if sources is None else check_fault_sources(net, sources)
    case, _ = choose_references(compile_case(net, snapshot))
    before = solve_ac(case, settled)
    name = find_snapshot(net, snapshot) or ""
    if not before.status.is_solved:
        raise explain_failure(net.name, name, before, settled)
    said = given.describe() if sources is None else ("sources: as given",)
    model = build_fault_model(net, snapshot, used)
    method = (METHOD, BY_VOLTAGE) if asked[1] is None else (METHOD,)
    return _Study(
        net, state, name, rules, settled, model, before, threshold, bears, asked[1], chosen, (*method, *said)
    )


def _find_thresholds(
    state: Network, loads: tuple[str, ...], asked: float | None, usual: float | None
) -> tuple[Floats, Floats]:
    """Find the voltage below which each load trips [p.u.], and how long it bears that [s].

    What is asked goes before what a load has of its own, and that before the criteria. Without any load there
    is still the threshold that would hold.
    """
    table = state.load.loc[list(loads)]
    own = table["ride_through_vm_pu"].to_numpy(dtype=float)
    fallback = np.nan if usual is None else usual
    found = np.where(np.isnan(own), fallback, own) if asked is None else np.full(len(own), asked)
    if not len(found):
        found = np.array([fallback if asked is None else asked])
    lacking = np.isnan(found)
    if lacking.any():
        names = [name for name, bad in zip(loads, lacking, strict=False) if bad]
        whose = f" for {name_ids(names)}" if names else ""
        raise OptionError(f"the criteria name no ride_through_vm_pu{whose}: give one, p.u., between 0 and 1")
    bad = found[~((found > 0.0) & (found < 1.0))]
    if len(bad):
        raise OptionError(f"ride_through_vm_pu = {bad[0]:g}: p.u., wants a number between 0 and 1")
    return found, table["ride_through_s"].to_numpy(dtype=float)


def _choose_loads(state: Network, loads: Sequence[str] | None, buses: tuple[str, ...]) -> tuple[str, ...]:
    """List the loads in service that may trip; unknown loads and buses are reported together."""
    unknown = [("buses", bus, "no such bus") for bus in buses if bus not in state.bus.index]
    unknown += [("loads", name, "no such load") for name in loads or () if name not in state.load.index]
    if unknown:
        issues = [Issue("error", "E-REF", table, str(name), "", "", text) for table, name, text in unknown]
        raise InputError(issues, f"fault in {state.name!r}")
    table = state.load
    wanted = (
        table.index.isin(list(loads)) if loads is not None else (table["kind"] == "data_center").to_numpy()
    )
    alive = table["in_service"].to_numpy(dtype=bool)
    alive &= state.bus["in_service"].reindex(table["bus"]).to_numpy(dtype=bool)
    return tuple(str(name) for name in table.index[wanted & alive])


def _find_retained(model: FaultModel, node: int) -> Floats:
    """Voltage left at every node by a fault at one, per unit of that before it; 1 where it does not reach."""
    column = model.plan.find_columns(np.array([node]))[:, 0]
    return np.where(model.plan.fed, np.abs(1.0 - column / column[node]), 1.0)


def _spread(case: Case, values: Floats, missing: float) -> Floats:
    return np.asarray(np.where(case.bus_node >= 0, values[case.bus_node], missing))


def _list_tripped(study: _Study, case: Case, during: Floats) -> pd.DataFrame:
    table = study.state.load.loc[list(study.loads), ["bus", "p_mw", "q_mvar"]]
    at = pd.Series(during, index=pd.Index(case.labels.bus, dtype=object)).reindex(table["bus"]).to_numpy()
    threshold = study.threshold[: len(table)]
    own = {"ride_through_vm_pu": threshold, "ride_through_s": study.bears_s}
    table = table.assign(during_vm_pu=at, **own)
    return table[(at < threshold) & study.is_long].rename_axis("load")


def _solve_after(study: _Study, tripped: pd.DataFrame, outages: Sequence[Outage], hold: bool) -> Solution:
    """Solve with the tripped loads and cleared elements out, units holding their voltage or their output."""
    before = study.before
    case, place = before.case, {name: i for i, name in enumerate(before.case.labels.load)}
    out = outages[0] if outages else Outage()
    out = out._replace(load=(*out.load, *(place[str(name)] for name in tripped.index)))
    # what stands behind a load exports nothing: it leaves the grid with it
    behind, unit = find_units_behind(study.state), case.labels.generator
    gone = [unit.index(name) for load in tripped.index for name in behind.get(str(load), ())]
    out = out._replace(generator=(*out.generator, *gone))
    after = keep_largest_parts(case.take_out(out), find_islands(case))
    if not hold:
        after = freeze_units(after, before)
    return solve_ac(after, study.options, start=make_start(before))


def freeze_units(case: Case, before: Solution) -> Case:
    """Keep the reactive power that units and converters had in a solution; a reference keeps its voltage."""
    n_gen, n_link = len(case.generator_bus), len(case.hvdc_on)
    q = before.unit_q
    return replace(
        case,
        generator_regulating=np.zeros(n_gen, dtype=bool),
        generator_q=q[:n_gen].copy(),
        hvdc_regulating=np.zeros((2, n_link), dtype=bool),
        hvdc_q=q[n_gen:].reshape(2, n_link).copy(),
        vm_start=before.vm.copy(),
        va_start=before.va.copy(),
    )


def _build_table(
    study: _Study, before: Floats, during: Floats, after: Solution, frozen: Solution
) -> pd.DataFrame:
    vn_kv = study.net.bus["vn_kv"].to_numpy(dtype=float)
    nothing = np.full(len(vn_kv), np.nan)
    limits = nothing, nothing
    if study.criteria is not None:
        limits = study.criteria.voltage_limits(vn_kv, "outage")
    states = [spread_voltage(one) if one.status.is_solved else nothing for one in (after, frozen)]
    with np.errstate(invalid="ignore"):
        over = (states[0] > limits[1]) | (states[1] > limits[1])
    return pd.DataFrame(
        {
            "vn_kv": vn_kv,
            "before_vm_pu": before,
            "during_vm_pu": during,
            "after_vm_pu": states[0],
            "frozen_vm_pu": states[1],
            "low_pu": limits[0],
            "high_pu": limits[1],
            "over": over,
        },
        index=pd.Index(study.before.case.labels.bus, dtype=object, name="bus"),
    )
