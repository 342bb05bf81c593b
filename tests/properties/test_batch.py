"""What must hold for every batch: it says what the plain loop says, and nothing hangs on how it is run."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhub.case.case import Case, Outage
from gridhub.model.network import Network
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.batch_result import BatchResult
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Injections, Watch
from tests.small_cases import compile_network, make_hours
from tests.small_networks import make_meshed

OPTIONS = read_options({"reactive_limits": False, "threads": 1})

SEEDS = st.integers(0, 10_000)
NETWORKS = st.builds(make_meshed, SEEDS, n_bus=st.integers(4, 20), extra=st.integers(2, 12))

TOLERANCE = 1e-7
"""Difference of two complex voltages [p.u.]."""


def watch_case(case: Case) -> Watch:
    low, high = np.full(case.n_node, 0.99), np.full(case.n_node, 1.02)
    return Watch(case.rate, low, high, 0.005)


def draw_outages(case: Case, seed: int, count: int) -> list[Outage]:
    """Single and multiple outages of all kinds, and nothing at all."""
    rng = np.random.default_rng(seed)
    outages = [Outage()]
    for _ in range(count - 1):
        several = {}
        for kind, chance in (("branch", 0.8), ("generator", 0.3), ("load", 0.3), ("shunt", 0.2)):
            on = np.flatnonzero(getattr(case, f"{kind}_on"))
            if len(on) and rng.random() < chance:
                lost = rng.choice(on, min(len(on), 1 + int(rng.random() < 0.3)), replace=False)
                several[kind] = tuple(lost.tolist())
        outages.append(Outage(**several))
    return outages


def read_voltages(result: BatchResult) -> np.ndarray:
    assert result.vm is not None
    assert result.va is not None
    return np.asarray(result.vm * np.exp(1j * result.va))


def lacks_generation(result: BatchResult) -> np.ndarray:
    """Scenarios given up because units run out of room one after another; lanes may find a state."""
    short = [k for k, reason in result.reason.items() if "generation" in reason]
    return np.isin(np.arange(len(result.status)), short)


def read_rows(result: BatchResult, rows: list[int]) -> list[bytes]:
    """Everything a batch says of some scenarios, to the last bit."""
    names = ("status", "mismatch", "iterations", "switches", "stage", "worst_branch", "worst_loading",
             "severity", "losses", "vm", "va", "s_from", "s_to")  # fmt: skip
    said = [getattr(result, name)[rows].tobytes() for name in names]
    findings = result.findings
    for row in rows:
        own = findings.scenario == row
        said += [part[own].tobytes() for part in (findings.kind, findings.position, findings.value)]
        said.append(result.dead_nodes[result.dead_start[row] : result.dead_start[row + 1]].tobytes())
    return said


def read_all(result: BatchResult) -> dict[str, bytes | str]:
    """Every array of a result, as bytes."""
    said: dict[str, bytes | str] = {"reason": repr(result.reason)}
    for part in (result, result.findings):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                said[field.name] = value.tobytes()
    return said


def make_mixed(seed: int) -> tuple[Case, list[Outage], Injections, np.ndarray]:
    """Outages in the case's own injections and in two sets of others, and hours without outages."""
    case = compile_network(make_meshed(seed, 16, 10))
    outages = draw_outages(case, seed, 150) + [Outage()] * 40
    hours = make_hours(case, 40, seed)
    rng = np.random.default_rng(seed)
    at = np.concatenate([rng.choice([-1, -1, -1, 0, 1], 150), np.arange(40)])
    return case, outages, hours, at


