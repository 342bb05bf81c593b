"""Infeasible hours: what must give, by how much, and what makes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Outage
from gridhub.dispatch.limits import compile_interfaces
from gridhub.dispatch.result import DispatchStatus
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import (
    dispatch,
    make_triangle,
    make_two_islands,
    price_units,
    take_rates,
)


def test_a_unit_that_must_run_behind_a_line_gives_what_the_line_cannot_carry() -> None:
    net = make_triangle(
        bus=make_table(id=["a", "b", "c", "d"], vn_kv=345.0, reference=[True, False, False, False]),
        line=make_table(
            id=["ab", "bc", "ac", "cd"],
            from_bus=["a", "b", "a", "c"],
            to_bus=["b", "c", "c", "d"],
            r_ohm=0.0,
            x_ohm=10.0,
            rate_mva=[900.0, 900.0, 900.0, 70.0],
        ),
        generator=make_table(
            id=["free", "nuclear"], bus=["a", "d"], p_mw=0.0, p_min_mw=[0.0, 100.0], p_max_mw=400.0, vm_pu=1.0
        ),
    )
    case = compile_network(net)
    units = price_units(case, 10.0, 20.0, must_run=np.array([False, True]))
    found = dispatch(net, units=units)
    assert found.status is DispatchStatus.INFEASIBLE
    assert sum(c.give_mw for c in found.conflicts) == pytest.approx(30.0)
    # either the unit or the line: both stand in the list, one of them gives
    assert {(c.kind, c.element) for c in found.conflicts} <= {("unit", "nuclear"), ("branch", "cd")}
    assert "30.0 MW" in found.message
    assert "cd" in found.message
    assert found.cost_market == pytest.approx(200.0 * 10.0 + 100.0 * 20.0)
    # the hour with what gives is dispatched and priced
    assert found.generator_p.sum() == pytest.approx(300.0, abs=1e-3)
    assert np.isfinite(found.price).all()


def test_a_limit_after_an_outage_is_named_with_what_is_lost() -> None:
    found = dispatch(make_triangle(), 10.0, 30.0, outages=[Outage((2,))])
    # without ac all 300 MW have to come over bc, rated 150
    giving = [c for c in found.conflicts if c.give_mw > 0]
    assert found.status is DispatchStatus.INFEASIBLE
    assert sum(c.give_mw for c in giving) == pytest.approx(150.0)
    assert {("branch", "bc", ("ac",)), ("load", "demand", ())} >= {
        (c.kind, c.element, c.outage) for c in giving
    }
    assert any(c.outage == ("ac",) and c.limit_mw == pytest.approx(150.0) for c in found.conflicts)
    assert np.isfinite(found.cost_intact)
    assert "after the loss of ac" in found.message


def test_an_interface_and_a_link_that_contradict_each_other() -> None:
    net = make_two_islands()
    case = compile_network(net)
    table = make_table(
        id=["1"], name="sea", member="link", direction=1, limit_mw=20.0, limit_reverse_mw=np.nan
    )
    limits = replace(take_rates(case), interfaces=compile_interfaces(case, table))
    found = dispatch(net, 10.0, 50.0, links=(np.array([60.0]), np.array([80.0])), limits=limits)
    assert sum(c.give_mw for c in found.conflicts) == pytest.approx(40.0)
    assert {(c.kind, c.element) for c in found.conflicts} <= {("interface", "sea"), ("link", "link")}
    assert 20.0 - 1e-3 < found.hvdc_p[0] < 60.0 + 1e-3


def test_load_beyond_all_units_is_named_and_shedding_settles_it() -> None:
    net = make_triangle(load_mw=1000.0, line=make_triangle().line.assign(rate_mva=9000.0))
    found = dispatch(net, 10.0, 30.0)
    assert [(c.kind, c.element) for c in found.conflicts] == [("load", "demand")]
    assert found.conflicts[0].give_mw == pytest.approx(200.0)
    assert found.generator_p == pytest.approx([400.0, 400.0])
    shed = dispatch(net, 10.0, 30.0, shed_price=400.0)
    assert shed.status is DispatchStatus.OPTIMAL
    assert shed.shed == pytest.approx([200.0])


def test_soft_limits_leave_nothing_to_explain() -> None:
    net = make_triangle()
    soft = replace(take_rates(compile_network(net)), excess_price_after=1000.0)
    found = dispatch(net, 10.0, 30.0, outages=[Outage((2,))], limits=soft)
    assert found.status is DispatchStatus.OPTIMAL
    assert found.conflicts == ()
    assert found.constraints.excess.sum() == pytest.approx(150.0)
