"""Schemes as candidates, against flows written out by hand and states solved one by one without them."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.security.comparison import collect_violations
from gridhub.analysis.security.security import run_security
from gridhub.analysis.works.candidates import Candidate, list_route_candidates
from gridhub.analysis.works.judging import WorksTask
from gridhub.analysis.works.reinforcement import ReinforcementPlan, plan_reinforcement
from gridhub.analysis.works.relief import compute_relief
from gridhub.analysis.works.scheme_candidates import list_scheme_candidates
from gridhub.analysis.works.selection import collect_schemes
from gridhub.costs import read_costs
from gridhub.criteria import Criteria, read_criteria
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub
from gridhub.solvers.options import read_options
from tests.unit.analysis.works.test_reinforcement import TEXT, build_mesh, run_all

COSTS = read_costs(TEXT)
CRITERIA = Path(__file__).resolve().parents[4] / "networks" / "korea" / "criteria.toml"


def build_ring(load_mw: float = 100.0, link: bool = False) -> Network:
    """Two sources send power to c over three lines of equal reactance: a - c directly, and a - b - c.

    Units g1 (300 MW) and g2 (200 MW) at a share nothing; d, at c, takes up every imbalance.
    """
    line = pd.DataFrame(
        {"from_bus": ["a", "a", "b"], "to_bus": ["c", "b", "c"], "length_km": 40.0},
        index=["ac", "ab", "bc"],
    ).assign(r_ohm=0.01, x_ohm=12.0, rate_mva=[400.0, 380.0, 380.0])
    load = {"bus": ["c", "b"], "p_mw": [900.0, load_mw], "q_mvar": 0.0}
    unit = {"bus": ["a", "a", "c"], "p_mw": [300.0, 200.0, 400.0 + load_mw], "p_max_mw": 2000.0}
    unit |= {"vm_pu": 1.0, "participation": [0.0, 0.0, 1.0], "q_min_mvar": -900.0, "q_max_mvar": 900.0}
    more = {}
    if link:
        row = {"from_bus": "a", "to_bus": "c", "p_mw": 0.0, "p_min_mw": -300.0, "p_max_mw": 300.0}
        more["hvdc"] = pd.DataFrame([row | {"technology": "vsc"}], index=["dc"])
    return build_network(
        "ring",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [False, False, True]}, index=list("abc")),
        line=line,
        load=pd.DataFrame(load, index=["lc", "lb"]),
        generator=pd.DataFrame(unit, index=["g1", "g2", "d"]),
        **more,
    )


def offer(
    net: Network, criteria: Criteria | None = None, loads: tuple[str, ...] = (), limit: str = "ab"
) -> tuple[dict[str, Candidate], list[str]]:
    sec = run_security(net, list_contingencies(net), criteria, screen=None, verify="all")
    task = WorksTask(net, {"": sec.contingencies}, criteria, sec.options, collect_violations([]))
    found, refused = list_scheme_candidates(net, COSTS, [limit], collect_violations([sec]), task, loads)
    return {one.name.split(" ")[0]: one for one in found}, refused


def test_the_smallest_unit_that_takes_enough_off_is_tripped():
    # without ac all 500 MW of a go over ab (limit 380): 120 MW too much, times 1.1 = 132; each MW of g1 or g2
    # counts whole, as d behind the line takes its place. g2 (200 MW) is enough, and smaller than g1
    found, refused = offer(build_ring())
    trip = found["trip"]
    assert [one.elements for scheme in trip.schemes for one in scheme.actions] == [("g2",)]
    assert [scheme.outage for scheme in trip.schemes] == [("ac",)]
    (condition,) = trip.schemes[0].conditions
    assert (condition.element, condition.when) == ("ab", "after")
    assert condition.above_mw == pytest.approx(0.85 * 380.0)
    assert trip.cost.base == COSTS["remedial_scheme"].base and trip.cost.confidence == "assumed"
    assert trip.description == "after ac trip g2, 200 MW" and not refused


def test_two_units_are_tripped_where_one_is_not_enough():
    net = build_ring()
    net = net.replace(generator=net.generator.assign(p_mw=[300.0, 300.0, 400.0]))
    net = net.replace(line=net.line.assign(rate_mva=[900.0, 200.0, 380.0]))
    # 600 MW over ab, limit 200: 440 must come off with the margin
    assert offer(net)[0]["trip"].schemes[0].actions[0].elements == ("g1", "g2")


def test_a_trip_beyond_the_criteria_is_refused_and_named():
    rules = replace(read_criteria(CRITERIA.read_text(encoding="utf-8")), secured=(), max_loss_mw=150.0)
    found, refused = offer(build_ring(), rules)
    assert "trip" not in found
    (text,) = refused
    assert "trip of g2 takes 200 MW" in text and "150 MW in all" in text


def test_a_link_is_run_to_what_takes_the_overload_off():
    # a MW over the link is a MW less over ab once ac is lost: 132 MW, in steps of 10
    action = offer(build_ring(link=True))[0]["run-back"].schemes[0].actions[0]
    assert (action.kind, action.elements, action.to_mw) == ("run_back", ("dc",), 140.0)


def test_load_of_the_hub_alone_is_shed_and_within_the_criteria():
    # ab feeds b: with a load of 500 MW there and nothing wanted behind, ab carries 500 after bc or ac is lost
    net = build_ring(500.0)
    net = net.replace(generator=net.generator.assign(p_mw=[300.0, 200.0, 900.0]))
    hours = {"loads": ("lb",), "limit": "ab"}
    plain = offer(net)[0]
    assert "shedding" not in plain
    found, refused = offer(net, None, **hours)
    sec = run_all(net)
    worst = sec.violations[sec.violations["element"] == "ab"].sort_values("value").iloc[-1]
    (action,) = found["shedding"].schemes[0].actions
    need = 1.1 * (worst["value"] - 380.0)
    # after the loss of bc all of b hangs on ab: a MW shed is a MW off it
    assert worst["contingency"] == "bc" and action.elements == ("lb",)
    assert action.share == pytest.approx(np.ceil(20 * need / 500.0) / 20)
    mw = action.share * 500.0
    annuity = sum(1.045**-year for year in range(1, 26))
    assert found["shedding"].cost.base == pytest.approx(2.0 + mw * (0.03 + 0.04 * annuity))
    rules = replace(read_criteria(CRITERIA.read_text(encoding="utf-8")), secured=(), max_load_loss_mw=mw - 1)
    assert "shedding" not in offer(net, rules, **hours)[0]
    assert any(f"let {mw - 1:,.0f} MW of load be lost" in text for text in offer(net, rules, **hours)[1])


def test_an_intact_overload_gets_no_scheme():
    net = build_ring()
    net = net.replace(line=net.line.assign(rate_mva=[200.0, 900.0, 900.0]))
    sec = run_all(net)
    assert "" in set(sec.violations["contingency"])
    one = offer(net, limit="ac")[0].get("trip")
    assert one is None or all(scheme.outage for scheme in one.schemes)
    plan = plan_reinforcement(net, sec, {"costs": TEXT, "kinds": ("remedial_scheme",)})
    left = plan.left[plan.left["contingency"] == ""]
    assert len(left) == len(sec.violations[sec.violations["contingency"] == ""])


@pytest.fixture(scope="module", params=[450.0, 700.0], ids=["schemes are best", "circuits are best"])
def mesh(request: pytest.FixtureRequest) -> Network:
    return build_mesh(request.param)


@pytest.fixture(scope="module")
def plan(mesh: Network) -> ReinforcementPlan:
    kinds = ("second_circuit", "remedial_scheme")
    return plan_reinforcement(mesh, run_all(mesh), {"costs": TEXT, "kinds": kinds})


def act_by_hand(net: Network, candidate_set: tuple[Candidate, ...], outage: str) -> Network:
    """Take an outage out in the tables, and what schemes do after it; without the room's own helpers."""

    def take_out(one: Network, ids: tuple[str, ...]) -> Network:
        changed = {}
        for table in ("line", "generator"):
            frame = getattr(one, table)
            frame.loc[frame.index.isin(ids), "in_service"] = False
            changed[table] = frame
        return one.replace(**changed)

    bare = take_out(net, (outage,))
    flow = run_power_flow(bare).branch["p_from_mw"].abs()
    after = bare
    for scheme in collect_schemes(candidate_set):
        if scheme.outage == (outage,) and all(flow[c.element] > c.above_mw for c in scheme.conditions):
            for action in scheme.actions:
                assert action.kind == "trip"
                after = take_out(after, action.elements)
    return after


