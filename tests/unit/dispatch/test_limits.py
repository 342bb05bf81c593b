"""Limits out of tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gridhub as gh
from gridhub.dispatch.limits import compile_interfaces, find_angle_flows, take_limits
from gridhub.errors import InputError
from gridhub.solvers.dc import plan_dc
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle, make_two_islands, take_rates


def test_members_are_found_among_branches_and_links_and_the_smallest_limit_counts() -> None:
    case = compile_network(
        make_two_islands(line=make_table(id=["x"], from_bus="a", to_bus="a", r_ohm=1.0, x_ohm=9.0))
    )
    table = make_table(
        id=["1", "2", "3"],
        name=["sea", "sea", "free"],
        member=["link", "x", "x"],
        direction=[-1, 1, 1],
        limit_mw=[50.0, 40.0, np.nan],
        limit_reverse_mw=[np.nan, np.nan, np.nan],
    )
    found = compile_interfaces(case, table)
    assert found.names == ("sea",)
    assert found.forward.tolist() == [40.0]
    assert np.isnan(found.reverse).all()
    assert found.is_link.tolist() == [True, False]
    assert (found.member.tolist(), found.direction.tolist()) == ([0, 0], [-1.0, 1.0])


def test_an_unknown_member_is_named() -> None:
    case = compile_network(make_triangle())
    table = make_table(id=["1"], name="i", member="nowhere", direction=1, limit_mw=5.0, limit_reverse_mw=5.0)
    with pytest.raises(InputError, match="nowhere"):
        compile_interfaces(case, table)


def test_ratings_after_an_outage_are_those_for_that_and_a_share_counts_for_both() -> None:
    net = make_triangle()
    line = net.line
    line["rate_b_mva"] = [200.0, np.nan, 180.0]
    limits = take_limits(compile_network(net.replace(line=line)), share=0.9)
    assert limits.rate == pytest.approx([135.0] * 3)
    assert limits.rate_after == pytest.approx([180.0, 135.0, 162.0])


def test_interfaces_of_the_backbone_have_the_members_of_their_table() -> None:
    net = gh.load_network("korea-2025-backbone")
    case = compile_network(net)
    found = compile_interfaces(case, net.interface)
    for k, name in enumerate(found.names):
        rows = net.interface[net.interface["name"] == name]
        ids = [
            (case.labels.hvdc if link else case.labels.branch)[i]
            for i, link in zip(
                found.member[found.interface == k], found.is_link[found.interface == k], strict=True
            )
        ]
        assert ids == rows["member"].tolist()


def test_angle_limits_are_flows_and_change_places_behind_a_negative_reactance() -> None:
    net = make_triangle()
    net = net.replace(line=net.line.assign(x_ohm=[10.0, -10.0, 10.0]))
    case = compile_network(net)
    plan = plan_dc(case, "x_tap")
    degree = np.deg2rad(1.0)
    low, high = find_angle_flows(
        case, plan, np.array([-degree, -degree, np.nan]), np.array([2 * degree, 2 * degree, degree])
    )
    # b = 345 kV^2 / 10 ohm in MW per radian
    flow = 345.0**2 / 10.0 * degree
    assert low == pytest.approx([-flow, -2 * flow, -np.inf])
    assert high == pytest.approx([2 * flow, flow, flow])
    rated = replace(take_rates(case), angle_low=low, angle_high=high)
    least, most = rated.find_range()
    assert least == pytest.approx([-150.0, -150.0, -150.0])
    assert most == pytest.approx([150.0, 150.0, 150.0])
    narrow = replace(rated, rate=np.array([1e4, 1e4, np.nan]))
    assert narrow.find_range()[0] == pytest.approx(low)
