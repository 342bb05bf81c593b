"""Piecewise linear costs as blocks, against the points they come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.dispatch.curves import compile_curves
from gridhub.dispatch.offers import UnitOffers, offer_units
from gridhub.errors import InputError
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle

P, COST = [20.0, 100.0, 180.0, 300.0], [500.0, 1300.0, 2500.0, 5500.0]


def make_points(p: list[float], cost: list[float]) -> pd.DataFrame:
    ids = [str(i) for i in range(len(p))]
    return make_table(id=ids, generator="cheap", p_mw=p, cost_per_h=cost)


def offer(p_min: float, p_max: float, relaxed: bool) -> UnitOffers:
    units = make_table(
        id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=p_min, p_max_mw=p_max, vm_pu=1.0
    )
    case = compile_network(make_triangle(generator=units))
    # rows in any order
    curves = compile_curves(case, make_points(P, COST).iloc[[2, 0, 3, 1]])
    return offer_units(case, np.array([np.nan, 30.0]), relaxed=relaxed, curves=curves)


@pytest.mark.parametrize(("p_min", "p_max"), [(20.0, 300.0), (50.0, 250.0), (120.0, 150.0), (0.0, 400.0)])
def test_blocks_cost_what_the_points_say(p_min: float, p_max: float) -> None:
    units = offer(p_min, p_max, relaxed=False)
    mine = units.block_unit == 0
    p = p_min + np.concatenate([[0.0], np.cumsum(units.block_width[mine])])
    blocks = np.cumsum(units.block_width[mine] * units.block_price[mine])
    cost = units.constant[0] + np.concatenate([[0.0], blocks])
    assert p[-1] == pytest.approx(p_max)
    # beyond the ends the first and the last piece go on: 10 and 25 a MWh
    points = [0.0, *P, 400.0], [300.0, *COST, 8000.0]
    assert cost == pytest.approx(np.interp(p, *points))
    assert (np.diff(units.block_price[mine]) > 0).all()
    assert units.block_price[~mine] == pytest.approx([30.0])


def test_a_relaxed_unit_pays_no_constant() -> None:
    units = offer(50.0, 250.0, relaxed=True)
    assert (units.low[0], units.constant[0]) == (0.0, 0.0)
    assert units.block_width[units.block_unit == 0].sum() == pytest.approx(250.0)


def test_no_points_are_no_curves() -> None:
    assert compile_curves(compile_network(make_triangle()), make_points([], [])) is None


@pytest.mark.parametrize(
    ("p", "cost", "match"),
    [
        ([0.0], [1.0], "two points"),
        ([0.0, 0.0], [1.0, 2.0], "another power"),
        ([0.0, 10.0, 20.0], [0.0, 100.0, 150.0], "not convex"),
    ],
)
def test_curves_that_cannot_be_are_refused_by_name(p: list[float], cost: list[float], match: str) -> None:
    with pytest.raises(InputError, match=f"cheap.*{match}"):
        compile_curves(compile_network(make_triangle()), make_points(p, cost))
