"""Fluctuation of a load: how far the voltages move when it gives up a share of its power within seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import explain_failure
from gridhub.analysis.security.judging import spread_voltage
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.voltage.voltage_dips import freeze_units
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.ac import make_start, solve_ac
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options

REGULATOR_S = 1.0
"""Time in which voltage regulators of units answer [s]: assumed. A faster change meets frozen units."""


@dataclass(frozen=True, eq=False)
class Fluctuation:
    """A load that gives up a share of its power, and the voltages before and after.

    Attributes
    ----------
    network, snapshot, load, bus : str
    percent : float
        Of the load's active and reactive power that goes.
    seconds : float
        Within which it goes.
    p_mw, change_mw, ramp_mw_per_s : float
        Load before; what goes; how fast.
    answer : {"frozen", "held"}
        Which of the two states the change is judged in: units as they were where the change is faster than
        `REGULATOR_S`, else units that hold their voltage.
    change_percent : float
        Change of the voltage at the load's bus in that state [% of the nominal voltage]; NaN: no solution.
    limit_percent : float
        Largest change allowed; NaN: none is known.
    table : DataFrame
        Index bus, largest change first; vn_kv, before_vm_pu, frozen_vm_pu, held_vm_pu, change_percent (in the
        state that counts).
    status_frozen, status_held : str
        Status of the power flows after the change; voltages are NaN where one has no solution.
    """

    network: str
    snapshot: str
    load: str
    bus: str
    percent: float
    seconds: float
    p_mw: float
    change_mw: float
    ramp_mw_per_s: float
    answer: str
    change_percent: float
    limit_percent: float
    table: pd.DataFrame
    status_frozen: str
    status_held: str

    @property
    def passed(self) -> bool | None:
        """Whether the change at the connection is within the limit; None: no limit, or no solution."""
        if math.isnan(self.limit_percent) or math.isnan(self.change_percent):
            return None
        return abs(self.change_percent) <= self.limit_percent + 1e-9


def assess_fluctuation(
    net: Network,
    load: str,
    percent: float,
    seconds: float,
    snapshot: str | None = None,
    *,
    limit_percent: float | None = None,
    criteria: str | Criteria | None = "network",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> Fluctuation:
    """Assess what a load does to the voltages when a share of it goes within seconds.

    Training of a large model stops and starts its computers together; the same swing upwards has the same
    size and the other sign, to first order.

    Parameters
    ----------
    net : Network
        With the data center placed.
    load : str
        Id of the load.
    percent : float
        Share of the load that goes, above 0 up to 100 [%].
    seconds : float
        Within which it goes [s].
    snapshot : str, optional
    limit_percent : float, optional
        Largest change of voltage allowed at the connection [%]; None: ``voltage_change_max_pu`` of the
        criteria, if they have one.
    criteria, options
        As for `run_security`.

    Returns
    -------
    Fluctuation

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    InputError
        If the load is unknown or out of service.
    OptionError
        If a number is out of range.
    NotConverged
        If the state before has no trustworthy solution.

    Notes
    -----
    Two AC power flows after the change: units with the reactive power they had ("frozen"), and units that
    hold their voltage again within their limits ("held"). The lost active power is shared by the units as any
    imbalance is. To first order the frozen change is (R dP + X dQ) / V, with R + jX seen from the bus.
    The swing is that at the point of connection: what batteries of the hub smooth, `percent` must leave out.
    Taps and switched shunts stay: they take longer than seconds. Frequency, oscillation and flicker are not
    looked at.

    Examples
    --------
    >>> from gridhub.reference import load_network
    >>> found = assess_fluctuation(load_network("pandapower:case9"), "load:0", percent=50.0, seconds=0.5)
    >>> found.answer, found.change_mw, round(found.ramp_mw_per_s, 1)
    ('frozen', 45.0, 90.0)
    """
    faults = [
        f"{name} = {value:g}: {wanted}"
        for name, value, good, wanted in (
            ("percent", percent, 0.0 < percent <= 100.0, "above 0, at most 100"),
            ("seconds", seconds, seconds > 0.0 and math.isfinite(seconds), "above 0"),
            ("limit_percent", limit_percent or 0.0, limit_percent is None or limit_percent > 0.0, "above 0"),
        )
        if not good
    ]
    if faults:
        raise OptionError("fluctuation: " + "; ".join(faults))
    state = apply_snapshot(net, snapshot)
    _refuse_load(state, load)
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    if limit_percent is None:
        known = None if rules is None else rules.voltage_change_max_pu
        limit_percent = math.nan if known is None else 100.0 * known
    case, _ = choose_references(compile_case(net, snapshot))
    before = solve_ac(case, settled)
    name = find_snapshot(net, snapshot) or ""
    if not before.status.is_solved:
        raise explain_failure(net.name, name, before, settled)
    left = np.ones(len(case.load_p))
    place = case.labels.load.index(load)
    left[place] = 1.0 - percent / 100.0
    changed = replace(before.case, load_p=left * case.load_p, load_q=left * case.load_q)
    start = make_start(before)
    after = {
        "frozen": solve_ac(freeze_units(changed, before), settled, start=start),
        "held": solve_ac(changed, settled, start=start),
    }
    answer = "frozen" if seconds < REGULATOR_S else "held"
    nothing = np.full(len(case.bus_node), np.nan)
    voltage = {key: spread_voltage(one) if one.status.is_solved else nothing for key, one in after.items()}
    table = pd.DataFrame(
        {
            "vn_kv": net.bus["vn_kv"].to_numpy(dtype=float),
            "before_vm_pu": spread_voltage(before),
            "frozen_vm_pu": voltage["frozen"],
            "held_vm_pu": voltage["held"],
        },
        index=pd.Index(case.labels.bus, dtype=object, name="bus"),
    )
    table["change_percent"] = 100.0 * (table[f"{answer}_vm_pu"] - table["before_vm_pu"])
    bus, p_mw = case.labels.bus[case.load_bus[place]], case.base_mva * float(case.load_p[place])
    change_mw = p_mw * percent / 100.0
    return Fluctuation(
        network=net.name,
        snapshot=name,
        load=load,
        bus=bus,
        percent=percent,
        seconds=seconds,
        p_mw=p_mw,
        change_mw=change_mw,
        ramp_mw_per_s=change_mw / seconds,
        answer=answer,
        change_percent=float(table["change_percent"].loc[[bus]].iloc[0]),
        limit_percent=limit_percent,
        table=table.sort_values("change_percent", key=np.abs, ascending=False, kind="stable"),
        status_frozen=str(after["frozen"].status),
        status_held=str(after["held"].status),
    )


def _refuse_load(state: Network, load: str) -> None:
    """Refuse a load that does not exist or draws nothing."""
    table = state.load
    if load not in table.index:
        text = "no such load"
    elif not (table.at[load, "in_service"] and state.bus.at[table.at[load, "bus"], "in_service"]):
        text = "is out of service: nothing can go"
    else:
        return
    raise InputError([Issue("error", "E-REF", "load", load, "", "", text)], f"fluctuation in {state.name!r}")
