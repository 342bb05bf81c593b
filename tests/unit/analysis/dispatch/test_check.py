"""AC check of a dispatch against power flow and security of states put together by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch.check import DispatchCheck, build_hour, check_dispatch
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.errors import OptionError
from gridhub.model.network import Network

Profiles = dict[tuple[str, str], pd.DataFrame]


@pytest.fixture(scope="module")
def day() -> tuple[Network, Profiles, Dispatch]:
    net = gh.load_network("pandapower:case14")
    units = net.generator
    price = np.linspace(20.0, 60.0, len(units))
    net = net.replace(
        generator=units.assign(
            cost_c0_per_h=0.0, cost_c1_per_mwh=price, cost_c2_per_mw2h=0.0, p_min_mw=0.0, p_max_mw=150.0
        )
    )
    load = pd.DataFrame(np.outer([0.6, 1.0, 1.2], net.load["p_mw"]), columns=net.load.index, index=[7, 8, 9])
    profiles = {("load", "p_mw"): load}
    return net, profiles, gh.run_dispatch(net, profiles, options={"commitment": "relaxed"})


@pytest.fixture(scope="module")
def check(day: tuple[Network, Profiles, Dispatch]) -> DispatchCheck:
    net, profiles, found = day
    return check_dispatch(net, profiles, found, hours=[9, 7], security="n-1")


def put_by_hand(net: Network, load_share: float, found: Dispatch, hour: int) -> Network:
    output = found.generation.loc[hour]
    return net.replace(
        load=net.load.assign(p_mw=net.load["p_mw"] * load_share, q_mvar=net.load["q_mvar"] * load_share),
        generator=net.generator.assign(p_mw=output, in_service=output.to_numpy() > 1e-3),
    )


def test_hours_are_those_that_a_power_flow_of_the_same_state_gives(
    day: tuple[Network, Profiles, Dispatch], check: DispatchCheck
) -> None:
    net, _, found = day
    assert check.hours.index.tolist() == [9, 7]
    for hour, share in ((9, 1.2), (7, 0.6)):
        flow = gh.run_power_flow(put_by_hand(net, share, found, hour))
        row = check.hours.loc[hour]
        assert row["status"] == "CONVERGED"
        branch = flow.branch["p_from_mw"].sum() + flow.branch["p_to_mw"].sum()
        assert row["losses_mw"] == pytest.approx(branch, abs=1e-6)
        # DC held no losses: units make up for them, and for what shunts draw away from 1 p.u.
        assert row["made_up_mw"] == pytest.approx(branch, abs=0.5)
        assert row["dispatch_losses_mw"] == 0.0
        assert (row["lowest_bus"], row["highest_bus"]) == (
            flow.bus["vm_pu"].idxmin(),
            flow.bus["vm_pu"].idxmax(),
        )
        assert check.reactive.loc[hour].to_numpy() == pytest.approx(
            flow.generator["q_mvar"].reindex(check.reactive.columns).to_numpy(), abs=1e-6
        )
        assert row["units_off"] == (found.generation.loc[hour] <= 1e-3).sum()
    assert check.summary["losses_mw"] == pytest.approx(check.hours["losses_mw"].mean())


def test_outages_are_those_of_the_security_analysis(
    day: tuple[Network, Profiles, Dispatch], check: DispatchCheck
) -> None:
    net, _, found = day
    for hour, share in ((9, 1.2), (7, 0.6)):
        sec = gh.run_security(put_by_hand(net, share, found, hour))
        mine = check.violations[(check.violations["hour"] == hour) & (check.violations["contingency"] != "")]
        theirs = sec.violations[sec.violations["contingency"] != ""]
        assert mine["element"].tolist() == theirs["element"].tolist()
        assert mine["value"].to_numpy() == pytest.approx(theirs["value"].to_numpy(), rel=1e-6)
        assert check.hours.loc[hour, "outages"] == len(sec.status)


def test_losses_in_the_dispatch_leave_little_to_make_up(day: tuple[Network, Profiles, Dispatch]) -> None:
    net, profiles, _ = day
    lossy = gh.run_dispatch(net, profiles, options={"commitment": "relaxed", "losses": "iterated"})
    row = check_dispatch(net, profiles, lossy, hours=[8]).hours.loc[8]
    assert row["dispatch_losses_mw"] == pytest.approx(row["losses_mw"], rel=0.15)
    assert abs(row["made_up_mw"]) < 0.2 * row["losses_mw"]


def test_what_is_called_is_not_drawn(day: tuple[Network, Profiles, Dispatch]) -> None:
    net, profiles, _ = day
    load = str(net.load["p_mw"].idxmax())
    options = {"commitment": "relaxed", "flexible": {load: {"mw": 5.0}}}
    found = gh.run_dispatch(net, profiles, options=options)
    state = build_hour(net, profiles, found, 8)
    assert state.load["p_mw"][load] == pytest.approx(net.load["p_mw"][load] - 5.0)
    assert state.load["p_mw"].sum() == pytest.approx(found.status["load_mw"][8])


def test_hours_are_chosen_where_none_are_named(day: tuple[Network, Profiles, Dispatch]) -> None:
    net, profiles, found = day
    check = check_dispatch(net, profiles, found)
    assert check.hours.index.tolist() == [9, 7]
    assert "highest and lowest load" in check.summary["chosen"]


def test_an_hour_without_a_solution_is_a_row(day: tuple[Network, Profiles, Dispatch]) -> None:
    net, profiles, _ = day
    heavy = {("load", "p_mw"): profiles["load", "p_mw"] * 6.0}
    strong = net.replace(generator=net.generator.assign(p_max_mw=3000.0))
    far = {"commitment": "relaxed", "excess_price": 1.0}
    found = gh.run_dispatch(strong, heavy, options=far)
    check = check_dispatch(strong, heavy, found, hours=[9], security="n-1")
    assert check.summary["hours_solved"] == 0
    assert check.unsolved[["hour", "contingency"]].values.tolist() == [[9, ""]]
    assert check.unsolved["reason"].iloc[0]
    assert check.reactive.loc[9].isna().all()


def test_hours_that_cannot_be_checked_are_named(day: tuple[Network, Profiles, Dispatch]) -> None:
    net, profiles, found = day
    with pytest.raises(OptionError, match="not of the dispatch: 3, 4"):
        check_dispatch(net, profiles, found, hours=[3, 4])
    with pytest.raises(OptionError, match="not in the profiles: 9"):
        check_dispatch(net, {key: frame.loc[[7, 8]] for key, frame in profiles.items()}, found, hours=[9])
    with pytest.raises(OptionError, match="choose None"):
        check_dispatch(net, profiles, found, security="n-2")