def clears_by_hand(net: Network, works: tuple[Candidate, ...]) -> bool:
    """Whether nothing is overloaded, intact and after every outage of a line, each state solved by itself."""
    built = reduce(lambda one, work: work.apply(one), works, net)
    states = [built, *list_contingencies(built).index]
    return all(
        not (
            run_power_flow(act_by_hand(built, works, state) if isinstance(state, str) else state).branch[
                "loading_percent"
            ]
            > 100.0 + 1e-6
        ).any()
        for state in states
    )


def test_what_each_selection_leaves_is_what_states_solved_by_hand_leave(
    mesh: Network, plan: ReinforcementPlan
):
    assert "trip" in {name.split(" ")[0] for name in plan.candidates.index}
    found = remake(mesh, plan)
    for method in ("greedy", "milp"):
        names = [name for name, taken in plan.candidates["methods"].items() if method in taken]
        works = tuple(found[name] for name in names)
        assert plan.selection.at[method, "left_violations"] == 0 and clears_by_hand(mesh, works)


def remake(mesh: Network, plan: ReinforcementPlan) -> dict[str, Candidate]:
    """Candidates of a plan by name, its works and those it did not choose."""
    sec = run_all(mesh)
    task = WorksTask(mesh, {"": sec.contingencies}, None, sec.options, collect_violations([]))
    routes = list(mesh.line.index)
    schemes, _ = list_scheme_candidates(mesh, COSTS, routes, collect_violations([sec]), task)
    found = [*list_route_candidates(mesh, COSTS, routes), *schemes]
    by_name = {one.name: one for one in found if one.name in plan.candidates.index}
    assert set(by_name) == set(plan.candidates.index)
    return by_name


