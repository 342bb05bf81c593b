"""AC power flow against closed forms and against an admittance matrix built here."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandapower.networks as pn
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.power_flow import Method
from gridhub.case.compile import compile_case
from gridhub.errors import NotConverged, OptionError
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import read_options
from gridhub.solvers.status import Status
from tests.small_networks import make_double_feed, make_meshed, make_table, make_two_buses


def test_two_bus_line_matches_the_closed_form() -> None:
    # |V_b|^4 + |V_b|^2 (2 (P R + Q X) - |V_a|^2) + |Z|^2 |S|^2 = 0, ohms and MW at 345 kV
    pf = gh.run_power_flow(make_two_buses())
    r, x, p, va = 1.0, 10.0, 500.0, 345.0
    b = 2 * p * r - va**2
    vb = np.sqrt((-b + np.sqrt(b**2 - 4 * (r**2 + x**2) * p**2)) / 2)
    assert pf.bus.loc["b", "vm_pu"] == pytest.approx(vb / 345.0, rel=1e-10)
    losses = p**2 * r / vb**2
    assert pf.summary["losses_mw"] == pytest.approx(losses, rel=1e-8)
    assert pf.branch.loc["ab", "p_from_mw"] == pytest.approx(p + losses, rel=1e-9)
    assert pf.branch.loc["ab", "p_to_mw"] == pytest.approx(-p, rel=1e-9)


def test_loading_is_the_larger_end_against_the_rating() -> None:
    pf = gh.run_power_flow(make_two_buses())
    row = pf.branch.loc["ab"]
    ends = np.hypot(row["p_from_mw"], row["q_from_mvar"]), np.hypot(row["p_to_mw"], row["q_to_mvar"])
    assert row["loading_percent"] == pytest.approx(100.0 * max(ends) / 600.0, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_state_satisfies_equations_written_out_here(seed: int) -> None:
    net = make_meshed(seed)
    pf = gh.run_power_flow(net, options={"reactive_limits": True})
    v = (pf.bus["vm_pu"] * np.exp(1j * np.deg2rad(pf.bus["va_degree"]))).to_numpy()
    at = {name: i for i, name in enumerate(net.bus.index)}
    out = np.zeros(len(v), dtype=complex)
    for _, row in net.line.iterrows():
        f, t = at[row["from_bus"]], at[row["to_bus"]]
        z_base = 345.0**2 / net.base_mva
        y, b = z_base / (row["r_ohm"] + 1j * row["x_ohm"]), 1j * row["b_us"] * 1e-6 * z_base
        out[f] += v[f] * np.conj(y * (v[f] - v[t]) + b / 2 * v[f])
        out[t] += v[t] * np.conj(y * (v[t] - v[f]) + b / 2 * v[t])
    for _, row in net.transformer.iterrows():
        f, t = at[row["from_bus"]], at[row["to_bus"]]
        a = row["tap_ratio"] * np.exp(1j * np.deg2rad(row["shift_degree"]))
        behind = v[f] / a
        current = (behind - v[t]) / (row["r_pu"] + 1j * row["x_pu"])
        out[f] += v[f] * np.conj(current / np.conj(a))
        out[t] -= v[t] * np.conj(current)
    for _, row in net.shunt.iterrows():
        out[at[row["bus"]]] += abs(v[at[row["bus"]]]) ** 2 * (row["g_mw"] - 1j * row["b_mvar"]) / net.base_mva
    injection = (pf.bus["p_mw"] + 1j * pf.bus["q_mvar"]).to_numpy() / net.base_mva
    assert np.abs(injection - out).max() < 2e-8


def test_reference_bus_keeps_its_angle_and_alone_takes_the_imbalance() -> None:
    net = make_double_feed()
    bus = net.bus
    bus["va_start_degree"] = [30.0, np.nan, np.nan]
    pf = gh.run_power_flow(net.replace(bus=bus), options={"distributed_slack": False})
    assert pf.bus.loc["a", "va_degree"] == pytest.approx(30.0, abs=1e-12)
    extra = pf.generator["p_mw"].to_numpy() - 250.0
    assert extra.sum() == pytest.approx(pf.summary["losses_mw"], abs=1e-6)


def test_distributed_slack_shares_by_largest_power_and_stops_at_limits() -> None:
    net = make_double_feed(p_mw=900.0)
    free = gh.run_power_flow(net).generator["p_mw"].to_numpy() - 450.0
    assert free[0] / free[1] == pytest.approx(3.0, rel=1e-6)
    units = net.generator
    units["p_max_mw"] = [3000.0, 450.1]
    held = gh.run_power_flow(net.replace(generator=units))
    assert held.generator.loc["small", "p_mw"] == pytest.approx(450.1)
    assert held.generator.loc["small", "limit"] == "p_max"
    units["participation"] = [0.0, 1.0]
    with pytest.raises(gh.NotConverged, match="cannot balance an island"):
        gh.run_power_flow(net.replace(generator=units))


@pytest.mark.parametrize("seed", range(8))
def test_units_at_their_minimum_still_take_up_the_losses(seed: int) -> None:
    """A dispatch without losses at minimum output looks like too much generation until the losses count."""
    net = make_meshed(seed, n_bus=16, extra=6)
    unit, options = net.generator, {"reactive_limits": False}
    free = gh.run_power_flow(net.replace(generator=unit.assign(p_min_mw=-1e4, p_max_mw=1e5)), options=options)
    wanted = net.load["p_mw"].sum() + 0.9 * free.summary["losses_mw"]
    unit["p_mw"] *= wanted / unit["p_mw"].sum()
    unit["p_max_mw"] = unit["p_mw"] + 500.0
    tight, loose = (
        gh.run_power_flow(net.replace(generator=unit.assign(p_min_mw=low)), options=options)
        for low in (unit["p_mw"], -1e4)
    )
    # all units give more than they are scheduled for, so that the minimum cannot matter
    assert (loose.generator["p_mw"] > unit["p_mw"]).all()
    assert tight.generator["p_mw"].to_numpy() == pytest.approx(loose.generator["p_mw"].to_numpy(), abs=1e-5)


def test_participation_counts_before_largest_power() -> None:
    net = make_double_feed(p_mw=900.0)
    units = net.generator
    units["participation"] = [1.0, 1.0]
    extra = gh.run_power_flow(net.replace(generator=units)).generator["p_mw"].to_numpy() - 450.0
    assert extra[0] == pytest.approx(extra[1], rel=1e-9)


def test_reactive_limit_is_held_and_given_back() -> None:
    net = make_two_buses(p_mw=300.0)
    units = make_table(
        id=["unit", "far"],
        bus=["a", "b"],
        p_mw=[300.0, 0.0],
        p_max_mw=[2000.0, 0.0],
        vm_pu=[1.0, 1.05],
        q_min_mvar=[-1000.0, -50.0],
        q_max_mvar=[1000.0, 50.0],
    )
    net = net.replace(generator=units)
    free = gh.run_power_flow(net, options={"reactive_limits": False})
    assert free.bus.loc["b", "vm_pu"] == pytest.approx(1.05)
    assert free.generator.loc["far", "q_mvar"] > 50.0
    held = gh.run_power_flow(net, options={"reactive_limits": True})
    assert held.generator.loc["far", "q_mvar"] == pytest.approx(50.0, abs=1e-9)
    assert held.generator.loc["far", "limit"] == "q_max"
    assert 1.0 < held.bus.loc["b", "vm_pu"] < 1.05
    # start believing the unit is at its lower limit: it has to come back to hold its voltage
    case, _ = choose_references(compile_case(net.replace(generator=units.assign(vm_pu=[1.0, 1.001]))))
    options = read_options({"reactive_limits": True})
    plain = solve_ac(case, options)
    from gridhub.solvers.ac import AcStart

    wrong = AcStart("wrong", plain.vm, plain.va, plain.imbalance, np.array([0, -1], dtype=np.int8))
    again = solve_ac(case, options, start=wrong)
    assert again.status is Status.CONVERGED
    assert again.switches > 0
    assert again.vm == pytest.approx(plain.vm, abs=1e-9)


def test_no_state_is_an_answer_in_which_units_push_their_voltage_past_the_set_point() -> None:
    # the units of this grid lack reactive power; fixed at their upper limits, all of them would stand at 1.08
    # p.u. and more, above what they are to hold. pandapower leaves the external grid without limits
    source = pn.case_illinois200()
    net, _ = gh.from_pandapower(source)
    units = net.generator
    columns = ["q_min_mvar", "q_max_mvar"]
    units.loc["ext_grid:0", columns] = source.ext_grid.loc[0, ["min_q_mvar", "max_q_mvar"]].to_numpy()
    with pytest.raises(NotConverged, match="reactive_limits=False"):
        gh.run_power_flow(net.replace(generator=units), options={"reactive_limits": True})


def test_units_past_their_range_are_counted_where_limits_are_not_asked_for() -> None:
    source = pn.case14()
    net, _ = gh.from_pandapower(source)
    units = net.generator
    units.loc["ext_grid:0", "q_min_mvar"] = 0.0
    net = net.replace(generator=units)
    pf = gh.run_power_flow(net, options={"reactive_limits": False, "distributed_slack": False})
    assert pf.generator.loc["ext_grid:0", "q_mvar"] == pytest.approx(-16.549, abs=0.001)  # MATPOWER's case14
    assert pf.summary["units_past_q_limits"] == 1
    assert pf.summary["largest_past_q_mvar"] == pytest.approx(16.549, abs=0.001)
    held = gh.run_power_flow(net, options={"reactive_limits": True})
    assert held.generator.loc["ext_grid:0", "limit"] == "q_min"
    assert held.summary["units_past_q_limits"] == 0


@pytest.mark.parametrize("limits", [(-5.0, 25.0), (-20.0, 30.0), (-60.0, 30.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_state_with_a_voltage_held_is_found_where_limits_are_narrow(
    seed: int, limits: tuple[float, float]
) -> None:
    net = make_meshed(seed, n_bus=14, extra=12)
    net = net.replace(generator=net.generator.assign(q_min_mvar=limits[0], q_max_mvar=limits[1]))
    found = gh.run_power_flow(net, options={"reactive_limits": True})
    # every choice of who holds its voltage and who is fixed at which limit is solved without limits; what is
    # found is a state in which nobody is past a limit, or fixed there though past the set-point
    unit = net.generator
    kept = []
    for roles in map(np.array, product((0, 1, -1), repeat=len(unit))):
        held = roles == 0
        fixed = np.where(held, 0.0, np.where(roles > 0, limits[1], limits[0]))
        plain = unit.assign(regulating=held, q_mvar=fixed)
        if not held.any():
            continue
        try:
            pf = gh.run_power_flow(net.replace(generator=plain), options={"reactive_limits": False})
        except NotConverged:
            continue
        q = pf.generator["q_mvar"].to_numpy()[held]
        past = roles * (pf.bus["vm_pu"].loc[unit["bus"]].to_numpy() - unit["vm_pu"].to_numpy())
        if (past <= 1e-6).all() and (q >= limits[0] - 1e-6).all() and (q <= limits[1] + 1e-6).all():
            kept.append(pf.bus["vm_pu"].to_numpy())
    assert any(np.allclose(found.bus["vm_pu"], vm, rtol=0, atol=1e-7) for vm in kept)


def test_angles_are_given_within_one_turn_and_a_reference_keeps_its_own() -> None:
    net = make_double_feed()
    ends = []
    for shift in (210.0, -150.0):
        bank = make_table(id=["t"], from_bus=["c"], to_bus=["d"], x_pu=0.05, shift_degree=shift)
        bus = pd.concat([net.bus, make_table(id=["d"], vn_kv=154.0)])
        with_bank = net.replace(bus=bus, transformer=bank)
        ends.append(gh.run_power_flow(with_bank).bus["va_degree"])
    assert ends[0].to_numpy() == pytest.approx(ends[1].to_numpy(), abs=1e-7)
    assert 90.0 < ends[0]["d"] < 180.0
    turned = bus.assign(va_start_degree=[200.0, np.nan, np.nan, np.nan])
    angle = gh.run_power_flow(with_bank.replace(bus=turned)).bus["va_degree"]
    assert angle["a"] == pytest.approx(200.0)
    assert angle["c"] == pytest.approx(ends[0]["c"] + 200.0 - 360.0, abs=1e-7)


def test_impossible_load_is_refused_with_the_worst_bus_and_advice() -> None:
    with pytest.raises(gh.NotConverged) as caught:
        gh.run_power_flow(make_two_buses(p_mw=9000.0), options={"distributed_slack": False})
    assert caught.value.status == "NOT_CONVERGED"
    assert caught.value.worst[0][0] == "b"
    assert "try less load" in str(caught.value)


def test_low_voltage_solution_is_not_an_answer() -> None:
    net = make_two_buses()
    bus = net.bus
    # the lower root of the closed form above
    low = np.sqrt((345.0**2 - 1000.0 - np.sqrt((1000.0 - 345.0**2) ** 2 - 404.0 * 500.0**2)) / 2)
    angle = np.rad2deg(np.angle(low**2 + (1.0 - 10.0j) * 500.0))
    bus["vm_start_pu"], bus["va_start_degree"] = [1.0, low / 345.0], [0.0, angle]
    with pytest.raises(gh.NotConverged) as caught:
        gh.run_power_flow(net.replace(bus=bus), options={"start": "snapshot", "distributed_slack": False})
    assert caught.value.status == "UNREALISTIC"
    # left to itself the solver tries the next start and finds the operating state
    auto = gh.run_power_flow(net.replace(bus=bus), options={"distributed_slack": False})
    assert auto.bus.loc["b", "vm_pu"] > 0.9
    assert auto.summary["start"] == "dc"


def test_dead_island_is_counted_and_the_rest_solved() -> None:
    net = make_double_feed()
    line = net.line
    line["in_service"] = [True, True, False]
    pf = gh.run_power_flow(net.replace(line=line))
    assert pf.status is Status.ISLANDED
    assert pf.summary["unserved_mw"] == pytest.approx(100.0)
    assert np.isnan(pf.bus.loc["c", "vm_pu"])
    assert pf.branch.loc["bc", "p_from_mw"] == 0.0


def test_island_with_a_unit_gets_a_reference_and_says_so() -> None:
    net = make_double_feed()
    line, bus = net.line, net.bus
    line["in_service"] = [True, True, False]
    units = make_table(
        id=["u1", "u2"], bus=["a", "c"], p_mw=[400.0, 100.0], p_max_mw=[1000.0, 300.0], vm_pu=1.0
    )
    pf = gh.run_power_flow(net.replace(line=line, bus=bus, generator=units))
    assert pf.status is Status.CONVERGED
    assert pf.summary["islands"] == 2
    assert pf.summary["references_chosen"] == ("c",)


def test_buses_joined_without_impedance_share_a_voltage_and_the_flow_follows_kirchhoff() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["bc", ["r_ohm", "x_ohm", "b_us"]] = 0.0
    joined = gh.run_power_flow(net.replace(line=line))
    assert joined.bus.loc["b", "vm_pu"] == joined.bus.loc["c", "vm_pu"]
    assert joined.branch.loc["bc", "p_from_mw"] == pytest.approx(100.0, abs=1e-6)
    assert joined.branch.loc["bc", "q_from_mvar"] == pytest.approx(10.0, abs=1e-6)
    assert joined.branch.loc["bc", "loading_percent"] == pytest.approx(np.hypot(100, 10) / 4.0, rel=1e-6)
    # the limit of an ever smaller impedance
    line.loc["bc", "x_ohm"] = 1e-4
    tiny = gh.run_power_flow(net.replace(line=line))
    assert tiny.bus["vm_pu"].to_numpy() == pytest.approx(joined.bus["vm_pu"].to_numpy(), abs=1e-6)
    assert tiny.branch["p_from_mw"].to_numpy() == pytest.approx(
        joined.branch["p_from_mw"].to_numpy(), abs=1e-3
    )
    # and one too small for the arithmetic counts as none, its charging kept
    line.loc["bc", ["x_ohm", "b_us"]] = 1e-9, 40.0
    none = gh.run_power_flow(net.replace(line=line))
    assert none.bus.loc["b", "vm_pu"] == none.bus.loc["c", "vm_pu"]
    charging = 40e-6 * 345.0**2 * none.bus.loc["b", "vm_pu"] ** 2
    assert none.branch.loc["bc", ["q_from_mvar", "q_to_mvar"]].sum() == pytest.approx(-charging, rel=1e-9)
    assert none.worst_mismatch.mvar == pytest.approx(0.0, abs=1e-6)


def test_negative_reactance_solves() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["bc", "x_ohm"] = -4.0
    assert gh.run_power_flow(net.replace(line=line)).status is Status.CONVERGED


def test_hvdc_carries_its_set_point_less_losses() -> None:
    net = make_double_feed()
    link = make_table(
        id=["link"],
        from_bus=["a"],
        to_bus=["c"],
        p_mw=[60.0],
        loss_mw=[1.0],
        loss_percent=[2.0],
        q_to_mvar=5.0,
    )
    pf = gh.run_power_flow(net.replace(hvdc=link))
    assert pf.hvdc.loc["link", "p_to_mw"] == pytest.approx(60.0 - 1.0 - 1.2)
    assert pf.branch.loc["bc", "p_to_mw"] == pytest.approx(-(100.0 - 57.8), abs=1e-6)
    assert pf.bus.loc["c", "q_mvar"] == pytest.approx(-10.0 + 5.0, abs=1e-9)


def test_converter_that_regulates_holds_the_voltage_within_its_range() -> None:
    net = make_double_feed()
    link = make_table(
        id=["link"],
        from_bus=["a"],
        to_bus=["c"],
        p_mw=[60.0],
        regulating_to=True,
        vm_to_pu=1.01,
        q_to_min_mvar=-100.0,
        q_to_max_mvar=100.0,
    )
    pf = gh.run_power_flow(net.replace(hvdc=link), options={"reactive_limits": True})
    assert pf.bus.loc["c", "vm_pu"] == pytest.approx(1.01, abs=1e-12)
    link["q_to_max_mvar"], link["q_to_min_mvar"] = 20.0, -20.0
    held = gh.run_power_flow(net.replace(hvdc=link), options={"reactive_limits": True})
    assert abs(held.hvdc.loc["link", "q_to_mvar"]) == pytest.approx(20.0, abs=1e-9)


def test_inputs_are_not_written_to() -> None:
    net = make_meshed(3)
    before = {name: table.copy() for name, table in net.tables.items()}
    gh.run_power_flow(net, options={"reactive_limits": True})
    for name, table in net.tables.items():
        assert table.equals(before[name]), name


def test_a_lone_bus_and_an_empty_network() -> None:
    one = make_two_buses().replace(
        bus=make_table(id=["a"], vn_kv=345.0, reference=True),
        line=make_two_buses().line.iloc[:0],
        load=make_table(id=["demand"], bus=["a"], p_mw=[10.0]),
    )
    pf = gh.run_power_flow(one)
    assert pf.generator.loc["unit", "p_mw"] == pytest.approx(10.0)
    with pytest.raises(OptionError, match="no bus in service"):
        gh.run_power_flow(gh.build_network("empty"))


def test_a_load_that_is_no_number_is_refused_by_name() -> None:
    net = make_double_feed()
    load = net.load
    load["p_mw"] = [np.nan, 100.0]
    load["q_mvar"] = [1.0, np.inf]
    with pytest.raises(gh.InputError) as caught:
        gh.run_power_flow(net.replace(load=load))
    assert [(i.code, i.id, i.column) for i in caught.value.issues] == [
        ("E-NAN", "at b", "p_mw"),
        ("E-INF", "at c", "q_mvar"),
    ]


@pytest.mark.parametrize("method", ["ac", "dc"])
@pytest.mark.parametrize(
    ("load_mw", "reason"), [(1500.0, "no generation left"), (50.0, "too much generation")]
)
def test_units_at_their_limits_are_named_by_the_side(load_mw: float, reason: str, method: Method) -> None:
    net = make_two_buses()
    unit = net.generator.assign(p_mw=500.0, p_min_mw=200.0, p_max_mw=1000.0)
    net = net.replace(load=net.load.assign(p_mw=load_mw), generator=unit)
    with pytest.raises(NotConverged, match=reason):
        gh.run_power_flow(net, method=method)
