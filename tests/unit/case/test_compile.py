"""The wall between tables and arrays."""

from __future__ import annotations

import numpy as np
import pytest

import gridhub as gh
from gridhub.case.case import Outage
from gridhub.case.compile import TINY_IMPEDANCE, compile_case
from gridhub.case.matrices import build_admittance
from tests.small_networks import make_double_feed, make_meshed, make_table


def test_line_parameters_become_per_unit() -> None:
    case = compile_case(make_double_feed())
    z_base = 345.0**2 / 100.0
    assert case.r[0] == pytest.approx(1.0 / z_base)
    assert case.x[0] == pytest.approx(10.0 / z_base)
    assert (case.y_ff[0] + case.y_ft[0]).imag == pytest.approx(40e-6 * z_base / 2)
    assert case.rate.tolist() == pytest.approx([4.0, 4.0, 4.0])


def test_transformer_is_matpowers_branch_with_the_tap_at_the_from_end() -> None:
    net = gh.build_network(
        "t",
        bus=make_table(id=["a", "b"], vn_kv=[345.0, 154.0]),
        transformer=make_table(
            id=["t"],
            from_bus=["a"],
            to_bus=["b"],
            r_pu=0.01,
            x_pu=0.1,
            g_pu=0.002,
            b_pu=-0.02,
            tap_ratio=1.05,
            shift_degree=30.0,
        ),
    )
    y, half, a = 1 / (0.01 + 0.1j), (0.002 - 0.02j) / 2, 1.05 * np.exp(1j * np.pi / 6)
    expected = [[(y + half) / 1.05**2, -y / np.conj(a)], [-y / a, y + half]]
    assert build_admittance(compile_case(net)).toarray() == pytest.approx(np.array(expected))


def test_missing_ratings_fall_back_and_unrated_stays_unrated() -> None:
    net = make_double_feed()
    line = net.line
    line["rate_mva"] = [400.0, np.nan, 400.0]
    line["rate_b_mva"] = [440.0, np.nan, np.nan]
    case = compile_case(net.replace(line=line))
    assert case.rate_b[[0, 2]].tolist() == pytest.approx([4.4, 4.0])
    assert case.rate_c[[0, 2]].tolist() == pytest.approx([4.4, 4.0])
    assert np.isnan(case.rate_b[1])


def test_everything_wrong_is_refused_at_once() -> None:
    net = make_double_feed()
    line, load = net.line, net.load
    line.index = ["ab1", "ab1", "bc"]
    line["to_bus"] = ["b", "b", "nowhere"]
    load["bus"], load["p_mw"] = ["b", "void"], [np.nan, 1.0]
    with pytest.raises(gh.InputError) as caught:
        compile_case(net.replace(line=line, load=load))
    assert {(i.code, i.table, i.id) for i in caught.value.issues} == {
        ("E-DUP", "line", "ab1"),
        ("E-REF", "line", "bc"),
        ("E-REF", "load", "at c"),
        ("E-NAN", "load", "at b"),
    }


def test_ids_twice_among_branches_are_refused_by_name() -> None:
    net = make_double_feed()
    series = make_table(id=["bc"], from_bus=["a"], to_bus=["c"], x_pu=[0.1])
    with pytest.raises(gh.InputError, match="E-DUP series bc"):
        compile_case(net.replace(series=series))


def test_arrays_are_read_only_and_an_outage_is_a_new_case() -> None:
    case = compile_case(make_double_feed())
    with pytest.raises(ValueError, match="read-only"):
        case.r[0] = 1.0
    out = case.take_out(Outage(branch=(0,), generator=(1,)))
    assert case.branch_on.all()
    assert out.branch_on.tolist() == [False, True, True]
    assert out.generator_on.tolist() == [True, False]
    assert case.take_out(Outage()) is case


def test_a_branch_that_joins_buses_cannot_be_taken_out_of_the_compiled_case() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["bc", ["r_ohm", "x_ohm"]] = 0.0
    case = compile_case(net.replace(line=line))
    assert case.n_node == 2
    assert case.branch_joins.tolist() == [False, False, True]
    with pytest.raises(ValueError, match="bc"):
        case.take_out(Outage(branch=(2,)))


def test_tiny_impedance_joins_but_not_behind_an_off_nominal_tap() -> None:
    net = gh.build_network(
        "t",
        bus=make_table(id=["a", "b", "c"], vn_kv=345.0),
        transformer=make_table(
            id=["plain", "stepped"],
            from_bus=["a", "b"],
            to_bus=["b", "c"],
            x_pu=1e-12,
            tap_ratio=[1.0, 1.02],
        ),
    )
    case = compile_case(net)
    assert case.branch_joins.tolist() == [True, False]
    assert case.x[1] == TINY_IMPEDANCE


def test_tap_changers_are_gathered_and_incomplete_ones_refused() -> None:
    net = make_meshed(2)
    transformer = net.transformer
    row = transformer.index[1]
    columns = ["tap_bus", "tap_min", "tap_max", "tap_step", "tap_vm_pu", "tap_deadband_pu"]
    transformer.loc[row, columns] = [transformer.at[row, "to_bus"], 0.9, 1.1, 0.01, 1.02, 0.03]
    case = compile_case(net.replace(transformer=transformer))
    changers = case.tap_changers
    assert [case.labels.branch[i] for i in changers.branch] == [row]
    assert [case.labels.bus[i] for i in changers.bus] == [transformer.at[row, "to_bus"]]
    assert not changers.at_from[0]
    assert (changers.target[0], changers.deadband[0], changers.step[0]) == (1.02, 0.03, 0.01)
    transformer.loc[row, ["tap_min", "tap_vm_pu"]] = np.nan
    with pytest.raises(gh.InputError, match=r"(?s)tap_min.*tap_vm_pu"):
        compile_case(net.replace(transformer=transformer))


def test_branch_between_out_of_service_buses_is_off() -> None:
    net = make_double_feed()
    bus = net.bus
    bus.loc["c", "in_service"] = False
    case = compile_case(net.replace(bus=bus))
    assert case.branch_on.tolist() == [True, True, False]
    assert case.bus_node.tolist() == [0, 1, -1]


def test_dangling_bus_names_the_row() -> None:
    net = make_double_feed()
    load = net.load
    load["bus"] = ["b", "nowhere"]
    with pytest.raises(gh.InputError, match="E-REF load at c bus = nowhere"):
        compile_case(net.replace(load=load))


def test_snapshot_values_reach_the_arrays() -> None:
    net = make_meshed(2)
    values = make_table(
        id=["1", "2", "3"],
        snapshot="night",
        table=["load", "transformer", "line"],
        column=["p_mw", "tap_ratio", "in_service"],
        value=["7.5", "1.01", "False"],
    )
    values.insert(2, "id", ["load 0", net.transformer.index[0], net.line.index[0]])
    net = net.replace(snapshot=make_table(id=["day", "night"], note=""), snapshot_value=values)
    day, night = compile_case(net), compile_case(net, "night")
    assert night.load_p[0] == pytest.approx(0.075)
    assert day.load_p[0] != night.load_p[0]
    position = night.labels.branch.index(net.transformer.index[0])
    assert night.tap[position] == pytest.approx(1.01)
    assert not night.branch_on[night.labels.branch.index(net.line.index[0])]
    with pytest.raises(KeyError, match="day, night"):
        compile_case(net, "dusk")
