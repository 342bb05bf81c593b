"""Compare the backbone with published figures, freeze its own results, and print how much ratings decide.

    python networks/korea/expected.py --write         expected.toml and the tables of the data sheet
    python networks/korea/expected.py --sensitivity   345 kV overhead routes with two, with four conductors

``[facts]`` in ``expected.toml`` holds every published figure a backbone can be held to, the figure of this
network, and whether it is within the tolerance; misses stay in, with the reason. ``[frozen]`` holds the
results of every snapshot, so that a change of the data or of the solver is seen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from build import TARGET, build_tables
from build_snapshots import CAPITAL
from build_sources import fixed, read_facts
from operate import build_network_value

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.analysis.security.security import run_security
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

END = "<!-- end of table -->"
README = TARGET / "README.md"
EXPECTED = TARGET / "expected.toml"


def solve_snapshots(net: Network) -> dict[str, PowerFlow]:
    """Solve every snapshot from a flat start with reactive limits."""
    options = {"start": "flat", "reactive_limits": True}
    return {name: run_power_flow(net, name, options=options) for name in net.snapshots}


def find_share_percent(net: Network, snapshot: str) -> float:
    """Return the share of the capital region in the gross load [%]."""
    load = apply_snapshot(net, snapshot).load
    return float(100 * load.p_mw[load.province.isin(CAPITAL)].sum() / load.p_mw.sum())


def find_metered_mw(net: Network, snapshot: str, metered: bool = True) -> float:
    """Return what metered (or unmetered) generators in service produce [MW]."""
    generator = apply_snapshot(net, snapshot).generator
    chosen = generator.in_service & (generator.metered == metered)
    return float(generator.p_mw[chosen].sum())


def find_energy_deviation(net: Network) -> float:
    """Return the largest deviation of a province's share in annual energy from the sales [points]."""
    sales = pd.Series({row["id"]: float(row["sales_2024_gwh"]) for row in read_facts("province_sales")})
    energy = net.load.annual_gwh.groupby(net.load.province).sum()
    return float((100 * energy / energy.sum() - 100 * sales / sales.sum()).abs().max())


def compute_circuit_km(net: Network) -> pd.Series:
    """Return circuit-km by nominal voltage [kV]."""
    return net.line.length_km.groupby(net.line.from_bus.map(net.bus.vn_kv)).sum()


def compute_grid_figures(net: Network) -> dict[str, float]:
    """Compute the figures of the standing grid."""
    km = compute_circuit_km(net)
    sites = net.bus.groupby("vn_kv").site.nunique()
    fuel = net.generator.p_max_mw.groupby(net.generator.fuel).sum()
    ties = net.interface[net.interface.name == "capital"].member
    coast = net.generator.bus.map(net.bus.zone).eq("eastcoast") & ~net.generator.fuel.isin(
        ["solar", "wind", "hydro"]
    )
    pumped = net.storage.bus.map(net.bus.zone).eq("eastcoast")
    links = net.hvdc.p_max_mw
    return {
        "circuit_km_765": float(km[765.0]),
        "circuit_km_345": float(km[345.0]),
        "substations_765": float(sites[765.0]),
        "substations_345": float(sites[345.0]),
        "installed_total": float(fuel.sum() + net.storage.p_max_mw.sum()),
        "installed_lng": float(fuel["lng"]),
        "installed_coal": float(fuel["coal"]),
        "installed_nuclear": float(fuel["nuclear"]),
        "installed_renewables": float(fuel["solar"] + fuel["wind"] + fuel["hydro"]),
        "capital_ties": float(net.line.route.reindex(ties).dropna().nunique()),
        "east_coast_plant": float(net.generator.p_max_mw[coast].sum() + net.storage.p_max_mw[pumped].sum()),
        "province_energy": find_energy_deviation(net),
        "godeok_link": float(links[links.index.str.startswith("bukdangjin")].sum()),
        "jeju_links": float(links[links.index.str.startswith("jeju")].sum()),
    }


