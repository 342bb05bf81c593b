"""What a hub does to the rest of the grid: losses, congestion, curtailment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.dispatch import run_dispatch
from gridhub.analysis.hosting.ac import PROBE_PREFIX, add_probes
from gridhub.analysis.hosting.states import read_state
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Injections

PROBE_MW = 100.0
"""Load whose effect on losses and dispatch is measured, if the hub asks for no less [MW]: assumed."""

LOSS_METHOD = (
    f"rise of the losses per MW of the first {PROBE_MW:g} MW of the hub, mean of the snapshots, by AC with "
    "units by participation"
)
CONGESTION_METHOD = (
    f"rise of the cost of dispatch per MWh of the first {PROBE_MW:g} MW of the hub above what it would be "
    "without a grid, mean of the snapshots; intact grid and interfaces; below 0: it relieves congestion"
)
CURTAILMENT_METHOD = (
    f"part of the first {PROBE_MW:g} MW of the hub that sun and wind serve which are curtailed without it, "
    "mean of the snapshots"
)


def find_losses(net: Network, buses: Sequence[str], mw: float, power_factor: float) -> pd.Series[float]:
    """Find the rise of the losses per MW of a load at each bus, one at a time.

    Parameters
    ----------
    net : Network
    buses : sequence of str
    mw : float
        Of the load [MW].
    power_factor : float
        Lagging.

    Returns
    -------
    Series
        Bus -> mean over the snapshots [%]; NaN where a snapshot has no AC solution with it.

    Raises
    ------
    NotConverged
        If a snapshot has no AC solution without it.
    """
    probed = add_probes(net, buses)
    rises = []
    for snapshot in net.snapshots or (None,):
        case = read_state(probed, snapshot).case
        plan = plan_batch(case, read_options(None, reactive_limits=net.reactive_limits))
        p = np.repeat(case.load_p[None, :], len(buses) + 1, axis=0)
        q = np.repeat(case.load_q[None, :], len(buses) + 1, axis=0)
        at = [case.labels.load.index(f"{PROBE_PREFIX}{bus}") for bus in buses]
        rows = np.arange(1, len(buses) + 1)
        p[rows, at] = mw / case.base_mva
        q[rows, at] = p[rows, at] * math.tan(math.acos(power_factor))
        found = solve_batch(case, plan, None, Injections(load_p=p, load_q=q))
        if not found.solved[0]:
            raise NotConverged(
                f"{net.name!r}, {snapshot or 'stored state'}: no AC solution without the hub "
                f"({found.reason.get(0, '')}); try `gridhub flow` on it",
                "NOT_CONVERGED",
            )
        losses = np.where(found.solved, found.losses, np.nan) * case.base_mva
        rises.append(100.0 * (losses[1:] - losses[0]) / mw)
    return pd.Series(np.mean(rises, axis=0), index=list(buses))


def find_market_effects(
    net: Network, buses: Sequence[str], mw: float, dispatch: Mapping[str, Any]
) -> pd.DataFrame:
    """Dispatch every snapshot with a load at each bus, one at a time, and without it.

    Parameters
    ----------
    net : Network
        With costs of its units.
    buses : sequence of str
    mw : float
        Of the load [MW].
    dispatch : mapping
        Options of `gridhub.run_dispatch`; storage keeps its schedule unless they say otherwise.

    Returns
    -------
    DataFrame
        Bus -> congestion_per_mwh [currency/MWh], curtailment_relieved_percent [%]: means over the snapshots;
        NaN where a snapshot has no dispatch with the load.

    Raises
    ------
    InputError
        If units lack what a dispatch needs.
    NotConverged
        If a snapshot has no dispatch without the load.

    Notes
    -----
    The loads stand side by side as hours of one run, each with the load at another bus.
    """
    probed = add_probes(net, buses)
    ids = [f"{PROBE_PREFIX}{bus}" for bus in buses]
    hours = pd.Index(["without", *ids])
    load = pd.DataFrame(np.vstack([np.zeros(len(ids)), mw * np.eye(len(ids))]), index=hours, columns=ids)
    congestion, relieved = [], []
    for snapshot in net.snapshots or (None,):
        run = run_dispatch(
            probed, {("load", "p_mw"): load}, None, {"storage": "hold", **dispatch}, snapshot=snapshot
        )
        status = run.status
        if status["status"].iloc[0] != "OPTIMAL":
            raise NotConverged(
                f"{net.name!r}, {snapshot or 'stored state'}: no dispatch without the hub "
                f"({status['status'].iloc[0]}); give `dispatch` a shed_price or an excess_price",
                str(status["status"].iloc[0]),
            )
        good = (status["status"] == "OPTIMAL").to_numpy()
        rise = (status["cost"] - status["cost_market"]).where(good).to_numpy(dtype=float)
        curtailed = status["curtailed_mw"].where(good).to_numpy(dtype=float)
        congestion.append((rise[1:] - rise[0]) / mw)
        relieved.append(100.0 * (curtailed[0] - curtailed[1:]) / mw)
    return pd.DataFrame(
        {
            "congestion_per_mwh": np.mean(congestion, axis=0),
            "curtailment_relieved_percent": np.mean(relieved, axis=0),
        },
        index=list(buses),
    )
