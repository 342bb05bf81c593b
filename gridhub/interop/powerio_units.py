"""Generators, compensators, storage and HVDC links of PowerIO's record, as rows of our tables."""

from __future__ import annotations

import math

from gridhub.errors import name_ids
from gridhub.interop.bridge import Bridge
from gridhub.interop.generator_costs import add_cost
from gridhub.interop.powerio_reader import Record, read_limit, read_number

_FUELS = {
    "nuclear": "nuclear",
    "hydro": "hydro",
    "wind": "wind",
    "solar": "solar",
}

CAPABILITY = {
    **{f"{name}": f"{name}_mw" for name in ("pc1", "pc2")},
    **{f"{name}": f"{name}_mvar" for name in ("qc1min", "qc1max", "qc2min", "qc2max")},
    "ramp_agc": "ramp_agc_mw_per_min",
    "ramp_10": "ramp_10_mw",
    "ramp_30": "ramp_30_mw",
    "ramp_q": "ramp_q_mvar_per_min",
}
"""Generator columns that travel as extra columns of our table, where a file states any."""


def add_generators(bridge: Bridge, record: Record) -> None:
    """Add every generator with its cost; those at buses of type PQ regulate nothing."""
    remote, passive, curves = {}, [], []
    stated = {
        name
        for g in record["generators"]
        for name, value in (g.get("caps") or {}).items()
        if not math.isnan(read_limit(value)) and read_limit(value) != 0.0
    }
    for row, generator in enumerate(record["generators"], start=1):
        id_, bus = f"gen:{row}", str(generator["bus"])
        vm_pu = read_limit(generator["vg"])
        regulated = generator.get("regulated_bus")
        if regulated is not None and str(regulated) != bus:
            remote[id_] = str(regulated)
            stored = bridge.rows["bus"][bus]["vm_start_pu"]
            vm_pu = stored if stored > 0 else vm_pu
        regulating = bool(generator["voltage_regulation_on"]) and bridge.kind[bus] in ("PV", "REF")
        if bridge.kind[bus] == "PQ" and generator["voltage_regulation_on"] and generator["in_service"]:
            passive.append(id_)
        caps = generator.get("caps") or {}
        control = generator.get("active_power_control") or {}
        if (control.get("droop_percent"), control.get("participation_factor")) != (None, None):
            curves.append(id_)
        bridge.add(
            "generator",
            id_,
            bus=bus,
            p_mw=generator["pg"],
            q_mvar=generator["qg"],
            p_min_mw=read_limit(generator["pmin"]),
            p_max_mw=read_limit(generator["pmax"]),
            q_min_mvar=read_limit(generator["qmin"]),
            q_max_mvar=read_limit(generator["qmax"]),
            vm_pu=vm_pu,
            regulating=regulating,
            participation=read_limit(caps.get("apf")) if "apf" in stated else math.nan,
            fuel=_FUELS.get(generator.get("energy_source") or "", ""),
            in_service=bool(generator["in_service"]),
            source_row=row,
            **{CAPABILITY[n]: read_limit(caps.get(n)) for n in CAPABILITY if n in stated},
        )
        if generator.get("cost"):
            add_cost(bridge, id_, generator["cost"], bridge.rows["generator"][id_])
    message = (
        "regulate another bus in the file "
        f"({name_ids(remote.values())}): here their own bus, at its stored voltage"
    )
    bridge.warn("W-REMOTE", "generator", remote, "regulating", message)
    bridge.warn(
        "W-FIELD", "generator", curves, "participation", "droop and participation of the control are not held"
    )
    if passive:
        bridge.notes.append(
            f"{len(passive)} generators at buses of type PQ are fixed injections and regulate no voltage"
            f" ({name_ids(passive)})"
        )


def add_static_compensators(bridge: Bridge, record: Record) -> None:
    """Add every static var compensator as a generator of 0 MW."""
    ids = []
    for row, svc in enumerate(record["static_var_compensators"], start=1):
        id_, bus = f"svc:{row}", str(svc["bus"])
        vn_kv = bridge.vn_kv[bus]
        bridge.add(
            "generator",
            id_,
            bus=bus,
            p_mw=0.0,
            q_mvar=read_number(svc["q"]) if svc.get("q") is not None else 0.0,
            p_min_mw=0.0,
            p_max_mw=0.0,
            q_min_mvar=read_limit(svc["b_min_siemens"]) * vn_kv**2,
            q_max_mvar=read_limit(svc["b_max_siemens"]) * vn_kv**2,
            vm_pu=read_limit(svc["voltage_setpoint_kv"]) / vn_kv,
            regulating=bool(svc["regulating"]) and svc["regulation_mode"] == "voltage",
            in_service=bool(svc["in_service"]),
        )
        bridge.added["generator"] += 1
        bridge.added["generation_mvar"] += bridge.rows["generator"][id_]["q_mvar"]
        ids.append(id_)
    message = (
        "static var compensators are generators of 0 MW; their range does not change with the voltage here"
    )
    bridge.warn("W-SVC", "generator", ids, "q_max_mvar", message)


