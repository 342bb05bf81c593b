"""The table of hosting capacity: what sets each figure, what comes next, and what it does not cover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.flow.interfaces import list_limited
from gridhub.analysis.hosting.ac import KINDS, Met
from gridhub.analysis.hosting.hours import SHARES
from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.own_rooms import OWN_SHARES
from gridhub.analysis.hosting.own_supply import OwnSupply
from gridhub.analysis.hosting.queue import SCENARIOS, describe_review, find_queue_parts, list_reviews
from gridhub.analysis.hosting.search import Found
from gridhub.analysis.hosting.states import State
from gridhub.case.case import Floats, Ints
from gridhub.criteria import Criteria
from gridhub.kernels.rooms import Rooms
from gridhub.model.network import Network
from gridhub.solvers.islands import find_islands

COLUMNS = (
    "firm_mw",
    "firm_tower_mw",
    *SHARES,
    *OWN_SHARES,
    "thermal_mw",
    "interface_mw",
    "generation_mw",
    "reserve_mw",
    "largest_loss_mw",
    "voltage_mw",
    "nose_mw",
    "binding_kind",
    "binding_element",
    "binding_contingency",
    "binding_snapshot",
    "next_mw",
    "next_kind",
    "next_element",
    "next_contingency",
    "next_snapshot",
    *SCENARIOS,
    "not_assessed",
)
"""Columns of ``HostingCapacity.table``."""

NOTHING = (math.nan, "", "", "", "")
"""What binds where nothing does."""

NEVER_ASSESSED = "loss of units and links, fault level, dynamics"
"""What no method here looks at."""

OWN_GAPS = (
    "own supply beyond the hours given, in stored snapshots, by AC, and the loss of own plants or storage "
    "while they are needed"
)
"""What the figures with own supply do not look at."""


def find_reserve(
    state: State, at: Sequence[int], criteria: Criteria | None, options: HostingOptions
) -> Floats:
    """Find the upward room the units of each bus's island must keep, (n_bus,) [MW].

    As asked, else what may be lost at once by the criteria, but no more than the largest unit in service of
    the island; 0 for generation.
    """
    if options.kind == "generation":
        return np.zeros(len(at))
    if options.reserve_mw is not None:
        return np.full(len(at), float(options.reserve_mw))
    if criteria is None or not math.isfinite(criteria.max_loss_mw):
        return np.zeros(len(at))
    case, islands = state.case, find_islands(state.case)
    node = case.bus_node[case.generator_bus]
    on = case.generator_on & (node >= 0) & np.isfinite(case.generator_p_max)
    largest = np.zeros(islands.count + 1)
    np.maximum.at(largest, islands.island[node[on]], case.generator_p_max[on] * case.base_mva)
    own = case.bus_node[np.asarray(at)]
    return np.minimum(criteria.max_loss_mw, largest[np.where(own >= 0, islands.island[own], -1)])


def find_largest_loss(criteria: Criteria | None, options: HostingOptions) -> float:
    """Most that may stand behind one point of connection, since it may be lost at once [MW]."""
    if criteria is None:
        return math.inf
    return criteria.max_load_loss_mw if options.kind == "load" else criteria.max_loss_mw


class _Candidates:
    """Everything that may bind at each bus, side by side."""

    def __init__(self, maximum: float, count: int) -> None:
        self.maximum, self.count = maximum, count
        self.amount: list[Floats] = []
        self.kind: list[str] = []
        self.names: list[tuple[list[str], list[str], list[str]]] = []

    def add(self, kind: str, amount: Floats, element: list[str], outage: list[str], state: list[str]) -> None:
        """Add one candidate per bus; what is not below the maximum does not bind."""
        self.amount.append(np.where(amount < self.maximum - 1e-9, amount, np.inf))
        self.kind.append(kind)
        self.names.append((element, outage, state))

    def take_two(self, group: Mapping[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Take the nearest of each bus, and the next that is neither it nor parallel to it."""
        amounts = np.stack(self.amount)
        order = np.argsort(amounts, axis=0, kind="stable")
        nearest, following = [], []
        for j in range(self.count):
            first = self._describe(order[0, j], j)
            nearest.append(first)
            others = (self._describe(c, j) for c in order[1:, j].tolist())
            mine = group.get(first[2], first[2])
            following.append(next((row for row in others if group.get(row[2], row[2]) != mine), NOTHING))
        names = ("mw", "kind", "element", "contingency", "snapshot")
        return (
            pd.DataFrame(nearest, columns=[f"binding_{name}" for name in names]),
            pd.DataFrame(following, columns=[f"next_{name}" for name in names]),
        )

    def _describe(self, c: int, j: int) -> tuple[float, str, str, str, str]:
        if not math.isfinite(self.amount[c][j]):
            return NOTHING
        element, outage, state = (part[j] for part in self.names[c])
        return float(self.amount[c][j]), self.kind[c], element, outage, state


def list_parallel(net: Network) -> dict[str, int]:
    """Give branches between the same two buses the same number."""
    branches = net.branches()
    ends = pd.Series([frozenset(pair) for pair in zip(branches["from_bus"], branches["to_bus"], strict=True)])
    return dict(zip(branches.index, pd.factorize(ends)[0].tolist(), strict=True))


