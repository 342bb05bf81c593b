"""What a grid impact assessment asks for: supplying banks, and branches that the hub loads visibly.

The study of one hub and the ranking of sites (`gridhub.analysis.siting.impact`) share it: two tables of
branch flows, without and with the hub, are compared by `list_raised` and `find_shares`; N-1 is
`search_worst_outages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import Security, settle_state
from gridhub.case.case import Case, Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.factors import compute_set_factors, find_splitting_sets
from gridhub.solvers.islands import choose_references

SUPPLYING = 0.05
"""Share of the hub's power that a bank takes up from which it counts as supplying it: assumed."""

RISE_POINTS = 5.0
"""Rise of loading from which a branch is listed: as the draft of the Korean assessment asks [points]."""

BLOCK = 256
"""Outages whose factors are kept at a time."""

SINGLE = ("line", "transformer", "series")
"""Kinds of outages that N-1 means here."""

BANK_COLUMNS = (
    "snapshot",
    "bank",
    "from_bus",
    "to_bus",
    "share_percent",
    "n_before_percent",
    "n_after_percent",
    "n1_before_percent",
    "n1_after_percent",
    "n1_contingency",
)

RAISED_COLUMNS = (
    "snapshot",
    "element",
    "kind",
    "rate_mva",
    "before_mw",
    "after_mw",
    "before_percent",
    "after_percent",
    "rise_points",
)