@settings(max_examples=12, deadline=None)
@given(NETWORKS, SEEDS)
def test_batch_says_what_the_loop_says(net: Network, seed: int) -> None:
    case = compile_network(net)
    plan, outages, watch = plan_batch(case, OPTIONS), draw_outages(case, seed, 24), watch_case(case)
    lanes, loop = (solve_batch(case, plan, outages, watch=watch, keep="all", lanes=count) for count in (8, 1))
    kept = ~lacks_generation(loop)
    assert lanes.status[kept].tolist() == loop.status[kept].tolist()
    kept &= loop.solved
    found, expected = read_voltages(lanes)[kept], read_voltages(loop)[kept]
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert np.abs(np.nan_to_num(found - expected)).max(initial=0.0) < TOLERANCE
    assert lanes.worst_loading[kept] == pytest.approx(loop.worst_loading[kept], abs=1e-3, nan_ok=True)
    assert lanes.severity[kept] == pytest.approx(loop.severity[kept], rel=1e-5)
    for k in np.flatnonzero(kept).tolist():
        own, other = (
            set(result.dead_nodes[result.dead_start[k] : result.dead_start[k + 1]].tolist())
            for result in (lanes, loop)
        )
        assert own == other


@settings(max_examples=10, deadline=None)
@given(NETWORKS, SEEDS)
def test_order_of_buses_does_not_matter(net: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tables = {name: getattr(net, name) for name in ("bus", "line", "transformer", "load", "generator")}
    turned = net.replace(**{name: rows.iloc[rng.permutation(len(rows))] for name, rows in tables.items()})
    case, other = compile_network(net), compile_network(turned)
    outages = draw_outages(case, seed, 20)
    kinds = ("branch", "generator", "load", "shunt")
    same = {
        kind: [getattr(other.labels, kind).index(label) for label in getattr(case.labels, kind)]
        for kind in kinds
    }
    moved = [
        Outage(**{kind: tuple(same[kind][i] for i in getattr(outage, kind)) for kind in kinds})
        for outage in outages
    ]
    one = solve_batch(case, plan_batch(case, OPTIONS), outages, keep="all")
    two = solve_batch(other, plan_batch(other, OPTIONS), moved, keep="all")
    kept = ~(lacks_generation(one) | lacks_generation(two))
    assert one.status[kept].tolist() == two.status[kept].tolist()
    kept &= one.solved
    bus = [other.labels.bus.index(label) for label in case.labels.bus]
    expected = read_voltages(one)[kept][:, case.bus_node]
    found = read_voltages(two)[kept][:, other.bus_node[bus]]
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert np.abs(np.nan_to_num(found - expected)).max(initial=0.0) < TOLERANCE
    assert one.s_from is not None
    assert two.s_from is not None
    flows = two.s_from[kept][:, same["branch"]]
    assert flows == pytest.approx(one.s_from[kept], abs=1e-5, nan_ok=True)


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_order_of_scenarios_does_not_matter_to_the_last_bit(seed: int) -> None:
    case, outages, hours, at = make_mixed(seed)
    plan, watch = plan_batch(case, OPTIONS), watch_case(case)
    order = np.random.default_rng(seed).permutation(len(outages))
    one = solve_batch(case, plan, outages, hours, at, watch=watch, keep="all")
    two = solve_batch(case, plan, [outages[k] for k in order], hours, at[order], watch=watch, keep="all")
    assert read_rows(one, order.tolist()) == read_rows(two, list(range(len(order))))
    assert one.branch_loading.tobytes() == two.branch_loading.tobytes()


@settings(max_examples=5, deadline=None)
@given(SEEDS, st.booleans())
def test_any_number_of_threads_gives_the_same_bytes(seed: int, limits: bool) -> None:
    case, outages, hours, at = make_mixed(seed)
    watch = watch_case(case)
    said = []
    for threads in (1, 2, 3):
        options = replace(OPTIONS, threads=threads, reactive_limits=limits)
        plan = plan_batch(case, options)
        said.append(read_all(solve_batch(case, plan, outages, hours, at, watch=watch, keep="all")))
    assert said[0] == said[1] == said[2]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_width_of_lanes_does_not_matter(seed: int) -> None:
    case, outages, hours, at = make_mixed(seed)
    exact = replace(OPTIONS, tolerance=1e-11)
    plan = plan_batch(case, exact)
    wide, narrow = (solve_batch(case, plan, outages, hours, at, keep="all", lanes=count) for count in (8, 4))
    assert wide.status.tolist() == narrow.status.tolist()
    difference = np.nan_to_num(read_voltages(wide) - read_voltages(narrow))
    assert np.abs(difference).max() < 1e-9


@settings(max_examples=10, deadline=None)
@given(NETWORKS, SEEDS, st.floats(5.0, 2000.0))
def test_power_base_changes_nothing_in_megawatts(net: Network, seed: int, base_mva: float) -> None:
    transformer = net.transformer
    transformer[["r_pu", "x_pu"]] *= base_mva / net.base_mva
    case = compile_network(net)
    other = compile_network(net.replace(base_mva=base_mva, transformer=transformer))
    outages = draw_outages(case, seed, 16)
    # the same tolerance in MW
    exact = replace(OPTIONS, tolerance=OPTIONS.tolerance * case.base_mva / base_mva)
    one = solve_batch(case, plan_batch(case, OPTIONS), outages, watch=watch_case(case), keep="all")
    two = solve_batch(other, plan_batch(other, exact), outages, watch=watch_case(other), keep="all")
    kept = ~(lacks_generation(one) | lacks_generation(two))
    assert one.status[kept].tolist() == two.status[kept].tolist()
    kept &= one.solved
    difference = np.nan_to_num(read_voltages(two) - read_voltages(one))[kept]
    assert np.abs(difference).max(initial=0.0) < TOLERANCE
    assert two.worst_loading[kept] == pytest.approx(one.worst_loading[kept], abs=1e-3, nan_ok=True)
    for end in ("s_from", "s_to"):
        megawatts = getattr(two, end)[kept] * base_mva
        assert megawatts == pytest.approx(getattr(one, end)[kept] * case.base_mva, abs=1e-3, nan_ok=True)


@settings(max_examples=10, deadline=None)
@given(NETWORKS, SEEDS)
def test_nothing_out_is_the_base_whatever_was_out_before(net: Network, seed: int) -> None:
    case = compile_network(net)
    outages = [
        part for outage in draw_outages(case, seed, 12) for part in (Outage(), outage, Outage(), outage)
    ]
    plan, watch = plan_batch(case, OPTIONS), watch_case(case)
    result = solve_batch(case, plan, outages, watch=watch, keep="all")
    base = solve_ac(case, OPTIONS, plan.newton)
    voltages = read_voltages(result)
    for k in range(0, len(outages), 4):
        for j in (k, k + 2):
            assert voltages[j] == pytest.approx(base.vm * np.exp(1j * base.va), abs=1e-12)
        assert [result.worst_loading[k], result.severity[k]] == [
            result.worst_loading[k + 2],
            result.severity[k + 2],
        ]
        assert voltages[k + 1].tobytes() == voltages[k + 3].tobytes()
        assert result.status[k + 1] == result.status[k + 3]


@settings(max_examples=10, deadline=None)
@given(NETWORKS)
def test_an_outage_is_the_network_without_the_branch_and_restoring_it_is_identity(net: Network) -> None:
    case = compile_network(net)
    lines = net.line.index.tolist()
    outages = [Outage(branch=(case.labels.branch.index(name),)) for name in lines]
    result = solve_batch(case, plan_batch(case, OPTIONS), outages, keep="all")
    voltages, short = read_voltages(result), lacks_generation(result)
    for k, name in enumerate(lines):
        if short[k] or not result.solved[k] or result.dead_start[k] < result.dead_start[k + 1]:
            continue
        line = net.line
        line.loc[name, "in_service"] = False
        alone = solve_ac(compile_network(net.replace(line=line)), OPTIONS)
        assert voltages[k] == pytest.approx(alone.vm * np.exp(1j * alone.va), abs=TOLERANCE)
    line = net.line
    line["in_service"] = False
    back = net.replace(line=line).replace(line=net.line)
    again = compile_network(back)
    restored = solve_batch(again, plan_batch(again, OPTIONS), outages, keep="all")
    assert read_all(restored) == read_all(result)
