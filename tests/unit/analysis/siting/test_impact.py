"""The hub as asked at each site, and its loss: by power flows, by a security run, by the study of a hub."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.hub.hub import run_hub_study
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.siting.impact import SiteImpact, find_impact
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network
from gridhub.solvers.options import read_options

MW = 150.0
POINTS = {"one": {"108": MW}, "same": {"108": MW}, "two": {"303": 120.0, "110": 80.0}}
TAN = 0.3286841051788631  # of a power factor of 0.95


def look(net: Network, points=POINTS, criteria: Criteria | None = None, method: str = "ac") -> SiteImpact:
    options = read_options(None, reactive_limits=net.reactive_limits)
    return find_impact(net, points, criteria, 0.95, method, options)  # type: ignore[arg-type]


def add_loads(net: Network, points: dict[str, float]) -> Network:
    """Put loads beside those of the table."""
    load = net.load
    for bus, mw in points.items():
        row = {**load.iloc[0].to_dict(), "bus": bus, "p_mw": mw, "q_mvar": mw * TAN}
        load.loc[f"hub:{bus}"] = row
    return net.replace(load=load)


@pytest.fixture(scope="module")
def net() -> Network:
    return gh.load_network("rts-96")


@pytest.fixture(scope="module")
def found(net: Network) -> SiteImpact:
    return look(net)


def test_the_loss_of_each_point_is_a_power_flow_without_it(net: Network, found: SiteImpact) -> None:
    table = found.hub_losses.set_index(["site", "snapshot", "bus"])
    assert len(table) == 4 * len(net.snapshots)
    for (site, snapshot, bus), row in table.iterrows():
        rest = {name: mw for name, mw in POINTS[site].items() if name != bus}
        before = gh.run_power_flow(add_loads(net, POINTS[site]), snapshot)
        after = gh.run_power_flow(add_loads(net, rest), snapshot)
        assert row["lost_mw"] == POINTS[site][bus] and row["stage"] == "ac"
        assert row["vm_before_pu"] == pytest.approx(before.bus.at[bus, "vm_pu"], abs=1e-6)
        assert row["vm_after_pu"] == pytest.approx(after.bus.at[bus, "vm_pu"], abs=1e-6)
        assert row["rise_percent"] == pytest.approx(100 * (row["vm_after_pu"] - row["vm_before_pu"]))
        rates = pd.concat([net.line["rate_b_mva"], net.transformer["rate_b_mva"]]).reindex(after.branch.index)
        ends = [
            np.hypot(after.branch[f"p_{end}_mw"], after.branch[f"q_{end}_mvar"]) for end in ("from", "to")
        ]
        loading = 100.0 * np.maximum(*ends) / rates
        assert row["worst_element"] == loading.idxmax()
        assert row["worst_loading_percent"] == pytest.approx(loading.max(), abs=1e-3)
        moved = 100.0 * (after.branch["p_from_mw"] - before.branch["p_from_mw"]).abs() / rates
        turned = (after.branch["p_from_mw"] * before.branch["p_from_mw"] < 0) & (moved > 5.0)
        assert row["reversed"] == turned.sum()
    assert table["reversed"].max() > 0 and table["rise_percent"].max() > 0.5


def test_by_dc_the_loadings_are_those_of_a_dc_power_flow(net: Network) -> None:
    table = look(net, method="dc").hub_losses
    assert set(table["stage"]) == {"dc"} and table["rise_percent"].isna().all()
    for row in table[table["site"] == "two"].itertuples():
        rest = {name: mw for name, mw in POINTS["two"].items() if name != row.bus}
        flow = gh.run_power_flow(add_loads(net, rest), row.snapshot, method="dc").branch["p_from_mw"].abs()
        rates = pd.concat([net.line["rate_b_mva"], net.transformer["rate_b_mva"]]).reindex(flow.index)
        loading = 100.0 * flow / rates
        assert row.worst_element == loading.idxmax()
        assert row.worst_loading_percent == pytest.approx(loading.max())


def test_the_loss_is_that_of_a_security_run(net: Network, found: SiteImpact) -> None:
    placed = gh.place(net, gh.DataCenter("hub", contract_mw=MW, bus="108"))
    mine = found.hub_losses[found.hub_losses["site"] == "one"].set_index("snapshot")
    for snapshot in net.snapshots:
        outages = gh.list_contingencies(placed, ("data_center",))
        run = gh.run_security(placed, outages, None, snapshot, verify="all", keep="all").status.iloc[0]
        assert mine.at[snapshot, "lost_mw"] == run["lost_load_mw"]
        assert mine.at[snapshot, "worst_element"] == run["worst_element"]
        assert mine.at[snapshot, "worst_loading_percent"] == pytest.approx(
            run["worst_loading_percent"], abs=1e-3
        )


def test_the_size_is_held_against_the_largest_load_that_may_be_lost(net: Network) -> None:
    korea = gh.load_network("korea-2025-backbone").documents["criteria"]
    rules = net.replace(documents={**net.documents, "criteria": korea})
    placed = gh.place(net, gh.DataCenter("hub", contract_mw=MW, bus="108"))
    assert placed.placements["p_mw"].tolist() == [MW]
    judged = resolve_criteria(rules, "network")
    assert judged is not None
    states = [
        look(net, {"x": {"108": mw}}, criteria, "dc").hub_losses["state"].unique().tolist()
        for criteria, mw in ((None, MW), (judged, MW), (judged, judged.max_load_loss_mw + 1.0))
    ]
    assert states == [["no limit known"], ["ok"], ["frequency study required"]]


def test_banks_and_raised_branches_are_those_of_the_study_of_the_hub(net: Network) -> None:
    hub = gh.Hub(gh.DataCenter("hub", contract_mw=MW, bus="108"))
    study = run_hub_study(net, hub, snapshots=["peak"])
    found = look(net, {"here": {"108": MW}}, resolve_criteria(net, "network"))
    for name in ("supplying_banks", "raised_branches"):
        theirs, mine = getattr(study, name), getattr(found, name)
        mine = mine[mine["snapshot"] == "peak"].drop(columns=["site", "stage"]).reset_index(drop=True)
        assert len(theirs)
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False, rtol=1e-4, atol=1e-3)
    loss = found.hub_losses.set_index("snapshot").loc["peak"]
    row = study.hub_losses.iloc[0]
    assert row["worst_element"] == loss["worst_element"]
    assert row["worst_loading_percent"] == pytest.approx(loss["worst_loading_percent"], abs=0.01)
    assert (row["lost_load_mw"], row["state"]) == (loss["lost_mw"], loss["state"])


def test_the_summary_is_that_of_the_tables(net: Network, found: SiteImpact) -> None:
    for row in found.impact.itertuples():
        banks, raised = (
            part[(part["site"] == row.site) & (part["snapshot"] == row.snapshot)]
            for part in (found.supplying_banks, found.raised_branches)
        )
        assert row.banks == len(banks) and row.raised == len(raised)
        assert row.raised_mw == pytest.approx((raised["after_mw"] - raised["before_mw"]).sum())
        if len(banks):
            assert row.n1_after_percent == pytest.approx(banks["n1_after_percent"].max())
        flow = gh.run_power_flow(add_loads(net, POINTS[row.site]), row.snapshot)
        assert row.vm_after_pu == pytest.approx(flow.bus.loc[list(POINTS[row.site]), "vm_pu"].min(), abs=1e-6)
        assert row.overloads_after == flow.summary["overloaded_branches"]
    # two sites at one point of connection are the same but for their name
    one, same = (
        found.raised_branches[found.raised_branches["site"] == name]
        .drop(columns="site")
        .reset_index(drop=True)
        for name in ("one", "same")
    )
    pd.testing.assert_frame_equal(one, same)


def build_weak(x_ohm: float) -> Network:
    """A plant, and a place at the end of a line."""
    return build_network(
        "weak",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": ["a"], "to_bus": ["b"], "r_ohm": 1.0, "x_ohm": x_ohm, "rate_mva": 900.0},
            index=["ab"],
        ),
        load=pd.DataFrame({"bus": ["b"], "p_mw": [50.0]}, index=["demand"]),
        generator=pd.DataFrame({"bus": ["a"], "p_mw": 50.0, "p_max_mw": 800.0}, index=["unit"]),
    )


def test_without_a_solution_by_ac_it_is_looked_at_by_dc_and_without_units_not_at_all() -> None:
    points = {"fits": {"b": 50.0}, "collapses": {"b": 600.0}, "starves": {"b": 900.0}, "near": {"a": 600.0}}
    found = look(build_weak(200.0), points)
    stages = found.impact.set_index("site")["stage"].to_dict()
    assert stages == {"fits": "ac", "collapses": "dc", "starves": "", "near": "ac"}
    rise = found.find_rise()
    assert rise["fits"] > 1.0 and rise["near"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(rise["collapses"]) and np.isnan(rise["starves"])
    after = found.impact.set_index("site")
    raised = found.raised_branches.set_index("site")
    assert raised.at["collapses", "after_mw"] == pytest.approx(650.0) and "starves" not in raised.index
    assert after.at["collapses", "raised_mw"] == pytest.approx(600.0)


def test_a_site_without_a_solution_has_no_rank_and_says_so() -> None:
    net = build_weak(200.0)
    sites = pd.DataFrame({"lat": 35.0, "lon": [127.0, 128.0], "bus": ["b", "a"]}, index=["far", "near"])
    hub = gh.DataCenter("hub", contract_mw=600.0, bus="a")
    ranking = gh.rank_sites(net, sites, hub)
    assert "no AC solution with the hub as asked" in ranking.table.at["far", "note"]
    assert ranking.table["rank"].to_dict()["near"] == 1.0
    assert "over-frequency" in ranking.table.at["near", "not_assessed"]
    by_dc = gh.rank_sites(net, sites, hub, {"impact": "dc"})
    assert 'impact = "ac"' in by_dc.left_out["hub_loss_rise_percent"] and by_dc.table["rank"].notna().all()
    off = gh.rank_sites(net, sites, hub, {"impact": "off"})
    assert off.impact.hub_losses.empty and "over-frequency" not in off.table.at["near", "not_assessed"]
    with pytest.raises(OptionError, match="impact = 'hvdc'"):
        gh.rank_sites(net, sites, hub, {"impact": "hvdc"})
