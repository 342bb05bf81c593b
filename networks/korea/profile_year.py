"""Run a year of DC power flows of the Korean backbone on its synthetic profiles and show what they do.

    python networks/korea/profile_year.py [--write]

prints what the interfaces and the most loaded branches carry; ``--write`` puts it into ``profiles.md``. Units
follow a merit order without a grid: no dispatch under limits, only what shows where the profiles would press
on the grid.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from build import TARGETS
from compare_profiles import SHEET, YEAR
from expected import replace_table

from gridhub.analysis.flow.time_series import TimeSeries, run_time_series
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.profiles import make_profiles

SEED = 1
#: Share of their capacity units have on average; the year's fuels come near the published mix (assumed).
AVAILABLE = {"nuclear": 0.80, "coal": 0.50, "lng": 0.92, "oil": 0.90, "hydro": 0.25}
#: Order of the fuels before their costs decide.
FIRST = {"hydro": 0, "nuclear": 1}
#: Published limit of the east coast [MW]; most that links bring to Jeju [MW], its own least share (assumed).
EAST_MW, JEJU_MW, JEJU_OWN = 11_400.0, 405.0, 0.2
PUBLISHED = {
    "nuclear": "31.7",
    "coal": "28.1",
    "lng": "28.1",
    "capital": "13 to 16 GW quoted as limit; margin least at solar midday",
    "honam": "limit 4.9 GW; curtailment of 164 GWh in the first half of 2025",
    "east-coast": "limit 11.4 to 11.6 GW",
}


@dataclass(frozen=True)
class Year:
    """A solved year: the network with every unit in service, output by unit, flows."""

    net: Network
    output: pd.DataFrame
    links: pd.DataFrame
    series: TimeSeries


def fill_merit_order(need: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Give each unit, in the order of the columns, what is still needed, up to its room [MW]."""
    before = np.cumsum(room, axis=1) - room
    return np.clip(need[:, None] - before, 0.0, room)


def schedule_units(
    net: Network, load: pd.DataFrame, renewable: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    """Schedule the other units by cost, and what the links bring to Jeju [MW]."""
    bus, generator = net.bus, net.generator
    units = generator[~generator.index.isin(renewable.columns)].copy()
    units["rank"] = units["fuel"].map(FIRST).fillna(2.0)
    units = units.sort_values(["rank", "cost_c1_per_mwh"], kind="stable")
    room = np.tile((units.p_max_mw * units.fuel.map(AVAILABLE)).to_numpy(), (len(load), 1))

    def find_net_load(inside: pd.Series) -> np.ndarray:
        rows = [net.load.loc[load.columns, "bus"], generator.loc[renewable.columns, "bus"]]
        drawn, made = (
            frame.loc[:, inside[at].to_numpy()].sum(axis=1).to_numpy()
            for frame, at in zip((load, renewable), rows, strict=True)
        )
        return drawn - made

    east, jeju = bus.zone == "eastcoast", bus.zone == "jeju"
    at_east, at_jeju = east[units.bus].to_numpy(), jeju[units.bus].to_numpy()
    room[:, at_east] = fill_merit_order(EAST_MW + find_net_load(east), room[:, at_east])
    wanted = find_net_load(jeju)
    drawn = load.loc[:, jeju[net.load.loc[load.columns, "bus"]].to_numpy()].sum(axis=1).to_numpy()
    brought = np.clip(wanted - JEJU_OWN * drawn, 0.0, JEJU_MW)
    output = np.zeros_like(room)
    output[:, at_jeju] = fill_merit_order(wanted - brought, room[:, at_jeju])
    output[:, ~at_jeju] = fill_merit_order(find_net_load(~jeju) + brought, room[:, ~at_jeju])
    return pd.DataFrame(output, index=load.index, columns=units.index), brought


def solve_year() -> Year:
    """Make the profiles, schedule the units and solve the hours."""
    net = read_network(TARGETS["2025-backbone"])
    profiles = make_profiles(net, YEAR, SEED)
    load, renewable = profiles["load", "p_mw"], profiles["generator", "p_mw"]
    output, brought = schedule_units(net, load, renewable)
    own = [name for name in net.hvdc.index if net.bus.zone[net.hvdc.to_bus[name]] == "jeju"]
    links = pd.DataFrame({name: brought / len(own) for name in own}, index=load.index)
    output = pd.concat([renewable, output], axis=1)
    # every unit may run and none has a least output: which are committed is the dispatch's question
    values = net.snapshot_value
    idle = (values.table == "generator") & (values.column == "in_service")
    open_net = net.replace(
        generator=net.generator.assign(p_min_mw=0.0, in_service=True), snapshot_value=values[~idle]
    )
    given = {("load", "p_mw"): load, ("generator", "p_mw"): output, ("hvdc", "p_mw"): links}
    return Year(open_net, output, links, run_time_series(open_net, given, method="dc", keep="all"))


def sum_interface(year: Year, name: str) -> pd.Series:
    """Add up what an interface carries in its direction [MW]."""
    members = year.net.interface[year.net.interface.name == name]
    flows = year.series.p_from_mw
    total = pd.Series(0.0, index=flows.index)
    for member, direction in zip(members.member, members.direction, strict=True):
        if member in flows:
            total += float(direction) * flows[member]
        elif member in year.links:
            total += float(direction) * year.links[member]
        else:
            total += float(direction) * year.net.hvdc.p_mw[member]
    return total


def format_year(year: Year) -> Iterator[str]:
    """Format fuels, interfaces and branches."""
    energy = year.output.sum().groupby(year.net.generator.fuel).sum()
    yield "| fuel | share of generation [%] | published, 2024 [%] |\n|---|---|---|"
    for fuel, mwh in energy.sort_values(ascending=False).items():
        yield f"| {fuel} | {100 * mwh / energy.sum():.1f} | {PUBLISHED.get(fuel, '')} |"
    yield "\n| interface | mean [GW] | highest [GW] | when | published |\n|---|---|---|---|---|"
    for name in ("capital", "honam", "east-coast"):
        flow = sum_interface(year, name)
        when = f"{flow.idxmax():%d %B, %H h}"
        yield f"| {name} | {flow.mean() / 1e3:.1f} | {flow.max() / 1e3:.1f} | {when} | {PUBLISHED[name]} |"
    over = (sum_interface(year, "honam") - 4900.0).clip(lower=0.0)
    half = over[over.index.month <= 6]
    yield (
        f"\nHonam would send more than 4.9 GW in {int((over > 0).sum()):,} hours, {half.sum() / 1e3:,.0f} "
        f"GWh of it in the first half of the year; {len(over):,} hours, {int(over.isna().sum())} without a "
        "solution (Jeju has more than it can use).\n"
    )
    yield "| branch | highest loading [%] | when | hours above 100 % |\n|---|---|---|---|"
    worst = year.series.branch.sort_values("worst_loading_percent", ascending=False)
    for name, row in worst[worst.index.str.endswith(":1")].head(8).iterrows():
        when = f"{row['worst_hour']:%d %B, %H h}"
        yield f"| {name} | {row['worst_loading_percent']:.0f} | {when} | {row['hours_above_100']:,} |"


def main() -> None:
    """Print the year, and write it into the data sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the tables into profiles.md")
    arguments = parser.parse_args()
    table = "\n".join(format_year(solve_year()))
    print(table)
    if arguments.write:
        text = replace_table(SHEET.read_text(encoding="utf-8"), "year", table, "profile_year.py")
        SHEET.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
