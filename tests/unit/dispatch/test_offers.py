"""Offers against the cost functions they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.dispatch.offers import make_offers, offer_units
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle, make_two_islands, price_units


def make_units(**columns: object) -> dict[str, object]:
    shared = {"p_mw": 30.0, "p_min_mw": 40.0, "p_max_mw": 200.0, "vm_pu": 1.0} | columns
    return {"generator": make_table(id=["one", "two"], bus=["a", "b"], **shared)}


def test_a_block_costs_what_the_quadratic_costs() -> None:
    case = compile_network(make_triangle(**make_units()))
    c0, c1, c2 = np.array([500.0, 70.0]), np.array([10.0, 20.0]), np.array([0.05, 0.0])
    units = offer_units(case, c1, c0, c2, relaxed=False)
    assert units.low == pytest.approx([40.0, 40.0])
    assert units.constant == pytest.approx(c0 + c1 * 40.0 + c2 * 1600.0)
    assert units.block_unit.tolist() == [0, 1]
    for p in (40.0, 90.0, 200.0):
        above = p - 40.0
        cost = units.constant + units.block_price * above + units.block_bend * above**2
        assert cost == pytest.approx(c0 + c1 * p + c2 * p**2)


def test_relaxed_units_reach_zero_and_spread_their_constant_cost() -> None:
    case = compile_network(make_triangle(**make_units()))
    units = offer_units(
        case, np.array([10.0, 20.0]), np.array([500.0, 800.0]), must_run=np.array([True, False])
    )
    assert units.low == pytest.approx([40.0, 0.0])
    assert units.constant == pytest.approx([900.0, 0.0])
    assert units.block_price == pytest.approx([10.0, 24.0])
    assert np.isnan(units.curtail_price).all()


def test_sun_gives_up_to_its_schedule_and_held_units_just_that() -> None:
    case = compile_network(make_triangle(**make_units()))
    units = price_units(
        case, 1.0, 2.0, curtailable=np.array([True, False]), held=np.array([False, True]), curtail_price=9.0
    )
    assert units.low == pytest.approx([0.0, 30.0])
    assert units.high == pytest.approx([30.0, 30.0])
    assert units.block_unit.tolist() == [0]
    assert units.curtail_price[0] == 9.0


def test_a_unit_without_a_known_maximum_has_one_endless_block() -> None:
    case = compile_network(make_triangle(**make_units(p_max_mw=np.nan)))
    units = offer_units(case, np.array([10.0, 20.0]), np.array([500.0, 0.0]))
    assert np.isinf(units.block_width).all()
    assert units.block_price == pytest.approx([10.0, 20.0])


def test_units_out_of_service_give_and_cost_nothing() -> None:
    case = compile_network(make_triangle(**make_units(in_service=[True, False])))
    units = offer_units(case, np.array([1.0, 2.0]), np.array([5.0, 7.0]), relaxed=False)
    assert (units.low[1], units.high[1], units.constant[1]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("columns", "quadratic", "match"),
    [
        ({}, [0.0, -0.1], "not convex: two"),
        ({"p_max_mw": np.nan}, [0.1, 0.0], "p_max_mw: one"),
        ({"p_min_mw": [300.0, 0.0]}, [0.0, 0.0], "above the maximum.*: one"),
    ],
)
def test_offers_that_cannot_be_are_refused_by_name(
    columns: dict[str, object], quadratic: list[float], match: str
) -> None:
    case = compile_network(make_triangle(**make_units(**columns)))
    with pytest.raises(ValueError, match=match):
        offer_units(case, np.ones(2), None, np.array(quadratic), relaxed=False)


def test_an_empty_range_of_a_link_is_refused_by_name() -> None:
    case = compile_network(make_two_islands())
    with pytest.raises(ValueError, match="link"):
        make_offers(case, price_units(case, 1.0, 2.0), links=(np.array([5.0]), np.array([4.0])))
