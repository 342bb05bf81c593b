"""Ratings by class of contingency, voltage and time, against power flows of the grid that is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security.outage_limits import build_outage_limits, list_classes
from gridhub.analysis.security.outage_relief import RELIEF_COLUMNS
from gridhub.analysis.security.security import prepare_setting
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.rating_rules import RatingRule
from gridhub.solvers.options import read_options
from tests.small_networks import make_double_feed, make_meshed
from tests.unit.analysis.security.test_screening_voltage import make_band

NORMAL = RatingRule("normal", "rate_mva", 1.0)
LASTING = RatingRule("outage", "rate_mva", 1.0)
SHORT = RatingRule("outage", "rate_b_mva", 1.0, 30.0)
TOWER = RatingRule("outage", "rate_c_mva", 1.0, 15.0, "tower")


def make_criteria(*rules: RatingRule) -> Criteria:
    return replace(make_band(0.5, 1.5), ratings=rules)


def rate_two_levels(seed: int) -> gh.Network:
    """A meshed grid at 345 and 154 kV, narrow; most lines have ratings B and C, transformers have none."""
    net = make_meshed(seed, n_bus=16, extra=14)
    line = net.line
    line["rate_mva"] *= 0.6
    rng = np.random.default_rng(seed)
    line["rate_b_mva"] = np.where(rng.random(len(line)) < 0.8, 1.2 * line["rate_mva"], np.nan)
    line["rate_c_mva"] = np.where(rng.random(len(line)) < 0.6, 1.5 * line["rate_mva"], np.nan)
    bus = net.bus
    bus.loc[bus.index[:6], "vn_kv"] = 154.0
    return net.replace(line=line, bus=bus)


def find_flows(net: gh.Network, elements: tuple[str, ...]) -> pd.Series:
    """Apparent power of every branch after an outage, solved by itself [MVA]."""
    tables = {}
    for table in ("line", "transformer", "generator"):
        frame = getattr(net, table)
        frame["in_service"] = ~frame.index.isin(elements)
        tables[table] = frame
    branch = gh.run_power_flow(net.replace(**tables)).branch
    ends = [np.hypot(branch[f"p_{end}_mw"], branch[f"q_{end}_mvar"]) for end in ("from", "to")]
    return pd.Series(np.maximum(*ends), index=branch.index)


@pytest.mark.parametrize("seed", range(3))
def test_every_overload_is_held_against_the_rating_of_its_class_and_voltage(seed: int) -> None:
    net = rate_two_levels(seed)
    rules = [
        NORMAL,
        LASTING,
        RatingRule("outage", "rate_b_mva", 1.0, 30.0, "line"),
        RatingRule("outage", "rate_c_mva", 1.0, 5.0, "line", 300.0),
    ]
    criteria = make_criteria(*rules)
    cset = gh.list_contingencies(net, kinds=["line", "transformer", "generator"])
    sec = gh.run_security(net, cset, criteria, screen=None)
    branches = net.branches()
    tables = pd.concat([net.line, net.transformer])
    a = tables["rate_mva"]
    b = tables["rate_b_mva"].fillna(a)
    c = tables["rate_c_mva"].fillna(b)
    expected, relief = [], []
    for key, (kind, elements) in cset[["kind", "elements"]].iterrows():
        if sec.status.loc[key, "status"] != "CONVERGED":
            continue
        flow = find_flows(net, elements)
        high = branches["vn_kv"].reindex(flow.index) >= 300.0
        limit = a.reindex(flow.index)
        if kind == "line":
            limit = pd.Series(np.where(high, c.reindex(flow.index), b.reindex(flow.index)), flow.index)
        expected += [(key, name) for name in flow.index if flow[name] > limit[name] + 1e-6]
        relief += [(key, n) for n in flow.index if a[n] + 1e-6 < flow[n] <= limit[n] - 1e-6]
        worst = (100.0 * flow / limit).drop(list(elements), errors="ignore").max()
        assert sec.status.loc[key, "worst_loading_percent"] == pytest.approx(worst, rel=1e-5)
    islanded = set(sec.status.index[sec.status["status"] != "CONVERGED"])
    found = sec.violations[(sec.violations["kind"] == "thermal") & (sec.violations["contingency"] != "")]
    found = found[~found["contingency"].isin(islanded)]
    assert sorted(zip(found["contingency"], found["element"], strict=True)) == sorted(expected)
    listed = sec.relief[~sec.relief["contingency"].isin(islanded)]
    assert sorted(zip(listed["contingency"], listed["element"], strict=True)) == sorted(relief)
    assert len(expected) > 3
    assert len(relief) > 0
    for _, row in found.iterrows():
        column = {"rate_mva": a, "rate_b_mva": b, "rate_c_mva": c}[row["rating"]]
        assert row["limit"] == pytest.approx(column[row["element"]])
        own = tables.loc[row["element"], row["rating"]]
        assert own == pytest.approx(row["limit"])
        assert np.isnan(row["minutes"]) == (row["rating"] == "rate_mva")
    assert (listed["value"] > listed["normal_mva"]).all()
    assert listed["loading_percent"].to_numpy() == pytest.approx(
        100.0 * (listed["value"] / listed["normal_mva"]).to_numpy()
    )
    assert listed["minutes"].isin([5.0, 30.0]).all()


def test_a_screen_holds_each_outage_against_its_own_ratings() -> None:
    net = rate_two_levels(1)
    criteria = make_criteria(NORMAL, LASTING, RatingRule("outage", "rate_c_mva", 3.0, 5.0, "line"))
    cset = gh.list_contingencies(net, kinds=["line", "transformer"])
    whole = gh.run_security(net, cset, criteria, screen=None)
    for screen in ("dc", "1p1q"):
        sec = gh.run_security(net, cset, criteria, screen=screen, verify="all")
        assert sec.summary["missed"] == 0
        pd.testing.assert_frame_equal(sec.violations, whole.violations)
        parts = [cset[cset["kind"] == kind] for kind in ("line", "transformer")]
        alone = [gh.run_security(net, part, criteria, screen=screen, verify="all").screen for part in parts]
        pd.testing.assert_frame_equal(sec.screen, pd.concat(alone).loc[sec.screen.index])


def test_a_tower_may_use_a_rating_that_a_line_may_not() -> None:
    net = make_double_feed(circuits=3, p_mw=700.0)
    line = net.line.assign(rate_mva=250.0, rate_c_mva=500.0)
    line["tower"] = ["t1", "t1", "", ""]
    line.loc["bc", "rate_mva"] = 900.0
    net = net.replace(line=line)
    cset = gh.list_contingencies(net, kinds=["line", "tower"])
    (tower,) = cset.index[cset["kind"] == "tower"]
    strict = gh.run_security(net, cset, make_criteria(NORMAL, LASTING), screen=None)
    thermal = strict.violations[strict.violations["kind"] == "thermal"]
    assert set(thermal["contingency"]) == {"ab1", "ab2", "ab3", tower}
    assert strict.relief.columns.tolist() == list(RELIEF_COLUMNS)
    assert strict.relief.empty
    longer = replace(TOWER, factor=1.6)
    sec = gh.run_security(net, cset, make_criteria(NORMAL, LASTING, longer), screen=None)
    assert tower not in set(sec.violations["contingency"])
    (row,) = sec.relief[sec.relief["contingency"] == tower].to_dict("records")
    assert (row["element"], row["rating"], row["minutes"]) == ("ab3", "rate_c_mva", 15.0)
    assert row["limit"] == pytest.approx(800.0)
    assert row["loading_percent"] > 250.0
    assert sec.verdict == "insecure"


def test_event_class_and_class_of_the_set_come_before_the_kind() -> None:
    cset = pd.DataFrame({"kind": ["line"], "event_class": ["P1.2"], "rating_class": ["n-1-1"]}, index=["x"])
    assert list_classes(cset) == [("n-1-1", "P1.2", "line")]
    assert list_classes(cset[["kind"]]) == [("line",)]
    assert list_classes(pd.DataFrame({"elements": [("a",)]}, index=["x"])) == [()]
    net = make_double_feed()
    setting = prepare_setting(net, "", None, read_options(None, reactive_limits=False))
    half = RatingRule("outage", "rate_mva", 0.5, contingency="n-1-1")
    criteria = make_criteria(NORMAL, LASTING, half, RatingRule("outage", "rate_mva", 0.7, contingency="line"))
    limits = build_outage_limits(
        net, setting.case, criteria, pd.concat([cset, cset.drop(columns="rating_class")])
    )
    rates = [limits.groups[k].rate[0] / setting.case.rate[0] for k in limits.of]
    assert rates == pytest.approx([0.5, 0.7])


def test_branches_without_the_rating_asked_for_are_counted_and_the_stand_in_named() -> None:
    net = rate_two_levels(2)
    sec = gh.run_security(net, criteria=make_criteria(NORMAL, SHORT), screen=None)
    tables = pd.concat([net.line, net.transformer])
    assert sec.summary["rating_fallbacks"] == tables["rate_b_mva"].isna().sum() > 0
    thermal = sec.violations[sec.violations["kind"] == "thermal"]
    lacking = tables["rate_b_mva"].isna()[thermal["element"]].to_numpy()
    after = (thermal["contingency"] != "").to_numpy()
    assert (thermal["rating"].to_numpy()[after] == np.where(lacking, "rate_mva", "rate_b_mva")[after]).all()
    assert gh.run_security(net, criteria=make_criteria(NORMAL, LASTING)).summary["rating_fallbacks"] == 0


def test_a_class_that_does_not_exist_is_refused() -> None:
    criteria = make_criteria(NORMAL, LASTING, RatingRule("outage", "rate_b_mva", 1.0, contingency="towers"))
    with pytest.raises(OptionError, match="towers"):
        gh.run_security(make_double_feed(), criteria=criteria)
