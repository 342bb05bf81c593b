"""How a part is connected: point of connection, own transformers, feeders; as rows of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gridhub.connection_rules import BankType, ConnectionRules, FeederType
from gridhub.errors import PlacementError
from gridhub.geo import calculate_distance_km
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.placement.candidates import (
    HUB_PREFIX,
    check_bus,
    describe_candidates,
    find_high_voltage_buses,
    get_number,
    is_same_voltage,
    list_candidates,
    locate_buses,
)

PLANT_POWER_FACTOR = 0.95
"""Power factor feeders and banks of plants and storage are sized for: assumed."""

ROW_KEY = "row"
"""Key of a row's own id in ``snapshot_value``, whose column ``id`` means the row overridden."""

SOURCE = "placement by the connection rules"


@dataclass(frozen=True)
class Connection:
    """How one part is connected.

    Attributes
    ----------
    site_bus : str
        Bus of the network it is connected at.
    bus : str
        Bus the part itself stands on: `site_bus`, or a new one behind banks or at the end of feeders.
    vn_kv : float
        Voltage the part is supplied at [kV].
    distance_km, length_km : float
        Straight distance and route length [km]; 0 if the part stands on the site itself.
    feeders, banks : int
        Numbers of circuits and of own transformers.
    feeder, bank : FeederType or None, BankType or None
        What they are.
    province : str
        Province of the point of connection.
    reason : str
        Why this point, in words.
    alternatives : str
        The next nearest points.
    rows : mapping
        Table -> rows to add.
    """

    site_bus: str
    bus: str
    vn_kv: float
    distance_km: float
    length_km: float
    feeders: int
    banks: int
    feeder: FeederType | None
    bank: BankType | None
    province: str
    reason: str
    alternatives: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a part, or half of one, asks of the network.

    Attributes
    ----------
    id : str
        Id stem of the new rows, without prefix.
    name : str
        Name shown.
    kind : str
        Kind for the rules.
    p_mw, s_mva : float
        Power [MW] and apparent power that feeders must carry [MVA].
    class_mw : float
        Power that decides the voltage class [MW]: of the whole part, where this is half of it.
    lat, lon, bus
        Place, or point of connection.
    """

    id: str
    name: str
    kind: str
    p_mw: float
    s_mva: float
    class_mw: float
    lat: float | None
    lon: float | None
    bus: str | None


def count_secure(s_mva: float, rate_mva: float) -> int:
    """Count the equal parallel elements that carry `s_mva` [MVA] after the loss of one; at least two.

    Examples
    --------
    >>> count_secure(1053.0, 2172.0), count_secure(1053.0, 500.0)
    (2, 4)
    """
    return max(2, math.ceil(s_mva / rate_mva - 1e-9) + 1)


def _choose_nearest(
    net: Network, rules: ConnectionRules, request: Request, taken: tuple[str, ...]
) -> tuple[str, bool, float, str]:
    """Choose the nearest candidate; returns bus, own bank, straight distance [km], alternatives."""
    assert request.lat is not None and request.lon is not None
    vn_kv = rules.find_class(request.kind, request.class_mw).vn_kv
    table = list_candidates(net, rules, vn_kv, request.lat, request.lon)
    sites = net.bus["site"]
    used = {sites.get(bus, "") for bus in taken} - {""}
    table = table[~table.index.isin(taken) & ~table["site"].isin(used)]
    reach = next((km for kv, km in rules.longest_feeder_km.items() if is_same_voltage(kv, vn_kv)), math.inf)
    near = table[table["distance_km"] <= reach]
    if near.empty:
        other = find_high_voltage_buses(net, 100.0, request.lat, request.lon)
        raise PlacementError(
            f"{request.name!r}: {request.class_mw:g} MW is supplied at {vn_kv:g} kV, and no site that can "
            f"give it stands within {reach:g} km; nearest of that class: {describe_candidates(net, table)}; "
            f"nearest buses of 100 kV and more: {describe_candidates(net, other)}. Name one as `bus` to "
            "study it there, or move the part"
        )
    row = near.iloc[0]
    return (
        str(near.index[0]),
        bool(row["own_bank"]),
        float(row["distance_km"]),
        describe_candidates(net, near[1:]),
    )


def _use_named(
    net: Network, rules: ConnectionRules | None, request: Request, bus: str
) -> tuple[float, bool, float]:
    """Check the named bus; returns supply voltage [kV], own bank, straight distance [km]."""
    class_kv = rules.find_class(request.kind, request.class_mw).vn_kv if rules else None
    check_bus(net, request.name, bus, request.p_mw, class_kv)
    vn_kv = get_number(net.bus, bus, "vn_kv")
    own_bank = (
        rules is not None
        and class_kv is not None
        and not is_same_voltage(vn_kv, class_kv)
        and rules.find_bank(vn_kv, class_kv) is not None
    )
    located = locate_buses(net)
    lat, lon = get_number(located, bus, "lat"), get_number(located, bus, "lon")
    distance = 0.0
    if request.lat is not None and request.lon is not None and not math.isnan(lat):
        distance = float(calculate_distance_km(request.lat, request.lon, lat, lon))
    return (class_kv if own_bank and class_kv is not None else vn_kv), own_bank, distance


def plan_connection(
    net: Network, rules: ConnectionRules | None, request: Request, taken: tuple[str, ...] = ()
) -> Connection:
    """Plan how a part is connected: where, at which voltage, with which banks and feeders.

    Parameters
    ----------
    net : Network
        The network.
    rules : ConnectionRules or None
        The region's rules; None: the part must name its bus and is connected there directly.
    request : Request
        The part.
    taken : tuple of str
        Buses whose sites must not be used (the other half of a split hub).

    Returns
    -------
    Connection

    Raises
    ------
    PlacementError
        If nothing in reach can take it, or the named bus cannot; alternatives are named.
    """
    alternatives = ""
    if request.bus is not None:
        site_bus = request.bus
        vn_kv, own_bank, distance = _use_named(net, rules, request, site_bus)
        reason = "named point of connection"
    elif rules is None:
        raise PlacementError(
            f"{request.name!r}: network {net.name!r} has no connection rules, so no point of connection "
            "can be chosen by place; name one as `bus`"
        )
    else:
        site_bus, own_bank, distance, alternatives = _choose_nearest(net, rules, request, taken)
        vn_kv = rules.find_class(request.kind, request.class_mw).vn_kv
        reason = "second nearest site that can take it" if taken else "nearest site that can take it"
    feeder = rules.find_feeder(vn_kv) if rules and distance > 0 else None
    if rules and distance > 0 and feeder is None:
        raise PlacementError(
            f"{request.name!r}: the connection rules hold no feeder of {vn_kv:g} kV; add one, or leave out "
            "lat and lon to connect at the bus itself"
        )
    bank = rules.find_bank(get_number(net.bus, site_bus, "vn_kv"), vn_kv) if rules and own_bank else None
    length = (
        max(distance * rules.route_factor.value, rules.minimum_length_km.value) if rules and feeder else 0.0
    )
    connection = Connection(
        site_bus=site_bus,
        bus=f"{HUB_PREFIX}{request.id}" if feeder or bank else site_bus,
        vn_kv=vn_kv,
        distance_km=distance,
        length_km=length,
        feeders=count_secure(request.s_mva, feeder.rate_mva) if feeder else 0,
        banks=count_secure(request.s_mva, bank.rate_mva) if bank else 0,
        feeder=feeder,
        bank=bank,
        province=str(locate_buses(net).at[site_bus, "province"]),
        reason=reason,
        alternatives=alternatives,
    )
    _add_rows(net, request, connection)
    return connection


def _add_rows(net: Network, request: Request, connection: Connection) -> None:
    """Write the rows of buses, banks and feeders into ``connection.rows``."""
    head = connection.site_bus
    site = locate_buses(net).loc[head]
    origin = {"source": SOURCE, "confidence": "assumed"}
    base = {
        "vn_kv": connection.vn_kv,
        "province": connection.province,
        "area": net.bus.at[head, "area"],
        **origin,
    }
    if connection.bank:
        lower = f"{HUB_PREFIX}{request.id}:site" if connection.feeder else connection.bus
        at_site = {"lat": site["lat"], "lon": site["lon"], "site": site["site"]}
        row = {"id": lower, "name": f"{request.name} own {connection.vn_kv:g} kV side", **at_site, **base}
        connection.rows.setdefault("bus", []).append(row)
        connection.rows["transformer"] = _build_banks(net, request, connection, head, lower, origin)
        head = lower
    if connection.feeder:
        place = {"lat": request.lat, "lon": request.lon}
        connection.rows.setdefault("bus", []).append(
            {"id": connection.bus, "name": request.name, **place, **base}
        )
        connection.rows["line"] = _build_feeders(request, connection, head, origin)


def _build_banks(
    net: Network, request: Request, connection: Connection, high: str, low: str, origin: dict[str, str]
) -> list[dict[str, Any]]:
    bank = connection.bank
    assert bank is not None
    scale = net.base_mva / bank.rate_mva / 100.0
    return [
        {
            "id": f"{HUB_PREFIX}{request.id}:bank:{number}",
            "from_bus": high,
            "to_bus": low,
            "r_pu": bank.r_percent * scale,
            "x_pu": bank.x_percent * scale,
            "rate_mva": bank.rate_mva,
            "circuit": str(number),
            "name": f"{request.name} bank {number}",
            **origin,
        }
        for number in range(1, connection.banks + 1)
    ]


def _build_feeders(
    request: Request, connection: Connection, head: str, origin: dict[str, str]
) -> list[dict[str, Any]]:
    """Build the circuits; two and two share towers, as a double-circuit route does."""
    feeder, km = connection.feeder, connection.length_km
    assert feeder is not None
    return [
        {
            "id": f"{HUB_PREFIX}{request.id}:feeder:{number}",
            "from_bus": head,
            "to_bus": connection.bus,
            "length_km": km,
            "r_ohm": feeder.r_ohm_per_km * km,
            "x_ohm": feeder.x_ohm_per_km * km,
            "b_us": feeder.b_us_per_km * km,
            "rate_mva": feeder.rate_mva,
            "circuit": str(number),
            "tower": f"{HUB_PREFIX}{request.id}:tower:{(number + 1) // 2}",
            "route": f"{HUB_PREFIX}{request.id}",
            "name": f"{request.name} feeder {number}",
            "construction": "overhead",
            "conductor": feeder.conductor,
            "assumed": True,
            **origin,
        }
        for number in range(1, connection.feeders + 1)
    ]


def append_rows(net: Network, rows: dict[str, list[dict[str, Any]]]) -> dict[str, pd.DataFrame]:
    """Append rows to tables of a network.

    Parameters
    ----------
    net : Network
        The network.
    rows : mapping
        Table -> rows, each with its ``id``; in a table that has a column of that name, `ROW_KEY` instead.

    Returns
    -------
    dict
        Table -> table with the rows at its end; what a row leaves out takes the schema's default.

    Raises
    ------
    PlacementError
        If an id is there already.
    """
    tables: dict[str, pd.DataFrame] = {}
    for name, new in rows.items():
        old = net.tables[name]
        key = ROW_KEY if ROW_KEY in new[0] else "id"
        frame = pd.DataFrame(new).set_index(key).rename_axis("id")
        twice = old.index.intersection(frame.index)
        if len(twice):
            raise PlacementError(f"{name} {twice[0]} is there already; give the part another name")
        tables[name] = _stack(old, complete_table(name, frame))
    return tables


def _stack(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Put new rows below a table; a column of its own that they lack is empty there."""
    for column in old.columns.difference(new.columns):
        empty: object = (
            "" if old[column].dtype == object else False if old[column].dtype == bool else math.nan
        )
        new[column] = pd.Series(empty, index=new.index)
    return pd.concat([old, new[old.columns]]) if len(old) else new
