"""A year of hours of korea-2025, every branch out in each of them by AC: the hours, and the whole run.

The hours are no dispatch: each is put into the stored state next to it by load and sun, loads, sun and wind
are those of `gridhub.make_profiles`, and the other units follow by the room they have. That is
enough to time the engine on 8,760 different hours; what it finds says little about the grid.

    python -m tests.bench.outage_year --hours 8760 --folder /some/where
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import gridhub as gh
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

NAME = "korea-2025"
WEATHER = ("solar", "wind")
ROOM = 0.8
"""Share of a unit's room that is used: the rest is for losses and outages."""


@dataclass(frozen=True, eq=False)
class OutageYear:
    """Hours with injections and a stored state for each.

    Attributes
    ----------
    net : Network
    profiles : mapping
    states : Series
        Hour -> snapshot.
    """

    net: Network
    profiles: dict[tuple[str, str], pd.DataFrame]
    states: pd.Series


def make_year(hours: int | None = None) -> OutageYear:
    """Make the year, or some of its hours at equal distances."""
    net = gh.load_network(NAME)
    made = gh.make_profiles(net)
    count = len(made["load", "p_mw"])
    rows = np.unique(np.linspace(0, count - 1, hours or count).astype(int))
    load, weather = (made[table, "p_mw"].iloc[rows] for table in ("load", "generator"))
    states = {name: apply_snapshot(net, name) for name in net.snapshots}
    sunny = net.generator["fuel"].isin(["solar"])
    sun = weather.loc[:, weather.columns.isin(net.generator.index[sunny])].sum(axis=1).to_numpy()
    here = np.stack([load.sum(axis=1).to_numpy(), sun], axis=1)
    there = np.array(
        [
            (s.load["p_mw"].sum(), (s.generator["p_mw"] * s.generator["in_service"])[sunny].sum())
            for s in states.values()
        ]
    )
    nearest = np.abs(here[:, None] - there[None]).sum(axis=2).argmin(axis=1)
    names = np.array(list(states), dtype=object)[nearest]
    units = pd.DataFrame(0.0, index=load.index, columns=net.generator.index)
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        units.iloc[own] = _follow(states[name], load.iloc[own], weather.iloc[own])
    return OutageYear(
        net,
        {("load", "p_mw"): load, ("generator", "p_mw"): units},
        pd.Series(names, index=load.index),
    )


def _follow(state: Network, load: pd.DataFrame, weather: pd.DataFrame) -> np.ndarray:
    """Output of all units: sun and wind as the weather allows, the others up or down by their room.

    Mainland and Jeju balance apart, as the links between them keep what is stored.
    """
    unit, area = state.generator, state.bus["area"]
    on = unit["in_service"].to_numpy()
    free = ~unit["fuel"].isin(WEATHER).to_numpy() & on
    scheduled = unit["p_mw"].to_numpy() * on
    output = np.where(free, scheduled, weather.reindex(columns=unit.index).fillna(0.0).to_numpy() * on)
    high, low = unit["p_max_mw"].to_numpy() - scheduled, scheduled - unit["p_min_mw"].to_numpy()
    more = load - state.load["p_mw"].reindex(load.columns)
    for name in area.unique():
        here = (area.reindex(unit["bus"]) == name).to_numpy()
        asked = more.loc[:, (area.reindex(state.load["bus"]) == name).to_numpy()].sum(axis=1).to_numpy()
        asked = asked - (output - scheduled)[:, here].sum(axis=1)
        weather_here = here & ~free
        up, down = (np.where(here & free, ROOM * room, 0.0) for room in (high, low))
        ends = np.where(asked[:, None] > 0, up, down)
        moved = np.clip(asked / ends.sum(axis=1), -1.0, 1.0)[:, None] * ends
        # what the units cannot give up, sun and wind do
        left = np.maximum(moved.sum(axis=1) - asked, 0.0)
        kept = 1.0 - left / np.maximum(output[:, weather_here].sum(axis=1), 1e-9)
        output[:, weather_here] *= np.clip(kept, 0.0, 1.0)[:, None]
        output += moved
    return output


def main() -> None:
    """Run the hours asked for and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=8760, help="hours at equal distances over the year")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the hours there; a second run goes on behind them")
    arguments = parser.parse_args()
    year = make_year(arguments.hours)
    warm = year.states.index[:2]
    gh.run_security_hours(year.net, year.profiles, hours=warm, snapshot=year.states)

    def show(done: int, count: int) -> None:
        if done % 96 == 0 or done == count:
            print(f"\r{done:,} of {count:,} hours", end="", flush=True)

    wall, cpu = time.perf_counter(), time.process_time()
    found = gh.run_security_hours(
        year.net,
        year.profiles,
        folder=arguments.folder,
        options={"threads": arguments.threads},
        progress=show,
        snapshot=year.states,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    flows = len(found.hours) * len(found.contingencies)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\n{len(found.hours):,} hours x {len(found.contingencies):,} outages = {flows:,} AC power flows")
    print(f"{wall:,.1f} s by the clock, {cpu:,.1f} s of processor time on {arguments.threads} threads")
    print(
        f"{1e3 * wall / len(found.hours):,.1f} ms an hour, {1e6 * cpu / flows:,.1f} us of processor an outage"
    )
    print(f"largest resident memory {memory:,.2f} GiB")
    print(dict(found.summary))


if __name__ == "__main__":
    main()
