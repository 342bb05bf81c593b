"""Outages of identical circuits: each is what it is when it is solved by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security import outages as security_outages
from gridhub.case.case import Outage
from gridhub.case.compile import compile_case
from gridhub.model.network import Network
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Watch
from gridhub.solvers.twins import expand_twins, find_twins
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


def solve(net: Network, outages: list[Outage], *, mirror: bool) -> tuple[object, object]:
    case, _ = choose_references(compile_case(net))
    options = read_options({"threads": 1}, reactive_limits=True)
    nothing = np.full(case.n_node, np.nan)
    watch = Watch(case.rate, nothing + 0.0, np.where(np.isnan(nothing), 1.0, 1.0))
    twins = find_twins(case, case.rate, outages) if mirror else None
    result = solve_batch(case, plan_batch(case, options), twins.outages if twins else outages, watch=watch)
    return twins, expand_twins(result, twins) if twins else result


def choose_outages(net: Network, seed: int) -> list[Outage]:
    """Most single branches, so that of some kinds one circuit alone is asked for; some pairs, and a unit."""
    case = compile_case(net)
    rng = np.random.default_rng(seed)
    single = [Outage(branch=(k,)) for k in range(case.n_branch)]
    kept = [single[k] for k in sorted(rng.choice(len(single), len(single) - 6, replace=False))]
    pairs = [Outage(branch=tuple(rng.choice(case.n_branch, 2, replace=False).tolist())) for _ in range(3)]
    every = [*kept, kept[3], *pairs, Outage(generator=(1,)), Outage(branch=(0,), generator=(1,)), Outage()]
    return [every[k] for k in rng.permutation(len(every))]


@pytest.mark.parametrize("seed", range(6))
def test_mirrored_outages_equal_solving_each(seed: int) -> None:
    net = make_doubled(seed)
    outages = choose_outages(net, seed)
    twins, mirrored = solve(net, outages, mirror=True)
    _, plain = solve(net, outages, mirror=False)
    assert len(twins.outages) < 0.9 * len(outages)
    assert mirrored.status.tolist() == plain.status.tolist()
    np.testing.assert_allclose(mirrored.worst_loading, plain.worst_loading, rtol=1e-7)
    np.testing.assert_allclose(mirrored.severity, plain.severity, rtol=1e-6)
    assert mirrored.dead_start.tolist() == plain.dead_start.tolist()
    assert mirrored.dead_nodes.tolist() == plain.dead_nodes.tolist()
    assert set(mirrored.reason) == set(plain.reason)
    for name in ("scenario", "kind", "position"):
        assert getattr(mirrored.findings, name).tolist() == getattr(plain.findings, name).tolist()
    np.testing.assert_allclose(mirrored.findings.value, plain.findings.value, rtol=1e-7)
    assert len(plain.findings) > 10
    np.testing.assert_allclose(mirrored.branch_loading, plain.branch_loading, rtol=1e-7)
    # of equal loadings either outage may be named, if it causes that loading
    case = compile_case(net)
    for branch in np.flatnonzero(plain.branch_scenario >= 0).tolist():
        cause = mirrored.branch_scenario[branch]
        alone = solve_alone(net, outages[cause], case.labels.branch)
        assert alone[branch] == pytest.approx(plain.branch_loading[branch], rel=1e-6)


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

    def ask(*names: str) -> object:
        return find_twins(case, case.rate, [Outage(branch=(place[name],)) for name in names])

    assert ask("line 0", "line 0 #2") is not None
    assert ask("line 1", "line 1 #2") is None  # another rating
    assert ask("line 2", "line 2 #2") is None  # out of service
    assert ask("line 0 #2") is None  # no mirror image of it is asked for
    assert ask("line 0 #2", "line 0 #2") is None


def test_security_says_the_same_with_and_without_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_doubled(3)
    with_mirrors = gh.run_security(net, screen=None)
    monkeypatch.setattr(security_outages, "find_twins", lambda *_: None)
    without = gh.run_security(net, screen=None)
    numbers = {"rtol": 1e-6, "atol": 1e-7}
    pd.testing.assert_frame_equal(
        with_mirrors.status.drop(columns=["iterations"]),
        without.status.drop(columns=["iterations"]),
        **numbers,
    )
    pd.testing.assert_frame_equal(with_mirrors.violations, without.violations, **numbers)
    assert with_mirrors.verdict == without.verdict


def test_progress_counts_the_outages_asked_for() -> None:
    net = make_doubled(1)
    seen: list[tuple[int, int]] = []
    sec = gh.run_security(net, screen=None, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(sec.status), len(sec.status))