def compute_state_figures(net: Network, flows: dict[str, PowerFlow]) -> dict[str, float]:
    """Compute the figures that depend on the snapshots."""
    peak = flows["summer_peak"]
    table = pd.concat([compute_interfaces(net, flow) for flow in flows.values()])
    largest = table.groupby("interface").flow_mw.max()
    shares = [find_share_percent(net, name) for name in net.snapshots if name != "summer_peak"]
    return {
        "market_peak": find_metered_mw(net, "summer_peak"),
        "gross_peak": sum(find_metered_mw(net, "summer_peak", metered=kind) for kind in (True, False)),
        "winter_peak": find_metered_mw(net, "winter_peak"),
        "losses": 100 * peak.summary["losses_mw"] / peak.summary["generation_mw"],
        "capital_share_peak": find_share_percent(net, "summer_peak"),
        "capital_share": sum(shares) / len(shares),
        "capital_import": float(largest["capital"]),
        "honam_flow": float(largest["honam"]),
        "east_coast_flow": float(largest["east-coast"]),
        "jeju_flow": float(largest["jeju"]),
        "benchmark_765": float(peak.branch.p_from_mw["sintaebaek--singapyeong:1"]),
    }


def is_within(kind: str, published: float, tolerance: float, ours: float) -> bool:
    """Judge a figure: within a share of the published value, below a limit, or within points of it."""
    if kind == "upper":
        return ours <= published * (1 + tolerance) + 1e-6
    if kind == "points":
        return abs(ours - published) <= tolerance
    return abs(ours - published) <= tolerance * abs(published) + 0.5


def compare_figures(net: Network, flows: dict[str, PowerFlow]) -> pd.DataFrame:
    """Compare with every published figure; one row each, in the order of ``published.csv``."""
    ours = compute_grid_figures(net) | compute_state_figures(net, flows)
    rows = []
    for fact in read_facts("published"):
        published, tolerance = float(fact["value"]), float(fact["tolerance"])
        value = ours[fact["id"]]
        within = is_within(fact["kind"], published, tolerance, value)
        rows.append({**fact, "ours": value, "within": within})
    return pd.DataFrame(rows).set_index("id")


def freeze(net: Network, flow: PowerFlow) -> dict[str, object]:
    """Collect the results of one snapshot that are frozen."""
    vm = flow.bus.vm_pu
    loading = flow.branch.loading_percent
    interfaces = compute_interfaces(net, flow).set_index("interface").flow_mw
    return {
        "load_mw": round(flow.summary["load_mw"], 2),
        "generation_mw": round(flow.summary["generation_mw"], 2),
        "metered_mw": round(find_metered_mw(net, flow.snapshot), 2),
        "losses_mw": round(flow.summary["losses_mw"], 2),
        "worst_loading_percent": round(float(loading.max()), 3),
        "worst_element": str(loading.idxmax()),
        "lowest_vm_pu": round(float(vm.min()), 6),
        "lowest_bus": str(vm.idxmin()),
        "highest_vm_pu": round(float(vm.max()), 6),
        "highest_bus": str(vm.idxmax()),
        "interface_mw": {name: round(float(mw), 2) for name, mw in interfaces.items()},
    }


def format_expected(facts: pd.DataFrame, frozen: dict[str, dict[str, object]]) -> str:
    """Format ``expected.toml``."""
    lines = [
        "# Written by networks/korea/expected.py --write; do not edit by hand.",
        "# [frozen] is confirmed by pandapower on the exported network, see tests/networks.",
        "",
    ]
    for name, fact in facts.iterrows():
        lines += [f"[facts.{name}]"]
        for key in ("figure", "unit", "kind", "source", "confidence", "explanation"):
            lines.append(f"{key} = {json.dumps(fact[key], ensure_ascii=False)}")
        lines += [
            f"published = {float(fact['value'])}",
            f"tolerance = {float(fact['tolerance'])}",
            f"ours = {fixed(fact['ours'], 2)}",
            f"within = {str(fact['within']).lower()}",
            "",
        ]
    for name, results in frozen.items():
        lines.append(f"[frozen.{name}]")
        interfaces = results.pop("interface_mw")
        lines += [f"{key} = {json.dumps(value)}" for key, value in results.items()]
        lines += [f"[frozen.{name}.interface_mw]"]
        lines += [f"{json.dumps(key)} = {value}" for key, value in dict(interfaces).items()]
        lines.append("")
    return "\n".join(lines)


