"""Shunts that are switched after an outage: on RTS-96 the reactor at the end of the cable that is lost."""

from __future__ import annotations

import pytest

import gridhub as gh
from gridhub.analysis.security.security import Security
from gridhub.model.network import Network

CABLES = ("A10", "B10", "C10")


@pytest.fixture(scope="module")
def net() -> Network:
    return gh.load_network("rts-96")


@pytest.fixture(scope="module")
def sec(net: Network) -> Security:
    return gh.run_security(net, gh.list_contingencies(net).loc[list(CABLES)], screen=None)


def test_the_reactor_left_at_the_end_of_a_lost_cable_is_switched_out(net: Network, sec: Security):
    assert not set(sec.status["status"].astype(str)) & {"CONVERGED", "ISLANDED"}
    plan = gh.plan_reinforcement(net, sec, {"kinds": ("remedial_scheme", "capacitor")})
    schemes = plan.candidates[plan.candidates["kind"] == "remedial_scheme"]
    assert {one.split(" ")[-1] for one in schemes.index} == set(CABLES)
    assert {(one.split(" ")[-1], bus) for one, bus in schemes["target"].items()} == set(
        zip(CABLES, ("106", "206", "306"), strict=True)
    )
    # solved by hand: the cable and the reactor out of the tables
    for cable, shunt in zip(CABLES, net.shunt.index, strict=True):
        lines, shunts = net.line, net.shunt
        lines.loc[cable, "in_service"] = False
        shunts.loc[shunt, "in_service"] = False
        assert gh.run_power_flow(net.replace(line=lines, shunt=shunts)).status.name == "CONVERGED"
    assert "no_solution" not in set(plan.left["kind"])
    assert set(CABLES) <= set(plan.schemes["contingency"])


def test_a_region_without_its_cost_offers_none(net: Network, sec: Security):
    text = net.documents["costs"]
    start = text.index("[cost.remedial_scheme]")
    bare = text[:start] + text[text.index("[cost.contingency]") :]
    plan = gh.plan_reinforcement(net, sec, {"kinds": ("remedial_scheme",), "costs": bare})
    assert plan.candidates.empty and len(plan.left) == len(CABLES)