def add_storage(bridge: Bridge, record: Record) -> None:
    """Add every storage unit: PowerIO counts charging positive, we count discharging."""
    lossy = []
    for row, storage in enumerate(record["storage"], start=1):
        id_ = f"storage:{row}"
        charge, discharge = read_limit(storage["charge_rating"]), read_limit(storage["discharge_rating"])
        energy = read_limit(storage["energy_rating"])
        efficiency = read_limit(storage["charge_efficiency"]) * read_limit(storage["discharge_efficiency"])
        if storage.get("p_loss") or storage.get("q_loss"):
            lossy.append(id_)
        bridge.add(
            "storage",
            id_,
            bus=str(storage["bus"]),
            p_mw=-read_number(storage["ps"]),
            q_mvar=-read_number(storage["qs"]),
            p_max_mw=discharge,
            charge_max_mw=math.nan if charge == discharge else charge,
            e_mwh=energy,
            soc=read_limit(storage["energy"]) / energy if energy else math.nan,
            efficiency=efficiency,
            in_service=bool(storage["in_service"]),
        )
    bridge.warn("W-FIELD", "storage", lossy, "", "standby losses are not held")


def add_hvdc(bridge: Bridge, record: Record, recompute: bool) -> None:
    """Add every DC line; `recompute` as in `gridhub.interop.powerio_bridge.build_bridge`."""
    silent = {}
    # RAW states no limits: the reader takes the set-point for one
    derived = record["source_format"] in ("psse", "psse-rawx")
    for row, link in enumerate(record["hvdc"], start=1):
        id_ = f"dcline:{row}"
        p_mw, loss, share = link["pf"], read_number(link["loss0"]), read_number(link["loss1"])
        if not recompute and loss == 0.0 and share == 0.0:
            loss = p_mw - link["pt"]
        elif recompute:
            _check_dc_loss(bridge, id_, link)
        if not link["qf"] and not link["qt"] and p_mw and not recompute:
            silent[id_] = abs(p_mw)
        bridge.add(
            "hvdc",
            id_,
            from_bus=str(link["from"]),
            to_bus=str(link["to"]),
            p_mw=p_mw,
            p_min_mw=math.nan if derived else read_limit(link["pmin"]),
            p_max_mw=math.nan if derived else read_limit(link["pmax"]),
            loss_mw=loss,
            loss_percent=100.0 * share,
            q_from_mvar=link["qf"],
            q_to_mvar=link["qt"],
            regulating_from=False,
            regulating_to=False,
            vm_from_pu=read_limit(link["vf"]),
            vm_to_pu=read_limit(link["vt"]),
            q_from_min_mvar=read_limit(link["qminf"]),
            q_from_max_mvar=read_limit(link["qmaxf"]),
            q_to_min_mvar=read_limit(link["qmint"]),
            q_to_max_mvar=read_limit(link["qmaxt"]),
            in_service=bool(link["in_service"]),
            source_row=row,
        )
        if link.get("cost"):
            add_cost(bridge, id_, link["cost"], bridge.rows["hvdc"][id_])
    message = f"reactive power of the converters is not given: 0 Mvar taken for {sum(silent.values()):g} MW"
    bridge.warn("W-DCQ", "hvdc", silent, "q_from_mvar", message)
    if record["hvdc"]:
        bridge.notes.append(
            "HVDC ends inject the reactive power stored for them and regulate no voltage, as in a stored "
            "state; MATPOWER ignores the links unless toggle_dcline is on, and then makes both ends regulate "
            "Vf and Vt: set regulating_from and regulating_to for that"
        )


def _check_dc_loss(bridge: Bridge, id_: str, link: Record) -> None:
    """Compare what arrives by MATPOWER's loss formula with ours (loss grows with |P|) and with the file."""
    p, l0, l1 = link["pf"], read_number(link["loss0"]), read_number(link["loss1"])
    formula, ours = p - (l0 + l1 * p), p - l0 - l1 * abs(p)
    if abs(formula - ours) > 1e-6:
        message = (
            f"flow against the link's direction: MATPOWER's loss formula lets {formula:g} MW arrive at the "
            f"to end, here it is {ours:g} MW, with losses of {p - ours:g} MW"
        )
        bridge.warn("W-DCLOSS", "hvdc", [id_], "loss_percent", message)
    elif abs(link["pt"] - formula) > 0.01:
        message = f"Pt is {link['pt']:g} MW in the file, and {formula:g} MW by its losses, which are taken"
        bridge.warn("W-DCLOSS", "hvdc", [id_], "p_mw", message)
