"""Batches with trouble beside healthy scenarios, and what lanes must leave to the full solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Case, Outage
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.batch_result import STATUSES, BatchResult
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Injections, Watch
from gridhub.solvers.status import Status
from tests.small_cases import compile_network
from tests.small_networks import make_meshed

OPTIONS = read_options({"reactive_limits": True, "threads": 1})


def watch_case(case: Case) -> Watch:
    low, high = np.full(case.n_node, 0.99), np.full(case.n_node, 1.02)
    return Watch(case.rate, low, high, 0.005)


def read_rows(result: BatchResult, rows: list[int]) -> dict[str, bytes]:
    """Everything a batch says of some scenarios, to the last bit."""
    names = ("status", "mismatch", "iterations", "switches", "stage", "worst_branch", "worst_loading",
             "severity", "losses", "vm", "va", "s_from", "s_to")  # fmt: skip
    said = {name: getattr(result, name)[rows].tobytes() for name in names}
    findings = result.findings
    for k, row in enumerate(rows):
        own = findings.scenario == row
        found = (findings.kind[own], findings.position[own], findings.value[own])
        said[f"findings {k}"] = b"".join(part.tobytes() for part in found)
        said[f"dead {k}"] = result.dead_nodes[result.dead_start[row] : result.dead_start[row + 1]].tobytes()
    return said


def test_trouble_leaves_neighbours_unchanged_to_the_last_bit() -> None:
    net = make_meshed(5, 20, 12)
    bus, line = net.bus, net.line
    bus.loc["bus x"] = bus.loc["bus 1"]
    bus.loc["bus y"] = bus.loc["bus 1"]
    for name, to_bus, x_ohm in (("tail", "bus x", 12.0), ("join", "bus y", 0.0)):
        line.loc[name] = line.iloc[0]
        line.loc[name, ["from_bus", "to_bus", "r_ohm", "x_ohm", "b_us"]] = ["bus 3", to_bus, 0.0, x_ohm, 0.0]
    case = compile_network(net.replace(bus=bus, line=line))
    assert case.branch_joins.sum() == 1
    plan, watch = plan_batch(case, OPTIONS), watch_case(case)
    load_p = np.tile(case.load_p, (3, 1))
    load_p[0] *= 0.9
    load_p[1] *= 400.0  # hopeless
    load_p[2, 4] = np.nan
    injections = Injections(load_p=load_p)
    on = np.flatnonzero(case.branch_on).tolist()
    healthy = [(-1, Outage(branch=(i,))) for i in on[:12]] + [(0, Outage(branch=(i,))) for i in on[:12]]
    healthy.append((-1, Outage(generator=(1,))))
    tail_at = case.labels.branch.index("tail")
    bad = [(1, Outage()), (2, Outage()), (1, Outage(branch=(0,))), (2, Outage(branch=(3,)))]
    bad += [(-1, Outage(branch=(tail_at,))), (0, Outage(branch=tuple(on[:20])))]
    mixed = [*healthy[:7], *bad[:3], *healthy[7:15], *bad[3:], *healthy[15:]]
    results = []
    for scenarios in (healthy, mixed):
        at, outages = np.array([i for i, _ in scenarios]), [outage for _, outage in scenarios]
        results.append(solve_batch(case, plan, outages, injections, at, watch=watch, keep="all"))
    rows = [k for k, scenario in enumerate(mixed) if scenario in healthy]
    assert len(rows) == len(healthy)
    assert results[0].solved.all()
    assert read_rows(results[0], list(range(len(healthy)))) == read_rows(results[1], rows)
    status = [STATUSES[code] for code in results[1].status]
    for k, (at, _) in enumerate(mixed):
        if at > 0:
            assert status[k] not in (Status.CONVERGED, Status.ISLANDED)
            assert results[1].reason[k]


def test_a_hopeless_hour_leaves_others_unchanged_to_the_last_bit() -> None:
    case = compile_network(make_meshed(5, 20, 12))
    factor = np.array([0.8, 0.85, 0.9, 0.95, 400.0, 500.0, 600.0])
    injections = Injections(load_p=np.outer(factor, case.load_p))
    plan, watch = plan_batch(case, OPTIONS), watch_case(case)
    alone, beside = (
        solve_batch(case, plan, None, injections, np.arange(count), watch=watch, keep="all")
        for count in (4, 7)
    )
    assert alone.solved.all()
    assert not beside.solved[4:].any()
    assert read_rows(alone, list(range(4))) == read_rows(beside, list(range(4)))


def test_lack_of_generation_after_a_split_is_not_a_solution() -> None:
    # bus 1 is cut off with the larger unit; the 63 MW that are left face 75 MW of load
    case = compile_network(make_meshed(30, 3, 0))
    options = replace(OPTIONS, reactive_limits=False)
    result = solve_batch(case, plan_batch(case, options), [Outage(branch=(0,))])
    assert STATUSES[result.status[0]] is Status.NOT_CONVERGED


def test_nothing_in_nothing_out() -> None:
    case = compile_network(make_meshed(1))
    result = solve_batch(case, plan_batch(case, OPTIONS), [])
    assert len(result.status) == 0
    assert len(result.findings) == 0
    assert np.isnan(result.branch_loading).all()
    assert (result.branch_scenario == -1).all()


def test_outage_of_nothing_is_the_base() -> None:
    case = compile_network(make_meshed(2))
    result = solve_batch(case, plan_batch(case, OPTIONS), [Outage()], keep="all")
    base = solve_ac(case, OPTIONS)
    assert result.vm is not None
    assert np.abs(result.vm[0] - base.vm).max() < 1e-12


@pytest.mark.parametrize("lanes", [8, 1])
def test_progress_counts_up_to_all(lanes: int) -> None:
    case = compile_network(make_meshed(3, 20, 12))
    outages = [Outage(branch=(i,)) for i in range(case.n_branch)] * 3
    hours = Injections(load_p=np.tile(case.load_p, (5, 1)) * np.linspace(0.8, 1.0, 5)[:, None])
    outages += [Outage()] * 5
    at = np.array([-1] * (len(outages) - 5) + list(range(5)))
    seen: list[tuple[int, int]] = []
    solve_batch(
        case,
        plan_batch(case, OPTIONS),
        outages,
        hours,
        at,
        lanes=lanes,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (len(outages), len(outages))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_kept_states_say_what_the_stream_says() -> None:
    case = compile_network(make_meshed(4, 20, 12))
    plan, watch = plan_batch(case, OPTIONS), watch_case(case)
    outages = [Outage(branch=(i,)) for i in range(case.n_branch)] + [Outage(generator=(i,)) for i in range(4)]
    streamed, kept = (solve_batch(case, plan, outages, watch=watch, keep=k) for k in ("violations", "all"))
    for name in ("worst_loading", "worst_branch", "severity", "branch_loading", "branch_scenario", "status"):
        assert getattr(streamed, name).tobytes() == getattr(kept, name).tobytes(), name
    for name in ("scenario", "kind", "position", "value"):
        assert getattr(streamed.findings, name).tobytes() == getattr(kept.findings, name).tobytes(), name
    assert kept.s_from is not None
    assert kept.s_to is not None
    loading = 100.0 * np.maximum(np.abs(kept.s_from), np.abs(kept.s_to)) / case.rate
    rows = kept.solved
    assert kept.branch_loading == pytest.approx(np.nanmax(loading[rows], axis=0), rel=1e-9)
    caused = loading[kept.branch_scenario, np.arange(case.n_branch)]
    assert caused == pytest.approx(kept.branch_loading, rel=1e-9)
    over = np.argwhere(loading > 100.0 + watch.loading_tolerance)
    own = kept.findings.kind == 0
    found = np.stack([kept.findings.scenario[own], kept.findings.position[own]], axis=1)
    assert len(over)
    assert (found == over).all()


@pytest.mark.parametrize("seed", range(8, 12))
def test_highest_loadings_are_those_of_the_loop_where_lanes_cannot_follow(
    seed: int,
) -> None:
    """A lone reference that loses its units goes to the full solver: what lanes saw of it counts nowhere."""
    case = compile_network(make_meshed(seed, 12, 6))
    options = replace(OPTIONS, reactive_limits=False, distributed_slack=False)
    outages = [Outage(generator=(i,)) for i in range(len(case.generator_on))]
    outages += [Outage(branch=(i,)) for i in range(case.n_branch)]
    nothing = np.full(case.n_node, np.nan)
    watch, plan = Watch(np.ones(case.n_branch), nothing, nothing), plan_batch(case, options)
    together, alone = (solve_batch(case, plan, outages, watch=watch, lanes=lanes) for lanes in (8, 1))
    assert (together.stage == 2).any()
    assert together.branch_loading == pytest.approx(alone.branch_loading, abs=1e-5, nan_ok=True)
