"""From PowerIO's record of a network to the tables of a `Network`, and what does not fit through."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gridhub.errors import Issue, name_ids
from gridhub.interop.conversion_report import warn
from gridhub.interop.generator_costs import add_cost
from gridhub.interop.powerio_reader import Record, read_limit, read_number, read_rating
from gridhub.model.schema import read_schema

_BRANCH_TABLES = ("line", "transformer", "series")
_FUELS = {
    "nuclear": "nuclear",
    "hydro": "hydro",
    "wind": "wind",
    "solar": "solar",
}
_KNOWN_EXTRAS = {"id", "psse_ip", "psse_iq", "psse_pl", "psse_ql", "psse_yp", "psse_yq"}
CAPABILITY = {
    **{f"{name}": f"{name}_mw" for name in ("pc1", "pc2")},
    **{f"{name}": f"{name}_mvar" for name in ("qc1min", "qc1max", "qc2min", "qc2max")},
    "ramp_agc": "ramp_agc_mw_per_min",
    "ramp_10": "ramp_10_mw",
    "ramp_30": "ramp_30_mw",
    "ramp_q": "ramp_q_mvar_per_min",
}
"""Generator columns that travel as extra columns of our table, where a file states any."""


@dataclass
class Bridge:
    """Rows collected table by table, with the issues found on the way.

    Attributes
    ----------
    base_mva : float
        Power base [MVA].
    rows : mapping
        Table -> id -> column -> value.
    issues : list of Issue
    notes : list of str
    added : mapping
        Rows and totals that the conversion added on purpose, by name.
    """

    base_mva: float
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    added: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    vn_kv: dict[str, float] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)

    def add(self, table: str, id_: str, **values: Any) -> None:
        """Add one row; an id that is taken gets ``:2``, ``:3``, …."""
        unique, count = id_, 1
        while unique in self.rows[table]:
            count += 1
            unique = f"{id_}:{count}"
        self.rows[table][unique] = values

    def warn(self, code: str, table: str, ids: Iterable[object], column: str, message: str) -> None:
        """Add a warning unless there is no row it is about."""
        listed = list(ids)
        if listed:
            self.issues.append(warn(code, table, listed, column, message))

    def build_tables(self) -> dict[str, pd.DataFrame]:
        """Make the tables."""
        tables = {}
        for table, rows in self.rows.items():
            if rows:
                names = dict.fromkeys(name for row in rows.values() for name in row)
                schema = read_schema()[table]
                defaults = {name: schema[name].default if name in schema else None for name in names}
                data = {name: [row.get(name, defaults[name]) for row in rows.values()] for name in names}
                tables[table] = pd.DataFrame(data, index=pd.Index(list(rows), name="id"))
        return tables


def _add_buses(bridge: Bridge, record: Record) -> None:
    no_base, isolated = [], []
    for row, bus in enumerate(record["buses"], start=1):
        id_ = str(bus["id"])
        vn_kv = read_number(bus["base_kv"])
        if not vn_kv > 0:
            no_base.append(id_)
            vn_kv = 1.0
        if bus["kind"] == "ISOLATED":
            isolated.append(id_)
        bridge.vn_kv[id_], bridge.kind[id_] = vn_kv, bus["kind"]
        bridge.add(
            "bus",
            id_,
            vn_kv=vn_kv,
            name=bus.get("name") or "",
            area=str(bus["area"]) if bus.get("area") is not None else "",
            zone=str(bus["zone"]) if bus.get("zone") is not None else "",
            bus_number=bus["id"],
            reference=bus["kind"] == "REF",
            vm_start_pu=read_limit(bus["vm"]),
            va_start_degree=read_limit(bus["va"]),
            v_min_pu=read_limit(bus["vmin"]),
            v_max_pu=read_limit(bus["vmax"]),
            in_service=bus["kind"] != "ISOLATED",
            source_row=row,
        )
    bridge.warn(
        "W-BASEKV",
        "bus",
        no_base,
        "vn_kv",
        "no base voltage given: 1 kV taken; per-unit values are unchanged",
    )
    if isolated:
        bridge.notes.append(
            f"{len(isolated)} buses isolated in the file are out of service ({name_ids(isolated)})"
        )


def _add_loads(bridge: Bridge, record: Record) -> None:
    dependent: dict[str, float] = {}
    for row, load in enumerate(record["loads"], start=1):
        bus = str(load["bus"])
        id_ = f"load:{bus}"
        isolated = bridge.kind[bus] == "ISOLATED"
        model = load.get("voltage_model")
        if model:
            constant = read_number(model.get("p_constant_power", 0.0))
            dependent[id_] = load["p"] - (constant if math.isfinite(constant) else 0.0)
        # the bus is what is out of service there
        on = bool(load["in_service"]) or isolated
        bridge.add("load", id_, bus=bus, p_mw=load["p"], q_mvar=load["q"], in_service=on, source_row=row)
    message = (
        f"{sum(dependent.values()):g} MW depend on the voltage in the file: taken as constant power at 1 p.u."
    )
    bridge.warn("W-ZIP", "load", dependent, "p_mw", message)


def _add_shunts(bridge: Bridge, record: Record) -> None:
    controlled: dict[str, float] = {}
    for row, shunt in enumerate(record["shunts"], start=1):
        bus = str(shunt["bus"])
        id_ = f"shunt:{bus}"
        if shunt.get("control"):
            controlled[id_] = shunt["b"]
        on = bool(shunt["in_service"]) or bridge.kind[bus] == "ISOLATED"
        bridge.add("shunt", id_, bus=bus, g_mw=shunt["g"], b_mvar=shunt["b"], in_service=on, source_row=row)
    message = f"switched by a control in the file: fixed as stored, {sum(controlled.values()):g} Mvar"
    bridge.warn("W-CONTROL", "shunt", controlled, "b_mvar", message)


def _split_charging(branch: Record) -> tuple[float, float, complex, complex]:
    """Give the symmetric shunt admittance (total g, b) and what is left over at either end [p.u.]."""
    charging = branch.get("charging")
    if not charging:
        return 0.0, read_number(branch["b"]), 0j, 0j
    start = complex(charging["g_fr"], charging["b_fr"])
    end = complex(charging["g_to"], charging["b_to"])

    def share(a: float, b: float) -> float:
        return 0.0 if a * b <= 0 else math.copysign(min(abs(a), abs(b)), a)

    half = complex(share(start.real, end.real), share(start.imag, end.imag))
    # what is left of rounding is none
    tolerance = 1e-9 * (abs(start) + abs(end))
    left, right = (y - half if abs(y - half) > tolerance else 0j for y in (start, end))
    return 2 * half.real, 2 * half.imag, left, right


def _add_branch(bridge: Bridge, row: int, branch: Record) -> str:
    """Add one branch and say what its left-over shunts are worth."""
    id_ = f"branch:{row}"
    ends = str(branch["from"]), str(branch["to"])
    kv = bridge.vn_kv[ends[0]], bridge.vn_kv[ends[1]]
    r, x = read_number(branch["r"]), read_number(branch["x"])
    tap, shift = read_number(branch["tap"]), read_number(branch["shift"])
    g, b, left, right = _split_charging(branch)
    limits = _read_angle_limits(branch)
    common = {
        "from_bus": ends[0],
        "to_bus": ends[1],
        "rate_mva": read_rating(branch["rate_a"]),
        "rate_b_mva": read_rating(branch["rate_b"]),
        "rate_c_mva": read_rating(branch["rate_c"]),
        "angle_min_degree": limits[0],
        "angle_max_degree": limits[1],
        "name": branch.get("name") or "",
        "in_service": bool(branch["in_service"]),
        "source_row": row,
    }
    plain = tap == 0.0 and shift == 0.0
    neither = r < 0 or (plain and kv[0] != kv[1])
    table = "series" if neither else "line" if plain else "transformer"
    if table == "line":
        z_base = kv[0] ** 2 / bridge.base_mva
        ohms = {"r_ohm": r * z_base, "x_ohm": x * z_base, "b_us": b / z_base * 1e6, "g_us": g / z_base * 1e6}
        bridge.add(table, id_, **common, **ohms)
    else:
        per_unit = {"r_pu": r, "x_pu": x, "g_pu": g, "b_pu": b}
        bridge.add(table, id_, **common, **per_unit, tap_ratio=tap if tap else 1.0, shift_degree=shift)
    ratio = tap if tap else 1.0
    for end, bus, admittance in (("from", ends[0], left / ratio**2), ("to", ends[1], right)):
        if admittance:
            _add_left_over(bridge, f"shunt:{id_}:{end}", bus, admittance, bool(branch["in_service"]))
    return id_ if left or right else ""


def _add_left_over(bridge: Bridge, id_: str, bus: str, admittance: complex, on: bool) -> None:
    g_mw, b_mvar = admittance.real * bridge.base_mva, admittance.imag * bridge.base_mva
    bridge.add("shunt", id_, bus=bus, g_mw=g_mw, b_mvar=b_mvar, in_service=on)
    bridge.added["shunt"] += 1
    bridge.added["shunt_mw"] += g_mw
    bridge.added["shunt_mvar"] += b_mvar


def _read_angle_limits(branch: Record) -> tuple[float, float]:
    """Read the angle limits; 0 for both, or 360 and beyond, says there is none."""
    low, high = read_limit(branch["angmin"]), read_limit(branch["angmax"])
    if low == 0.0 and high == 0.0:
        return math.nan, math.nan
    return (low if low > -360.0 else math.nan), (high if high < 360.0 else math.nan)


def _add_branches(bridge: Bridge, record: Record) -> None:
    uneven, controlled, ratings = [], [], []
    for row, branch in enumerate(record["branches"], start=1):
        if _add_branch(bridge, row, branch):
            uneven.append(f"branch:{row}")
        control = branch.get("control")
        if control and control.get("enabled") and control.get("mode") != "fixed":
            controlled.append(f"branch:{row}")
        if branch.get("rating_sets") or branch.get("current_ratings"):
            ratings.append(f"branch:{row}")
    negative = [f"branch:{row}" for row, branch in enumerate(record["branches"], start=1) if branch["r"] < 0]
    if negative:
        bridge.notes.append(
            f"{len(negative)} branches of negative resistance, as equivalents have them, are series elements "
            f"({name_ids(negative)})"
        )
    message = (
        "shunt admittance differs between the ends: the difference is kept as shunts, "
        "which stay when the branch is taken out"
    )
    bridge.warn("W-UNEVEN", "branch", uneven, "b_pu", message)
    bridge.warn(
        "W-CONTROL", "branch", controlled, "tap_ratio", "the tap is controlled in the file: fixed as stored"
    )
    bridge.warn("W-FIELD", "branch", ratings, "rate_mva", "ratings beyond A, B, C or in current are not held")


def _add_three_winding(bridge: Bridge, record: Record) -> None:
    """Add every three-winding transformer as a star of three around a bus of its own."""
    stars, controlled = [], []
    for row, transformer in enumerate(record["transformers_3w"], start=1):
        star = f"star:{row}"
        windings = transformer["windings"]
        z12, z23, z31 = (complex(z["r"], z["x"]) for z in transformer["z"])
        legs = ((z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2)
        on = bool(transformer["in_service"])
        vn_kv = bridge.vn_kv[str(windings[0]["bus"])]
        bridge.vn_kv[star], bridge.kind[star] = vn_kv, "PQ"
        name = transformer.get("name") or f"transformer {row}"
        bridge.add(
            "bus",
            star,
            vn_kv=vn_kv,
            name=f"{name} star",
            vm_start_pu=read_limit(transformer["star_vm"]),
            va_start_degree=read_limit(transformer["star_va"]),
            in_service=on,
        )
        for number, (winding, z) in enumerate(zip(windings, legs, strict=True), start=1):
            table = "series" if z.real < 0 else "transformer"
            bridge.add(
                table,
                f"transformer3w:{row}:{number}",
                from_bus=str(winding["bus"]),
                to_bus=star,
                r_pu=z.real,
                x_pu=z.imag,
                tap_ratio=read_number(winding["tap"]) or 1.0,
                shift_degree=read_number(winding["shift"]),
                rate_mva=read_rating(winding["rate_a"]),
                rate_b_mva=read_rating(winding["rate_b"]),
                rate_c_mva=read_rating(winding["rate_c"]),
                name=f"{name} winding {number}",
                in_service=on,
            )
        magnetizing = complex(transformer["mag_g"], transformer["mag_b"])
        if magnetizing:
            id_ = f"shunt:transformer3w:{row}"
            _add_left_over(bridge, id_, str(windings[0]["bus"]), magnetizing, on)
        if any((winding.get("control") or {}).get("enabled") for winding in windings):
            controlled.append(f"transformer3w:{row}")
        stars.append(f"transformer3w:{row}")
        bridge.added["bus"] += 1
        bridge.added["branch"] += 3
    if stars:
        bridge.notes.append(
            f"{len(stars)} three-winding transformers are stars of three around an auxiliary bus "
            f"({name_ids(stars)}); an outage of one takes all three legs"
        )
    message = "the tap is controlled in the file: fixed as stored"
    bridge.warn("W-CONTROL", "transformer", controlled, "tap_ratio", message)


def _add_switches(bridge: Bridge, record: Record) -> None:
    for row, switch in enumerate(record["switches"], start=1):
        bridge.add(
            "series",
            f"switch:{row}",
            from_bus=str(switch["from"]),
            to_bus=str(switch["to"]),
            r_pu=0.0,
            x_pu=0.0,
            rate_mva=read_rating(switch.get("thermal_rating")),
            in_service=bool(switch["closed"]),
        )
        bridge.added["branch"] += 1
    if record["switches"]:
        bridge.notes.append(f"{len(record['switches'])} switches are series elements of zero impedance")


def _add_generators(bridge: Bridge, record: Record) -> None:
    remote, passive, curves = {}, [], []
    stated = {name for g in record["generators"] for name, value in (g.get("caps") or {}).items() if value}
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


def _add_static_compensators(bridge: Bridge, record: Record) -> None:
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


def _add_storage(bridge: Bridge, record: Record) -> None:
    uneven = []
    for row, storage in enumerate(record["storage"], start=1):
        id_ = f"storage:{row}"
        charge, discharge = read_limit(storage["charge_rating"]), read_limit(storage["discharge_rating"])
        energy = read_limit(storage["energy_rating"])
        efficiency = read_limit(storage["charge_efficiency"]) * read_limit(storage["discharge_efficiency"])
        if charge != discharge or storage.get("p_loss") or storage.get("q_loss"):
            uneven.append(id_)
        bridge.add(
            "storage",
            id_,
            bus=str(storage["bus"]),
            p_mw=-read_number(storage["ps"]),
            q_mvar=-read_number(storage["qs"]),
            p_max_mw=max(charge, discharge),
            e_mwh=energy,
            soc=read_limit(storage["energy"]) / energy if energy else math.nan,
            efficiency=efficiency,
            in_service=bool(storage["in_service"]),
        )
    bridge.warn(
        "W-FIELD", "storage", uneven, "", "separate ratings for charging and standby losses are not held"
    )


def _add_hvdc(bridge: Bridge, record: Record, recompute: bool) -> None:
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


def _report_rest(bridge: Bridge, record: Record) -> None:
    """Report what PowerIO knows and the tables have no place for."""
    for area in record.get("areas") or ():
        if area.get("net_interchange"):
            message = f"scheduled interchange of {area['net_interchange']:g} MW is not held"
            bridge.warn("W-FIELD", "bus", [f"area {area['number']}"], "area", message)
    for key in ("buses", "loads", "shunts", "branches", "generators", "storage", "hvdc", "transformers_3w"):
        extras = Counter(name for row in record.get(key) or () for name in row.get("extras") or {})
        names = [name for name in extras if name not in _KNOWN_EXTRAS]
        if names:
            rows = max(extras[name] for name in names)
            message = f"not held, in up to {rows} rows: {name_ids(names, 8)}"
            bridge.issues.append(warn("W-FIELD", key, [], "", message))
    emergency = [
        row["id"] for row in record["buses"] if row.get("evhi") is not None or row.get("evlo") is not None
    ]
    bridge.warn("W-FIELD", "bus", emergency, "v_max_pu", "emergency voltage limits are not held")
    detail: Mapping[str, Any] = record.get("detailed_connectivity") or {}
    held = {name: len(rows) for name, rows in detail.items() if isinstance(rows, list) and rows}
    if held:
        listed = ", ".join(f"{count} {name}" for name, count in held.items())
        bridge.issues.append(
            warn("W-DETAIL", "file", [], "", f"detail below the buses is not held: {listed}")
        )


def build_bridge(record: Record, recompute_dc: bool = False) -> Bridge:
    """Convert PowerIO's record.

    Parameters
    ----------
    record : dict
        From `gridhub.interop.powerio_reader.parse_bytes`.
    recompute_dc : bool
        True for MATPOWER, where ``loss0`` and ``loss1`` decide what arrives at a DC line's to end; otherwise
        the stored pair of powers does, if no losses are given.

    Returns
    -------
    Bridge
        Rows, issues and notes.

    Notes
    -----
    A branch is a line if it has neither tap nor shift and joins buses of equal base voltage, a transformer if
    it has either, else a series element with its rating. A transformer keeps the file's order of ends: the
    tap is at ``from_bus``. A negative resistance, which only equivalents have, makes a series element.
    """
    bridge = Bridge(base_mva=float(record["base_mva"]))
    _add_buses(bridge, record)
    _add_loads(bridge, record)
    _add_shunts(bridge, record)
    _add_branches(bridge, record)
    _add_three_winding(bridge, record)
    _add_switches(bridge, record)
    _add_generators(bridge, record)
    _add_static_compensators(bridge, record)
    _add_storage(bridge, record)
    _add_hvdc(bridge, record, recompute_dc)
    _report_rest(bridge, record)
    return bridge


def count_record(record: Record) -> dict[str, int]:
    """Count PowerIO's components, by the names of our tables (``branch`` for all branches)."""
    names = {
        "buses": "bus",
        "branches": "branch",
        "loads": "load",
        "shunts": "shunt",
        "generators": "generator",
        "storage": "storage",
        "hvdc": "hvdc",
    }
    return {name: len(record.get(key) or ()) for key, name in names.items()}


def sum_record(record: Record) -> dict[str, float]:
    """Sum PowerIO's powers over all rows, with the keys of a report's totals."""
    return {
        "load_mw": sum(row["p"] for row in record["loads"]),
        "load_mvar": sum(row["q"] for row in record["loads"]),
        "generation_mw": sum(row["pg"] for row in record["generators"]),
        "generation_mvar": sum(row["qg"] for row in record["generators"]),
        "shunt_mw": sum(row["g"] for row in record["shunts"]),
        "shunt_mvar": sum(row["b"] for row in record["shunts"]),
        "hvdc_mw": sum(abs(row["pf"]) for row in record["hvdc"]),
    }


def count_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Count our rows by the same names as `count_record`."""
    counts = {name: len(tables[name]) for name in tables if name not in _BRANCH_TABLES}
    counts["branch"] = sum(len(tables[name]) for name in _BRANCH_TABLES if name in tables)
    return counts
