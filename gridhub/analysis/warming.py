"""Compile every kernel ahead of time, by solving a small network in every way that reaches one."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba.extending import is_jitted

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.dispatch.dispatch import run_dispatch
from gridhub.analysis.flow.power_flow import Method, run_power_flow
from gridhub.analysis.flow.sensitivities import lodf, ptdf
from gridhub.analysis.flow.time_series import build_injections, run_time_series
from gridhub.analysis.security.security import run_security
from gridhub.case.compile import compile_case
from gridhub.case.profiles import read_profiles
from gridhub.model.network import Network, build_network
from gridhub.solvers.batch import Keep
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_outages import screen_dc_outages
from gridhub.solvers.dc_pairs import screen_dc_pairs
from gridhub.solvers.islands import choose_references

HOURS = 40
"""Hours of the sample's profiles: more than any width of lanes, so that full and partly filled ones occur."""


@dataclass(frozen=True, slots=True)
class Warming:
    """What warming found and did.

    Attributes
    ----------
    seconds : float
        Time it took.
    kernels : int
        Kernels with a cache.
    compiled, loaded : int
        Specialisations compiled now, and taken from the cache; what a kernel calls comes with it.
    folders : tuple of str
        Folders of the cache.
    """

    seconds: float
    kernels: int
    compiled: int
    loaded: int
    folders: tuple[str, ...]


def warm_kernels(afresh: bool = False) -> Warming:
    """Compile what later processes would compile on their first call, and store it in numba's cache.

    Parameters
    ----------
    afresh : bool
        Throw stored code away first. A kernel's stored code is renewed when its own file changes, not when
        a file it calls into does: who changes kernels needs this.

    Returns
    -------
    Warming

    Notes
    -----
    The cache lies where ``NUMBA_CACHE_DIR`` says, else beside the package, else, where that cannot be
    written, in the user's cache folder.
    """
    start = time.perf_counter()
    before = count_specialisations()
    if afresh:
        for kernel in _list_kernels():
            kernel.recompile()
    _solve_sample(build_sample())
    after = count_specialisations()
    return Warming(
        seconds=time.perf_counter() - start,
        kernels=len(list(_list_kernels())),
        compiled=after[0] - before[0],
        loaded=after[1] - before[1],
        folders=tuple(sorted({str(kernel.stats.cache_path) for kernel in _list_kernels()})),
    )


def _list_kernels() -> Iterator[Any]:
    """Give every cached kernel of the modules that are loaded, once."""
    seen = set()
    for name, module in sorted(sys.modules.items()):
        if not name.startswith("gridhub."):
            continue
        for item in vars(module).values():
            if is_jitted(item) and id(item) not in seen and item.stats.cache_path is not None:
                seen.add(id(item))
                yield item


def count_specialisations() -> tuple[int, int]:
    """Count the specialisations this process has compiled, and those it has loaded from the cache."""
    stats = [kernel.stats for kernel in _list_kernels()]
    return (
        sum(sum(item.cache_misses.values()) for item in stats),
        sum(sum(item.cache_hits.values()) for item in stats),
    )