def build_table(
    net: Network,
    buses: list[str],
    criteria: Criteria | None,
    options: HostingOptions,
    found: Found,
    reserve: Floats,
    flexible: Mapping[str, Floats],
    own: Mapping[str, Floats],
    met: Sequence[Mapping[str, Met]] | None = None,
) -> pd.DataFrame:
    """Build ``HostingCapacity.table`` from what the DC search found, and the AC check, if there was one.

    `flexible` are the columns of `gridhub.analysis.hosting.hours.SHARES`, `own` those of own supply [MW];
    those of `own` that are not there are NaN.
    """
    base, maximum = net.base_mva, options.maximum_mw
    branches = [str(name) for name in net.branches().index]
    generation = found.generation * base
    largest = find_largest_loss(criteria, options)
    kept = np.maximum(generation - reserve, 0.0)
    candidates = _Candidates(maximum, len(buses))
    for rooms in (found.intact, found.single):
        for rank in (0, 1):
            candidates.add("thermal", *_name(rooms, rank, base, branches, found))
    candidates.add("interface", *_name(found.interface, 0, base, list_limited(net), found))
    states = [found.states[k] if k >= 0 else "" for k in found.generation_state.tolist()]
    none = [""] * len(buses)
    kind = "reserve" if reserve.any() else "generation"
    candidates.add(kind, kept, ["units of the island"] * len(buses), none, states)
    candidates.add(
        "largest_loss", np.full(len(buses), largest), ["point of connection"] * len(buses), none, none
    )
    for kind in KINDS if met is not None else ():
        candidates.add(kind, *_name_met(met or (), kind, base))
    nearest, following = candidates.take_two(list_parallel(net))
    firm = nearest["binding_mw"].fillna(maximum).to_numpy(dtype=float)
    tower = np.minimum(firm, found.tower.amount[:, 0] * base)
    table = pd.DataFrame(
        {
            "firm_mw": firm,
            "firm_tower_mw": tower,
            **flexible,
            **{name: own.get(name, np.full(len(buses), np.nan)) for name in OWN_SHARES},
            "thermal_mw": np.min(
                [generation, *(one.amount[:, 0] * base for one in (found.intact, found.single))], axis=0
            ),
            "interface_mw": _know(found.interface.amount[:, 0] * base, generation, bool(list_limited(net))),
            "generation_mw": generation,
            "reserve_mw": kept if reserve.any() else np.nan,
            "largest_loss_mw": largest if math.isfinite(largest) else np.nan,
            **{
                f"{kind}_mw": np.nan if met is None else [one[kind].amount * base for one in met]
                for kind in ("voltage", "nose")
            },
        }
    )
    if met is not None:
        table["thermal_mw"] = np.minimum(table["thermal_mw"], _name_met(met, "thermal", base)[0])
    table = pd.concat([table, nearest.drop(columns="binding_mw"), following], axis=1)
    part = find_queue_parts(net, buses)
    for name, share in SCENARIOS.items():
        table[name] = np.maximum(firm - share * part, 0.0)
    table.index = pd.Index(buses, name="bus", dtype=object)
    dead = ~found.alive
    numbers = [name for name in table.columns if name.endswith("_mw")]
    table.loc[dead, numbers] = np.nan
    table["not_assessed"] = describe_gaps(net, table, found, dead, bool(options.profiles), bool(own))
    return table[list(COLUMNS)]


def _name(
    rooms: Rooms, rank: int, base: float, elements: list[str], found: Found
) -> tuple[Floats, list[str], list[str], list[str]]:
    """Give amounts [MW] and the names of what binds."""

    def look(numbers: Ints, names: list[str]) -> list[str]:
        return [names[k] if k >= 0 else "" for k in numbers[:, rank].tolist()]

    amount = np.where(rooms.element[:, rank] >= 0, rooms.amount[:, rank] * base, np.inf)
    return (
        amount,
        look(rooms.element, elements),
        look(rooms.outage, found.outages),
        look(rooms.state, found.states),
    )


def _name_met(
    met: Sequence[Mapping[str, Met]], kind: str, base: float
) -> tuple[Floats, list[str], list[str], list[str]]:
    """Give what AC found [MW], infinite where nothing was met up to the DC figure, and its names."""
    chosen = [one[kind] for one in met]
    amount = np.array([one.amount * base if one.element else math.inf for one in chosen])
    names = ([getattr(one, part) for one in chosen] for part in ("element", "contingency", "snapshot"))
    element, outage, state = names
    return amount, element, outage, state


def _know(amount: Floats, generation: Floats, known: bool) -> Floats:
    """Not above what the units can follow; NaN if there is nothing to hold it against."""
    return np.minimum(amount, generation) if known else np.full(len(amount), np.nan)


