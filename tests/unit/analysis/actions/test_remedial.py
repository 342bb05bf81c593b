"""Schemes against power flows of networks in which their actions were done by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.actions.remedial import FAILS, WITH, run_remedial
from gridhub.analysis.actions.remedial_schemes import Action, Condition, RemedialScheme
from gridhub.model.network import Network
from tests.small_networks import make_double_feed, make_meshed, make_table

SHUNT = make_table(
    id=["capacitor", "reactor"],
    bus=["bus 11", "bus 5"],
    g_mw=0.0,
    b_mvar=[30.0, -30.0],
    in_service=[False, True],
)
LINK = make_table(id=["link"], from_bus="bus 2", to_bus="bus 9", p_mw=80.0, p_max_mw=200.0, loss_percent=2.0)


def make_net() -> Network:
    return make_meshed(4, n_bus=12, extra=12, shunt=SHUNT, hvdc=LINK)


UNIT = make_net().generator.index[-1]


def make_scheme(*actions: Action, **changes: Any) -> RemedialScheme:
    given = {"outage": ("line 3",), "conditions": (), "name": "scheme"} | changes
    return RemedialScheme(actions=actions, source="test", as_of="2026", confidence="assumed", **given)


ACTIONS = {
    "trip": Action("trip", (UNIT, "load 4")),
    "shed": Action("shed", ("load 7", "load 8"), share=0.6),
    "run_back": Action("run_back", ("link",), to_mw=20.0),
    "switch": Action("switch", ("reactor",), on=False),
    "switch in": Action("switch", ("capacitor",), on=True),
}


def do_by_hand(net: Network, *actions: str) -> Network:
    """Change the tables as the actions say."""
    line, unit, load, link, shunt = net.line, net.generator, net.load, net.hvdc, net.shunt
    line.loc["line 3", "in_service"] = False
    for name in actions:
        if name == "trip":
            unit.loc[UNIT, "in_service"] = False
            load.loc["load 4", "in_service"] = False
        elif name == "shed":
            load.loc[["load 7", "load 8"], ["p_mw", "q_mvar"]] *= 0.4
        elif name == "run_back":
            link["p_mw"] = 20.0
        else:
            shunt.loc["reactor" if name == "switch" else "capacitor", "in_service"] = name == "switch in"
    return net.replace(line=line, generator=unit, load=load, hvdc=link, shunt=shunt)


@pytest.mark.parametrize("done", [(name,) for name in ACTIONS] + [tuple(ACTIONS)])
def test_state_is_that_of_the_network_changed_by_hand(done: tuple[str, ...]) -> None:
    net = make_net()
    cset = gh.list_contingencies(net).loc[["line 3", "line 4"]]
    found = run_remedial(net, cset, [make_scheme(*(ACTIONS[name] for name in done))], criteria=None)
    expected = gh.run_power_flow(do_by_hand(net, *done))
    name = f"line 3 | {WITH}"
    assert found.acting is not None
    assert found.acting.status.loc[name, "status"] == "CONVERGED"
    np.testing.assert_allclose(found.acting.vm_pu.loc[name], expected.bus["vm_pu"], atol=1e-8)
    np.testing.assert_allclose(found.acting.p_from_mw.loc[name], expected.branch["p_from_mw"], atol=1e-5)
    assert set(found.effect.index.get_level_values("contingency")) == {"line 3"}


def test_each_action_fails_by_itself() -> None:
    net = make_net()
    both = [ACTIONS["shed"], ACTIONS["run_back"]]
    cset = gh.list_contingencies(net).loc[["line 3"]]
    found = run_remedial(net, cset, [make_scheme(*both)], criteria=None)
    only_link = run_remedial(net, cset, [make_scheme(ACTIONS["run_back"])], criteria=None)
    name = f"line 3 | {FAILS}{ACTIONS['shed'].title}"
    pd.testing.assert_series_equal(
        found.acting.vm_pu.loc[name], only_link.acting.vm_pu.loc[f"line 3 | {WITH}"], check_names=False
    )
    assert list(found.effect.index.get_level_values("variant")) == [
        "without",
        WITH,
        f"{FAILS}shed 60 % of load 7, load 8",
        f"{FAILS}run link back to 20 MW",
    ]
    effect = found.effect.loc[("line 3", WITH)]
    load = net.load.loc[["load 7", "load 8"], "p_mw"].sum()
    assert effect["shed_mw"] == pytest.approx(0.6 * load)
    assert effect["run_back_mw"] == pytest.approx(60.0)
    assert found.effect.loc[("line 3", f"{FAILS}{ACTIONS['run_back'].title}"), "run_back_mw"] == 0.0


def test_a_scheme_that_saves_a_state_without_solution() -> None:
    """Two circuits carry 7 GW: one cannot, but can carry a third of it."""
    net = make_double_feed(p_mw=7000.0)
    unit, line = net.generator, net.line
    unit["p_max_mw"], line["rate_mva"] = 9000.0, 4000.0
    net = net.replace(generator=unit, line=line)
    cset = gh.list_contingencies(net).loc[["ab1"]]
    scheme = make_scheme(Action("shed", ("at b",), share=0.7), outage=("ab1",))
    found = run_remedial(net, cset, [scheme], criteria=None)
    assert found.without.status.loc["ab1", "status"] == "NOT_CONVERGED"
    assert found.effect.loc[("ab1", WITH), "status"] == "CONVERGED"
    assert found.verdict["ab1"] == "mended"
    weak = run_remedial(net, cset, [make_scheme(Action("shed", ("at b",), 0.01), outage=("ab1",))])
    assert weak.verdict["ab1"] == "does not help"
    assert weak.effect.loc[("ab1", WITH), "reason"]


def test_conditions_decide_and_say_why_not() -> None:
    net = make_double_feed(p_mw=500.0)
    base = gh.run_power_flow(net).branch["p_from_mw"]["ab1"]
    cset = gh.list_contingencies(net)

    def run(condition: Condition) -> pd.DataFrame:
        scheme = make_scheme(Action("trip", ("small",)), outage=("ab1",), conditions=(condition,))
        return run_remedial(net, cset, [scheme], criteria=None).triggers

    assert run(Condition("ab1", base - 1.0, "from_to", "before"))["acts"].tolist() == [True]
    assert run(Condition("ab1", base + 1.0, "from_to", "before"))["acts"].tolist() == [False]
    assert "before the outage" in run(Condition("ab1", 1.0, "to_from", "before"))["reason"][0]
    assert run(Condition("ab2", 1.5 * base, "either", "after"))["acts"].tolist() == [True]
    assert run(Condition("ab2", 2.5 * base, "either", "after"))["acts"].tolist() == [False]


def test_flow_after_an_outage_without_solution_is_not_known() -> None:
    net = make_double_feed(p_mw=7000.0)
    unit = net.generator
    unit["p_max_mw"] = 9000.0
    net = net.replace(generator=unit)
    condition = Condition("ab2", 1.0, "either", "after")
    scheme = make_scheme(Action("trip", ("small",)), outage=(), conditions=(condition,))
    found = run_remedial(net, gh.list_contingencies(net).loc[["ab1", "bc"]], [scheme], criteria=None)
    assert found.triggers["acts"].tolist() == [False, True]
    assert "not known" in found.triggers["reason"][0]


def test_elements_the_network_lacks_are_all_named() -> None:
    net = make_double_feed()
    scheme = make_scheme(
        Action("shed", ("small",), 0.5),
        Action("run_back", ("ab1",), to_mw=1.0),
        outage=("nowhere",),
        conditions=(Condition("big", 1.0, "either", "before"),),
    )
    with pytest.raises(gh.InputError) as caught:
        run_remedial(net, gh.list_contingencies(net), [scheme])
    assert [issue.value for issue in caught.value.issues] == ["nowhere", "big", "small", "ab1"]


def test_state_and_name_are_those_of_the_snapshot() -> None:
    net = make_double_feed()
    values = make_table(
        id=["v1", "v2"], snapshot=["day", "night"], table="load", column="p_mw", value=["400", "900"]
    )
    values["id"] = "at b"
    net = net.replace(snapshot=make_table(id=["day", "night"], note=""), snapshot_value=values)
    scheme = make_scheme(Action("shed", ("at b",), 0.1), outage=("ab1",))
    found = run_remedial(net, gh.list_contingencies(net), [scheme], criteria=None, snapshot="night")
    assert found.effect.loc[("ab1", WITH), "shed_mw"] == pytest.approx(90.0)
    assert set(found.without.violations["snapshot"]) == {"night"} == set(found.acting.violations["snapshot"])


def test_what_a_scheme_trips_is_listed_and_not_held_against_the_outage() -> None:
    net = make_double_feed()
    cset = gh.list_contingencies(net).loc[["ab1"]]
    found = run_remedial(net, cset, [make_scheme(Action("trip", ("small",)), outage=("ab1",))])
    effect = found.effect.loc[("ab1", WITH)]
    assert effect["tripped_mw"] == pytest.approx(found.without.base.generator.loc["small", "p_mw"])
    assert effect["lost_generation_mw"] == 0.0


def test_without_a_scheme_that_acts_there_is_nothing_to_tell() -> None:
    net = make_double_feed()
    found = run_remedial(
        net, gh.list_contingencies(net), [make_scheme(Action("trip", ("small",)), outage=("ab1", "bc"))]
    )
    assert found.acting is None
    assert found.effect.empty
    assert found.verdict.empty
    assert found.triggers.empty
