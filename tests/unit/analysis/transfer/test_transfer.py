"""Transfer capability against brute force: every outage and pair solved again just below and above."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import gridhub as gh
from gridhub.analysis.transfer.direction import Transfer, build_transfer
from gridhub.analysis.transfer.transfer import find_transfer_capability
from gridhub.case.case import Case, Outage
from gridhub.criteria import read_criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.dc import solve_dc
from gridhub.solvers.islands import find_islands
from gridhub.solvers.options import read_options
from tests.small_networks import make_meshed, make_table


def make_rated(seed: int) -> Network:
    """A meshed network whose ratings leave room."""
    net = make_meshed(seed, n_bus=8, extra=7)
    flow = gh.run_power_flow(net, method="dc", options={"distributed_slack": False}).branch["p_from_mw"].abs()
    rng = np.random.default_rng(seed)
    tables = {}
    for name in ("line", "transformer"):
        table = net.tables[name].copy()
        mine = flow[table.index]
        table["rate_mva"] = mine * rng.uniform(1.3, 3.0, len(mine)) + rng.uniform(20, 60, len(mine))
        tables[name] = table
    return net.replace(**tables)


def list_new_overloads(
    net: Network, source: str, sink: str, order: int, mw: float
) -> set[tuple[object, int]]:
    """Overloads at a transfer, after the outage of up to `order` branches, that are not there without it."""
    options = read_options({"distributed_slack": False})
    transfer = build_transfer(net, source, sink, None, options, None)
    case = transfer.growing.case
    count = find_islands(case).count

    def list_overloads(amount: float) -> set[tuple[object, int]]:
        moved = move(transfer, amount)
        found = set()
        for k in range(order + 1):
            for lost in combinations(np.flatnonzero(case.branch_on).tolist(), k):
                after = moved.take_out(Outage(lost))
                if find_islands(after).count > count:
                    continue
                over = np.abs(solve_dc(after, "x_tap", False).p_from) > case.rate * (1 + 1e-7)
                found |= {(lost, int(branch)) for branch in np.flatnonzero(over)}
        return found

    return list_overloads(mw / case.base_mva) - list_overloads(0.0)


def move(transfer: Transfer, amount: float) -> Case:
    """The case with a transfer [p.u.]."""
    case = transfer.growing.case
    p, q = transfer.growing.load_at(amount)
    generated = case.generator_p.copy()
    generated[transfer.unit] += amount * transfer.share
    return replace(case, load_p=p, load_q=q, generator_p=generated)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))])
def test_thermal_figures_are_those_of_brute_force(seed: int) -> None:
    net = make_rated(seed)
    source, sink = "bus 1", "bus 6"
    found = find_transfer_capability(
        net, source, sink, criteria=None, cutoff=0.0, n2_min_kv=0.0, voltage=False, maximum_mw=2000.0,
        options={"distributed_slack": False},
    ).table  # fmt: skip
    for order, kind in enumerate(("thermal_n", "thermal_n1", "thermal_n2")):
        mw = found["mw"][kind]
        assert mw < 2000.0
        assert list_new_overloads(net, source, sink, order, mw - 1e-3) == set()
        above = list_new_overloads(net, source, sink, order, mw + 1e-3)
        labels = net.branches().index
        named = {(" + ".join(labels[i] for i in lost), labels[branch]) for lost, branch in above}
        assert (found["contingency"][kind], found["element"][kind]) in named


def make_corridor() -> Network:
    """Two equal circuits from a unit to a load, 300 MVA each, and a third bus behind a single line."""
    return build_network(
        "corridor",
        bus=make_table(
            id=["a", "b", "c"], vn_kv=345.0, reference=[True, False, False], province=["west", "east", "east"]
        ),
        line=make_table(
            id=["l1", "l2", "bc"], from_bus=["a", "a", "b"], to_bus=["b", "b", "c"], r_ohm=1.0, x_ohm=20.0,
            rate_mva=[300.0, 300.0, 90.0],
        ),
        load=make_table(id=["town", "village"], bus=["b", "c"], p_mw=[90.0, 10.0], q_mvar=0.0),
        generator=make_table(
            id=["unit"], bus=["a"], p_mw=100.0, p_max_mw=900.0, q_min_mvar=-900.0, q_max_mvar=900.0, vm_pu=1.0
        ),
    )  # fmt: skip


def test_corridor_by_hand() -> None:
    found = find_transfer_capability(make_corridor(), "west", "east", criteria=None, voltage=False)
    table = found.table
    # 100 MW flow already: 600 - 100 with both circuits, 300 - 100 with one; bc takes 10 % of the growth
    assert table["mw"][["thermal_n", "thermal_n1", "generation"]].to_list() == pytest.approx([500, 200, 800])
    assert set(table.loc["thermal_n1", ["element", "contingency"]]) == {"l1", "l2"}
    assert table.loc["thermal_n1", "factor_percent"] == pytest.approx(100.0)
    assert found.firm_mw == pytest.approx(200.0)
    # the loss of bc cuts off part of the sink, and l1 with l2 everything
    assert any("cut off part" in text for text in found.not_assessed)
    assert any("pairs that split" in text for text in found.not_assessed)


def test_cutoff_leaves_out_what_the_transfer_hardly_touches() -> None:
    net = make_corridor()
    line = net.line
    line.loc["bc", "rate_mva"] = 15.0
    strict = find_transfer_capability(
        net.replace(line=line), "a", "east", criteria=None, cutoff=0.0, voltage=False
    )
    assert (strict.table.loc["thermal_n", "mw"], strict.table.loc["thermal_n", "element"]) == (
        pytest.approx(50.0),
        "bc",
    )
    loose = find_transfer_capability(
        net.replace(line=line), "a", "east", criteria=None, cutoff=0.2, voltage=False
    )
    assert loose.table.loc["thermal_n", "mw"] == pytest.approx(500.0)


def test_overload_that_is_there_already_is_set_aside_and_counted() -> None:
    net = make_corridor()
    line = net.line
    line.loc["bc", "rate_mva"] = 5.0
    table = find_transfer_capability(net.replace(line=line), "a", "b", criteria=None, voltage=False).table
    assert table.loc["thermal_n", "existing"] == 1
    assert table.loc["thermal_n", "mw"] == pytest.approx(500.0)


def test_source_without_units_lets_the_power_enter() -> None:
    net = make_corridor()
    table = find_transfer_capability(net, "c", "b", criteria=None, voltage=True, maximum_mw=150.0).table
    # 10 MW flow to c; 100 MW against it fill the 90 MVA of bc
    assert table.loc["thermal_n", "mw"] == pytest.approx(100.0)
    assert table.loc["generation", "mw"] == 150.0
    assert table.loc["voltage", "element"] == ""


def test_voltage_figure_is_that_of_power_flows_alone() -> None:
    net = gh.load_network("korea-2025-backbone")
    found = find_transfer_capability(net, "Chungnam", "southwest-154", n2_min_kv=None, power_factor=0.95)
    row = found.table.loc["voltage"]
    options = read_options(None, reactive_limits=True)
    transfer = build_transfer(net, "Chungnam", "southwest-154", None, options, 0.95)
    case, width = transfer.growing.case, found.table.loc["generation", "mw"] / 256
    low, high = read_criteria(net.documents["criteria"]).voltage_limits(net.bus["vn_kv"], "outage")

    def is_violated(mw: float, lost: str) -> bool:
        after = move(transfer, mw / 100.0).take_out(Outage((case.labels.branch.index(lost),)))
        solution = solve_ac(after, options)
        vm = solution.vm[case.bus_node]
        return not solution.status.is_solved or bool(((vm < low - 1e-6) | (vm > high + 1e-6)).any())

    assert is_violated(row["mw"] + width + 0.1, row["contingency"])
    assert not any(is_violated(row["mw"], lost) for lost in [row["contingency"], *case.labels.branch[::40]])


def test_bad_input_is_named() -> None:
    net = make_corridor()
    with pytest.raises(OptionError, match="share 1 buses: b"):
        find_transfer_capability(net, ["a", "b"], "east")
    with pytest.raises(KeyError, match="north"):
        find_transfer_capability(net, "north", "east")
    with pytest.raises(OptionError, match="cutoff"):
        find_transfer_capability(net, "a", "b", cutoff=1.0)