def test_no_cheaper_set_of_works_clears_everything(mesh: Network, plan: ReinforcementPlan):
    found = remake(mesh, plan)
    load = float(mesh.load.at["lc", "p_mw"])
    schemes = [name for name in plan.works["candidate"] if found[name].schemes]
    assert bool(schemes) == (load == 450.0)
    milp, greedy = (plan.selection.loc[method] for method in ("milp", "greedy"))
    assert (milp["left_violations"], milp["left_points"]) == (0, 0.0)
    assert milp["cost_base"] <= greedy["cost_base"] and milp["objective"] <= greedy["objective"]
    cheaper = [
        works
        for size in range(len(found) + 1)
        for works in combinations(found.values(), size)
        if sum(one.cost.base for one in works) < milp["cost_base"] - 1e-6
    ]
    assert len(cheaper) > 3
    assert not [works for works in cheaper if clears_by_hand(mesh, works)]


def test_the_linear_relief_of_a_scheme_stands_in_its_own_outages_alone(mesh: Network):
    sec = run_all(mesh)
    none = collect_violations([])
    task = WorksTask(mesh, {"": sec.contingencies}, None, read_options({"reactive_limits": False}), none)
    before = collect_violations([sec])
    schemes, _ = list_scheme_candidates(mesh, COSTS, list(mesh.line.index), before, task)
    relief = compute_relief(task, schemes, before)
    assert not relief.points.any()  # all of it is in what schemes do after their outages
    tried = 0
    assert len(relief.acts) == sum(len(one.schemes) for one in schemes)
    for act in relief.acts:
        one = schemes[act.work]
        _, mine, watched, _ = relief.key[act.watched]
        assert (mine,) in [scheme.outage for scheme in one.schemes] and act.threshold == 85.0
        bare = mesh.replace(line=mesh.line.assign(in_service=mesh.line.index != mine))
        flow = run_power_flow(bare, method="dc").branch["loading_percent"]
        after = run_power_flow(act_by_hand(mesh, (one,), mine), method="dc").branch["loading_percent"]
        for place, (_, outage, element, _) in enumerate(relief.key):
            taken = flow[element] - after[element] if outage == mine else 0.0
            assert act.relief[place] == pytest.approx(taken, abs=1e-6)
            tried += abs(taken) > 1.0
    assert tried > 3


def test_what_a_scheme_does_and_what_if_it_fails_stands_in_a_table(mesh: Network):
    found = plan_reinforcement(
        mesh, run_all(mesh), {"costs": TEXT, "kinds": ("remedial_scheme",), "maximum_works": 2}
    )
    assert len(found.works) and set(found.works["kind"]) == {"remedial_scheme"}
    table = found.schemes.set_index(["contingency", "variant"])
    acted = {outage for one in found.chosen for scheme in one.schemes for outage in scheme.outage}
    assert set(table.index.get_level_values("contingency")) <= acted
    first = table.index.get_level_values("contingency")[0]
    before = found.before[found.before["contingency"] == first]
    assert table.at[(first, "without"), "violations"] == len(before)
    assert table.at[(first, "with"), "tripped_mw"] > 0
    assert len(found.left) == found.selection.at[found.method, "left_violations"] < len(found.before)


def test_a_hub_may_be_shed_by_a_scheme_where_asked_for():
    net = build_ring(100.0)
    net = net.replace(line=net.line.assign(rate_mva=[900.0, 480.0, 480.0]))
    hub = Hub(DataCenter("hall", contract_mw=420.0, bus="b", power_factor=1.0))
    options = {"costs": TEXT, "criteria": None, "kinds": ("remedial_scheme",)}
    found = plan_reinforcement(net, hub, options)
    assert any(name.startswith("shedding scheme") for name in found.candidates.index)
    assert len(found.before) and found.left.empty
    # the hub keeps its power with everything in service
    assert found.network_after.load["p_mw"].sum() == pytest.approx(net.load["p_mw"].sum() + 420.0)
