"""What the screen missed, by class; and the ranking, against counts made row by row."""

from __future__ import annotations

import numpy as np
import pytest

import gridhub as gh
from gridhub.criteria import EXAMPLE, read_criteria
from tests.small_networks import make_double_feed, make_meshed


def make_two_levels() -> gh.Network:
    net = make_meshed(3, n_bus=20, extra=18)
    bus = net.bus
    bus.loc[bus.index[:8], "vn_kv"] = 765.0
    return net.replace(bus=bus)


def test_classes_add_up_to_a_count_of_every_outage() -> None:
    net = make_two_levels()
    sec = gh.run_security(net, criteria=None, verify="all")
    table = sec.screen_by_class
    kv = net.branches()["vn_kv"]
    for (kind, level), row in table.iterrows():
        names = [
            name
            for name, (own, elements) in sec.contingencies.iterrows()
            if own == kind and kv[elements[0]] == level
        ]
        own = sec.screen.loc[names]
        over = {
            name
            for name in names
            if ((sec.violations["contingency"] == name) & (sec.violations["kind"] == "thermal")).any()
        }
        assert row["outages"] == len(names)
        assert row["overloaded"] == len(over)
        assert row["missed"] == sum(not own.loc[name, "flagged"] for name in over)
        assert row["left_to_screen"] == 0
    assert table["outages"].sum() == len(sec.status)
    assert table["overloaded"].sum() > 3
    assert (table["recall_percent"].dropna() == 100.0).all()


def test_a_screen_that_misses_is_told_by_the_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridhub.analysis.security.screening.FLAG_PERCENT", 1e4)
    sec = gh.run_security(make_two_levels(), criteria=None, verify="all")
    table = sec.screen_by_class
    islanding = (sec.status["status"] == "ISLANDED").sum()
    assert table["flagged"].sum() == islanding
    assert table["missed"].sum() == sec.screen["missed"].sum() > 0
    assert table["recall_percent"].min() < 100.0


def test_voltages_that_dc_cannot_see_are_counted() -> None:
    net = make_double_feed(circuits=3, p_mw=500.0)
    line = net.line
    line["rate_mva"] = 5000.0
    low = (
        EXAMPLE.replace("low_kv = 328", "low_kv = 344")
        .replace("high_kv = 362", "high_kv = 346")
        .replace('state = "normal"', 'state = "outage"', 1)
    )
    sec = gh.run_security(net.replace(line=line), criteria=read_criteria(low), verify="all")
    table = sec.screen_by_class
    at = set(sec.violations.loc[sec.violations["kind"] == "voltage_high", "contingency"])
    unseen = [name for name in at if not sec.screen.loc[name, "flagged"]]
    assert table["voltage_missed"].sum() == len(unseen) > 0
    assert table["missed"].sum() == 0


def test_nothing_screened_is_an_empty_table_and_what_is_left_to_dc_is_counted() -> None:
    net = make_two_levels()
    assert gh.run_security(net, screen=None).screen_by_class.empty
    net = make_double_feed(circuits=3, p_mw=300.0)
    sec = gh.run_security(net, criteria=None)
    screened = (sec.status["status"] == "SCREENED").sum()
    assert sec.screen_by_class["left_to_screen"].sum() == screened > 0
    assert (sec.ranking["performance_index_voltage"].isna() == (sec.ranking["status"] == "SCREENED")).all()


def test_ranking_has_what_each_outage_breaks() -> None:
    net = make_double_feed(p_mw=3000.0)
    low = EXAMPLE.replace('state = "normal"', 'state = "outage"', 1).replace("low_kv = 328", "low_kv = 340")
    sec = gh.run_security(net, criteria=read_criteria(low), verify="all", keep="all")
    middle, half = 0.5 * (340 + 362) / 345, 0.5 * (362 - 340) / 345
    for name, row in sec.ranking.iterrows():
        own = sec.violations[sec.violations["contingency"] == name]
        assert row["overloads"] == (own["kind"] == "thermal").sum()
        assert row["voltage_violations"] == own["kind"].str.startswith("voltage").sum()
        vm = sec.vm_pu.loc[name].to_numpy()
        outside = vm[(vm < 340 / 345) | (vm > 362 / 345)]
        expected = (((outside - middle) / half) ** 4).sum()
        assert row["performance_index_voltage"] == pytest.approx(expected, rel=1e-9)
        beyond = np.fmax(340 / 345 - vm, vm - 362 / 345)
        if len(outside):
            assert row["worst_beyond_pu"] == pytest.approx(beyond.max(), rel=1e-9)
            assert sec.vm_pu.loc[name, row["worst_bus"]] == row["worst_vm_pu"]
        else:
            assert (row["worst_bus"], np.isnan(row["worst_vm_pu"])) == ("", True)
        assert row["islanding"] == (sec.status.loc[name, "status"] == "ISLANDED")
    assert sec.ranking["voltage_violations"].max() > 0
    broken = (sec.ranking["violations"] > 0).tolist()
    assert broken == sorted(broken, reverse=True)
    assert np.isfinite(sec.ranking["performance_index_voltage"]).all()
