"""Dispatch: who produces hour by hour at least cost, what the grid and its N-1 security cost, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.folder import DispatchFolder, compute_key
from gridhub.analysis.dispatch.inputs import DispatchInputs, build_inputs
from gridhub.analysis.dispatch.options import DispatchOptions, read_dispatch_options
from gridhub.analysis.dispatch.tables import join_tables, sum_unserved
from gridhub.analysis.dispatch.windows import find_look_ahead, solve_windows
from gridhub.case.profiles import read_profiles
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot


@dataclass(frozen=True, eq=False)
class Dispatch:
    """Result of a dispatch. Power in MW, a row an hour; money in the network's currency.

    Attributes
    ----------
    network, snapshot, currency : str
    security : tuple of str
        Contingencies that every hour survives; empty: the intact network alone.
    status : DataFrame
        One row per hour: status (OPTIMAL | INFEASIBLE | UNSOLVED), reason, cost and its parts,
        cost_intact (without the outages), cost_market (without any limit of the grid), load_mw (served),
        shed_mw, flexible_mw (called), dead_load_mw (in islands without a reference), generation_mw,
        curtailed_mw, storage_mw,
        losses_mw (of branches, as the balance holds them; links and shunts not), reserve_short_mw,
        imbalance_mw (largest of any island), rounds. Numbers of an infeasible hour are of the hour in which
        its limits give way as `conflicts` says.
    cost : Series
        By hour; constant costs of in-service units included.
    generation : DataFrame
        hour x generator.
    curtailment : DataFrame
        hour x unit of sun and wind: what it could have given beyond its output.
    storage, energy : DataFrame
        hour x storage: discharge positive [MW]; what is in it after the hour [MWh], NaN where storage keeps
        its schedule.
    shed : DataFrame
        hour x load: not served, beyond what is called of flexible loads.
    flexible : DataFrame
        hour x flexible load: what is called, and so not served, within its offer.
    hvdc : DataFrame
        hour x link, taken at the from end.
    flow : DataFrame
        hour x branch, at the from end.
    interface_flow : DataFrame
        hour x interface that has a limit.
    price, price_loss, price_congestion : DataFrame
        hour x bus: cost of one more MW [currency/MWh], and its parts of losses and congestion; the rest, the
        same for all buses of an island, is energy. Both parts have a load-weighted mean of 0 in an island;
        NaN in dead ones. Losses are 0 without the option ``losses``.
    congestion : DataFrame
        hour, kind (branch | angle | interface | link), element, contingency ("" in the intact network),
        flow_mw, limit_mw (with the sign of the flow), shadow_price (what one more MW of limit saves), rent
        (shadow price times limit), excess_mw (beyond a limit that has a price).
    conflicts : DataFrame
        hour, kind, element, contingency, limit_mw, give_mw of hours without a dispatch: the limits that must
        give, by the fewest MW, and those they conflict with (give_mw = 0).
    constrained_off, constrained_on : DataFrame
        hour x generator: by how much the grid and its outages lower and raise the output, against the nearest
        dispatch of least cost without a grid.
    summary : mapping
        hours, counts by status, cost, cost_intact, cost_market, security_cost, congestion_cost,
        congestion_rent, load_mwh, shed_mwh, flexible_mwh (called, beside what is shed), dead_load_mwh,
        generation_mwh, curtailed_mwh, losses_mwh, reserve_short_mwh, largest_imbalance_mw,
        look_ahead_h (hours before each hour from which the plan sees it, the first window's left out),
        contingencies, not_assessed,
        unrated_branches, references_chosen, units_without_cost, storage_assumed.
    options : DispatchOptions
    """

    network: str
    snapshot: str
    currency: str
    security: tuple[str, ...]
    status: pd.DataFrame
    cost: pd.Series
    generation: pd.DataFrame
    curtailment: pd.DataFrame
    storage: pd.DataFrame
    energy: pd.DataFrame
    shed: pd.DataFrame
    flexible: pd.DataFrame
    hvdc: pd.DataFrame
    flow: pd.DataFrame
    interface_flow: pd.DataFrame
    price: pd.DataFrame
    price_loss: pd.DataFrame
    price_congestion: pd.DataFrame
    congestion: pd.DataFrame
    conflicts: pd.DataFrame
    constrained_off: pd.DataFrame
    constrained_on: pd.DataFrame
    summary: Mapping[str, Any]
    options: DispatchOptions

    @property
    def unserved(self) -> pd.DataFrame:
        """Load that is not served, shed or called, hour x load [MW]."""
        return sum_unserved(self.shed, self.flexible)


def run_dispatch(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    security: str | pd.DataFrame | None = None,
    options: Mapping[str, Any] | DispatchOptions | None = None,
    *,
    snapshot: str | None = None,
    folder: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dispatch:
    r"""Dispatch hours at least cost within the limits of the grid, and of the grid after any outage.

    Parameters
    ----------
    net : Network
    profiles : mapping, optional
        (table, column) -> DataFrame hours x ids [MW], as for `run_time_series`; rows an hour apart. A profile
        of a generator is what sun or wind allow: it gives that or less; a unit behind the meter
        (``metered`` False) or one that must run gives just that. Storage and links with a profile keep it.
        None: the snapshot alone.
    security : None, "n-1" or contingency table
        Outages that every hour has to survive without any action after them: "n-1" is every line, transformer
        and series element (`list_contingencies`).
    options : mapping or DispatchOptions, optional
    snapshot : str, optional
        State the profiles are put into; None is the first.
    folder : path, optional
        Where the tables of each window are kept as Parquet files while the run goes on. A run that finds its
        own windows there reads them and goes on behind them.
    progress : callable, optional
        Called with hours done and hours in all.

    Returns
    -------
    Dispatch
        An hour without a dispatch is a row with its status, and `Dispatch.conflicts` names the limits.

    Raises
    ------
    InputError
        If profiles, costs, ranges or contingencies are wrong; all faults are listed.
    KeyError
        If the snapshot does not exist.
    OptionError
        If an option or `security` is unknown or out of range, or no bus is in service.
    OutputError
        If `folder` holds another run, or cannot be written.
    ValueError
        If the contingency table is empty.

    Notes
    -----
    A linear programme on the DC model; see `gridhub.dispatch.hour.solve_hour` and
    `gridhub.dispatch.horizon.solve_horizon` for the equations. Losses of branches are part of it with
    the option ``losses`` "iterated"; shunts draw their conductance at 1 p.u. A branch is held to ``rate_mva``
    before an outage and to ``rate_b_mva``
    (else ``rate_mva``) after one, an unrated one to nothing. Sun and wind without a profile give up to their
    schedule where the network stores snapshots, and up to p_max_mw otherwise. A unit that holds no voltage
    and has no p_max_mw keeps its schedule. Units that stand behind a load (``behind_load``) give together at
    most what that asks for in the hour, before flexible load is called: they export nothing. Own sun
    and wind there give first; what is more than the load is no curtailment of the grid's and not counted.
    Commitment is not decided: see the option ``commitment``.

    Quadratic costs are met by tangents to the option ``cost_error``, and prices to about the root of that;
    piecewise costs are exact.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0}, index=["ab"]
    ...     ),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [500.0]}, index=["demand"]),
    ...     generator=pd.DataFrame(
    ...         {"bus": ["a", "b"], "p_min_mw": 0.0, "p_max_mw": 1000.0, "cost_c1_per_mwh": [20.0, 80.0]},
    ...         index=["cheap", "dear"],
    ...     ),
    ... )
    >>> day = pd.DataFrame({"demand": [300.0, 700.0]}, index=["night", "noon"])
    >>> found = run_dispatch(net, {("load", "p_mw"): day})
    >>> found.cost.tolist(), found.price.loc["noon"].tolist()
    ([6000.0, 20000.0], [20.0, 80.0])
    >>> found.congestion[["hour", "element", "shadow_price", "rent"]].values.tolist()
    [['noon', 'ab', 60.0, 36000.0]]
    """
    settled = read_dispatch_options(options)
    name = find_snapshot(net, snapshot) or ""
    state = apply_snapshot(net, snapshot)
    hourly = read_profiles(state, profiles, name or "snapshot")
    inputs = build_inputs(state, snapshot, hourly, security, settled)
    kept = None
    if folder is not None:
        kept = DispatchFolder(Path(folder), compute_key(state, profiles, security, settled))
    parts = []
    for tables in solve_windows(inputs, kept):
        parts.append(tables)
        if progress is not None:
            progress(sum(len(part["status"]) for part in parts), inputs.count)
    tables = join_tables(parts)
    return Dispatch(
        network=net.name,
        snapshot=name,
        currency=net.currency,
        security=inputs.contingencies,
        cost=tables["status"]["cost"],
        summary=MappingProxyType(_summarize(inputs, tables)),
        options=settled,
        **tables,
    )


def _summarize(inputs: DispatchInputs, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    status, case = tables["status"], inputs.case
    cost, intact, market = (
        float(status[name].sum(skipna=False)) for name in ("cost", "cost_intact", "cost_market")
    )
    return {
        "hours": len(status),
        **{str(key): int(value) for key, value in status["status"].value_counts().items()},
        "cost": cost,
        "cost_intact": intact,
        "cost_market": market,
        "security_cost": cost - intact if inputs.contingencies else 0.0,
        "congestion_cost": cost - market,
        "congestion_rent": float(tables["congestion"]["rent"].sum()),
        "load_mwh": float(status["load_mw"].sum()),
        "shed_mwh": float(status["shed_mw"].sum()),
        "flexible_mwh": float(status["flexible_mw"].sum()),
        "dead_load_mwh": float(status["dead_load_mw"].sum()),
        "generation_mwh": float(status["generation_mw"].sum()),
        "curtailed_mwh": float(status["curtailed_mw"].sum()),
        "losses_mwh": float(status["losses_mw"].sum()),
        "reserve_short_mwh": float(status["reserve_short_mw"].sum()),
        "largest_imbalance_mw": float(status["imbalance_mw"].max()),
        "look_ahead_h": find_look_ahead(inputs),
        "contingencies": len(inputs.contingencies),
        "not_assessed": inputs.skipped,
        "unrated_branches": int((np.isnan(case.rate) & case.branch_on).sum()),
        "references_chosen": inputs.references,
        "units_without_cost": inputs.units.free,
        "storage_assumed": inputs.stores.assumed,
    }
