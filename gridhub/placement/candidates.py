"""Which buses can take a part of a hub, nearest first, and why a bus cannot."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from gridhub.connection_rules import ConnectionRules
from gridhub.errors import PlacementError, name_ids
from gridhub.geo import calculate_distance_km
from gridhub.model.network import Network

SAME_VOLTAGE = 0.02
"""Relative difference up to which two nominal voltages are the same class."""

LOW_VOLTAGE_KV, LOW_VOLTAGE_MW = 50.0, 40.0
"""Without connection rules: a bus below this voltage [kV] takes no part above this power [MW]."""

HUB_PREFIX = "hub:"
"""Every id that a placement adds starts with it."""


def is_same_voltage(one_kv: float, other_kv: float) -> bool:
    """Tell whether two nominal voltages [kV] are the same class.

    Examples
    --------
    >>> is_same_voltage(345.0, 345.0), is_same_voltage(345.0, 154.0)
    (True, False)
    """
    return math.isclose(one_kv, other_kv, rel_tol=SAME_VOLTAGE)


def get_number(table: pd.DataFrame, row: str, column: str) -> float:
    """Read one number of a table."""
    return float(table[column].to_numpy(dtype=float)[table.index.get_loc(row)])


def find_connected_buses(net: Network) -> frozenset[str]:
    """Find the buses in service that an AC branch in service ends at."""
    branches = net.branches()
    bus = net.bus
    alive = set(bus.index[bus["in_service"].to_numpy(dtype=bool)])
    live = branches[branches["in_service"].to_numpy(dtype=bool)]
    live = live[live["from_bus"].isin(alive) & live["to_bus"].isin(alive)]
    return frozenset(live["from_bus"]) | frozenset(live["to_bus"])


def locate_buses(net: Network) -> pd.DataFrame:
    """Give every bus its coordinates, from its site where the bus has none.

    Returns
    -------
    DataFrame
        Index bus; columns vn_kv [kV], lat, lon [degree, NaN = unknown], province, site, site_kind.
    """
    bus, site = net.bus, net.site
    table = pd.DataFrame({"vn_kv": bus["vn_kv"], "site": bus["site"]}, index=bus.index)
    for column in ("lat", "lon"):
        at_site = site[column].reindex(bus["site"]).to_numpy(dtype=float)
        table[column] = bus[column].fillna(pd.Series(at_site, index=bus.index))
    for column, source in (("province", "province"), ("site_kind", "kind")):
        at_site = site[source].reindex(bus["site"]).fillna("").to_numpy(dtype=object)
        own = bus[column].to_numpy(dtype=object) if column in bus else np.full(len(bus), "", dtype=object)
        table[column] = np.where(own == "", at_site, own)
    return table


def list_candidates(
    net: Network, rules: ConnectionRules, vn_kv: float, lat: float, lon: float
) -> pd.DataFrame:
    """List the buses that can take a part of a voltage class, nearest first, one per site.

    Parameters
    ----------
    net : Network
        The network.
    rules : ConnectionRules
        Kinds of site that take customers, and the banks a customer can build.
    vn_kv : float
        Voltage class of the part [kV].
    lat, lon : float
        Where the part stands [degree].

    Returns
    -------
    DataFrame
        Index bus; columns vn_kv [kV], lat, lon, province, site, site_kind, distance_km (straight),
        own_bank (True: at a higher voltage, through transformers of the customer).

    Notes
    -----
    Left out: buses out of service or without a branch, without coordinates, equivalents (a column
    ``equivalent``), buses of other hubs, and sites of kinds that the rules do not name.
    """
    table = locate_buses(net)
    connected = find_connected_buses(net)
    bus = net.bus
    kind = table["site_kind"]
    usable = np.asarray(table.index.isin(connected) & ~table.index.str.startswith(HUB_PREFIX))
    usable &= table[["lat", "lon"]].notna().all(axis=1).to_numpy(dtype=bool)
    if "equivalent" in bus:
        usable &= ~bus["equivalent"].astype(str).str.lower().isin(("true", "1", "1.0")).to_numpy(dtype=bool)
    usable &= ((kind == "") | kind.isin(rules.site_kinds)).to_numpy(dtype=bool)
    table = table.loc[usable].copy()
    same = np.array([is_same_voltage(kv, vn_kv) for kv in table["vn_kv"]], dtype=bool)
    bank = np.array([rules.find_bank(kv, vn_kv) is not None for kv in table["vn_kv"]], dtype=bool)
    table["own_bank"] = ~same
    table = table.loc[same | bank].copy()
    table["distance_km"] = calculate_distance_km(lat, lon, table["lat"], table["lon"])
    # A bus of the class itself goes before a bank at the same site.
    table = table.iloc[np.lexsort((table["own_bank"], table["distance_km"].round(3)))]
    key = np.where(table["site"] == "", table.index, table["site"])
    first: pd.DataFrame = table.loc[~pd.Series(key, index=table.index).duplicated().to_numpy(dtype=bool)]
    return first


def describe_candidates(net: Network, table: pd.DataFrame, count: int = 3) -> str:
    """Name the first candidates with voltage and distance, for messages."""
    names = net.bus["name"]
    known = "distance_km" in table
    shown = []
    for bus in table.index[:count]:
        km = get_number(table, bus, "distance_km") if known else math.nan
        name = f" ({names[bus]})" if names[bus] else ""
        distance = "" if math.isnan(km) else f" {km:.1f} km"
        shown.append(f"{bus}{name} {get_number(table, bus, 'vn_kv'):g} kV{distance}")
    return "; ".join(shown) if shown else "none"


def find_high_voltage_buses(net: Network, minimum_kv: float, lat: float, lon: float) -> pd.DataFrame:
    """List connected buses of at least a voltage, nearest first where the place is known."""
    table = locate_buses(net)
    table = table[
        table.index.isin(find_connected_buses(net)) & (table["vn_kv"] >= minimum_kv * (1 - SAME_VOLTAGE))
    ]
    table = table[~table.index.str.startswith(HUB_PREFIX)].copy()
    if not math.isnan(lat) and not math.isnan(lon):
        table["distance_km"] = calculate_distance_km(lat, lon, table["lat"], table["lon"])
        return table.sort_values("distance_km", kind="stable")
    return table.sort_values("vn_kv", kind="stable")


def check_bus(net: Network, name: str, bus: str, p_mw: float, class_kv: float | None) -> None:
    """Refuse a named point of connection that cannot take a part.

    Parameters
    ----------
    net : Network
        The network.
    name, bus : str
        Part and its bus.
    p_mw : float
        Power of the part [MW].
    class_kv : float or None
        Voltage class by the rules [kV]; None: the network has no rules.

    Raises
    ------
    PlacementError
        If the bus does not exist, is out of service or isolated, or is below the class; nearest
        alternatives are named.
    """
    if bus not in net.bus.index:
        raise PlacementError(f"{name!r}: there is no bus {bus!r}; buses are {name_ids(net.bus.index)}")
    vn_kv = get_number(net.bus, bus, "vn_kv")
    table = locate_buses(net)
    lat, lon = get_number(table, bus, "lat"), get_number(table, bus, "lon")
    wanted = class_kv if class_kv is not None else (LOW_VOLTAGE_KV if p_mw > LOW_VOLTAGE_MW else 0.0)
    others = find_high_voltage_buses(net, max(wanted, LOW_VOLTAGE_KV), lat, lon)
    nearest = describe_candidates(net, others[others.index != bus])
    if not net.bus.at[bus, "in_service"]:
        raise PlacementError(f"{name!r}: bus {bus} is out of service; nearest candidates: {nearest}")
    if bus not in find_connected_buses(net):
        raise PlacementError(
            f"{name!r}: bus {bus} is isolated, no branch in service ends there; nearest candidates: {nearest}"
        )
    if vn_kv < wanted * (1 - SAME_VOLTAGE):
        why = "by the connection rules" if class_kv is not None else "on physical grounds"
        raise PlacementError(
            f"{name!r}: {p_mw:g} MW needs {wanted:g} kV or more {why}, bus {bus} has {vn_kv:g} kV; "
            f"nearest candidates: {nearest}"
        )
