"""The plan is checked with security runs of its own, over every subset of the works it had to choose from."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.security.security import Security, run_security
from gridhub.analysis.voltage.fault_levels import compute_fault_levels
from gridhub.analysis.works.candidates import Candidate, list_route_candidates
from gridhub.analysis.works.judging import WorksTask, list_left, run_works
from gridhub.analysis.works.optimum import choose_by_milp
from gridhub.analysis.works.reinforcement import ReinforcementPlan, plan_reinforcement
from gridhub.costs import read_costs
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub

TEXT = (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
COSTS = read_costs(TEXT)


def build_mesh(load_mw: float = 700.0) -> Network:
    """Five buses in a ring with two chords of different lengths; two units feed three loads."""
    ends = {"ab": ("a", "b", 60), "bc": ("b", "c", 40), "cd": ("c", "d", 80), "de": ("d", "e", 30)}
    ends |= {"ea": ("e", "a", 50), "bd": ("b", "d", 90), "ce": ("c", "e", 70)}
    line = pd.DataFrame.from_dict(ends, orient="index", columns=["from_bus", "to_bus", "length_km"])
    km = line["length_km"].astype(float)
    line = line.assign(length_km=km, r_ohm=0.03 * km, x_ohm=0.34 * km, b_us=3.0 * km, rate_mva=600.0)
    load = {"bus": ["c", "d", "b"], "p_mw": [load_mw, 500.0, 200.0], "q_mvar": [60.0, 40.0, 10.0]}
    unit = {"bus": ["a", "e"], "p_mw": [900.0, 500.0], "p_max_mw": [3000.0, 2000.0], "vm_pu": [1.02, 1.02]}
    unit |= {"q_min_mvar": [-2000.0] * 2, "q_max_mvar": [2000.0] * 2}
    return build_network(
        "mesh",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, *[False] * 4]}, index=list("abcde")),
        line=line,
        load=pd.DataFrame(load, index=["lc", "ld", "lb"]),
        generator=pd.DataFrame(unit, index=["ga", "ge"]),
    )


def measure(sec: Security) -> float:
    """Sum of the loading above 100 %, written out again."""
    assert set(sec.violations["kind"]) <= {"thermal"}
    assert set(sec.status["status"].astype(str)) == {"CONVERGED"}
    return float((sec.violations["loading_percent"] - 100.0).sum())


def run_all(net: Network) -> Security:
    return run_security(net, list_contingencies(net), None, screen=None, verify="all")


def put(net: Network, works: tuple[Candidate, ...]) -> Network:
    return reduce(lambda one, work: work.apply(one), works, net)


@pytest.fixture(scope="module")
def mesh() -> Network:
    return build_mesh()


@pytest.fixture(scope="module")
def plan(mesh: Network) -> ReinforcementPlan:
    return plan_reinforcement(mesh, run_all(mesh), {"costs": TEXT})


@pytest.fixture(scope="module")
def candidates(mesh: Network, plan: ReinforcementPlan) -> dict[str, Candidate]:
    found = list_route_candidates(mesh, COSTS, list(mesh.line.index))
    return {one.name: one for one in found if one.name in plan.candidates.index}


def test_what_the_plan_clears_is_cleared_in_a_run_of_its_own(mesh: Network, plan: ReinforcementPlan):
    before = run_all(mesh)
    after = run_all(plan.network_after)
    assert len(before.violations) == len(plan.before) > 4
    assert plan.method in plan.selection.index
    assert measure(before) == pytest.approx(plan.selection.at["greedy", "before_points"], abs=1e-6)
    assert len(after.violations) == len(plan.left) == 0
    assert len(after.status) == len(mesh.line) + plan.works["kind"].eq("second_circuit").sum()
    assert plan.verdict.endswith(f"remove all {len(before.violations)} violations, verified by AC.")


def test_every_step_is_the_best_per_money_of_all_there_were(
    mesh: Network, plan: ReinforcementPlan, candidates: dict[str, Candidate]
):
    net, outages = mesh, list_contingencies(mesh)
    for step in plan.greedy_steps.itertuples():
        before = measure(run_all(net))
        worth = {}
        for name, one in candidates.items():
            changed = one.apply(net)
            cset = list_contingencies(changed)
            new = cset.index.difference(outages.index)
            assert len(new) <= step.step
            worth[name] = (before - measure(run_all(changed))) / one.cost.base
        assert max(worth, key=worth.__getitem__) == step.candidate
        assert worth[step.candidate] == pytest.approx(step.removed_per_cost, rel=1e-6)
        net = candidates[step.candidate].apply(net)
    assert measure(run_all(net)) == 0.0  # and so greedy clears everything too


def test_the_milp_is_the_cheapest_of_all_subsets_that_clear_everything(
    mesh: Network, plan: ReinforcementPlan, candidates: dict[str, Candidate]
):
    names = list(candidates)
    cost = {
        subset: sum(candidates[name].cost.base for name in subset)
        for size in range(len(names) + 1)
        for subset in combinations(names, size)
    }
    greedy, milp = (plan.selection.at[method, "cost_base"] for method in ("greedy", "milp"))
    cheaper = [subset for subset in cost if cost[subset] < milp - 1e-6]
    clearing = [
        one for one in cheaper if measure(run_all(put(mesh, tuple(candidates[name] for name in one)))) == 0.0
    ]
    assert len(cheaper) > 3 and not clearing
    assert milp <= greedy + 1e-9


def test_the_milp_is_never_worse_than_greedy_by_its_own_measure(plan: ReinforcementPlan):
    objective = plan.selection["objective"]
    assert objective["milp"] <= objective["greedy"] * (1 + 1e-9)
    assert plan.selection.at["milp", "proven"]


def test_an_incumbent_that_nothing_beats_is_the_answer_of_the_milp(
    mesh: Network, plan: ReinforcementPlan, candidates: dict[str, Candidate]
):
    outages = {"": list_contingencies(mesh)}
    task = WorksTask(mesh, outages, None, plan.options.power_flow, plan.before.iloc[:0])
    works = tuple(candidates[name] for name in plan.greedy_steps["candidate"])
    results, lost = run_works(task, put(mesh, works))
    held = works, list_left(task, results, lost), results
    none = choose_by_milp(task, list(candidates.values()), plan.before, plan.before, 0, held)
    assert none.seeded and none.works == works and none.left.empty
    free = choose_by_milp(task, list(candidates.values()), plan.before, plan.before, 20, held)
    assert free.rank <= none.rank
    assert free.rank == none.rank or not free.seeded


def test_fault_levels_stand_beside_every_candidate(
    mesh: Network, plan: ReinforcementPlan, candidates: dict[str, Candidate]
):
    before = compute_fault_levels(mesh, criteria=None).table["ik_ka"]
    rows = plan.candidates
    for name, one in candidates.items():
        after = compute_fault_levels(one.apply(mesh), criteria=None).table["ik_ka"]
        bus = rows.at[name, "fault_bus"]
        assert bus in set(mesh.line.loc[one.target, ["from_bus", "to_bus"]])
        assert rows.at[name, "fault_before_ka"] == pytest.approx(before[bus])
        assert rows.at[name, "fault_after_ka"] == pytest.approx(after[bus])
        assert rows.at[name, "fault_after_ka"] > rows.at[name, "fault_before_ka"]
    assert set(rows["fault_state"]) == {"no class known"}


def test_money_has_its_year_and_stands_in_dollars_too(plan: ReinforcementPlan):
    for table in (plan.candidates, plan.works):
        usd = table["cost_base"].to_numpy(dtype=float) / COSTS["exchange_usd"].base
        assert len(table) and table["cost_usd_base"].to_numpy(dtype=float) == pytest.approx(usd)
    assert plan.candidates["price_year"].str.fullmatch("20[0-9]{2}").all()


def test_costs_and_cleared_add_up(plan: ReinforcementPlan):
    row, steps = plan.selection.loc[plan.method], plan.greedy_steps
    for end in ("low", "base", "high"):
        assert row[f"cost_{end}"] == pytest.approx(plan.works[f"cost_{end}"].sum())
    assert row["before_points"] - steps["removed_points"].sum() == pytest.approx(0.0, abs=1e-6)
    assert steps["cleared"].sum() == len(plan.cleared) >= len(plan.before)
    assert sum(plan.method in taken for taken in plan.candidates["methods"]) == len(plan.works)
    assert plan.not_assessed


def test_a_hub_answers_for_what_it_causes_alone(mesh: Network):
    hub = Hub(DataCenter("hub", contract_mw=150.0, bus="c"))
    before, after = run_all(mesh), build_mesh(850.0)
    found = plan_reinforcement(mesh, hub, {"costs": TEXT, "criteria": None})
    keys = ["contingency", "element"]
    old = set(before.violations[keys].itertuples(index=False, name=None))
    caused = set(run_all(after).violations[keys].itertuples(index=False, name=None)) - old
    assert caused <= set(found.before[keys].itertuples(index=False, name=None))
    assert not old & set(found.before[keys].itertuples(index=False, name=None))
    again = set(run_all(found.network_after).violations[keys].itertuples(index=False, name=None)) - old
    assert again == set(found.left[keys].itertuples(index=False, name=None))
    assert len(found.works) and len(again) < len(caused)


def test_a_hub_that_leaves_no_ac_solution_is_said_to_and_not_counted_as_one_violation(mesh: Network):
    hub = Hub(DataCenter("hall", contract_mw=3400.0, bus="c", power_factor=0.9))
    plan = plan_reinforcement(mesh, hub, {"costs": TEXT, "criteria": None, "maximum_works": 1})
    assert "no_solution" in plan.left["kind"].tolist()
    assert "With everything in service there is no AC solution" in plan.verdict
    assert "nothing was judged" in plan.verdict


def test_a_route_without_a_length_has_no_candidate_and_is_named(mesh: Network):
    line = mesh.line.assign(length_km=np.nan)
    bare = mesh.replace(line=line)
    found = plan_reinforcement(bare, run_all(bare), {"costs": TEXT})
    assert found.works.empty and found.candidates.empty
    assert set(found.without_candidate) == set(found.before["element"])
    assert "violations are left" in found.verdict and "no candidate for" in found.verdict


def test_a_low_voltage_gets_compensation():
    net = build_mesh(500.0)
    line = net.line.assign(rate_mva=np.nan)
    load = net.load.assign(q_mvar=[900.0, 600.0, 10.0])
    net = net.replace(line=line, load=load)
    sec = run_security(net, list_contingencies(net), "korea")
    assert "voltage_low" in set(sec.violations["kind"])
    found = plan_reinforcement(net, sec, {"costs": TEXT})
    assert found.criteria == sec.criteria
    assert set(found.works["kind"]) <= {"capacitor", "statcom"} and len(found.works)
    assert len(found.left) < len(found.before)


def test_a_high_voltage_gets_a_statcom():
    net = build_mesh(100.0)
    shunt = pd.DataFrame({"bus": ["c"], "b_mvar": [900.0]}, index=["cap"])
    net = net.replace(line=net.line.assign(rate_mva=np.nan), shunt=shunt)
    outages = list_contingencies(net).loc[["ab", "bc"]]
    sec = run_security(net, outages, "korea")
    assert set(sec.violations["kind"]) == {"voltage_high"}
    found = plan_reinforcement(net, sec, {"costs": TEXT})
    again = run_security(found.network_after, outages, "korea", screen=None, verify="all")
    assert set(found.works["kind"]) == {"statcom"}
    assert len(again.violations) == len(found.left) < len(found.before)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "has no unit costs"),
        ({"costs": TEXT, "rout": 3}, "did you mean routes"),
        ({"costs": TEXT, "routes": -1, "maximum_works": 2.5}, "maximum_works = 2.5"),
        ({"costs": TEXT, "snapshots": "day"}, "a sequence of names"),
    ],
)
def test_bad_options_are_refused(mesh: Network, options: dict[str, object], text: str):
    with pytest.raises(OptionError, match=text):
        plan_reinforcement(mesh, Hub(DataCenter("hub", contract_mw=1.0, bus="c")), options)


def test_a_result_of_another_network_is_refused(mesh: Network):
    with pytest.raises(OptionError, match="is of 'mesh'"):
        plan_reinforcement(mesh.replace(name="other"), run_all(mesh), {"costs": TEXT})
