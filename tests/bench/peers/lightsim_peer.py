"""lightsim2grid on the very model that gridhub solves: built from plain arrays, not by its converters."""

from __future__ import annotations

import warnings

import numpy as np

from gridhub.case.case import Bools, Complexes, Floats, Ints
from tests.bench.plain_grid import PlainGrid

TOLERANCE = 1e-8
ITERATIONS = 20


class LightsimGrid:
    """A grid of lightsim2grid and the way back to the branches and nodes of the case."""

    def __init__(self, plain: PlainGrid) -> None:
        from lightsim2grid.network import init_from_powermodels
        from lightsim2grid.network.from_powermodels._aux_add_branch import classify_branches

        data = _describe(plain)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # it would say there what it cannot represent
            self.model = init_from_powermodels(data)
        lines, transformers = classify_branches(data)
        self.branch = plain.branch[np.array([int(key) for key in lines + transformers], dtype=np.int64) - 1]
        self.plain = plain
        self.start = self.solve(plain.vm * np.exp(1j * plain.va))

    def solve(self, start: Complexes) -> Complexes:
        """One power flow; voltages of the nodes, empty if it diverged."""
        return self.model.ac_pf(start, ITERATIONS, TOLERANCE)

    def plan_outages(self, branches: Ints, threads: int, refactor_every: int = 1) -> LightsimOutages:
        """Plan single outages of branches of the case; by default each iteration has a new factor."""
        return LightsimOutages(self, branches, threads, refactor_every)


class LightsimOutages:
    """`ContingencyAnalysisCPP` over single outages, each started from the solved base state."""

    def __init__(self, grid: LightsimGrid, branches: Ints, threads: int, refactor_every: int) -> None:
        from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP, RefactorPolicyType

        self.analysis = ContingencyAnalysisCPP(grid.model)
        if refactor_every > 1:
            config = self.analysis.get_algo_config()
            scaling, _, line_search, _ = config.int_params
            config.int_params = [scaling, int(RefactorPolicyType.EveryN), line_search, refactor_every]
            self.analysis.set_algo_config(config)
        self.analysis.nb_thread = threads
        own = np.flatnonzero(np.isin(grid.branch, branches))
        self.analysis.add_multiple_n1(own.tolist())
        self.outages = np.array([grid.branch[one[0]] for one in self.analysis.my_defaults()])
        self.start = grid.start

    def solve(self) -> None:
        """Voltages of every outage, then the currents of every branch."""
        self.analysis.compute(self.start, ITERATIONS, TOLERANCE)
        self.analysis.compute_flows()

    def get_answers(self) -> tuple[Ints, Bools, Floats]:
        """Branches taken out in ascending order, which of them are solved, |V| of the nodes [p.u.]."""
        order = np.argsort(self.outages)
        solved, voltages = np.array(self.analysis.converged_mask()), self.analysis.get_voltages()
        return self.outages[order], solved[order], np.abs(voltages[order])


class LightsimHours:
    """Many injections: `InjectionSweepCPP`, each from the base state, or `TimeSeriesCPP`, in a row."""

    def __init__(
        self, grid: LightsimGrid, unit_p: Floats, load_p: Floats, load_q: Floats, threads: int
    ) -> None:
        from lightsim2grid import lightsim2grid_cpp

        consecutive = threads == 0
        kind = lightsim2grid_cpp.TimeSeriesCPP if consecutive else lightsim2grid_cpp.InjectionSweepCPP
        self.sweep = kind(grid.model)
        if not consecutive:
            self.sweep.nb_thread = threads
        self.injections = [np.ascontiguousarray(values) for values in (unit_p, load_p, load_q)]
        self.start = grid.start

    def solve(self) -> None:
        """Voltages of every hour, then the currents of every branch."""
        self.sweep.modify_gen_p(self.injections[0])
        self.sweep.modify_load_p(self.injections[1])
        self.sweep.modify_load_q(self.injections[2])
        self.sweep.compute(self.start, ITERATIONS, TOLERANCE)
        self.sweep.compute_flows()

    def get_answers(self) -> tuple[Bools, Floats]:
        """Which hours are solved, |V| of the nodes [p.u.]."""
        return np.array(self.sweep.converged_mask()), np.abs(self.sweep.get_voltages())


def _describe(plain: PlainGrid) -> dict[str, object]:
    """Write the grid as a PowerModels dictionary, which has a pi model with charging at either end."""
    kinds = np.ones(len(plain.node), dtype=int)
    kinds[plain.unit_at], kinds[plain.reference] = 2, 3

    def number(rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
        return {str(i): row for i, row in enumerate(rows, 1)}

    shunt = np.flatnonzero(plain.shunt)
    return {
        "baseMVA": plain.base_mva,
        "bus": number(
            [{"bus_i": i, "bus_type": int(kind), "base_kv": 100.0} for i, kind in enumerate(kinds)]
        ),
        "branch": number(
            [
                {
                    "f_bus": int(plain.end[0, k]),
                    "t_bus": int(plain.end[1, k]),
                    "br_r": plain.series[k].real,
                    "br_x": plain.series[k].imag,
                    "g_fr": plain.charging[0, k].real,
                    "b_fr": plain.charging[0, k].imag,
                    "g_to": plain.charging[1, k].real,
                    "b_to": plain.charging[1, k].imag,
                    "tap": plain.tap[k],
                    "shift": plain.shift[k],
                }
                for k in range(len(plain.branch))
            ]
        ),
        "shunt": number(
            [{"shunt_bus": int(i), "gs": plain.shunt[i].real, "bs": plain.shunt[i].imag} for i in shunt]
        ),
        "load": number(
            [
                {"load_bus": int(i), "pd": p, "qd": q}
                for i, p, q in zip(plain.load_at, plain.load_p, plain.load_q, strict=True)
            ]
        ),
        "gen": number(
            [
                {"gen_bus": int(i), "pg": p, "vg": plain.vm[i], "qmin": -1e6, "qmax": 1e6}
                for i, p in zip(plain.unit_at, plain.unit_p, strict=True)
            ]
        ),
    }
