"""Several hubs at once: how they share the room of the grid, and the frontier of the total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.interfaces import compile_interfaces
from gridhub.analysis.hosting.hosting import find_buses, hosting_capacity
from gridhub.analysis.hosting.options import HostingOptions, read_hosting_options
from gridhub.analysis.hosting.programme import JointProgramme, JointView, build_view
from gridhub.analysis.hosting.search import DcSearch, find_interface_range, start_search
from gridhub.analysis.hosting.states import State, group_states, list_states
from gridhub.analysis.security.security import resolve_criteria
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.pickup import restrict_path
from gridhub.solvers.rooms import no_losses

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Points of the frontier: least room of every hub, over the largest that all can have in proportion."""


@dataclass(frozen=True, eq=False)
class JointHosting:
    """How much several hubs take at once.

    Attributes
    ----------
    table : DataFrame
        Index bus; alone_mw (firm_mw of the bus by itself), mw (in the largest total).
    total_mw : float
        Largest total without any floor [MW].
    frontier : DataFrame
        Index least_share (of the largest share of alone_mw that all buses can have at once); least_mw_per_mw
        (that share of alone_mw), total_mw, and a column per bus [MW].
    not_assessed : str
    """

    table: pd.DataFrame
    total_mw: float
    frontier: pd.DataFrame
    not_assessed: str


def share_room(
    net: Network,
    buses: Sequence[str],
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    options: Mapping[str, Any] | HostingOptions | PowerFlowOptions | None = None,
) -> JointHosting:
    """Find how much several hubs can take at once.

    Parameters
    ----------
    net : Network
    buses : sequence of str
        At least two, in one island.
    criteria, snapshots, options
        As for `gridhub.hosting_capacity`; by DC.

    Returns
    -------
    JointHosting

    Raises
    ------
    KeyError, OptionError, InputError, NotConverged
        As for `gridhub.hosting_capacity`; OptionError also for fewer than two buses, several
        islands, or own supply.

    Notes
    -----
    Largest sum of the loads such that every branch holds in every state, with everything in service and
    after every single outage that splits nothing: one linear programme whose rows are added where they are
    exceeded. What the units add depends on the total alone and bends where one meets its limit: the programme
    is solved between two bends, from the highest total down, and is exact there. A bus may get more than by
    itself, where another relieves what binds it. With the option ``effect`` a limit counts if any of the
    hubs by itself moves the flow by that per MW.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> star = pd.DataFrame(
    ...     {"from_bus": list("aabb"), "to_bus": list("bbcd"), "r_ohm": 1.0, "x_ohm": 9.0, "rate_mva": 300.0},
    ...     index=["ab1", "ab2", "bc", "bd"],
    ... )
    >>> net = build_network(
    ...     "star",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False, False]}, index=list("abcd")),
    ...     line=star,
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [50.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_mw": 50.0, "p_max_mw": 900.0}, index=["unit"]),
    ... )
    >>> shared = share_room(net, ["c", "d"])
    >>> shared.table["alone_mw"].round(3).tolist(), round(shared.total_mw, 3)
    ([250.0, 250.0], 250.0)
    """
    settled = read_hosting_options(options, reactive_limits=net.reactive_limits)
    if settled.own is not None:
        raise OptionError("own: several hubs at once are looked at without own supply; use hosting_capacity")
    chosen = find_buses(net, buses)
    if len(chosen) < 2:
        raise OptionError(f"one bus alone, {chosen[0]}, shares with nobody: use hosting_capacity")
    alone = hosting_capacity(net, chosen, criteria, snapshots, "dc", settled)
    judged = resolve_criteria(net, criteria)
    states = list_states(net, snapshots, settled)
    at = [list(net.bus.index).index(name) for name in chosen]
    views, notes = _build_views([*states.snapshots, *states.hours], at, judged, settled)
    base = net.base_mva
    firm = alone.table["firm_mw"].to_numpy(dtype=float) / base
    units = alone.table["reserve_mw"].fillna(alone.table["generation_mw"]).to_numpy(dtype=float).min() / base
    total = min([units, settled.maximum_mw / base, *(float(view.path.amount[-1]) for view in views)])
    single = alone.table["largest_loss_mw"].fillna(settled.maximum_mw).to_numpy(dtype=float) / base
    programme = JointProgramme(views, firm, np.minimum(single, settled.maximum_mw / base), total)
    largest = programme.find_largest_share()
    points = [programme.maximise(share * largest * firm) * base for share in SHARES]
    frontier = pd.DataFrame(points, columns=chosen, index=pd.Index(SHARES, name="least_share"))
    frontier.insert(0, "total_mw", frontier.sum(axis=1))
    frontier.insert(0, "least_mw_per_mw", [share * largest for share in SHARES])
    table = pd.DataFrame({"alone_mw": firm * base, "mw": points[0]}, index=pd.Index(chosen, name="bus"))
    gaps = ["towers", *notes, "voltage", "loss of units and links", "fault level"]
    return JointHosting(table, float(points[0].sum()), frontier, "; ".join(gaps))


def _build_views(
    states: Sequence[State], at: Sequence[int], criteria: Criteria | None, options: HostingOptions
) -> tuple[list[JointView], list[str]]:
    """Build the flows and limits of every state: branches, and interfaces beside them."""
    found = start_search(len(at), options.maximum_mw / states[0].case.base_mva)
    views: list[JointView] = []
    splits = 0
    worsening = options.worsening_points / 100.0
    for group in group_states(states):
        search = DcSearch(group[0], at, criteria, options, found, towers=False)
        islands = np.unique(search.plan.islands.island[search.node[search.alive]])
        if len(search.alive) < len(at) or len(islands) != 1:
            raise OptionError("the buses are not all in one island with a reference: they share no room")
        splits = max(splits, int(search.outages.splits.sum()))
        for state in group:
            path = search.trace(state, search.solve(state), search.plan, int(islands[0]))
            if path is None:
                raise OptionError(f"the units can follow nothing in {state.label or 'the stored state'}")
            element = np.repeat(np.arange(len(search.before)), np.diff(search.losses.begin))
            after, effect = search.after[element], options.effect
            views.append(
                build_view(path, search.drawn, search.losses, search.before, after, worsening, effect)
            )
            rows = compile_interfaces(state.net, state.case, limited=True)
            if rows.names:
                middle, half = find_interface_range(rows, 1.0 - options.interface_margin_percent / 100.0)
                inside = restrict_path(path, rows.weight, rows.fixed - middle)
                nothing = no_losses(len(half))
                drawn = search.drawn @ rows.weight.T
                views.append(build_view(inside, drawn, nothing, half, np.empty(0), worsening, 0.0))
    notes = [*found.notes, *([f"{splits} outages that split the grid"] if splits else [])]
    return views, notes