def list_raised(branches: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """List the branches whose loading rises by more than `RISE_POINTS` from one state to another.

    Parameters
    ----------
    branches : DataFrame
        ``Network.branches()``.
    old, new : DataFrame
        Index element; p_from_mw, loading_percent. What only one of them holds is left out.

    Returns
    -------
    DataFrame
        element, kind, rate_mva, before_mw, after_mw (|P| at the from end), before_percent, after_percent,
        rise_points; the largest rise first.
    """
    both = new.index.intersection(old.index)
    before, after = (part["loading_percent"].reindex(both).to_numpy(dtype=float) for part in (old, new))
    rise = after - before
    chosen = np.flatnonzero(rise > RISE_POINTS)
    chosen = chosen[np.argsort(-rise[chosen], kind="stable")]
    named = both[chosen]
    return pd.DataFrame(
        {
            "element": named,
            "kind": branches["kind"].reindex(named).to_numpy(),
            "rate_mva": branches["rate_mva"].reindex(named).to_numpy(),
            "before_mw": old["p_from_mw"].reindex(named).abs().to_numpy(),
            "after_mw": new["p_from_mw"].reindex(named).abs().to_numpy(),
            "before_percent": before[chosen],
            "after_percent": after[chosen],
            "rise_points": rise[chosen],
        }
    )


def build_raised_branches(
    net: Network, before: Mapping[str, Security], after: Mapping[str, Security]
) -> pd.DataFrame:
    """List the branches whose loading with everything in service the hub raises by more than `RISE_POINTS`.

    Parameters
    ----------
    net : Network
        With the hub; its own feeders are left out.
    before, after : mapping
        Snapshot -> Security.

    Returns
    -------
    DataFrame
        snapshot, then the columns of `list_raised`; the largest rise of each snapshot first.
    """
    branches = net.branches()
    parts = []
    for name in after:
        found = list_raised(branches, before[name].base.branch, after[name].base.branch)
        found.insert(0, "snapshot", name)
        parts.append(found)
    return join_parts(parts, RAISED_COLUMNS)


def join_parts(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Put tables one below the other; an empty one with `columns` where none has a row."""
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(columns))


def find_shares(transformer: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame, hub_mw: float) -> pd.Series:
    """Find the transformers that supply a hub, and the share of its power that each takes up.

    Parameters
    ----------
    transformer : DataFrame
        Those of the network without the hub.
    old, new : DataFrame
        Without and with the hub: index element; p_from_mw.
    hub_mw : float
        Contract power [MW].

    Returns
    -------
    Series
        Transformer in service -> rise of |P| at its from end over the hub's power, where it is `SUPPLYING` or
        more, the largest first.
    """
    mine = transformer.index[transformer["in_service"].to_numpy(dtype=bool)]
    mine = mine.intersection(old.index).intersection(new.index)
    share = (new["p_from_mw"].reindex(mine).abs() - old["p_from_mw"].reindex(mine).abs()) / hub_mw
    return share[share >= SUPPLYING].sort_values(ascending=False, kind="stable")


def build_banks(
    transformer: pd.DataFrame,
    share: pd.Series,
    old: pd.DataFrame,
    new: pd.DataFrame,
    worst_before: pd.DataFrame,
    worst_after: pd.DataFrame,
) -> pd.DataFrame:
    """Set the supplying banks of one state in a table.

    Parameters
    ----------
    transformer : DataFrame
    share : Series
        Of `find_shares`.
    old, new : DataFrame
        Index element; loading_percent, without and with the hub.
    worst_before, worst_after : DataFrame
        Index element; percent, contingency, as of `find_worst_outage`.

    Returns
    -------
    DataFrame
        `BANK_COLUMNS` without snapshot.
    """
    banks = [str(bank) for bank in share.index]
    return pd.DataFrame(
        {
            "bank": banks,
            "from_bus": transformer["from_bus"].reindex(banks).to_numpy(),
            "to_bus": transformer["to_bus"].reindex(banks).to_numpy(),
            "share_percent": 100.0 * share.to_numpy(dtype=float),
            "n_before_percent": old["loading_percent"].reindex(banks).to_numpy(),
            "n_after_percent": new["loading_percent"].reindex(banks).to_numpy(),
            "n1_before_percent": worst_before["percent"].reindex(banks).to_numpy(),
            "n1_after_percent": worst_after["percent"].reindex(banks).to_numpy(),
            "n1_contingency": worst_after["contingency"].reindex(banks).to_numpy(),
        }
    )


def build_supplying_banks(
    net: Network,
    placed: Network,
    criteria: Criteria | None,
    before: Mapping[str, Security],
    after: Mapping[str, Security],
    hub_mw: float,
) -> pd.DataFrame:
    """List the transformers that supply the hub, with their loading in N and N-1 before and after.

    Parameters
    ----------
    net, placed : Network
        Without and with the hub.
    criteria : Criteria or None
        Whose limits the loading is measured by; None: the ratings.
    before, after : mapping
        Snapshot -> Security.
    hub_mw : float
        Contract power [MW].

    Returns
    -------
    DataFrame
        snapshot, bank, from_bus, to_bus, share_percent (of the hub's power that it takes up),
        n_before_percent, n_after_percent, n1_before_percent, n1_after_percent (after the worst loss of one
        branch), n1_contingency (that of the last). Banks of the network that take up `SUPPLYING` or more,
        the largest share of each snapshot first.

    Notes
    -----
    N by AC. N-1 as the screen sees it: the change of active power by outage factors on top of the AC flow,
    reactive power as before the outage; outages that split the grid are left out.
    """
    parts = []
    for name in after:
        old, new = before[name].base.branch, after[name].base.branch
        share = find_shares(net.transformer, old, new, hub_mw)
        if share.empty:
            continue
        banks = [str(bank) for bank in share.index]
        worst = [
            find_worst_outage(one, sec, criteria, banks)
            for one, sec in ((net, before[name]), (placed, after[name]))
        ]
        found = build_banks(net.transformer, share, old, new, *worst)
        found.insert(0, "snapshot", name)
        parts.append(found)
    return join_parts(parts, BANK_COLUMNS)


def find_worst_outage(
    net: Network, sec: Security, criteria: Criteria | None, elements: list[str]
) -> pd.DataFrame:
    """Find the loss of one branch that loads each element most, by outage factors on the AC flow.

    Returns
    -------
    DataFrame
        Index element; percent [% of the limit after an outage], contingency ("" where none is left).
    """
    state = settle_state(net, sec.snapshot or None)
    case, _ = choose_references(compile_case(state))
    plan = plan_dc(case, sec.options.dc_convention)
    position = {str(name): i for i, name in enumerate(case.labels.branch)}
    at = np.array([position[name] for name in elements])
    flow = sec.base.branch.reindex(case.labels.branch)
    p, q = (np.nan_to_num(flow[name].to_numpy(dtype=float)) for name in ("p_from_mw", "q_from_mvar"))
    worst, outage = search_worst_outages(state, case, plan, criteria, p[None, :], q[None, :], at)
    return pd.DataFrame({"percent": worst[0], "contingency": outage[0]}, index=elements)


def search_worst_outages(
    state: Network,
    case: Case,
    plan: DcPlan,
    criteria: Criteria | None,
    p: Floats,
    q: Floats,
    at: Ints,
) -> tuple[Floats, np.ndarray]:
    """Search the loss of one branch that loads some branches most, in several states of one topology at once.

    Parameters
    ----------
    state : Network
        Whose outages and limits count.
    case : Case
    plan : DcPlan
        Of `case`.
    criteria : Criteria or None
        None: the ratings.
    p, q : (s, n_branch) float
        Flow into each branch at its from end before any outage [MW, Mvar].
    at : (m,) int
        Branches looked at.

    Returns
    -------
    percent : (s, m) float
        Of the limit after an outage [%]; NaN where no outage is left or there is no limit.
    contingency : (s, m) str
        "" likewise.

    Notes
    -----
    As the screen sees it: the change of active power by outage factors, reactive power as before the outage;
    outages that split the grid are left out.
    """
    table = list_contingencies(state, SINGLE)
    sets = [one.branch for one in find_outages(state, case, table)]
    splits = find_splitting_sets(case, sets)
    usable = [
        k
        for k, lost in enumerate(sets)
        if not splits[k] and any(case.branch_on[i] for i in lost) and not case.branch_joins[list(lost)].any()
    ]
    limit = build_limits(state, case, criteria, "outage").rate[at] * case.base_mva
    worst, outage = np.full((len(p), len(at)), np.nan), np.full((len(p), len(at)), "", dtype=object)
    for first in range(0, len(usable), BLOCK):
        block = usable[first : first + BLOCK]
        factors = compute_set_factors(case, plan, [sets[k] for k in block])
        for place, k in enumerate(block):
            members = slice(factors.start[place], factors.start[place + 1])
            lost: Ints = factors.lost[members]
            moved: Floats = p[:, lost] @ factors.factor[members][:, at]
            percent = 100.0 * np.hypot(p[:, at] + moved, q[:, at]) / limit
            out = (at == lost[:, None]).any(axis=0)
            higher = ~out & ~(percent <= worst) & np.isfinite(percent)
            worst[higher], outage[higher] = percent[higher], str(table.index[k])
    return worst, outage
