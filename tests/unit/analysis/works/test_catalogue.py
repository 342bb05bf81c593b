"""Candidates of the catalogue take off what a solve of the changed network says, and none stands better."""

from __future__ import annotations

import pandas as pd
import pytest

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.security.security import run_security
from gridhub.analysis.works.candidates import KINDS, Candidate
from gridhub.analysis.works.catalogue import COMPENSATION, list_overload_candidates
from gridhub.analysis.works.reinforcement import ReinforcementPlan, plan_reinforcement
from gridhub.analysis.works.works import add_series_capacitor, add_storage
from gridhub.costs import read_costs
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter, Hub
from tests.unit.analysis.works.test_reinforcement import TEXT, build_mesh, run_all

COSTS = read_costs(TEXT)
MORE = ("series_capacitor", "storage", "hvdc")


@pytest.fixture(scope="module")
def mesh() -> Network:
    return build_mesh()


@pytest.fixture(scope="module")
def violations(mesh: Network) -> pd.DataFrame:
    return run_all(mesh).violations


def find(mesh: Network, violations: pd.DataFrame, route: str) -> dict[str, Candidate]:
    return {one.kind: one for one in list_overload_candidates(mesh, COSTS, [route], violations, MORE)}


def flow(net: Network, line: str) -> float:
    return abs(float(run_power_flow(net, method="dc").branch.at[line, "p_from_mw"]))


def test_the_capacitor_stands_where_it_takes_most_off(mesh: Network, violations: pd.DataFrame):
    route = str(violations["element"].iloc[0])
    one = find(mesh, violations, route)["series_capacitor"]
    before = flow(mesh, route)
    gains = {
        name: before - flow(add_series_capacitor(mesh, name, COMPENSATION), route)
        for name in mesh.line.index
        if name != route
    }
    assert one.target == max(gains, key=gains.__getitem__)
    changed = one.apply(mesh)
    assert before - flow(changed, route) == pytest.approx(gains[one.target])
    mvar = 600.0**2 * COMPENSATION * mesh.line.at[one.target, "x_ohm"] / 345.0**2
    assert one.cost.base == pytest.approx(COSTS["series_capacitor"].base * mvar)


def test_the_battery_stands_where_a_mw_takes_most_off(mesh: Network, violations: pd.DataFrame):
    route = str(violations["element"].iloc[0])
    one = find(mesh, violations, route)["storage"]
    gains = {
        bus: flow(mesh, route) - flow(add_storage(mesh, bus, 10.0, 6.0), route) for bus in mesh.load["bus"]
    }
    assert one.target == max(gains, key=gains.__getitem__)
    assert flow(one.apply(mesh), route) < flow(mesh, route)


def test_a_link_runs_with_the_flow_and_is_of_the_catalogue(mesh: Network, violations: pd.DataFrame):
    route = str(violations["element"].iloc[0])
    one = find(mesh, violations, route)["hvdc"]
    changed = one.apply(mesh)
    assert len(changed.hvdc) == 1 and changed.hvdc["p_max_mw"].iloc[0] in (500.0, 1000.0, 2000.0)
    assert flow(changed, route) < flow(mesh, route)
    km = mesh.line.at[route, "length_km"]
    size = changed.hvdc["p_max_mw"].iloc[0]
    by_hand = (COSTS["hvdc_converter_pair"].base * size + COSTS["hvdc_line_overhead"].base * km) * 1.2
    assert one.cost.base == pytest.approx(by_hand)


@pytest.fixture(scope="module")
def plan(mesh: Network) -> ReinforcementPlan:
    return plan_reinforcement(mesh, run_all(mesh), {"costs": TEXT, "kinds": ("second_circuit", *MORE)})


def test_asked_for_they_stand_among_the_candidates_and_the_plan_holds(mesh: Network, plan: ReinforcementPlan):
    assert set(MORE) <= set(plan.candidates["kind"]) <= {"second_circuit", *MORE}
    after = run_security(
        plan.network_after, list_contingencies(plan.network_after), None, screen=None, verify="all"
    )
    assert len(after.violations) == len(plan.left)
    narrow = plan_reinforcement(mesh, run_all(mesh), {"costs": TEXT, "kinds": ("second_circuit",)})
    best, other = (one.selection.loc[one.method] for one in (plan, narrow))
    assert (best["left_violations"], best["left_points"]) <= (
        other["left_violations"],
        other["left_points"] + 1e-6,
    )


def test_a_hub_may_shed_or_store_where_asked_for(mesh: Network):
    hub = Hub(DataCenter("hub", contract_mw=150.0, bus="c", flexible_share=0.9))
    found = plan_reinforcement(
        mesh, hub, {"costs": TEXT, "criteria": None, "kinds": ("flexible_load", "storage")}
    )
    assert set(found.candidates["kind"]) <= {"flexible_load", "storage"}
    assert "flexible_load" in set(found.works["kind"])
    assert found.network_after.load["p_mw"].sum() == pytest.approx(mesh.load["p_mw"].sum() + 0.1 * 150.0)
    assert found.bus == "c"


def test_an_unknown_kind_is_refused(mesh: Network):
    with pytest.raises(OptionError, match="'dream' is none of second_circuit"):
        plan_reinforcement(mesh, run_all(mesh), {"costs": TEXT, "kinds": ("dream", *KINDS)})
