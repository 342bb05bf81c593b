"""PV curves: voltages along a growth of load, to the nose and beyond; and the reactive margin of a bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import explain_failure
from gridhub.analysis.voltage.growth import Area, GrowingCase, compile_growth
from gridhub.case.case import Case, Floats
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.ac import AcStart, Setting, prepare_setting, solve_setting
from gridhub.solvers.continuation import Curve, trace_curve
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.solution import Solution


@dataclass(frozen=True, eq=False)
class PvCurve:
    """Voltages along a growth of load.

    Attributes
    ----------
    network, snapshot, growth : str
    margin_mw : float
        Growth of the consumption at the nose [MW]; what a direction injects does not count. Where `limit` is
        empty the curve was lost before a nose: a lower bound.
    limit : str
        "saddle node": the voltages collapse smoothly; "reactive limit": a unit reaches its limit and the
        collapse is immediate; "generation": no unit that takes part can give more; "" no nose was found.
    weakest_bus : str
        Bus whose voltage falls fastest at the nose; "" without one.
    points : DataFrame
        Index point; columns factor (λ), added_mw, added_mvar, lowest_vm_pu, lowest_bus, units_at_limit (buses
        whose units are at a reactive limit), stable (False behind the nose).
    vm_pu : DataFrame
        Point x bus [p.u.]; NaN at dead buses.
    limits : DataFrame
        point, added_mw, bus, limit ("q_max" | "q_min"), reached (False: left again), in order.
    end : str
        "beyond the nose", "no generation left", "lost" or "most points".
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    growth: str
    margin_mw: float
    limit: str
    weakest_bus: str
    points: pd.DataFrame
    vm_pu: pd.DataFrame
    limits: pd.DataFrame
    end: str
    options: PowerFlowOptions


@dataclass(frozen=True, eq=False)
class ReactiveMargin:
    """How much reactive power buses can lose before their voltage collapses.

    Attributes
    ----------
    network, snapshot : str
    table : DataFrame
        Index bus; columns vm_pu (before), margin_mvar (at the nose of the QV curve: negated, the lowest
        output of a fictitious synchronous condenser at the bus), nose_vm_pu, limit (as `PvCurve.limit`, ""
        where the curve was lost and the margin is a lower bound), weakest_bus, units_at_limit (at the nose).
    curves : mapping from bus to DataFrame
        vm_pu and condenser_mvar of each point: the QV curve downward from the present voltage.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    table: pd.DataFrame
    curves: Mapping[str, pd.DataFrame]
    options: PowerFlowOptions


def solve_start(
    net: Network, snapshot: str | None, growing: GrowingCase, options: PowerFlowOptions
) -> tuple[Setting, Solution]:
    """Solve the state before any growth; `NotConverged` is raised where it has none."""
    setting = prepare_setting(growing.case, None, options)
    start = solve_setting(setting)
    if not start.status.is_solved:
        raise explain_failure(net.name, find_snapshot(net, snapshot) or "", start, options)
    return setting, start


def trace_growth(
    growing: GrowingCase,
    case: Case,
    options: PowerFlowOptions,
    plan: NewtonPlan | None = None,
    before: AcStart | None = None,
    beyond: float = 0.1,
) -> tuple[Solution, Curve | None]:
    """Solve a case, such as one after an outage, and follow the growth from there; None without a start."""
    setting = prepare_setting(case, plan, options)
    start = solve_setting(setting, before)
    if not start.status.is_solved:
        return start, None
    return start, trace_curve(setting, start, growing.direction, beyond=beyond)


def trace_pv_curve(
    net: Network,
    growth: Area | pd.DataFrame,
    snapshot: str | None = None,
    *,
    power_factor: float | None = None,
    supply: Area | None = None,
    generation_limits: bool = True,
    beyond: float = 0.1,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> PvCurve:
    """Follow the voltages while load grows, to the nose and a bit beyond.

    Parameters
    ----------
    net : Network
    growth : str, sequence of str or DataFrame
        Bus, province, control area or zone (or several), whose loads grow in proportion; where it has none,
        a load that grows at its buses. Or a direction: DataFrame, index bus, p_mw and q_mvar consumed per
        unit of λ (negative: injected).
    snapshot : str, optional
        State the growth begins in; None is the first.
    power_factor : float, optional
        Of the growth, lagging; None: that of the area's loads, 0.95 where it has none.
    supply : str or sequence of str, optional
        Area whose units feed the growth and the losses; None: all units of the island, by participation.
    generation_limits : bool
        False lifts the active limits of those units, so that the network alone limits the growth.
    beyond : float
        The curve ends this share of λ below the nose.
    options : mapping or PowerFlowOptions, optional
        Of the power flow; with ``reactive_limits=False`` no unit ever gives up its voltage.

    Returns
    -------
    PvCurve

    Raises
    ------
    KeyError
        If an area or the snapshot does not exist.
    InputError, OptionError
        If the direction is faulty, nothing grows, or nobody can supply it.
    NotConverged
        If the state before the growth has no trustworthy solution.

    Notes
    -----
    S(V) = S_0 + λ d is followed by a tangent predictor and a corrector that holds the unknown which changes
    most (V. Ajjarapu, C. Christy, 1992, https://doi.org/10.1109/59.141737), the points where units meet
    reactive limits located. Loads draw constant power; taps and shunts stay.

    Examples
    --------
    A lossless line of reactance X from a source at 1 p.u. carries at most V²/(2X) at power factor 1.

    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": [100.0, 100.0], "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 0.0, "x_ohm": 10.0}, index=["ab"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "vm_pu": [1.0]}, index=["unit"]),
    ... )
    >>> round(trace_pv_curve(net, "b", power_factor=1.0).margin_mw, 2)
    500.0
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    growing = compile_growth(
        net,
        growth,
        snapshot,
        settled,
        power_factor=power_factor,
        supply=supply,
        generation_limits=generation_limits,
    )
    setting, start = solve_start(net, snapshot, growing, settled)
    curve = trace_curve(setting, start, growing.direction, beyond=beyond)
    assert curve is not None, "a solved start solves its own equations"
    return PvCurve(
        network=net.name,
        snapshot=find_snapshot(net, snapshot) or "",
        growth=growing.label,
        margin_mw=find_margin(growing, curve),
        limit=curve.nose_kind,
        weakest_bus=name_node(growing.case, curve.weakest),
        points=_build_points(growing, curve),
        vm_pu=_build_voltages(growing.case, curve),
        limits=_build_limits(growing, curve),
        end=curve.end,
        options=settled,
    )


