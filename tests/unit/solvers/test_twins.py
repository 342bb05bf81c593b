"""Outages of identical circuits: each is what it is when it is solved by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.case.positions import OutageList
from gridhub.model.network import Network
from gridhub.solvers import batch
from gridhub.solvers.batch import BatchPlan, Keep, plan_batch, solve_batch
from gridhub.solvers.batch_result import BatchResult
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Injections, Watch
from gridhub.solvers.twins import Twins, find_twins
from tests.small_networks import make_meshed


def make_doubled(seed: int) -> Network:
    """A meshed grid whose lines have two or three circuits each, one of them with a rating of its own."""
    net = make_meshed(seed)
    line = net.line
    copies = [line.set_axis([f"{key} #{n}" for key in line.index]) for n in (2, 3)]
    copies[1] = copies[1].iloc[::2]
    every = pd.concat([line, *copies])
    every["rate_mva"] = 45.0
    every.loc["line 1 #2", "rate_mva"] = 40.0
    every.loc["line 2 #2", "in_service"] = False
    return net.replace(line=every)


def prepare(net: Network, **options: object) -> tuple[Case, BatchPlan, Watch]:
    """A case with its plan; every voltage is watched within limits that some outages leave."""
    case, _ = choose_references(compile_case(net))
    settled = read_options({"threads": 1, **options}, reactive_limits=True, controls_taps=True)
    nothing = np.full(case.n_node, np.nan)
    return case, plan_batch(case, settled), Watch(case.rate, nothing, np.full(case.n_node, 1.0))


def find(case: Case, outages: Sequence[Outage], sets: np.ndarray | None = None) -> Twins | None:
    sets = np.full(len(outages), -1) if sets is None else sets
    return find_twins(case, case.rate, OutageList(outages), sets)


def solve_each(
    case: Case, plan: BatchPlan, outages: list[Outage], watch: Watch, keep: Keep, *sets: object
) -> BatchResult:
    """The same batch, none of whose outages is mirrored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "find_twins", lambda *_: None)
        return solve_batch(case, plan, outages, *sets, watch=watch, keep=keep)


def choose_outages(net: Network, seed: int) -> list[Outage]:
    """Most single branches, so that of some kinds one circuit alone is asked for; some pairs, and a unit."""
    case = compile_case(net)
    rng = np.random.default_rng(seed)
    single = [Outage(branch=(k,)) for k in range(case.n_branch)]
    kept = [single[k] for k in sorted(rng.choice(len(single), len(single) - 6, replace=False))]
    pairs = [Outage(branch=tuple(rng.choice(case.n_branch, 2, replace=False).tolist())) for _ in range(3)]
    every = [*kept, kept[3], *pairs, Outage(generator=(1,)), Outage(branch=(0,), generator=(1,)), Outage()]
    return [every[k] for k in rng.permutation(len(every))]


def check_same(mirrored: BatchResult, plain: BatchResult) -> None:
    """Everything that is said of each scenario, within rounding."""
    for name in ("status", "iterations", "switches", "stage", "dead_start", "dead_nodes"):
        assert getattr(mirrored, name).tolist() == getattr(plain, name).tolist()
    assert set(mirrored.reason) == set(plain.reason)
    for name in ("mismatch", "worst_loading", "severity", "branch_loading", "losses"):
        np.testing.assert_allclose(getattr(mirrored, name), getattr(plain, name), rtol=1e-9, atol=1e-12)
    for name in ("scenario", "kind", "position"):
        assert getattr(mirrored.findings, name).tolist() == getattr(plain.findings, name).tolist()
    np.testing.assert_allclose(mirrored.findings.value, plain.findings.value, rtol=1e-9)


