"""Batches of DC power flows against solving set by set."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from gridhub.case.case import Case
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.dc_batch import BLOCK, DcBatch, solve_dc_batch
from gridhub.solvers.scenario import Injections
from gridhub.solvers.status import Status
from tests.small_cases import compile_network, load_case, make_hours
from tests.small_networks import make_meshed, make_table

VALUES = ("va", "p_from", "generator_p", "external", "imbalance", "missing")


def make_case(seed: int) -> Case:
    """A meshed grid with phase shifters, a dead end of two buses, storage, a link and tight units."""
    net = make_meshed(seed)
    bus = pd.concat([net.bus, make_table(id=["far", "farther"], vn_kv=345.0, reference=False)])
    line = pd.concat(
        [net.line, make_table(id=["dead"], from_bus="far", to_bus="farther", r_ohm=1.0, x_ohm=9.0)]
    )
    load = pd.concat([net.load, make_table(id=["unserved"], bus="far", p_mw=5.0, q_mvar=0.0)])
    generator = net.generator
    generator["participation"] = [1.0 if i == 1 else np.nan for i in range(len(generator))]
    generator.loc[generator.index[0], "p_max_mw"] = np.inf
    hvdc = make_table(id=["link"], from_bus="bus 3", to_bus="bus 8", p_mw=25.0, p_max_mw=100.0)
    storage = make_table(id=["battery"], bus="bus 2", p_mw=8.0, p_max_mw=20.0, e_mwh=40.0)
    tables = {"bus": bus, "line": line, "load": load, "generator": generator, "hvdc": hvdc}
    return compile_network(net.replace(**tables, storage=storage))


def assert_same_as_one_by_one(
    case: Case, injections: Injections, batch: DcBatch, convention: str, distributed: bool, chosen: list[int]
) -> None:
    plan = plan_dc(case, convention, distributed)
    for i in chosen:
        alone = solve_dc(injections.apply(case, i), convention, distributed, plan)
        for name in VALUES:
            found, expected = getattr(batch, name)[i], getattr(alone, name)
            np.testing.assert_allclose(found, expected, atol=1e-9, rtol=0, err_msg=f"{name} of set {i}")


@pytest.mark.parametrize("distributed", [True, False])
@pytest.mark.parametrize("convention", ["x_tap", "x", "rx"])
@pytest.mark.parametrize("seed", [1, 2])
def test_sets_solved_together_are_sets_solved_alone(seed: int, convention: str, distributed: bool) -> None:
    case = make_case(seed)
    hours = make_hours(case, 2 * BLOCK + 3, seed)
    plan = plan_dc(case, convention, distributed)
    batch = solve_dc_batch(case, plan, hours, distributed)
    chosen = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 2]
    assert_same_as_one_by_one(case, hours, batch, convention, distributed, chosen)
    # far and farther hang on no reference
    assert set(batch.status) <= {Status.ISLANDED, Status.NOT_CONVERGED}
    nothing_there = hours.load_p * (np.array(case.labels.load) != "unserved")
    quiet = solve_dc_batch(case, plan, replace(hours, load_p=nothing_there), distributed)
    assert Status.CONVERGED in quiet.status
    assert Status.ISLANDED not in quiet.status
    assert np.isnan(batch.p_from[:, case.labels.branch.index("dead")]).all()


@pytest.mark.parametrize("name", ["pandapower:case14", "pandapower:case118", "korea-2025-backbone"])
def test_shipped_networks_are_solved_as_alone(name: str) -> None:
    case = load_case(name)
    hours = make_hours(case, 20)
    batch = solve_dc_batch(case, plan_dc(case, "x_tap"), hours)
    assert_same_as_one_by_one(case, hours, batch, "x_tap", True, list(range(20)))
    assert Status.CONVERGED in batch.status


def test_no_injections_is_the_state_of_the_case() -> None:
    case = make_case(3)
    batch = solve_dc_batch(case, plan_dc(case, "x"))
    alone = solve_dc(case, "x", True)
    np.testing.assert_allclose(batch.p_from[0], alone.p_from, atol=1e-9)
    assert len(batch.status) == 1


def test_a_set_with_nan_or_out_of_balance_disturbs_no_other_bit() -> None:
    case = load_case("pandapower:case118")
    hours = make_hours(case, BLOCK + 10)
    plan = plan_dc(case, "x_tap")
    clean = solve_dc_batch(case, plan, hours)
    load, generator = hours.load_p.copy(), hours.generator_p.copy()
    load[3, 5] = np.nan
    generator[7, 2] = np.nan
    load[BLOCK + 1] *= 1e3
    spoilt = solve_dc_batch(case, plan, replace(hours, load_p=load, generator_p=generator))
    bad = [3, 7, BLOCK + 1]
    assert [spoilt.status[i] for i in bad] == [Status.NOT_CONVERGED] * 3
    good = np.setdiff1d(np.arange(BLOCK + 10), bad)
    for name in VALUES:
        assert np.array_equal(getattr(spoilt, name)[good], getattr(clean, name)[good], equal_nan=True)
    assert {spoilt.status[i] for i in good} == {Status.CONVERGED}
    assert abs(spoilt.missing[BLOCK + 1]).max() > 1.0


def test_threads_change_no_bit() -> None:
    case = load_case("pandapower:case118")
    hours = make_hours(case, 5 * BLOCK + 1)
    plan = plan_dc(case, "x_tap")
    one, three = (solve_dc_batch(case, plan, hours, threads=n) for n in (1, 3))
    for item in fields(DcBatch):
        assert np.array_equal(np.asarray(getattr(one, item.name)), np.asarray(getattr(three, item.name)))


def test_a_plan_for_the_other_slack_is_refused() -> None:
    case = load_case("pandapower:case14")
    with pytest.raises(ValueError, match="plan again with single_reference=False"):
        solve_dc_batch(case, plan_dc(case, "x_tap"), None, distributed_slack=False)
