"""Compare ``korea-2025`` with published figures, freeze its results, and list what single outages do.

    python networks/korea/expected_154.py --write

writes ``expected.toml`` and the tables of the data sheet, as ``expected.py`` does for the backbone.
"""

from __future__ import annotations

import argparse

import pandas as pd
from build import TARGETS
from build_154 import SUBSTATION_MVA, read_factors_154, read_synthetic
from build_snapshots import read_factors
from build_sources import read_facts
from dispatch_hours import find_secure_import, plan_grid
from expected import (
    compute_circuit_km,
    compute_grid_figures,
    compute_state_figures,
    format_expected,
    format_table,
    freeze,
    is_within,
    replace_table,
    solve_snapshots,
)

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.analysis.security.security import run_security
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

TARGET = TARGETS["2025"]
#: Hours of the first half of a year.
HALF_YEAR_H = 4344.0
#: Seasonal snapshots whose mean stands for it.
HALF_YEAR = ("winter_night", "winter_morning", "winter_afternoon", "winter_evening", "spring_night")
HALF_YEAR += ("spring_morning", "spring_afternoon", "spring_evening")
#: The backbone compares its losses at the peak; here they are compared over the seasonal snapshots.
REPLACED = {"losses"}


def compute_figures(net: Network, flows: dict[str, PowerFlow]) -> dict[str, float]:
    """Compute every figure of ``published.csv`` and ``published_154.csv``."""
    km = compute_circuit_km(net)
    sites = net.bus.groupby("vn_kv").site.unique()
    substations = net.bus[net.bus.site.isin(net.load.site)].site.nunique()
    routes = net.line.route[net.line.from_bus.map(net.bus.vn_kv) > 154]
    ties = net.interface[net.interface.name == "capital"].member
    extremes = {factors.name for factors in read_factors()}
    seasonal = [flow.summary for name, flow in flows.items() if name not in extremes]
    losses, generation = (sum(s[key] for s in seasonal) for key in ("losses_mw", "generation_mw"))
    return {
        **compute_grid_figures(net),
        **compute_state_figures(net, flows),
        "capital_ties": float(routes.reindex(ties).dropna().nunique()),
        "circuit_km_total": float(km.sum()),
        "circuit_km_154": float(km[154.0]),
        "substations_154": float(substations),
        "substations_all": float(substations + len(set(sites[345.0]) | set(sites[765.0]))),
        "transformer_mva": float(net.transformer.rate_mva.sum() + SUBSTATION_MVA * substations),
        "losses_year": 100 * losses / generation,
        **compute_self_sufficiency(net),
        **compute_operated_figures(net, flows),
    }


def compute_self_sufficiency(net: Network) -> dict[str, float]:
    """Compute generation over load of provinces, in the mean of the seasonal snapshots [%]."""
    extremes = {factors.name for factors in read_factors()}
    made, used = [], []
    for name in net.snapshots:
        if name not in extremes:
            state = apply_snapshot(net, name)
            running = state.generator[state.generator.in_service]
            made.append(running.p_mw.groupby(running.province).sum())
            used.append(state.load.p_mw.groupby(state.load.province).sum())
    shares = 100 * pd.concat(made).groupby(level=0).sum() / pd.concat(used).groupby(level=0).sum()
    return {f"self_{province.lower()}": float(share) for province, share in shares.items()}


def compute_operated_figures(net: Network, flows: dict[str, PowerFlow]) -> dict[str, float]:
    """Compute what the dispatch says: secure import of the capital, narrow hours, curtailment."""
    grid = plan_grid(net)
    summer = [factors for factors in read_factors_154() if factors.name.startswith("summer")]
    secure = {factors.name: find_secure_import(net, grid, factors, "capital") for factors in summer}
    flow = {
        name: compute_interfaces(net, flows[name]).set_index("interface").flow_mw["capital"]
        for name in secure
    }
    narrow = [flow[name] >= 0.95 * secure[name] for name in secure]
    half = [row for row in read_synthetic("dispatch_costs") if row["snapshot"].startswith(HALF_YEAR)]
    cut_mw = sum(float(row["curtailed_mw"]) for row in half) / len(half)
    return {
        "capital_limit": secure["summer_peak"],
        "capital_narrow": 100.0 * sum(narrow) / len(narrow),
        "curtailment": cut_mw * HALF_YEAR_H / 1000.0,
    }


def compare_figures(net: Network, flows: dict[str, PowerFlow]) -> pd.DataFrame:
    """Compare with every published figure, those of the 154 kV level first."""
    ours = compute_figures(net, flows)
    rows = []
    for fact in read_facts("published_154") + read_facts("published"):
        if fact["id"] not in REPLACED:
            value = ours[fact["id"]]
            within = is_within(fact["kind"], float(fact["value"]), float(fact["tolerance"]), value)
            rows.append({**fact, "ours": value, "within": within})
    return pd.DataFrame(rows).set_index("id")


