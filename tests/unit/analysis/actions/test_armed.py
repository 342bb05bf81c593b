"""An armed run against runs of its own for each outage, and against the run of schemes beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.actions.armed import SHED, TRIPPED, run_armed
from gridhub.analysis.actions.remedial import run_remedial
from gridhub.analysis.actions.remedial_schemes import Action, Condition, RemedialScheme
from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.security.security import run_security
from gridhub.criteria import Criteria, read_criteria
from gridhub.errors import InputError
from gridhub.model.network import Network

CRITERIA = Path(__file__).resolve().parents[4] / "networks" / "korea" / "criteria.toml"


def make(name: str, outage: str, action: Action, above_mw: float | None = None) -> RemedialScheme:
    conditions = () if above_mw is None else (Condition("line:2", above_mw, "either", "after"),)
    return RemedialScheme(name, (outage,), conditions, (action,), "test", "2026-11", "assumed")


@pytest.fixture(scope="module")
def net() -> Network:
    found = gh.load_network("pandapower:case9")
    return found.replace(line=found.line.assign(rate_mva=100.0))


@pytest.fixture(scope="module")
def rules() -> Criteria:
    found = read_criteria(CRITERIA.read_text(encoding="utf-8"))
    return replace(found, secured=(), ranges=(), classes=(), voltage_change_max_pu=None)


SHEDDING = make("shed", "line:1", Action("shed", ("load:0",), share=0.5))


def test_outages_of_schemes_are_those_of_the_run_beside_and_the_others_are_plain(net: Network):
    cset = list_contingencies(net)
    armed = run_armed(net, cset, [SHEDDING], None)
    plain = run_security(net, cset, None, screen=None)
    beside = run_remedial(net, cset, [SHEDDING], None)
    mine = armed.security.status["worst_loading_percent"].astype(float)
    rest = mine.index != "line:1"
    pd.testing.assert_series_equal(
        mine[rest], plain.status["worst_loading_percent"].astype(float)[rest], rtol=1e-9
    )
    with_it = beside.effect.loc[("line:1", "with")]
    assert mine["line:1"] == pytest.approx(with_it["worst_loading_percent"])
    assert mine["line:1"] != pytest.approx(plain.status.at["line:1", "worst_loading_percent"])
    assert armed.acts["shed_mw"].tolist() == [pytest.approx(with_it["shed_mw"])]
    assert (armed.security.violations["contingency"] == "line:1").sum() == with_it["violations"]


def test_a_condition_that_does_not_hold_leaves_everything_as_it_was(net: Network):
    cset = list_contingencies(net)
    idle = make("idle", "line:1", Action("shed", ("load:0",), share=0.5), above_mw=1e6)
    armed, plain = run_armed(net, cset, [idle], None), run_security(net, cset, None, screen=None)
    assert armed.acts.empty
    pd.testing.assert_frame_equal(
        armed.security.violations.reset_index(drop=True), plain.violations.reset_index(drop=True)
    )
    assert armed.security.verdict == plain.verdict


def test_what_schemes_take_is_held_against_the_criteria(net: Network, rules: Criteria):
    cset = list_contingencies(net)
    unit = str(net.generator.index[-1])
    trip = make("trip", "line:1", Action("trip", (unit,)))
    mw = float(run_security(net, cset, None, screen=None).base.generator["p_mw"][unit])
    # the load is 90 MW, half of it is shed
    for load_mw, unit_mw, wanted in ((45.0, mw + 0.1, set()), (44.9, mw - 0.1, {SHED, TRIPPED})):
        own = replace(rules, max_load_loss_mw=load_mw, max_loss_mw=unit_mw)
        found = run_armed(net, cset, [SHEDDING, trip], own).security.violations
        lost = found[(found["kind"] == "lost_load") & (found["contingency"] == "line:1")].set_index("element")
        assert set(lost.index) == wanted
        if wanted:
            assert lost.at[SHED, "value"] == pytest.approx(45.0)
            assert lost.at[TRIPPED, "value"] == pytest.approx(mw)


def test_a_scheme_of_unknown_elements_is_refused(net: Network):
    with pytest.raises(InputError, match="nowhere"):
        run_armed(net, list_contingencies(net), [make("x", "line:1", Action("trip", ("nowhere",)))], None)
