"""Candidates of a catalogue for an overloaded route: series capacitor, battery, HVDC link."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.flow.sensitivities import ptdf
from gridhub.analysis.works.candidates import Candidate, cost_link
from gridhub.analysis.works.works import add_link, add_series_capacitor, add_storage, find_route
from gridhub.case.case import Floats
from gridhub.costs import Costs
from gridhub.model.network import Network

COMPENSATION = 0.4
"""Share of a line's reactance that a series capacitor takes away: assumed, within the usual 0.25 to 0.7."""

SMALLEST_RELIEF = 0.02
"""Relief of an overloaded circuit, as a share of its rating, that a series capacitor must give: assumed."""

LINK_MW = (500.0, 1000.0, 2000.0)
"""Sizes of HVDC links in the catalogue [MW]: a pole of the Korean plans has 500 to 2,000 MW."""

LINK_LOSS_PERCENT = 1.5
"""Losses of a link [% of its power]: as assumed for the planned Korean ones."""

STORAGE_MW = (50.0, 500.0)
"""Smallest and largest battery offered [MW]: assumed; the Korean tenders are of 66 to 96 MW a substation."""

STORAGE_HOURS = 6.0
"""Hours of a battery: as in the Korean tenders."""

SMALLEST_PULL = 0.01
"""MW off a circuit per MW of a battery or a link, below which none is offered."""

MARGIN = 1.1
"""What a battery or a link is sized for, over the overload in the worst outage: assumed."""


def list_overload_candidates(
    net: Network, costs: Costs, routes: Sequence[str], violations: pd.DataFrame, kinds: Sequence[str]
) -> list[Candidate]:
    r"""Make candidates for overloaded routes.

    Parameters
    ----------
    net : Network
    costs : Costs
        Of the region; what it has no cost for is left out.
    routes : sequence of str
        Overloaded routes; transformers among them are left out.
    violations : DataFrame
        Columns of ``Security.violations``.
    kinds : sequence of str
        Of "series_capacitor", "storage" and "hvdc".

    Returns
    -------
    list of Candidate
        At most one of each kind for each route: the capacitor on the other route whose compensation relieves
        it most, the battery at the load bus from which a MW relieves it most, a link between its own ends.

    Notes
    -----
    By DC in the state of the worst overload. A line m whose reactance falls to (1 - k) x carries
    :math:`\varphi = \rho f_m / (1 + \rho h_{mm})` more, :math:`\rho = k / (1 - k)`, and another line l
    changes by :math:`-h_{lm} \varphi`, h the transfer factors between the ends of m.
    """
    wanted = [one for one in ("series_capacitor", "storage", "hvdc") if one in kinds]
    thermal = violations[violations["kind"] == "thermal"]
    found: list[Candidate] = []
    if not wanted or thermal.empty:
        return found
    views: dict[str, _View] = {}
    for route in routes:
        circuits = find_route(net, route)
        mine = thermal[thermal["element"].isin(circuits.index)]
        if circuits.empty or mine.empty:
            continue
        worst = mine.iloc[int(np.argmax(mine["loading_percent"].to_numpy(dtype=float)))]
        state = str(worst["snapshot"])
        if state not in views:
            views[state] = _View(net, state)
        excess = max(float(worst["value"]) - float(worst["limit"]), 0.0)
        circuit = str(worst["element"])
        makers = {"series_capacitor": _offer_capacitor, "storage": _offer_storage, "hvdc": _offer_link}
        offers = [makers[kind](views[state], costs, route, circuit, excess) for kind in wanted]
        found += [one for one in offers if one is not None]
    return found


class _View:
    """Flows and transfer factors of one state, by DC."""

    def __init__(self, net: Network, snapshot: str) -> None:
        self.net, self.line = net, net.line
        flow = run_power_flow(net, snapshot or None, method="dc").branch["p_from_mw"]
        factor = ptdf(net, snapshot=snapshot or None)
        self.branch = {str(name): row for row, name in enumerate(factor.index)}
        self.bus = {str(name): column for column, name in enumerate(factor.columns)}
        self.factor = factor.to_numpy(dtype=float)
        self.flow = dict(zip(map(str, flow.index), flow.to_numpy(dtype=float).tolist(), strict=True))

    def find_sign(self, circuit: str) -> float:
        """Give the direction of a flow, 1 or -1."""
        return -1.0 if self.flow[circuit] < 0 else 1.0

    def find_transfer(self, element: str, lines: pd.DataFrame) -> Floats:
        """Give the MW in a branch per MW from the from end to the to end of each line."""
        row = self.factor[self.branch[element]]
        ends = [lines[end].astype(str).map(self.bus).to_numpy() for end in ("from_bus", "to_bus")]
        return np.asarray(row[ends[0]] - row[ends[1]])