def format_snapshots(flows: dict[str, PowerFlow]) -> str:
    """Format what the solved snapshots look like as a Markdown table."""
    lines = [
        "| snapshot | load, MW | losses, MW | | lowest voltage | highest voltage | worst loading, intact |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, flow in flows.items():
        vm, loading, summary = flow.bus.vm_pu, flow.branch.loading_percent, flow.summary
        share = 100 * summary["losses_mw"] / summary["generation_mw"]
        lines.append(
            f"| {name} | {summary['load_mw']:,.0f} | {summary['losses_mw']:,.0f} | {share:.2f} % "
            f"| {vm.min():.4f} ({vm.idxmin()}) | {vm.max():.4f} ({vm.idxmax()}) "
            f"| {loading.max():.0f} % ({loading.idxmax()}) |"
        )
    return "\n".join(lines)


def format_dispatch() -> str:
    """Format what N-1 costs in every snapshot, and what the dispatch could not keep, as a Markdown table."""
    lines = [
        "| snapshot | intact limits, million KRW/h | N-1 adds, million KRW/h | | constrained off, MW "
        "| sun and wind curtailed, MW | load shed, MW "
        "| worst rating not kept intact, MW | after an outage, MW |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in read_synthetic("dispatch_costs"):
        name, values = row["snapshot"], {key: float(row[key]) for key in row if key != "snapshot"}
        share = 100 * values["n1_cost"] / values["intact_cost"]
        columns = ("constrained_off_mw", "curtailed_mw", "shed_mw", "intact_excess_mw", "n1_excess_mw")
        rest = " | ".join(f"{values[column]:,.0f}" for column in columns)
        lines.append(
            f"| {name} | {values['intact_cost']:,.0f} | {values['n1_cost']:,.0f} | +{share:.1f} % | {rest} |"
        )
    return "\n".join(lines)


def find_violations(net: Network) -> pd.DataFrame:
    """List what every single outage of a circuit or bank violates, in all snapshots."""
    outages = list_contingencies(net, kinds=("line", "transformer"))
    found = [run_security(net, outages, snapshot=name).violations for name in net.snapshots]
    table = pd.concat([part for part in found if len(part)], ignore_index=True)
    kv = net.branches().vn_kv.to_dict() | net.bus.vn_kv.to_dict()
    banks = net.transformer.index[net.transformer.to_bus.map(net.bus.vn_kv) == 154]
    is_low = table["element"].map(kv).eq(154.0) | table["element"].isin(banks)
    return table.assign(is_low=is_low, is_thermal=table["kind"] == "thermal")


def format_security(net: Network, violations: pd.DataFrame) -> str:
    """Format what every single outage of a circuit or bank does as a Markdown table."""
    lines = [
        "| snapshot | elements above rating at 345 and 765 kV | at 154 kV and in 345/154 kV banks "
        "| voltages out of range | worst |",
        "|---|---|---|---|---|",
    ]
    for name in net.snapshots:
        found = violations[violations["snapshot"] == name]
        thermal, other = found[found["is_thermal"]], found[~found["is_thermal"]]
        worst = "none"
        if len(thermal):
            row = thermal.loc[thermal["loading_percent"].idxmax()]
            worst = f"{row['element']} {row['loading_percent']:.0f} % after {row['contingency']}"
        lines.append(
            f"| {name} | {thermal['element'][~thermal['is_low']].nunique()} "
            f"| {thermal['element'][thermal['is_low']].nunique()} | {other['element'].nunique()} | {worst} |"
        )
    return "\n".join(lines)


def explain_rating(net: Network, element: str) -> str:
    """Put an element above its rating in a class: real bottleneck, artefact, or not assessable."""
    if element not in net.line.index:
        bank = net.transformer.loc[element]
        if net.bus.vn_kv[bus := bank.to_bus] == 154:
            return f"artefact of synthesis: number of banks of {bus} is made by a rule"
        return "not assessable: number of banks and impedance not public"
    line = net.line.loc[element]
    if line["confidence"] == "synthetic":
        return "artefact of synthesis: the 154 kV line is synthetic"
    if line["assumed"]:
        return "not assessable: the route is assumed"
    if line["conductor_basis"] == "default":
        return "not assessable: conductor not public; two assumed (1,086 MVA), four have twice that"
    if str(line["conductor_basis"]).startswith("inferred"):
        return "not assessable: four conductors inferred, not known"
    return f"real bottleneck: rating known, {line['conductor_basis']}"


def describe_load(net: Network, flow: PowerFlow, route: str) -> str:
    """Say what a route or bank carries intact, from where, and what the plants there give."""
    branches = net.branches()
    members = branches[branches.index.to_series().map(net.line.route).fillna("").eq(route).to_numpy()]
    members = members if len(members) else branches.loc[[route]]
    carried_mw = float(flow.branch.p_from_mw[members.index].sum())
    bus = members["from_bus" if carried_mw >= 0 else "to_bus"].iloc[0]
    made = flow.generator.p_mw[net.generator.bus[flow.generator.index].map(net.bus.site) == net.bus.site[bus]]
    name = str(net.bus.name[bus]).rsplit(" ", 2)[0]
    told = f"{abs(carried_mw):,.0f} MW from {name}"
    return f"{told}, whose plants give {made.sum():,.0f} MW" if made.sum() > 0 else told


def format_violations(net: Network, violations: pd.DataFrame, flows: dict[str, PowerFlow]) -> str:
    """Format every route above its rating after an outage, at its worst, with its class and why."""
    thermal = violations[violations["is_thermal"]]
    thermal = thermal.assign(route=thermal["element"].map(net.line.route).fillna(thermal["element"]))
    lines = [
        "| route or bank | worst, of one circuit | after | snapshot | snapshots | carries intact "
        "| class and why |",
        "|---|---|---|---|---|---|---|",
    ]
    worst = thermal.sort_values("loading_percent", ascending=False).drop_duplicates("route")
    for _, row in worst.iterrows():
        number = thermal["snapshot"][thermal["route"] == row["route"]].nunique()
        lines.append(
            f"| {row['route']} | {row['loading_percent']:.0f} % | {row['contingency']} | {row['snapshot']} "
            f"| {number} | {describe_load(net, flows[row['snapshot']], row['route'])} "
            f"| {explain_rating(net, row['element'])} |"
        )
    return "\n".join(lines)


def format_shape(net: Network) -> str:
    """Format how the 154 kV level hangs together, as a Markdown table: normally open ties aside."""
    low = net.line[net.line.from_bus.map(net.bus.vn_kv) == 154]
    closed = low[low.in_service]
    routes = closed[["from_bus", "to_bus"]].drop_duplicates()
    degree = pd.concat([routes.from_bus, routes.to_bus]).value_counts()
    buses = net.bus.index[net.bus.vn_kv == 154]
    substations = buses.difference(net.transformer.to_bus)
    counts = degree.reindex(substations, fill_value=0).value_counts().sort_index()
    cable_km = float(closed.length_km[closed.construction == "cable"].sum())
    lengths = closed.drop_duplicates(["from_bus", "to_bus"]).length_km
    rows = {
        "routes closed, circuits": f"{len(routes):,}, {len(closed):,}",
        "circuit-km closed, of which cable": f"{closed.length_km.sum():,.0f}, {cable_km:,.0f}",
        "circuit-km of ties, normally open": f"{low.length_km.sum() - closed.length_km.sum():,.0f}",
        "routes at a bus, mean": f"{2 * len(routes) / len(buses):.2f}",
        "routes at a substation, mean": f"{degree.reindex(substations, fill_value=0).mean():.2f}",
        "substations with 1, 2, 3 … routes": ", ".join(f"{count:,}" for count in counts),
        "length of a route: median, nine tenths below, longest": ", ".join(
            f"{km:.1f}" for km in (lengths.median(), lengths.quantile(0.9), lengths.max())
        )
        + " km",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {text} |" for what, text in rows.items())])


def main() -> None:
    """Write the expectations and the tables of the data sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    if not parser.parse_args().write:
        parser.error("nothing to do without --write")
    net = read_network(TARGET)
    flows = solve_snapshots(net)
    facts = compare_figures(net, flows)
    frozen = {name: freeze(net, flow) for name, flow in flows.items()}
    violations = find_violations(net)
    text = format_expected(facts, frozen).replace("expected.py", "expected_154.py")
    (TARGET / "expected.toml").write_text(text, encoding="utf-8", newline="\n")
    sheet = (TARGET / "README.md").read_text(encoding="utf-8")
    for name, table in (
        ("published figures", format_table(facts)),
        ("snapshots", format_snapshots(flows)),
        ("dispatch", format_dispatch()),
        ("single outages", format_security(net, violations)),
        ("violations", format_violations(net, violations, flows)),
        ("shape", format_shape(net)),
    ):
        sheet = replace_table(sheet, name, table, "expected_154.py")
    (TARGET / "README.md").write_text(sheet, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