def find_reactive_margin(
    net: Network,
    buses: str | Sequence[str],
    snapshot: str | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> ReactiveMargin:
    """Find how much reactive power can be drawn at buses, one at a time, before the voltage collapses.

    Parameters
    ----------
    net : Network
    buses : str or sequence of str
        Bus ids.
    snapshot : str, optional
    options : mapping or PowerFlowOptions, optional

    Returns
    -------
    ReactiveMargin

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    InputError
        If a bus does not exist; all are listed.
    OptionError
        If a bus is out of service or in an island without a reference.
    NotConverged
        If the present state has no trustworthy solution.

    Notes
    -----
    The QV curve of a fictitious synchronous condenser at the bus, output against the voltage it holds, is the
    curve of solved states along a purely reactive growth of load there, read from the other side: its lowest
    point is the nose, and the margin the growth at the nose.
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    names = [buses] if isinstance(buses, str) else list(buses)
    unknown = [
        Issue("error", "E-REF", "buses", str(bus), "", "", "no such bus")
        for bus in names
        if bus not in net.bus.index
    ]
    if unknown:
        raise InputError(unknown, f"buses of {net.name!r}")
    rows, curves, start = [], {}, None
    for bus in names:
        unit = pd.DataFrame({"p_mw": [0.0], "q_mvar": [1.0]}, index=[bus])
        growing = compile_growth(net, unit, snapshot, settled)
        if start is None:
            setting, start = solve_start(net, snapshot, growing, settled)
        curve = trace_curve(setting, start, growing.direction)
        assert curve is not None, "a solved start solves its own equations"
        nose = curve.nose if curve.nose >= 0 else int(np.argmax(curve.parameter))
        vm = curve.vm[:, growing.case.bus_node[growing.case.labels.bus.index(bus)]]
        rows.append(
            {
                "vm_pu": vm[0],
                "margin_mvar": curve.parameter[nose],
                "nose_vm_pu": vm[nose],
                "limit": curve.nose_kind,
                "weakest_bus": name_node(growing.case, curve.weakest),
                "units_at_limit": int((curve.at_limit[nose] != 0).sum()),
            }
        )
        curves[bus] = pd.DataFrame({"vm_pu": vm, "condenser_mvar": -curve.parameter})
    return ReactiveMargin(
        network=net.name,
        snapshot=find_snapshot(net, snapshot) or "",
        table=pd.DataFrame(rows, index=pd.Index(names, dtype=object, name="bus")),
        curves=curves,
        options=settled,
    )


def find_margin(growing: GrowingCase, curve: Curve) -> float:
    """Growth at the nose, or the largest that was solved [MW]."""
    return float(curve.parameter.max() * growing.consumption[0] * growing.case.base_mva)


def name_node(case: Case, node: int) -> str:
    """Give the first bus of a node; "" for -1."""
    return case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])] if node >= 0 else ""


def _build_points(growing: GrowingCase, curve: Curve) -> pd.DataFrame:
    case, count = growing.case, len(curve.parameter)
    lowest = np.nanargmin(curve.vm, axis=1)
    stable = np.arange(count) <= (curve.nose if curve.nose >= 0 else count)
    added = curve.parameter[:, None] * np.array(growing.consumption) * case.base_mva
    return pd.DataFrame(
        {
            "factor": curve.parameter,
            "added_mw": added[:, 0],
            "added_mvar": added[:, 1],
            "lowest_vm_pu": curve.vm[np.arange(count), lowest],
            "lowest_bus": [name_node(case, int(node)) for node in lowest],
            "units_at_limit": (curve.at_limit != 0).sum(axis=1),
            "stable": stable,
        },
        index=pd.RangeIndex(count, name="point"),
    )


def _build_voltages(case: Case, curve: Curve) -> pd.DataFrame:
    vm: Floats = np.where(case.bus_node >= 0, curve.vm[:, case.bus_node], np.nan)
    bus = pd.Index(case.labels.bus, dtype=object, name="bus")
    return pd.DataFrame(vm, index=pd.RangeIndex(len(vm), name="point"), columns=bus)


def _build_limits(growing: GrowingCase, curve: Curve) -> pd.DataFrame:
    total = growing.consumption[0] * growing.case.base_mva
    rows = [
        (
            event.point,
            curve.parameter[event.point] * total,
            name_node(growing.case, event.node),
            "q_max" if event.side > 0 else "q_min",
            event.reached,
        )
        for event in curve.events
    ]
    return pd.DataFrame(rows, columns=["point", "added_mw", "bus", "limit", "reached"])
