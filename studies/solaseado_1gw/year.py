"""The year of the Solaseado hub on the grid: dispatch with and without it, and its carbon-free energy.

    python studies/solaseado_1gw/year.py --out results/solaseado_year

dispatches typical weeks without the hub, with it, and with its battery kept to the hub's own sun and wind,
and writes the totals and a report. ``--typical 0`` takes all 8,760 hours, some 17 minutes a run on two cores;
``--security n-1`` every outage. A run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from gridhub.analysis.carbon.hourly_dispatch import match_dispatch
from gridhub.analysis.carbon.hub_sizing import size_hub
from gridhub.analysis.dispatch.change import compare_dispatch
from gridhub.analysis.dispatch.dispatch import Dispatch, run_dispatch
from gridhub.model.network import Network
from gridhub.model.profiles import make_profiles
from gridhub.model.typical_weeks import pick_typical_weeks
from gridhub.placement.place import place
from gridhub.reference import load_network
from gridhub.report.write import write_report
from gridhub.study.study import read_study

STUDY = Path(__file__).with_name("study.toml")
OPTIONS = {"commitment": "relaxed", "shed_price": 20e6, "excess_price": 5e6, "excess_price_after": 1e6}
"""Units may rest: their stored state is a peak, whose minimum outputs exceed the load of a spring night.

Limits are soft at the prices of the stored states of korea-2025 [KRW/MWh].
"""

DAYS_ALONE = {"window_hours": 24, "overlap_hours": 0}
"""In typical periods storage ends each day as it began: no energy passes between hours of other weight."""

WHOLE_YEAR = {"overlap_hours": 6, "parts": 2, "workers": 2}
"""Two halves of the year side by side; storage ends the first as it began it."""


def add_up(dispatch: Dispatch, weight: pd.Series) -> dict[str, float]:
    """Add the hours of a dispatch up to a year."""
    status = dispatch.status
    rent = dispatch.congestion.groupby("hour")["rent"].sum().reindex(status.index, fill_value=0.0)
    return {
        "hours without a dispatch": float((status["status"] != "OPTIMAL").sum()),
        "cost [bn KRW]": float(weight @ status["cost"]) / 1e9,
        "congestion cost [bn KRW]": float(weight @ (status["cost"] - status["cost_market"])) / 1e9,
        "congestion rent [bn KRW]": float(weight @ rent) / 1e9,
        "curtailed sun and wind [GWh]": float(weight @ status["curtailed_mw"]) / 1e3,
        "load not served [GWh]": float(weight @ status["shed_mw"]) / 1e3,
    }


def main() -> None:
    """Run the year."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--typical", type=int, default=6, help="typical periods; 0: all hours")
    parser.add_argument("--length", choices=("week", "day"), default="week")
    parser.add_argument("--security", choices=("none", "n-1"), default="none")
    given = parser.parse_args()
    study = read_study(STUDY)
    hub, before = study.hub, load_network(study.network)
    after = place(before, hub)
    profiles = make_profiles(after, seed=study.seed, data_centers=[hub.data_center])
    # the battery that matches most of the hub's load with its own plants, all hours of the year known
    own = size_hub(after, hub, profiles).hourly
    (cell,) = hub.storage
    power = own[f"{cell.name}_discharge_mw"] - own[f"{cell.name}_charge_mw"]
    typical = pick_typical_weeks(profiles, given.typical, length=given.length) if given.typical else None
    hours = dict(profiles) if typical is None else typical.take(profiles)
    weight = pd.Series(1.0, hours["load", "p_mw"].index) if typical is None else typical.weight
    grid = {key: frame.loc[:, ~frame.columns.str.startswith("hub:")] for key, frame in hours.items()}
    kept = {**hours, ("storage", "p_mw"): power.loc[weight.index].to_frame(f"hub:{cell.name}")}
    security = None if given.security == "none" else given.security
    runs: dict[str, tuple[Network, Any]] = {
        "without the hub": (before, grid),
        "with the hub": (after, hours),
        "battery kept to the hub's plants": (after, kept),
    }
    options = OPTIONS | (WHOLE_YEAR if typical is None else DAYS_ALONE)
    rows, matches, found = {}, [], {}
    for number, (name, (net, series)) in enumerate(runs.items()):
        folder = given.out / f"dispatch_{number}"
        start = time.perf_counter()
        result = found[name] = run_dispatch(net, series, security, options, folder=folder)
        sys.stderr.write(f"{name}: {len(weight):,} hours, {(time.perf_counter() - start) / 60:.1f} minutes\n")
        rows[name] = add_up(result, weight)
        if net is after:
            match = match_dispatch(net, result, [hub], series, typical=typical)
            matches.append(match)
            scores = match.summary[["cfe_percent", "cfe_grid_percent", "re100_percent"]].iloc[0]
            rows[name] |= {str(key): float(value) for key, value in scores.items()}
    table = pd.DataFrame(rows)
    table.to_csv(given.out / "totals.csv")
    pair = ("without the hub", "with the hub")
    change = compare_dispatch(found[pair[0]], found[pair[1]], pair)
    with_hub = found[pair[1]]
    report = write_report(given.out / "report", change, with_hub, *reversed(matches), after, force=True)
    missed = () if typical is None else typical.not_represented
    sys.stdout.write("\n".join([table.round(2).to_string(), *missed, str(report)]) + "\n")


if __name__ == "__main__":
    main()