def _offer_capacitor(view: _View, costs: Costs, route: str, circuit: str, excess: float) -> Candidate | None:
    """Offer a capacitor on the route whose compensation takes most off a circuit, if it takes enough."""
    if "series_capacitor" not in costs:
        return None
    line = view.line
    names = line["route"].where(line["route"] != "", line.index.to_series()).astype(str)
    usable = (names != route) & line["in_service"] & (line["x_ohm"] > 0)
    rows = line[usable]
    through = view.find_transfer(circuit, rows)
    own = np.array([view.find_transfer(str(name), rows.loc[[name]])[0] for name in rows.index])
    ratio = COMPENSATION / (1.0 - COMPENSATION)
    flows = np.array([view.flow[str(name)] for name in rows.index])
    more = view.find_sign(circuit) * through * ratio * flows / (1.0 + ratio * own)
    relief = pd.Series(np.nan_to_num(more), index=rows.index).groupby(names[usable]).sum()
    if relief.empty:
        return None
    best = str(relief.idxmax())
    rate = float(line["rate_mva"].loc[[circuit]].iloc[0])
    if not float(relief.max()) >= SMALLEST_RELIEF * rate:
        return None
    rows = find_route(view.net, best)
    kv = float(view.net.bus["vn_kv"].reindex(rows["from_bus"]).iloc[0])
    mvar = float((rows["rate_mva"].fillna(0.0) ** 2 * COMPENSATION * rows["x_ohm"]).sum()) / kv**2
    if not mvar > 0:
        return None
    return Candidate(
        f"series capacitor {best}",
        "series_capacitor",
        best,
        f"{COMPENSATION:.0%} of the reactance of {best}, {mvar:,.0f} Mvar, takes load off {route}",
        costs["series_capacitor"] * mvar,
        lambda one, best=best: add_series_capacitor(one, best, COMPENSATION),  # type: ignore[misc]
        note="sub-synchronous resonance and protection are not assessed",
        length_km=float(rows["length_km"].iloc[0]),
    )


def _offer_storage(view: _View, costs: Costs, route: str, circuit: str, excess: float) -> Candidate | None:
    """Offer a battery at the load bus from which a MW takes most off a circuit."""
    if "storage" not in costs or not excess > 0:
        return None
    load = view.net.load
    buses = load.loc[load["in_service"] & (load["p_mw"] > 0), "bus"].astype(str).unique().tolist()
    row = view.factor[view.branch[circuit]]
    pull = pd.Series([-view.find_sign(circuit) * row[view.bus[bus]] for bus in buses], index=buses)
    # against the mean of the loads: what a battery gives is taken off units everywhere
    pull = (pull - pull.mean()).dropna()
    if pull.empty or not float(pull.max()) > SMALLEST_PULL:
        return None
    bus = str(pull.idxmax())
    p_mw = float(np.clip(np.ceil(MARGIN * excess / float(pull.max()) / 10.0) * 10.0, *STORAGE_MW))
    return Candidate(
        f"battery {bus}",
        "storage",
        bus,
        f"{p_mw:g} MW / {p_mw * STORAGE_HOURS:g} MWh at {bus}, discharging in the worst hours of {route}",
        costs["storage"] * (p_mw * STORAGE_HOURS),
        lambda one, bus=bus, p_mw=p_mw: add_storage(one, bus, p_mw, STORAGE_HOURS),  # type: ignore[misc]
        note="full discharge in every snapshot; charging and duration of the need are not assessed",
    )


def _offer_link(view: _View, costs: Costs, route: str, circuit: str, excess: float) -> Candidate | None:
    """Offer a link of the catalogue between the ends of a circuit."""
    rows = view.line.loc[[circuit]]
    row = rows.iloc[0]
    own = float(view.find_transfer(circuit, rows)[0])
    km = float(row["length_km"])
    if not excess > 0 or not own > SMALLEST_PULL:
        return None
    need = MARGIN * excess / own
    size = next((one for one in LINK_MW if one >= need), LINK_MW[-1])
    cost = cost_link(costs, size, km)
    if cost is None:
        return None
    ends = (str(row["from_bus"]), str(row["to_bus"]))
    from_bus, to_bus = ends if view.find_sign(circuit) > 0 else ends[::-1]
    p_mw = min(size, float(np.ceil(need / 10.0)) * 10.0)
    return Candidate(
        f"HVDC {route}",
        "hvdc",
        route,
        f"VSC link of {size:g} MW between the ends of {route}, {km:.0f} km overhead, at {p_mw:g} MW",
        cost,
        lambda one: add_link(one, route, from_bus, to_bus, p_mw, size, LINK_LOSS_PERCENT),
        note="one power in every snapshot; its own outage and reactive power are not assessed",
        length_km=km,
    )
