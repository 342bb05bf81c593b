"""What a grid impact assessment asks for: supplying banks, and branches that the hub loads visibly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import Security, settle_state
from gridhub.case.case import Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.dc import plan_dc
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
        snapshot, element, kind, rate_mva, before_mw, after_mw (|P| at the from end), before_percent,
        after_percent, rise_points; the largest rise of each snapshot first.
    """
    branches = net.branches()
    parts = []
    for name in after:
        old, new = before[name].base.branch, after[name].base.branch
        both = new.index.intersection(old.index)
        table = pd.DataFrame(
            {
                "snapshot": name,
                "element": both,
                "kind": branches["kind"].reindex(both).to_numpy(),
                "rate_mva": branches["rate_mva"].reindex(both).to_numpy(),
                "before_mw": old["p_from_mw"].reindex(both).abs().to_numpy(),
                "after_mw": new["p_from_mw"].reindex(both).abs().to_numpy(),
                "before_percent": old["loading_percent"].reindex(both).to_numpy(),
                "after_percent": new["loading_percent"].reindex(both).to_numpy(),
            }
        )
        table["rise_points"] = table["after_percent"] - table["before_percent"]
        table = table[table["rise_points"] > RISE_POINTS]
        parts.append(table.sort_values("rise_points", ascending=False, kind="stable"))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(RAISED_COLUMNS))


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
    transformer = net.transformer
    rows = []
    for name in after:
        old, new = before[name].base.branch, after[name].base.branch
        mine = transformer.index[transformer["in_service"].to_numpy(dtype=bool)]
        mine = mine.intersection(old.index).intersection(new.index)
        share = (new["p_from_mw"].reindex(mine).abs() - old["p_from_mw"].reindex(mine).abs()) / hub_mw
        chosen = share[share >= SUPPLYING].sort_values(ascending=False, kind="stable")
        if chosen.empty:
            continue
        banks = [str(bank) for bank in chosen.index]
        worst_before = find_worst_outage(net, before[name], criteria, banks)
        worst_after = find_worst_outage(placed, after[name], criteria, banks)
        rows.append(
            pd.DataFrame(
                {
                    "snapshot": name,
                    "bank": banks,
                    "from_bus": transformer["from_bus"].reindex(banks).to_numpy(),
                    "to_bus": transformer["to_bus"].reindex(banks).to_numpy(),
                    "share_percent": 100.0 * chosen.to_numpy(),
                    "n_before_percent": old["loading_percent"].reindex(banks).to_numpy(),
                    "n_after_percent": new["loading_percent"].reindex(banks).to_numpy(),
                    "n1_before_percent": worst_before["percent"].to_numpy(),
                    "n1_after_percent": worst_after["percent"].to_numpy(),
                    "n1_contingency": worst_after["contingency"].to_numpy(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(BANK_COLUMNS))


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
    table = list_contingencies(state, SINGLE)
    sets = [one.branch for one in find_outages(state, case, table)]
    splits = find_splitting_sets(case, sets)
    usable = [
        k
        for k, lost in enumerate(sets)
        if not splits[k] and any(case.branch_on[i] for i in lost) and not case.branch_joins[list(lost)].any()
    ]
    position = {str(name): i for i, name in enumerate(case.labels.branch)}
    at = np.array([position[name] for name in elements])
    flow = sec.base.branch.reindex(case.labels.branch)
    p, q = (np.nan_to_num(flow[name].to_numpy(dtype=float)) for name in ("p_from_mw", "q_from_mvar"))
    limit = build_limits(state, case, criteria, "outage").rate[at] * case.base_mva
    worst, outage = np.full(len(at), np.nan), np.full(len(at), "", dtype=object)
    for first in range(0, len(usable), BLOCK):
        block = usable[first : first + BLOCK]
        factors = compute_set_factors(case, plan, [sets[k] for k in block])
        for place, k in enumerate(block):
            members = slice(factors.start[place], factors.start[place + 1])
            lost: Ints = factors.lost[members]
            moved: Floats = p[lost] @ factors.factor[members][:, at]
            percent = 100.0 * np.hypot(p[at] + moved, q[at]) / limit
            higher = ~np.isin(at, lost) & ~(percent <= worst) & np.isfinite(percent)
            worst[higher], outage[higher] = percent[higher], str(table.index[k])
    return pd.DataFrame({"percent": worst, "contingency": outage}, index=elements)
