"""Tables of a hub study read off its results: states, voltages, islands, links, assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.analysis.hub.losses import judge_voltage
from gridhub.analysis.security.security import Security
from gridhub.connection_rules import ConnectionRules
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import DataCenter, Hub

VOLTAGE_STEP_PU = 0.002
"""Change of a bus voltage from which the bus is listed [p.u.]."""

NOT_ASSESSED = (
    "rotor-angle stability and critical clearing times",
    "small-signal stability",
    "forced oscillation of synchronous training load (swings of a second)",
    "harmonics, flicker and unbalance",
    "protection settings and ride-through of the data center's own supply",
    "fault level and breaker duty",
    "outages during planned maintenance (N-1 with a circuit already out)",
    "seasonal, dynamic and short-time ratings",
    "switching and control of shunts, taps and HVDC set-points in answer to the hub",
    "a new merit order: who generates for the hub is decided by participation, not by cost",
    "hours other than the stored snapshots: energy, curtailment and carbon-free share",
    "the 154 kV grid and below",
    "land, water, seismic risk, permits, free bays and the right of way of feeders",
)
"""What no hub study of this package looks at, whatever its verdict."""


def describe_state(pf: PowerFlow) -> dict[str, Any]:
    """Pick the figures of one solved state that a planner compares."""
    keys = (
        "load_mw",
        "generation_mw",
        "losses_mw",
        "unserved_mw",
        "worst_loading_percent",
        "worst_branch",
        "overloaded_branches",
        "lowest_vm_pu",
        "lowest_vm_bus",
        "highest_vm_pu",
        "highest_vm_bus",
    )
    return {"status": str(pf.status), **{key: pf.summary[key] for key in keys}}


def build_states(before: Mapping[str, Security], after: Mapping[str, Security]) -> pd.DataFrame:
    """Set the states of all snapshots side by side.

    Returns
    -------
    DataFrame
        Two rows per snapshot: snapshot, case ("before" | "after"), status, load_mw, generation_mw, losses_mw,
        losses_percent, unserved_mw, worst_loading_percent, worst_branch, overloaded_branches, lowest_vm_pu,
        lowest_vm_bus, highest_vm_pu, highest_vm_bus, outages, outages_by_ac, outages_unsolved,
        outage_violations, verdict.
    """
    rows = []
    for name in before:
        for case, results in (("before", before), ("after", after)):
            if name not in results:
                rows.append(
                    {"snapshot": name, "case": case, "status": "NOT_CONVERGED", "verdict": "no state"}
                )
                continue
            sec = results[name]
            row = {"snapshot": name, "case": case, **describe_state(sec.base)}
            row["losses_percent"] = (
                100.0 * row["losses_mw"] / row["generation_mw"] if row["generation_mw"] else 0.0
            )
            status = sec.status["status"].astype(str)
            row["outages"] = len(status)
            row["outages_by_ac"] = int((sec.status["stage"] == "ac").sum())
            row["outages_unsolved"] = int((~status.isin(("CONVERGED", "ISLANDED", "SCREENED"))).sum())
            row["outage_violations"] = int((sec.violations["contingency"] != "").sum())
            row["verdict"] = sec.verdict
            rows.append(row)
    return pd.DataFrame(rows)


def build_voltages(
    net: Network, criteria: Criteria | None, before: Mapping[str, Security], after: Mapping[str, Security]
) -> pd.DataFrame:
    """List the bus voltages of the N state that the hub moves, or that are new.

    Returns
    -------
    DataFrame
        snapshot, bus, name, vn_kv, vm_before_pu (NaN: a bus of the hub), vm_after_pu, change_pu, low_pu,
        high_pu (range of the normal state; NaN = not judged), state ("ok" | "low" | "high" | "not judged").
        Buses that move by 0.002 p.u. or more, hub buses, and those outside their range; largest change first.
    """
    vn_kv = net.bus["vn_kv"]
    low, high = (
        criteria.voltage_limits(vn_kv.to_numpy(dtype=float), "normal")
        if criteria is not None
        else (np.full(len(vn_kv), np.nan), np.full(len(vn_kv), np.nan))
    )
    parts = []
    for name, sec in after.items():
        vm = sec.base.bus["vm_pu"]
        old = before[name].base.bus["vm_pu"].reindex(vm.index)
        state = [judge_voltage(*one) for one in zip(vm.to_numpy(dtype=float), low, high, strict=True)]
        part = pd.DataFrame(
            {
                "snapshot": name,
                "bus": vm.index,
                "name": net.bus["name"].to_numpy(),
                "vn_kv": vn_kv.to_numpy(),
                "vm_before_pu": old.to_numpy(),
                "vm_after_pu": vm.to_numpy(),
                "change_pu": (vm - old).to_numpy(),
                "low_pu": low,
                "high_pu": high,
                "state": state,
            }
        )
        new = part["vm_before_pu"].isna() & part["vm_after_pu"].notna()
        keep = new | (part["change_pu"].abs() >= VOLTAGE_STEP_PU) | part["state"].isin(("low", "high"))
        order = part["change_pu"].abs().fillna(np.inf).sort_values(ascending=False, kind="stable").index
        parts.append(part.loc[order][keep.loc[order]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def build_islanding(before: Mapping[str, Security], after: Mapping[str, Security]) -> pd.DataFrame:
    """List the outages that split an island or lose load, where the hub makes a difference or is part of it.

    Returns
    -------
    DataFrame
        snapshot, contingency, status, lost_load_mw, lost_generation_mw, consequential_mw (after), the same
        before (NaN: an outage of the hub's own elements), new (True where the hub's elements are lost).
    """
    columns = ["lost_load_mw", "lost_generation_mw", "consequential_mw"]
    rows = []
    for name, sec in after.items():
        old = before[name].status
        lost = sec.status[(sec.status["status"].astype(str) == "ISLANDED") | (sec.status["lost_load_mw"] > 0)]
        earlier = old[columns].reindex(lost.index).to_numpy(dtype=float)
        values = lost[columns].to_numpy(dtype=float)
        for position, contingency in enumerate(lost.index):
            known = contingency in old.index
            was, now = earlier[position], values[position]
            if known and np.abs(now - was).max() < 1.0:
                continue
            rows.append(
                {
                    "snapshot": name,
                    "contingency": str(contingency),
                    "status": str(lost["status"].iloc[position]),
                    **dict(zip(columns, now, strict=True)),
                    **{f"{key[:-3]}_before_mw": value for key, value in zip(columns, was, strict=True)},
                    "new": not known,
                }
            )
    return pd.DataFrame(
        rows,
        columns=[
            "snapshot",
            "contingency",
            "status",
            *columns,
            *(f"{key[:-3]}_before_mw" for key in columns),
            "new",
        ],
    )


def build_hvdc(net: Network, before: Mapping[str, Security], after: Mapping[str, Security]) -> pd.DataFrame:
    """Show every HVDC link before and after, and what its loss does.

    Returns
    -------
    DataFrame
        snapshot, hvdc, name, p_from_before_mw, p_from_after_mw (set-points: a link does not answer the hub),
        vm_from_before_pu, vm_from_after_pu, vm_to_before_pu, vm_to_after_pu, loss_status (of the outage of
        the pole, after), loss_worst_percent_before, loss_worst_percent_after.
    """
    rows = []
    link = net.hvdc
    for name, sec in after.items():
        old = before[name]
        for pole in link.index:
            row = {"snapshot": name, "hvdc": pole, "name": link.at[pole, "name"]}
            for case, result in (("before", old), ("after", sec)):
                row[f"p_from_{case}_mw"] = _get(result.base.hvdc, pole, "p_from_mw")
                for end in ("from", "to"):
                    row[f"vm_{end}_{case}_pu"] = _get(result.base.bus, link.at[pole, f"{end}_bus"], "vm_pu")
                row[f"loss_worst_percent_{case}"] = _get(result.status, pole, "worst_loading_percent")
            row["loss_status"] = str(sec.status["status"].get(pole, ""))
            rows.append(row)
    return pd.DataFrame(rows)


def _get(table: pd.DataFrame, row: Any, column: str) -> float:
    return float(table[column].get(row, math.nan))


def find_unassessable(net: Network, placements: pd.DataFrame, violations: pd.DataFrame) -> pd.DataFrame:
    """List the sites a verdict rests on that public data do not carry.

    Returns
    -------
    DataFrame
        Index site; name, name_ko, role ("point of connection" | "end of a branch that the hub overloads" |
        "bus with a voltage violation"), note (what is missing), source, confidence.
    """
    site, bus = net.site, net.bus
    bad = site[~site["assessable"].to_numpy(dtype=bool)]
    roles: dict[str, str] = {}
    for name in placements["site"]:
        roles.setdefault(str(name), "point of connection")
    caused = violations[violations["change"].isin(("caused", "worsened"))]
    branches = net.branches()
    touched = branches[branches.index.isin(caused["element"])]
    for end in ("from_bus", "to_bus"):
        for name in bus["site"].reindex(touched[end]).dropna():
            roles.setdefault(str(name), "end of a branch that the hub overloads")
    for name in bus["site"].reindex([e for e in caused["element"] if e in bus.index]).dropna():
        roles.setdefault(str(name), "bus with a voltage violation")
    found = bad[bad.index.isin(list(roles))].copy()
    found["role"] = [roles[str(name)] for name in found.index]
    columns = ["name", "name_ko", "role", "note", "source", "confidence"]
    order = found["role"].map(lambda role: role != "point of connection")
    return found.loc[order.sort_values(kind="stable").index, columns]


def _list_supply(center: DataCenter, criteria: Criteria | None) -> list[tuple[str, str, str, str, str]]:
    """Say what is taken of the uninterruptible supply, of the use, the ramp and the offer."""
    mw = center.it_mw if center.ups_mw is None else center.ups_mw
    size = f"{mw:,.0f} MW for {center.ups_minutes:g} min"
    usual = center.ups_mw is None or center.ups_minutes == DataCenter.ups_minutes
    voltage = center.ride_through_vm_pu
    own = voltage is not None
    if voltage is None and criteria is not None:
        voltage = criteria.ride_through_vm_pu
    leaves = "no voltage known" if voltage is None else f"below {voltage:g} p.u."
    if center.ride_through_s > 0:
        leaves += f" for more than {center.ride_through_s:g} s"
    rows = [
        (
            "hub",
            "uninterruptible supply: losses within the PUE, not offered to the grid, smooths no swing",
            size,
            "assumed: the IT power, five minutes, where nothing is asked" if usual else "asked",
            "assumed" if usual else "",
        ),
        (
            "hub",
            "it leaves the grid for its uninterruptible supply on a dip (see gridhub fault)",
            leaves,
            "asked" if own else "criteria: ride_through_vm_pu",
            "" if own else "assumed",
        ),
    ]
    use = str(center.utilisation)
    if use == "mixed":
        use += f" ({center.training_share:.0%} training)"
    rows.append(
        ("hub", "use of the IT power in hours", f"{use}, load factor {center.load_factor:g}", "asked", "")
    )
    if center.flexible_share > 0:
        offer = (
            f"{center.flexible_share:.0%} of the contract power for up to {center.flexible_hours:g} h, "
            f"{center.flexible_energy_percent:g} % of the energy, {center.flexible_notice_hours:g} h notice"
        )
        rows.append(
            ("hub", "flexible load offered", offer, "asked; see DataCenter for defaults, assumed", "")
        )
    if center.ramp:
        steps = ", ".join(f"{year} {mw:g} MW" for year, mw in sorted(center.ramp.items()))
        text = "IT power by year: counts in hours; every snapshot has the whole contract power"
        rows.append(("hub", text, steps, "asked", ""))
    return rows


def build_assumptions(
    net: Network, hub: Hub, placements: pd.DataFrame, rules: ConnectionRules | None, criteria: Criteria | None
) -> pd.DataFrame:
    """List every assumption of the study with its source.

    Returns
    -------
    DataFrame
        topic, what, value, source, confidence.
    """
    center = hub.data_center
    rows: list[tuple[str, str, str, str, str]] = [
        ("hub", "contract power, drawn in every snapshot", f"{center.contract_mw:g} MW", "asked", ""),
        (
            "hub",
            f"IT power at PUE {center.pue:.2f} in the hottest hour ({center.cooling})",
            f"{center.it_mw:.0f} MW",
            "given, or assumed by cooling",
            "assumed",
        ),
        ("hub", "power factor at the point of connection", f"{center.power_factor:g} lagging", "asked", ""),
        ("hub", "voltage dependence of the load", "none: constant power", "assumed", "assumed"),
        *_list_supply(center, criteria),
        (
            "hub",
            "who generates for the hub",
            "units by participation within their limits",
            "assumed: no new merit order is made",
            "assumed",
        ),
        (
            "hub",
            "plants hold 1 p.u. at their bus",
            "power factor 0.95 of what they produce",
            "assumed",
            "assumed",
        ),
    ]
    for _, part in placements.iterrows():
        if part["note"]:
            rows.append(("hub", f"{part['part']}", str(part["note"]), "see the text", ""))
    if rules is not None:
        for name in ("route_factor", "minimum_length_km", "split_above_mw", "line_lead_years"):
            figure = getattr(rules, name)
            rows.append(
                ("connection", name, f"{figure.value:g} {figure.unit}", figure.source, figure.confidence)
            )
        for vn_kv in sorted(set(placements.loc[placements["feeders"] > 0, "vn_kv"]), reverse=True):
            feeder = rules.find_feeder(float(vn_kv))
            if feeder is not None:
                text = f"{feeder.conductor}, {feeder.rate_mva:g} MVA"
                rows.append(("connection", f"feeder {vn_kv:g} kV", text, feeder.source, feeder.confidence))
    if criteria is not None:
        rows += [
            ("criteria", value.key, f"{value.value:g} {value.unit}", value.source, value.confidence)
            for value in criteria.values
        ]
    lines = net.line
    own = ~lines.index.str.startswith(HUB_PREFIX)
    assumed = int((lines["assumed"].to_numpy(dtype=bool) & own).sum())
    low = int((lines["confidence"].isin(("low", "assumed")).to_numpy(dtype=bool) & own).sum())
    rows.append(("network", "circuits that are themselves an assumption", str(assumed), net.name, ""))
    rows.append(
        ("network", "circuits of low or assumed confidence", f"{low} of {int(own.sum())}", net.name, "")
    )
    return pd.DataFrame(rows, columns=["topic", "what", "value", "source", "confidence"])


def build_interfaces(net: Network, results: Mapping[str, Security]) -> list[pd.DataFrame]:
    """Compute the interfaces of every snapshot."""
    return [compute_interfaces(net, sec.base) for sec in results.values()]


def list_overloads(sec: Sequence[Security]) -> pd.DataFrame:
    """List what is overloaded in the N state, in every snapshot."""
    parts = [one.violations[one.violations["contingency"] == ""] for one in sec]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0].iloc[:0] if parts else pd.DataFrame()