@pytest.mark.parametrize("keep", ["violations", "all"])
@pytest.mark.parametrize("seed", range(6))
def test_mirrored_outages_equal_solving_each(seed: int, keep: Keep) -> None:
    net = make_doubled(seed)
    case, plan, watch = prepare(net)
    outages = choose_outages(net, seed)
    twins = find(case, outages)
    assert twins is not None
    assert len(twins.rows) < 0.9 * len(outages)
    mirrored = solve_batch(case, plan, outages, watch=watch, keep=keep)
    plain = solve_each(case, plan, outages, watch, keep)
    check_same(mirrored, plain)
    assert len(plain.findings) > 10
    if keep == "all":
        for name in ("vm", "va", "s_from", "s_to"):
            np.testing.assert_allclose(getattr(mirrored, name), getattr(plain, name), rtol=0, atol=1e-12)
        return
    # of equal loadings either outage may be named, if it causes that loading
    for branch in np.flatnonzero(plain.branch_scenario >= 0).tolist():
        cause = mirrored.branch_scenario[branch]
        alone = solve_alone(net, outages[cause], case.labels.branch)
        assert alone[branch] == pytest.approx(plain.branch_loading[branch], rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_outages_in_several_injection_sets_are_mirrored_within_each(seed: int) -> None:
    net = make_doubled(seed)
    case, plan, watch = prepare(net)
    factor = np.array([[0.7], [0.9], [1.1]])
    hours = Injections(load_p=factor * case.load_p, load_q=factor * case.load_q)
    outages = choose_outages(net, seed)
    at = np.random.default_rng(seed).integers(-1, 3, len(outages))
    # in the sets that stand first, all circuits of some kinds, so that these are mirrored
    every = [Outage(branch=(k,)) for k in range(9, case.n_branch)]
    outages, at = [*every, *every, *outages], np.concatenate([np.zeros(len(every)), np.ones(len(every)), at])
    at = at.astype(int)
    twins = find(case, outages, at)
    assert twins is not None
    assert len(twins.rows) < len(outages)
    mirrored = solve_batch(case, plan, outages, hours, at, watch=watch, keep="all")
    plain = solve_each(case, plan, outages, watch, "all", hours, at)
    check_same(mirrored, plain)
    np.testing.assert_allclose(mirrored.s_from, plain.s_from, rtol=0, atol=1e-12)
    for branch in np.flatnonzero(plain.branch_scenario >= 0).tolist():
        cause = mirrored.branch_scenario[branch]
        size = max(abs(plain.s_from[cause, branch]), abs(plain.s_to[cause, branch]))
        assert 100.0 * size / case.rate[branch] == pytest.approx(plain.branch_loading[branch], rel=1e-9)


def test_one_lane_and_controlled_taps_solve_each() -> None:
    net = make_doubled(2)
    outages = [Outage(branch=(k,)) for k in range(12)]
    case, plan, watch = prepare(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "find_twins", None)
        loop = solve_batch(case, plan, outages, watch=watch, lanes=1)
        controlled = prepare(net, taps="controlled")[1]
        assert (solve_batch(case, controlled, outages, watch=watch).stage == 2).all()
    lanes = solve_batch(case, plan, outages, watch=watch)
    np.testing.assert_allclose(lanes.worst_loading, loop.worst_loading, rtol=1e-6)


def solve_alone(net: Network, outage: Outage, labels: tuple[str, ...]) -> np.ndarray:
    """Loading of every branch by a power flow without what the outage loses."""
    lost = {labels[k] for k in outage.branch}
    changed = {}
    for table in ("line", "transformer"):
        frame = getattr(net, table)
        frame["in_service"] &= ~frame.index.isin(lost)
        changed[table] = frame
    unit = net.generator
    unit.loc[unit.index[list(outage.generator)], "in_service"] = False
    pf = gh.run_power_flow(net.replace(**changed, generator=unit), options={"reactive_limits": True})
    return pf.branch["loading_percent"].to_numpy()


def test_different_circuits_are_no_twins() -> None:
    net = make_doubled(0)
    case = compile_case(net)
    place = {name: k for k, name in enumerate(case.labels.branch)}

    def ask(*names: str | tuple[str, ...], sets: list[int] | None = None) -> Twins | None:
        names = [(name,) if isinstance(name, str) else name for name in names]
        outages = [Outage(branch=tuple(place[part] for part in parts)) for parts in names]
        return find(case, outages, None if sets is None else np.array(sets))

    assert ask("line 0", "line 0 #2") is not None
    assert ask("line 1", "line 1 #2") is None  # another rating
    assert ask("line 2", "line 2 #2") is None  # out of service
    assert ask("line 0 #2") is None  # no mirror image of it is asked for
    assert ask("line 0 #2", "line 0 #2") is None
    assert ask("line 0", "line 0 #2", sets=[0, 1]) is None  # not in the same injections
    assert ask("line 0", "line 0 #2", "line 0", sets=[0, 0, 1]) is None
    assert ask("line 0", "line 0 #2", ("line 0", "line 5")) is None  # one circuit in a larger outage
    every = tuple(name for name in place if name.split(" #")[0] == "line 0")
    assert ask("line 0", "line 0 #2", (*every, "line 5")) is not None  # all of them


def test_security_says_the_same_with_and_without_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_doubled(3)
    with_mirrors = gh.run_security(net, screen=None, keep="all")
    monkeypatch.setattr(batch, "find_twins", lambda *_: None)
    without = gh.run_security(net, screen=None, keep="all")
    numbers = {"rtol": 1e-9, "atol": 1e-9}
    for name in ("status", "violations", "p_from_mw", "vm_pu"):
        pd.testing.assert_frame_equal(getattr(with_mirrors, name), getattr(without, name), **numbers)
    assert with_mirrors.verdict == without.verdict


def test_progress_counts_the_outages_asked_for() -> None:
    net = make_doubled(1)
    seen: list[tuple[int, int]] = []
    sec = gh.run_security(net, screen=None, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(sec.status), len(sec.status))
