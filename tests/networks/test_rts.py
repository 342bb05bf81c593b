"""A second region, a textbook grid: built as committed, solved as pandapower does, ranked like the first."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gridhub as gh
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.cli.main import app
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.reference import read_region_table

ROOT = Path(__file__).resolve().parents[2]
RTS = ROOT / "networks" / "rts"
FOLDER = RTS / "1996"


@pytest.fixture(scope="module")
def net() -> Network:
    return gh.load_network("rts-96")


@pytest.fixture(scope="module")
def flows(net: Network) -> dict[str, PowerFlow]:
    return {name: gh.run_power_flow(net, name, options={"start": "flat"}) for name in net.snapshots}


def test_build_makes_the_committed_network_byte_for_byte(tmp_path: Path) -> None:
    command = [sys.executable, str(RTS / "build.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    tables = [path.relative_to(FOLDER) for path in FOLDER.rglob("*.csv")]
    assert made == sorted([*tables, Path("network.toml")])
    for path in made:
        assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes(), path


def test_it_has_the_published_size_and_no_faults(net: Network) -> None:
    assert (len(net.bus), len(net.line), len(net.transformer)) == (73, 104, 16)
    assert net.generator["p_max_mw"].sum() == 10_215 and net.load["p_mw"].sum() == 8_550
    assert not [issue for issue in gh.validate(net) if issue.severity == "error"]
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(part in text for part in ("10,215 MW", "8,550 MW", "230 kV 43", f"{len(net.site)} stations"))


def test_each_area_is_the_24_bus_system_as_pandapower_has_it(net: Network) -> None:
    other = gh.load_network("pandapower:case24_ieee_rts")
    wanted = list_lines(other, -1)  # its buses count from 0
    assert len(wanted) == 33
    for area in (100, 200, 300):
        mine = list_lines(net, area)
        inside = mine[mine["from"].between(1, 24) & mine["to"].between(1, 24)].reset_index(drop=True)
        assert inside[["from", "to"]].equals(wanted[["from", "to"]])
        # the paper of 1996 rounds those of 1979 to 0.001, and has 0.059 for 14-16, which had 0.0389
        changed = (inside["from"] == 14) & (inside["to"] == 16)
        assert inside.loc[changed, "x"].tolist() == pytest.approx([0.059])
        for column in ("r", "x", "b", "rate"):
            apart = (inside[column] - wanted[column]).abs()
            assert apart[~changed | (column != "x")].max() < 5.1e-4


def list_lines(net: Network, shift: int) -> pd.DataFrame:
    """List lines with the numbers of their buses less `shift` and per-unit values, in an order of its own."""
    line = net.line
    ends = np.stack([line[end].astype(int).to_numpy() for end in ("from_bus", "to_bus")]) - shift
    ohm = net.bus["vn_kv"].reindex(line["from_bus"]).to_numpy(dtype=float) ** 2 / 100.0
    table = pd.DataFrame(
        {
            "from": ends.min(axis=0),
            "to": ends.max(axis=0),
            "r": line["r_ohm"].to_numpy() / ohm,
            "x": line["x_ohm"].to_numpy() / ohm,
            "b": line["b_us"].to_numpy() * ohm * 1e-6,
            "rate": line["rate_mva"].to_numpy(),
        }
    )
    return table.sort_values(["from", "to", "x"], kind="stable").reset_index(drop=True)


@pytest.mark.parametrize("snapshot", ["peak", "night"])
def test_pandapower_finds_the_same_voltages(net: Network, flows: dict[str, PowerFlow], snapshot: str) -> None:
    import pandapower

    # it gets the outputs and the reactive limits that hold, and must find voltages, angles and flows
    flow, state = flows[snapshot], apply_snapshot(net, snapshot)
    limited = flow.generator["at_limit"].to_numpy(dtype=bool)
    generator = state.generator.assign(
        p_mw=flow.generator["p_mw"].where(state.generator["in_service"], 0.0),
        q_mvar=flow.generator["q_mvar"].fillna(0.0),
        regulating=state.generator["regulating"] & ~limited,
    )
    none = {"snapshot": state.snapshot.iloc[:0], "snapshot_value": state.snapshot_value.iloc[:0]}
    pp_net, _ = gh.to_pandapower(state.replace(generator=generator, **none))
    pandapower.runpp(pp_net, trafo_model="pi", init="dc", enforce_q_lims=False, tolerance_mva=1e-7)
    buses = pp_net.bus["gridhub_id"].to_numpy()
    voltage = pd.Series(pp_net.res_bus["vm_pu"].to_numpy(), index=buses)
    assert (voltage - flow.bus["vm_pu"]).abs().max() < 1e-7
    from_mw = pd.Series(pp_net.res_line["p_from_mw"].to_numpy(), index=pp_net.line["gridhub_id"])
    assert (from_mw - flow.branch["p_from_mw"].reindex(from_mw.index)).abs().max() < 1e-3


def test_taps_turned_over_are_the_ones_of_the_paper(net: Network) -> None:
    # two-port seen from the low side: tap t at the low end and impedance z behind it
    z, t = complex(0.002, 0.084), 1.015
    row = net.transformer.loc["A7"]
    own, a = complex(row["r_pu"], row["x_pu"]), row["tap_ratio"]
    y, mine = 1 / z, 1 / own
    paper = np.array([[y / t**2, -y / t], [-y / t, y]])
    turned = np.array([[mine, -mine / a], [-mine / a, mine / a**2]])
    assert np.abs(paper - turned).max() < 1e-4 * abs(y)


def test_hosting_meets_its_limit_and_none_before(net: Network) -> None:
    """A little below firm_mw no branch is newly beyond its rating, a little above the one that binds is."""
    buses = ["106", "204", "311"]
    table = gh.hosting_capacity(net, buses, snapshots=["peak"]).table
    factors = gh.lodf(net)
    base = find_loadings(net, factors, None, 0.0)
    for bus in buses:
        row = table.loc[bus]
        below, above = (
            find_loadings(net, factors, bus, float(row["firm_mw"]) + step) for step in (-0.1, 0.1)
        )
        allowed = (base + 1.0).clip(lower=100.0)
        assert not (below > allowed).to_numpy(dtype=bool).any()
        binding = (str(row["binding_element"]), str(row["binding_contingency"]))
        assert float(above.loc[binding]) > float(allowed.loc[binding])  # type: ignore[arg-type]


def find_loadings(net: Network, factors: pd.DataFrame, bus: str | None, mw: float) -> pd.DataFrame:
    """Loading after every outage that splits nothing, from one DC power flow [% of the 24-hour rating]."""
    load = net.load.copy()
    if bus is not None:
        load.loc["probe"] = {**load.iloc[0].to_dict(), "bus": bus, "p_mw": mw, "q_mvar": 0.0}
    flow = gh.run_power_flow(net.replace(load=load), "peak", method="dc").branch["p_from_mw"]
    rate = pd.concat([net.line["rate_b_mva"], net.transformer["rate_b_mva"]]).reindex(flow.index)
    after = factors.mul(flow.reindex(factors.columns), axis=1).add(flow, axis=0)
    return after.abs().div(rate, axis=0).mul(100.0)


def test_ranking_runs_on_the_tables_of_the_region(net: Network) -> None:
    sites, points = (read_region_table("rts-96", name) for name in ("sites", "landing_points"))
    hub = gh.DataCenter("hub", contract_mw=200.0, bus="113")
    ranking = gh.rank_sites(net, sites, hub, {"landing_points": points, "draws": 200})
    table = ranking.table
    assert sorted(table.index) == sorted(sites.index) and table["rank"].notna().all()
    assert ranking.criteria.at["spur_cost", "unit"] == "M USD"
    # the rule of area 3 is in its data: fourteen months later than the year of study everywhere else
    wait = table.groupby("province")["permission_years"].unique().map(list)
    assert wait["Area 1"] == [1.0] and wait["Area 3"] == pytest.approx([38 / 12])
    # two circuits over 1.3 times the straight line, 1.0 M USD/km and 20 % contingency
    row = table.loc["plain"]
    assert row["spur_cost"] == pytest.approx(
        row["distance_km"] * 1.3 * 1.0 * 1.2 + 2 * 3.0 * 2 * 1.2, rel=0.2
    )


def test_the_command_line_takes_it_like_any_other() -> None:
    run = CliRunner().invoke(app, ["site", "rts-96", "--mw", "200", "-o", "draws=50", "--json"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.output)
    assert len(document["sites"]) == 10 and not math.isnan(document["sites"][0]["latency_ms"])
    run = CliRunner().invoke(app, ["host", "rts-96", "--bus", "106"])
    assert run.exit_code == 0 and "106" in run.output