def format_table(facts: pd.DataFrame) -> str:
    """Format the comparison as a Markdown table."""
    lines = [
        "| figure | published | this network | | source | why, if it differs |",
        "|---|---|---|---|---|---|",
    ]
    for _, fact in facts.iterrows():
        digits = 2 if fact["unit"] in ("%", "points") else 0
        sign = "≤ " if fact["kind"] == "upper" else ""
        verdict = "within" if fact["within"] else "**miss**"
        lines.append(
            f"| {fact['figure']} | {sign}{float(fact['value']):,.{digits}f} {fact['unit']} "
            f"| {fact['ours']:,.{digits}f} {fact['unit']} | {verdict} "
            f"| {fact['source']} ({fact['confidence']}) | {fact['explanation']} |"
        )
    return "\n".join(lines)


def replace_table(text: str, name: str, table: str, maker: str = "expected.py") -> str:
    """Put a table of the data sheet between its marks."""
    mark = f"<!-- table: {name}; made by {maker} -->"
    head, rest = text.split(mark)
    _, tail = rest.split(END, maxsplit=1)
    return f"{head}{mark}\n\n{table}\n\n{END}{tail}"


def format_conductors() -> str:
    """Format the routes with more than two conductors, and why, as a Markdown table."""
    lines = ["| 345 kV route | conductors | why | confidence |", "|---|---|---|---|"]
    for route in read_facts("routes"):
        if route["conductor"] == "x4":
            basis = route["conductor_basis"]
            confidence = "low" if basis.startswith("inferred") else "medium"
            lines.append(f"| {route['id']} | four | {basis} | {confidence} |")
    return "\n".join(lines)


def format_unassessable(net: Network) -> str:
    """Format the sites on which the data are too thin to judge as a Markdown table."""
    lines = ["| site | | why |", "|---|---|---|"]
    for site_id, site in net.site[~net.site.assessable].iterrows():
        lines.append(f"| {site_id} | {site['name']} {site['name_ko']} | {site['note']} |")
    return "\n".join(lines)


def describe_sensitivity(label: str, net: Network) -> list[str]:
    """Describe every snapshot in one line each: intact and after the loss of any one circuit or bank."""
    lines = []
    outages = list_contingencies(net, kinds=("line", "transformer"))
    for name in net.snapshots:
        security = run_security(net, outages, criteria=None, snapshot=name)
        loading = security.base.branch.loading_percent
        thermal = security.violations[security.violations["kind"] == "thermal"]
        after = thermal[thermal["contingency"] != ""]
        worst = f"{after['loading_percent'].max():.0f} %" if len(after) else "none"
        lines.append(
            f"| {label} | {name} | {loading.max():.0f} % ({loading.idxmax()}) | {int((loading > 100).sum())} "
            f"| {worst} | {after['element'].nunique()} | {security.base.summary['losses_mw']:.0f} |"
        )
    return lines


def format_sensitivity() -> str:
    """Format the table of ratings: as built, all two conductors, all four."""
    lines = [
        "| conductors of 345 kV overhead routes | snapshot | worst loading, intact | branches above "
        "| worst after one outage | branches above after one outage | losses, MW |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, conductor in (("as built", None), ("all x2", "x2"), ("all x4", "x4")):
        lines += describe_sensitivity(label, build_network_value(build_tables(conductor)))
    return "\n".join(lines)


def write_expected(folder: Path) -> None:
    """Write ``expected.toml`` and the tables in the data sheet of the built network."""
    net = read_network(folder)
    flows = solve_snapshots(net)
    facts = compare_figures(net, flows)
    frozen = {name: freeze(net, flow) for name, flow in flows.items()}
    EXPECTED.write_text(format_expected(facts, frozen), encoding="utf-8", newline="\n")
    text = README.read_text(encoding="utf-8")
    for name, table in (
        ("published figures", format_table(facts)),
        ("ratings", format_sensitivity()),
        ("conductors", format_conductors()),
        ("not assessable", format_unassessable(net)),
    ):
        text = replace_table(text, name, table)
    README.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Write the expectations, or print the sensitivity."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--sensitivity", action="store_true")
    arguments = parser.parse_args()
    if arguments.write:
        write_expected(TARGET)
    if arguments.sensitivity:
        print(format_sensitivity())
    if not (arguments.write or arguments.sensitivity):
        parser.error("say --write or --sensitivity")


if __name__ == "__main__":
    main()
