"""OpenLoadFlow's security analysis through pypowsybl, on the model that gridhub solves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import scipy.io

from gridhub.case.case import Bools, Floats, Ints
from tests.bench.plain_grid import PlainGrid, count_uneven, make_matpower

PROVIDER = {
    # root mean square of the mismatches: half the time of its other criterion, which is the largest of them
    "newtonRaphsonStoppingCriteriaType": "UNIFORM_CRITERIA",
    "newtonRaphsonConvEpsPerEq": "1e-8",
    "slackBusSelectionMode": "NAME",
    "minPlausibleTargetVoltage": "0.5",
    "maxPlausibleTargetVoltage": "1.5",
}


class OpenLoadFlow:
    """A grid of pypowsybl and its security analysis over single outages."""

    def __init__(self, plain: PlainGrid) -> None:
        import pypowsybl

        if count_uneven(plain):
            raise RuntimeError("a MATPOWER file cannot hold this grid's branches exactly")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "case.mat"
            scipy.io.savemat(file, {"mpc": make_matpower(plain)}, oned_as="column")
            self.network = pypowsybl.network.load(str(file))
        self.plain = plain
        branches = self.network.get_branches(attributes=["bus1_id", "bus2_id"])
        self.ids = _name_branches(plain, branches.index)
        # nodes joined by a transformer become buses of one voltage level, so levels are no names of nodes
        slack = self.network.get_generators(attributes=["bus_id"]).loc[f"GEN-{plain.reference + 1}", "bus_id"]
        self.parameters = pypowsybl.loadflow.Parameters(
            distributed_slack=False,
            use_reactive_limits=False,
            transformer_voltage_control_on=False,
            phase_shifter_regulation_on=False,
            shunt_compensator_voltage_control_on=False,
            read_slack_bus=False,
            twt_split_shunt_admittance=True,
            voltage_init_mode=pypowsybl.loadflow.VoltageInitMode.DC_VALUES,
            provider_parameters={**PROVIDER, "slackBusesIds": str(slack)},
        )
        self.pypowsybl = pypowsybl

    def solve(self, branches: Ints, monitor: bool = False) -> object:
        """Run the outages of branches of the case; voltages are returned if `monitor`."""
        analysis = self.pypowsybl.security.create_analysis()
        places = np.searchsorted(self.plain.branch, branches)
        analysis.add_single_element_contingencies([self.ids[k] for k in places])
        if monitor:
            levels = self.network.get_voltage_levels().index.tolist()
            analysis.add_monitored_elements(voltage_level_ids=levels)
        return analysis.run_ac(self.network, parameters=self.parameters)

    def get_answers(self, branches: Ints) -> tuple[Bools, Floats]:
        """Which outages are solved, and |V| of the nodes [p.u.]; NaN where not solved."""
        result = self.solve(branches, monitor=True)
        places = np.searchsorted(self.plain.branch, branches)
        names = [self.ids[k] for k in places]
        solved = np.array(
            [result.post_contingency_results[name].status.name == "CONVERGED" for name in names]  # type: ignore[attr-defined]
        )
        frame = result.bus_results  # type: ignore[attr-defined]
        magnitude = frame["v_mag"].groupby(level=["contingency_id", "bus_id"]).first().unstack()
        columns = [f"BUS-{i + 1}" for i in range(len(self.plain.node))]
        # the reader takes every nominal voltage as 1 kV
        return solved, magnitude.reindex(index=names, columns=columns).to_numpy()


def _name_branches(plain: PlainGrid, ids: object) -> list[str]:
    """Ids that pypowsybl's reader of MATPOWER files gives branches: kind and ends, numbered if parallel."""
    known = set(ids)  # type: ignore[call-overload]
    names, seen = [], {}
    for f, t in (plain.end.T + 1).tolist():
        for kind in ("LINE", "TWT"):
            stem = f"{kind}-{f}-{t}"
            number = seen.get(stem, 0)
            name = stem if number == 0 else f"{stem}#{number - 1}"
            if name in known:
                seen[stem] = number + 1
                names.append(name)
                break
        else:
            raise RuntimeError(f"no branch of pypowsybl for {f}-{t}")
    return names
