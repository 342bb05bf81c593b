"""The benchmark measures what it says: the peers' model, the counts of operations, ratios, the exponent."""

from __future__ import annotations

import numpy as np
import pytest
from pandapower.pypower.idx_brch import BR_B, BR_R, BR_X, SHIFT, TAP
from pandapower.pypower.makeYbus import makeYbus

from gridhub.case.matrices import build_admittance
from tests.bench.grids import BACKBONE, Grid, load_grid, sample
from tests.bench.plain_grid import lay_out, make_matpower
from tests.bench.roofline import count_work
from tests.bench.rows.scaling import fit_exponent
from tests.bench.timing import Contestant, Goal, Measured, Table, time_in_turns


@pytest.fixture(scope="module", params=["case14", "case118", BACKBONE])
def grid(request: pytest.FixtureRequest) -> Grid:
    return load_grid(request.param)


def test_peers_get_the_admittances_that_gridhub_solves(grid: Grid) -> None:
    plain = lay_out(grid.base)
    case = make_matpower(plain)
    branch = np.zeros((len(plain.branch), 26))
    for column, theirs in ((BR_R, 2), (BR_X, 3), (BR_B, 4), (TAP, 8), (SHIFT, 9), (10, 10)):
        branch[:, column] = case["branch"][:, theirs]
    branch[:, 0:2] = case["branch"][:, 0:2] - 1
    bus = case["bus"].copy()
    bus[:, 0] -= 1
    built = makeYbus(case["baseMVA"], bus, branch.astype(complex))[0].toarray()
    own = build_admittance(grid.case).toarray()[np.ix_(plain.node, plain.node)]
    assert np.abs(built - own).max() < 1e-9 * np.abs(own).max()


def test_peers_get_the_injections_that_gridhub_solves(grid: Grid) -> None:
    plain = lay_out(grid.base)
    voltage = plain.vm * np.exp(1j * plain.va)
    admittance = build_admittance(grid.case)[plain.node][:, plain.node]
    injected = voltage * np.conj(admittance @ voltage) * plain.base_mva
    given = np.zeros(len(plain.node), dtype=complex)
    np.add.at(given, plain.load_at, -plain.load_p - 1j * plain.load_q)
    np.add.at(given, plain.unit_at, plain.unit_p)
    free = np.arange(len(plain.node)) != plain.reference
    assert np.abs((injected - given).real[free]).max() < 1e-5
    free[plain.unit_at] = False
    assert np.abs((injected - given).imag[free]).max() < 1e-5


def test_operations_are_counted_from_the_filled_pattern(grid: Grid) -> None:
    plan = grid.plan(1).newton
    order = plan.node
    filled = (build_admittance(grid.case).toarray() != 0)[np.ix_(order, order)]
    np.fill_diagonal(filled, True)
    entries = int(filled.sum())
    for k in range(len(order)):
        below = np.flatnonzero(filled[k + 1 :, k]) + k + 1
        filled[np.ix_(below, below)] = True
    blocks = int(np.tril(filled, -1).sum())
    work = count_work(plan, grid.case.n_branch)
    assert work.fp64 == 8 * entries + 28 * len(order)
    assert work.fp32 == 16 * blocks + 8 * len(order)


def test_no_outage_splits_an_island(grid: Grid) -> None:
    result = grid.solve(grid.plan(1), sample(grid.outages, 20))
    assert len(result.dead_nodes) == 0


def test_ratio_is_that_of_costs_per_unit_of_work() -> None:
    contestants = [
        Contestant("ours", lambda: Measured(2.0), 100),
        Contestant("theirs", lambda: Measured(3.0), 10),
    ]
    table = Table("", "outage", contestants, time_in_turns(contestants, 3))
    assert table.get_ratio(Goal("ours", "theirs", 1, 1)) == pytest.approx(15.0)


def test_exponent_of_a_power_law_is_found() -> None:
    nodes = np.array([100.0, 1000.0, 9000.0])
    assert fit_exponent(nodes, 3.0 * nodes**0.8) == pytest.approx((0.8, 3.0))
