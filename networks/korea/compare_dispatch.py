r"""Compare a dispatched year of the backbone with what is published of constraints and curtailment.

    gridhub profiles korea-2025-backbone --out results/profiles
    gridhub dispatch korea-2025-backbone --security n-1 --folder results/year \
        -p load.p_mw=results/profiles/load_p_mw.parquet \
        -p generator.p_mw=results/profiles/generator_p_mw.parquet \
        -o commitment=relaxed -o shed_price=20e6 -o excess_price=5e6 -o excess_price_after=1e6 \
        -o parts=2 -o workers=2
    python networks/korea/compare_dispatch.py results/year [--write]

prints the tables of the data sheet; ``--write`` puts them there. The published figures are those of
``sources/published_year.csv``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from build import TARGETS
from build_sources import read_facts
from expected import replace_table

from gridhub.analysis.block_folder import read_blocks
from gridhub.model.files import read_network
from gridhub.model.network import Network

SHEET = TARGETS["2025-backbone"] / "README.md"
TABLES = (
    "status", "generation", "curtailment", "constrained_off", "interface_flow", "price_congestion",
    "congestion",
)  # fmt: skip
ZONES = {
    "capital": "capital region", "chungcheong": "Chungcheong", "eastcoast": "east coast", "honam": "Honam",
    "yeongnam": "Yeongnam", "jeju": "Jeju",
}  # fmt: skip
#: Factor within which a figure has the order of the published one: half an order of magnitude either way.
ORDER = 10.0**0.5
#: MW from which a unit counts as held back, or a region as curtailed.
LEAST_MW = 1.0
#: Share of its limit from which an interface counts as full.
FULL = 0.99


@dataclass(frozen=True)
class Year:
    """A dispatched year: the network, and tables of hours in rows."""

    net: Network
    tables: dict[str, pd.DataFrame]

    @property
    def zone(self) -> pd.Series:
        """Zone of every generator."""
        return self.net.generator.bus.map(self.net.bus.zone)

    def add_up(self, table: str, chosen: pd.Series) -> pd.Series:
        """Add up the chosen generators of a table, hour by hour [MW]."""
        frame = self.tables[table]
        return frame.loc[:, chosen.reindex(frame.columns).to_numpy(dtype=bool)].sum(axis=1)


def read_year(folder: Path, net: Network) -> Year:
    """Read the hours that a dispatch of the network kept."""
    return Year(net, read_blocks(folder, TABLES))


def compute_figures(year: Year) -> dict[str, float]:
    """Compute what ``published_year.csv`` names."""
    generator, zone = year.net.generator, year.zone
    thermal = generator.fuel.isin(["coal", "nuclear", "lng"])
    east, west = (zone == "eastcoast") & thermal, (generator.province == "Chungnam") & thermal
    held = {name: year.add_up("constrained_off", chosen) for name, chosen in (("east", east), ("west", west))}
    coal = (zone == "eastcoast") & (generator.fuel == "coal")
    curtailed = year.tables["curtailment"]
    hours = pd.DatetimeIndex(curtailed.index)
    mainland = year.add_up("curtailment", zone != "jeju")
    spring = mainland[hours.month.isin([3, 4, 5])]
    jeju = year.add_up("curtailment", zone == "jeju").sum()
    weather = (zone == "jeju") & generator.index.isin(curtailed.columns)
    return {
        "east_coast_export": float(year.tables["interface_flow"]["east-coast"].max()),
        "east_coast_highest": float(held["east"].max()),
        "east_coast_mean": float(held["east"].mean()),
        "east_coast_coal": 100.0
        * float(year.add_up("generation", coal).mean() / generator.p_max_mw[coal].sum()),
        "east_coast_relief": value_relief(year, coal),
        "west_coast_highest": float(held["west"].max()),
        "west_coast_mean": float(held["west"].mean()),
        "honam_export": float(year.tables["interface_flow"]["honam"].max()),
        "curtailment_half": float(curtailed[hours.month <= 6].to_numpy().sum()) / 1e3,
        "curtailment_days": float((spring.groupby(spring.index.date).max() >= LEAST_MW).sum()),
        "curtailment_jeju": 100.0 * jeju / (jeju + year.add_up("generation", weather).sum()),
    }


def value_relief(year: Year, behind: pd.Series) -> float:
    """Value 1 GW that leaves the buses of some units, at the difference of prices [bn KRW a year].

    The difference is that of the first MW: with 1 GW more it is smaller.
    """
    price = year.tables["price_congestion"]
    buses = year.net.generator.bus[behind].unique()
    below = np.maximum(-price[buses].mean(axis=1), 0.0)
    return float(1e3 * below.mean() * 8760.0) / 1e9


def judge(fact: dict[str, str], ours: float) -> str:
    """Judge a figure: below a limit, in a range, or of the order of the published one."""
    high = float(fact["high"])
    low = float(fact["low"] or -np.inf)
    if fact["kind"] == "order":
        return "order" if low / ORDER <= ours <= high * ORDER else "**miss**"
    return "within" if low - 1e-6 <= ours <= high + 1e-6 else "**miss**"


def format_published(figures: dict[str, float]) -> Iterator[str]:
    """Format the comparison with the published figures."""
    yield "| figure | published | this network | | source | why, if it differs |\n|---|---|---|---|---|---|"
    for fact in read_facts("published_year"):
        ours, unit = figures[fact["id"]], fact["unit"]
        digits = 0 if ours >= 100.0 or unit == "days" else 1
        ends = [f"{float(fact[end]):,g}" for end in ("low", "high") if fact[end]]
        published = ("≤ " if fact["kind"] == "upper" else "") + " to ".join(dict.fromkeys(ends))
        yield (
            f"| {fact['figure']} | {published} {unit} | {ours:,.{digits}f} {unit} | {judge(fact, ours)} "
            f"| {fact['source']} ({fact['confidence']}) | {fact['explanation']} |"
        )


def format_regions(year: Year) -> Iterator[str]:
    """Format what each region may not give: plant held back, sun and wind curtailed."""
    generator, curtailed = year.net.generator, year.tables["curtailment"]
    weather = pd.Series(generator.index.isin(curtailed.columns), generator.index)
    yield (
        "| region | plant held back, GWh | mean MW | highest MW | hours | sun curtailed, GWh | % | "
        "wind curtailed, GWh | % |\n|---|---|---|---|---|---|---|---|---|"
    )
    for zone, name in ZONES.items():
        inside = year.zone == zone
        held = year.add_up("constrained_off", inside & ~weather)
        cells = [
            f"{held.sum() / 1e3:,.0f}", f"{held.mean():,.0f}", f"{held.max():,.0f}",
            f"{int((held >= LEAST_MW).sum()):,}",
        ]  # fmt: skip
        for fuel in ("solar", "wind"):
            chosen = inside & weather & (generator.fuel == fuel)
            lost = year.add_up("curtailment", chosen).sum()
            could = lost + year.add_up("generation", chosen).sum()
            cells += [f"{lost / 1e3:,.1f}", f"{100.0 * lost / could:.2f}"]
        yield f"| {name} | {' | '.join(cells)} |"


def format_limits(year: Year, count: int = 10) -> Iterator[str]:
    """Format the limits that cost most, and the interfaces that have one."""
    bound = year.tables["congestion"]
    limit = year.net.interface.groupby("name").limit_mw.min()
    yield "| interface | limit, MW | mean MW | highest MW | hours above 99 % of it |\n|---|---|---|---|---|"
    for name, flow in year.tables["interface_flow"].items():
        full = int((flow >= FULL * limit[name]).sum())
        yield f"| {name} | {limit[name]:,.0f} | {flow.mean():,.0f} | {flow.max():,.0f} | {full:,} |"
    table = bound.groupby(["kind", "element"]).agg(hours=("hour", "nunique"), rent=("rent", "sum"))
    yield "\n| limit that binds | kind | hours | rent, bn KRW |\n|---|---|---|---|"
    for (kind, element), row in table.sort_values("rent", ascending=False).head(count).iterrows():
        yield f"| {element} | {kind} | {int(row['hours']):,} | {row['rent'] / 1e9:,.0f} |"


def describe_cost(year: Year) -> str:
    """Say what the grid and N-1 cost."""
    status = year.tables["status"]
    cost, intact, market = (status[name].sum() / 1e9 for name in ("cost", "cost_intact", "cost_market"))
    solved = int((status["status"] == "OPTIMAL").sum())
    return (
        f"{len(status):,} hours, {solved:,} with a dispatch. Generation without a grid would cost "
        f"{market:,.0f} bn KRW; the limits of the intact grid add {intact - market:,.0f}, those after single "
        f"outages {cost - intact:,.0f} ({100.0 * (cost / intact - 1.0):.1f} %)."
    )


def main() -> None:
    """Print the tables, and write them into the data sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the dispatch kept its windows")
    parser.add_argument("--write", action="store_true", help="write the tables into the data sheet")
    arguments = parser.parse_args()
    year = read_year(arguments.folder, read_network(TARGETS["2025-backbone"]))
    tables = {
        "year": "\n".join(format_published(compute_figures(year))),
        "year by region": "\n".join(format_regions(year)),
        "year of limits": "\n".join([describe_cost(year) + "\n", *format_limits(year)]),
    }
    print("\n\n".join(tables.values()))
    if arguments.write:
        text = SHEET.read_text(encoding="utf-8")
        for name, table in tables.items():
            text = replace_table(text, name, table, "compare_dispatch.py")
        SHEET.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