def build_sample() -> Network:
    """Make a network of seven buses with an element of every kind; a branch alone supplies one of them."""
    names = [f"bus {i}" for i in range(7)]
    ends = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3), (1, 3), (4, 3), (2, 6)]
    return build_network(
        "sample",
        reactive_limits=True,
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True] + [False] * 6}, index=names),
        line=pd.DataFrame(
            {
                "from_bus": [names[f] for f, _ in ends],
                "to_bus": [names[t] for _, t in ends],
                "r_ohm": 1.0,
                "x_ohm": 12.0,
                "b_us": 60.0,
                "rate_mva": 150.0,
                "tower": ["", "", "", "", "", "t", "t", "", ""],
            },
            index=[f"line {i}" for i in range(len(ends))],
        ),
        transformer=pd.DataFrame(
            {
                "from_bus": [names[2], names[4]],
                "to_bus": [names[5], names[5]],
                "r_pu": 0.001,
                "x_pu": 0.03,
                "tap_ratio": [1.0, 0.98],
                "shift_degree": [0.0, 2.0],
                "rate_mva": 300.0,
            },
            index=["transformer 0", "transformer 1"],
        ),
        load=pd.DataFrame(
            {"bus": names[1:], "p_mw": 120.0, "q_mvar": 30.0}, index=[f"load {i}" for i in range(6)]
        ),
        generator=pd.DataFrame(
            {
                "bus": [names[0], names[2], names[3]],
                "p_mw": 200.0,
                "p_max_mw": [900.0, 400.0, 300.0],
                "q_min_mvar": [-900.0, -5.0, -50.0],
                "q_max_mvar": [900.0, 5.0, 60.0],
                "vm_pu": [1.02, 1.01, 1.01],
            },
            index=["unit 0", "unit 1", "unit 2"],
        ),
        shunt=pd.DataFrame({"bus": [names[5]], "g_mw": 0.5, "b_mvar": 20.0}, index=["capacitor"]),
        storage=pd.DataFrame(
            {"bus": [names[1]], "p_mw": 10.0, "p_max_mw": 20.0, "e_mwh": 40.0}, index=["battery"]
        ),
        hvdc=pd.DataFrame(
            {
                "from_bus": [names[0]],
                "to_bus": [names[5]],
                "p_mw": 30.0,
                "loss_percent": 1.0,
                "regulating_to": True,
                "vm_to_pu": 1.0,
                "q_to_min_mvar": -20.0,
                "q_to_max_mvar": 20.0,
            },
            index=["link"],
        ),
    )


def _build_sample_profiles(net: Network) -> dict[tuple[str, str], pd.DataFrame]:
    """Make hours from light to heavy; the last has no solution."""
    factor = np.linspace(0.7, 1.2, HOURS)
    factor[-1] = 100.0
    profiles = {}
    for table, column in (("load", "p_mw"), ("load", "q_mvar"), ("generator", "p_mw"), ("hvdc", "p_mw")):
        own = net.tables[table][column]
        profiles[table, column] = pd.DataFrame(np.outer(factor, own), columns=own.index)
    return profiles


def _build_sample_contingencies(net: Network) -> pd.DataFrame:
    """List every single outage of every kind, and pairs of branches."""
    kinds = ("line", "transformer", "generator", "hvdc_pole", "shunt", "tower")
    pairs = list(itertools.combinations(net.branches().index, 2))
    double = pd.DataFrame({"kind": "", "elements": pairs}, index=[" and ".join(pair) for pair in pairs])
    return pd.concat([list_contingencies(net, kinds=kinds), double])


def _solve_sample(net: Network) -> None:
    """Solve the sample in every way that reaches a kernel, under every option that matters."""
    profiles, cset = _build_sample_profiles(net), _build_sample_contingencies(net)
    methods: tuple[Method, ...] = ("ac", "dc")
    keeps: tuple[Keep, ...] = ("violations", "all")
    for limits, slack in itertools.product((False, True), (False, True)):
        options = {"reactive_limits": limits, "distributed_slack": slack}
        for method in methods:
            run_power_flow(net, method=method, options=options)
        for keep in keeps:
            run_security(net, cset, verify="all", keep=keep, options=options)
            for method in methods:
                run_time_series(net, profiles, method, options, keep=keep)
    run_security(net, cset)
    run_dispatch(
        net, security="n-1", options={"shed_price": 1e4, "excess_price": 1e3, "excess_price_after": 1e3}
    )
    ptdf(net)
    lodf(net)
    _screen_sample(net, profiles)


def _screen_sample(net: Network, profiles: Mapping[tuple[str, str], pd.DataFrame]) -> None:
    """Screen outages and pairs of outages of the sample by DC, over all hours and in its own state."""
    case, _ = choose_references(compile_case(net))
    plan = plan_dc(case, "x_tap")
    branches = np.arange(case.n_branch)
    for injections in (build_injections(case, read_profiles(net, profiles)), None):
        screen_dc_outages(case, plan, [[int(i)] for i in branches], case.rate_b, injections)
        screen_dc_pairs(case, plan, branches, case.rate_b, injections)