def describe_gaps(
    net: Network, table: pd.DataFrame, found: Found, dead: np.ndarray, has_hours: bool, has_own: bool
) -> list[str]:
    """Say for every bus what its figures do not cover, and why."""
    reviews = list_reviews(net)
    unsure = _list_unsure(net)
    unsure_branches = list_unsure_branches(net)
    always = [*found.notes, NEVER_ASSESSED]
    if not has_hours:
        always.append("flexible figures (no profiles given: snapshots are no hours of a year)")
    if has_own:
        always.append(OWN_GAPS)
    if np.isnan(table["voltage_mw"].to_numpy(dtype=float)).all():
        always.append('voltage, reactive power and the margin to the nose (method "ac")')
    else:
        always.append("outages by AC in all but the two states with the least room")
    unrated = int((net.branches()["rate_mva"].isna() & net.branches()["in_service"]).sum())
    if unrated:
        always.append(f"{unrated:,} branches without a rating")
    if net.interface["limit_mw"].isna().all() and len(net.interface):
        always.append("interfaces (no limit is published)")
    province = net.bus["province"].astype(str)
    texts = []
    for j, (bus, binding) in enumerate(table["binding_element"].items()):
        if dead[j]:
            texts.append("everything: the bus is out of service or in an island without a reference")
            continue
        own = []
        if found.cut_off[j] >= 0:
            own.append(f"supply after the loss of {found.outages[found.cut_off[j]]}, which cuts the bus off")
        if bus in unsure or binding in unsure_branches:
            where = province[str(bus)]
            review = f" ({describe_review(reviews[where])})" if where in reviews else ""
            what = "the bus" if bus in unsure else "what binds"
            own.append(f"not assessable with public data: {what} rests on routes that are not public{review}")
        texts.append("; ".join([*own, *always]))
    return texts


def list_common_gaps(texts: Iterable[str]) -> list[str]:
    """List what ``not_assessed`` says of every bus; what concerns single buses is left to them.

    Examples
    --------
    >>> list_common_gaps(["supply after an outage; fault level", "fault level", "everything: out of service"])
    ['fault level']
    """
    parts = [text.split("; ") for text in texts if not text.startswith("everything")]
    return [part for part in parts[0] if all(part in other for other in parts)] if parts else []


def _list_unsure(net: Network) -> set[str]:
    """Buses at sites that public data do not carry."""
    site, bus = net.site, net.bus
    unsure = site.index[~site["assessable"].astype(bool)]
    return {str(name) for name in bus.index[bus["site"].isin(unsure).to_numpy(dtype=bool)]}


def list_unsure_branches(net: Network) -> set[str]:
    """List the branches at sites that public data do not carry: their routes are missing or assumed."""
    buses = _list_unsure(net)
    branches = net.branches()
    at = branches["from_bus"].isin(buses) | branches["to_bus"].isin(buses)
    return {str(name) for name in branches.index[at.to_numpy(dtype=bool)]}


def describe_rules(options: HostingOptions, reserve: Floats, has_queue: bool) -> tuple[str, ...]:
    """Say by which rules the figures were found."""
    follow = "raise" if options.kind == "load" else "lower"
    balancing = {
        "participation": f"units of the island {follow} their output by participation, within their limits",
        "merit": f"units of the island that take part {follow} their output in the order of marginal cost",
    }[options.balancing]
    points = options.worsening_points
    worse = {0.0: "not at all", math.inf: "by any amount: it is set aside"}.get(
        points, f"by at most {points:g} percentage points of loading"
    )
    effect = (
        "every branch counts, however little the injection moves it"
        if options.effect == 0
        else f"a branch counts where the injection moves it by at least {options.effect:.0%} of itself"
    )
    rules = [
        f"what is added is balanced as follows: {balancing}",
        f"a violation that is there without it may grow {worse}",
        effect,
        "one bus at a time; nothing is built or re-dispatched for it",
        "its own spur is left out: the loss of the spur is a loss of the hub",
    ]
    if reserve.any():
        rules.append(f"the units of the island keep up to {reserve.max():,.0f} MW of upward room")
    if options.interface_margin_percent > 0:
        rules.append(f"interfaces keep {options.interface_margin_percent:g} % of their limit free")
    if options.own is not None:
        rules += _describe_own(options.own)
    if options.profiles:
        rules.append(
            "every hour of the profiles counts the same"
            if options.weights is None
            else "hours of the profiles count by their weights in what may be curtailed"
        )
    if has_queue:
        rules.append(
            "queue_50_mw and queue_100_mw take off the bus's part of its province's reviewed MW, spread by "
            "load (assumed); what the rest of the queue does to the grid is not in them"
        )
    return tuple(rules)


def _describe_own(own: OwnSupply) -> list[str]:
    """Say by which rules the figures with own supply were found."""
    weather = "the output given" if own.output is not None else "the region's synthetic weather"
    row = "all hours in a row" if own.block_hours is None else f"blocks of {own.block_hours} hours in a row"
    plants = f"; plants by {weather}" if own.solar_mw > 0 or own.wind_mw > 0 else ""
    storage = f"; storage runs over {row} and ends as it began" if own.storage_mw > 0 else ""
    return [
        f"own_… per MW of contract power: {own.describe()}{plants}{storage}",
        "own_… draw a flat load at contract power less own supply in every hour of the profiles, by DC; "
        "nothing is exported, hours are known beforehand",
    ]
