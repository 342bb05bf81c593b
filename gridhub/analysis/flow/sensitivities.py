"""PTDF and LODF as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridhub.case.case import Case
from gridhub.case.compile import compile_case
from gridhub.model.network import Network
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.factors import compute_outage_factors, compute_transfer_factors, find_bridge_branches
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options


def _prepare(
    net: Network, snapshot: str | None, options: Mapping[str, Any] | PowerFlowOptions | None
) -> tuple[Case, DcPlan]:
    settled = read_options(options, reactive_limits=net.reactive_limits)
    case, _ = choose_references(compile_case(net, snapshot))
    return case, plan_dc(case, settled.dc_convention)


def ptdf(
    net: Network,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    snapshot: str | None = None,
) -> pd.DataFrame:
    """Compute the power transfer distribution factors.

    Parameters
    ----------
    net : Network
    options : mapping or PowerFlowOptions, optional
        ``dc_convention`` counts; ``distributed_slack`` does not.
    snapshot : str, optional
        State whose topology counts; None is the first.

    Returns
    -------
    DataFrame
        Branch x bus: MW in the branch (positive from its from end) per MW injected at the bus and taken out
        at the reference bus of its island, whose column is 0. NaN columns for dead buses, 0 rows for branches
        out of service, NaN rows for branches without impedance (their split is not a matter of impedance).

    Notes
    -----
    diag(b) C B^-1, with the reference left out of B.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": [345.0, 345.0], "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0}, index=["ab"]),
    ... )
    >>> ptdf(net).loc["ab", "b"]
    -1.0
    """
    case, plan = _prepare(net, snapshot, options)
    factors = compute_transfer_factors(plan, np.arange(case.n_node))
    factors = np.concatenate([factors, np.full((case.n_branch, 1), np.nan)], axis=1)[:, case.bus_node]
    factors[~case.branch_on] = 0.0
    factors[case.branch_joins] = np.nan
    branch = pd.Index(case.labels.branch, dtype=object, name="branch")
    return pd.DataFrame(factors, index=branch, columns=pd.Index(case.labels.bus, dtype=object, name="bus"))


def lodf(
    net: Network,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    snapshot: str | None = None,
) -> pd.DataFrame:
    """Compute the line outage distribution factors.

    Parameters
    ----------
    net : Network
    options : mapping or PowerFlowOptions, optional
        ``dc_convention`` counts.
    snapshot : str, optional
        State whose topology counts; None is the first.

    Returns
    -------
    DataFrame
        Branch x outaged branch: share of the outaged branch's flow before the outage that moves to the
        branch. -1 on the diagonal, a column of NaN where the outage splits an island (found by graph), 0 in
        rows and columns of branches out of service; NaN also for branches without impedance.

    Notes
    -----
    LODF = H / (1 - H_kk) with H = PTDF C'.
    """
    case, plan = _prepare(net, snapshot, options)
    every = np.arange(case.n_branch)
    splits = find_bridge_branches(case)
    factors = compute_outage_factors(case, plan, every, splits)
    off = ~case.branch_on
    factors[off] = 0.0
    factors[:, off] = 0.0
    factors[:, splits] = np.nan
    factors[case.branch_joins] = np.nan
    factors[:, case.branch_joins] = np.nan
    names = pd.Index(case.labels.branch, dtype=object)
    return pd.DataFrame(factors, index=names.rename("branch"), columns=names.rename("outage"))
