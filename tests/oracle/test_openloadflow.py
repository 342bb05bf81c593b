"""Security analysis against OpenLoadFlow's, on MATPOWER files that both read: statuses, flows, voltages.

Files are written by pandapower (KPG 193 is a file of its authors). What differs by rule, and not by error:

* OpenLoadFlow shares an imbalance among units that run within their range alone; here a participation of 0
  says the same.
* It takes voltage control from units with less than 1 Mvar of reactive range, so ranges are opened wide where
  reactive limits are not what is compared.
* An outage that cuts off the reference bus: gridhub gives the largest part the bus of its largest unit as
  reference, OpenLoadFlow another. With the imbalance left to the reference alone the states differ; such
  outages are counted and left out.
* gridhub calls a solved outage ISLANDED if it cuts something off, OpenLoadFlow CONVERGED.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

import gridhub as gh

pypowsybl = pytest.importorskip("pypowsybl", reason="needs pypowsybl: pip install gridhub[peers]")
pytestmark = pytest.mark.peers

PROVIDER = {
    "newtonRaphsonStoppingCriteriaType": "UNIFORM_CRITERIA",
    "newtonRaphsonConvEpsPerEq": "1e-8",
    "slackBusSelectionMode": "NAME",
    "slackBusPMaxMismatch": "1e-5",
    "minPlausibleTargetVoltage": "0.5",
    "maxPlausibleTargetVoltage": "1.5",
    "minRealisticVoltage": "0.1",
}
FLOW_MW, VOLTAGE_PU = 1e-3, 1e-6
SHORT = 0.97
"""Units are scheduled to this share of the solved state, so that there is something to be shared."""


def make_pandapower_case(name: str) -> dict[str, Any]:
    """MATPOWER's matrices of a network of pandapower, the reference unit scheduled to what it gives."""
    from pandapower import networks, runpp
    from pandapower.converter.matpower.to_mpc import to_mpc

    net = getattr(networks, name)()
    runpp(net)
    mpc = to_mpc(net, init="results")["mpc"]
    case = {
        key: np.nan_to_num(np.real(np.asarray(mpc[key], dtype=float))) for key in ("bus", "gen", "branch")
    }
    reference = np.flatnonzero(case["gen"][:, 0] == net.ext_grid["bus"].iloc[0] + 1)[0]
    case["gen"][reference, 1] = net.res_ext_grid["p_mw"].iloc[0]
    case["gen"][:, 1] *= SHORT
    return {"version": "2", "baseMVA": float(mpc["baseMVA"]), **case}


def make_kpg(shared: Path) -> dict[str, Any]:
    """KPG 193, the ends of its HVDC links as loads."""
    from gridhub.interop.matpower import read_statements

    path = shared / "data/korea/kpg193_v2_0/network/m/KPG193_ver2_0.m"
    literals = read_statements(path.read_bytes(), path.name).literals
    case = {key: np.array(literals[key].rows, dtype=float) for key in ("bus", "gen", "branch", "dcline")}
    for row in case.pop("dcline"):
        for end, p, q in ((row[0], row[3], -row[5]), (row[1], -row[4], -row[6])):
            at = case["bus"][:, 0] == end
            case["bus"][at, 2] += p
            case["bus"][at, 3] += q
    return {"version": "2", "baseMVA": float(literals["baseMVA"].rows[0][0]), **case}


@dataclass(frozen=True)
class Answers:
    """OpenLoadFlow's, by branch of gridhub."""

    status: pd.Series
    p_from_mw: pd.DataFrame
    vm_pu: pd.DataFrame


def name_branches(net: gh.Network, known: set[str]) -> dict[str, str]:
    """Names that pypowsybl's reader gives branches: kind and ends, numbered if parallel."""
    number = net.bus["bus_number"].astype(int)
    names, seen = {}, {}
    for key, row in net.branches().sort_values("source_row").iterrows():
        for kind in ("LINE", "TWT"):
            stem = f"{kind}-{number[row['from_bus']]}-{number[row['to_bus']]}"
            count = seen.get(stem, 0)
            name = stem if count == 0 else f"{stem}#{count - 1}"
            if name in known:
                seen[stem] = count + 1
                names[key] = name
                break
    assert len(names) == len(known)
    return names


def ask_openloadflow(path: Path, net: gh.Network, distributed: bool, limits: bool) -> Answers:
    network = pypowsybl.network.load(str(path))
    names = name_branches(net, set(network.get_branches().index))
    number = net.bus["bus_number"].astype(int)
    reference = number[net.bus.index[net.bus["reference"]][0]]
    slack = network.get_generators(attributes=["bus_id"]).loc[f"GEN-{reference}", "bus_id"]
    parameters = pypowsybl.loadflow.Parameters(
        distributed_slack=distributed,
        balance_type=pypowsybl.loadflow.BalanceType.PROPORTIONAL_TO_GENERATION_P_MAX,
        use_reactive_limits=limits,
        transformer_voltage_control_on=False,
        phase_shifter_regulation_on=False,
        shunt_compensator_voltage_control_on=False,
        read_slack_bus=False,
        twt_split_shunt_admittance=True,
        voltage_init_mode=pypowsybl.loadflow.VoltageInitMode.DC_VALUES,
        provider_parameters={**PROVIDER, "slackBusesIds": str(slack)},
    )
    analysis = pypowsybl.security.create_analysis()
    analysis.add_single_element_contingencies(list(names.values()))
    levels = network.get_voltage_levels().index.tolist()
    analysis.add_monitored_elements(voltage_level_ids=levels, branch_ids=list(names.values()))
    result = analysis.run_ac(network, parameters=parameters)
    status = {key: result.post_contingency_results[name].status.name for key, name in names.items()}
    flow = result.branch_results["p1"].groupby(level=["contingency_id", "branch_id"]).first().unstack()
    vm = result.bus_results["v_mag"].groupby(level=["contingency_id", "bus_id"]).first().unstack()
    rows, keys = list(names.values()), list(names)
    flow = flow.reindex(index=rows, columns=rows).set_axis(keys).set_axis(keys, axis=1)
    # its reader takes every nominal voltage as 1 kV
    vm = vm.reindex(index=rows, columns=[f"BUS-{b}" for b in number])
    return Answers(pd.Series(status), flow, vm.set_axis(keys).set_axis(net.bus.index, axis=1))


def read_case(path: Path) -> gh.Network:
    """Read the file; units that OpenLoadFlow would not let share an imbalance share none."""
    net, _ = gh.read_case(path)
    unit = net.generator
    running = (unit["p_mw"] > 0) & unit["p_mw"].between(unit["p_min_mw"], unit["p_max_mw"])
    unit["participation"] = unit["p_max_mw"].where(running, 0.0)
    return net.replace(generator=unit)


def find_reference_cuts(net: gh.Network) -> set[str]:
    """Branches whose loss leaves the reference in the smaller part, by networkx."""
    import networkx as nx

    branches = net.branches()
    graph = nx.MultiGraph()
    graph.add_nodes_from(net.bus.index)
    for key, row in branches[branches["in_service"]].iterrows():
        graph.add_edge(row["from_bus"], row["to_bus"], key=key)
    reference = net.bus.index[net.bus["reference"]][0]
    cuts = set()
    for f, t, key in list(graph.edges(keys=True)):
        graph.remove_edge(f, t, key)
        if 2 * len(nx.node_connected_component(graph, reference)) < len(graph):
            cuts.add(key)
        graph.add_edge(f, t, key=key)
    return cuts


CASES = [
    (name, distributed, False)
    for name in ("case14", "case118", "case_illinois200", "kpg193")
    for distributed in (False, True)
] + [("case14", False, True), ("case118", False, True)]


@pytest.mark.parametrize(("name", "distributed", "limits"), CASES)
def test_every_single_outage_is_as_openloadflow_has_it(
    name: str, distributed: bool, limits: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """ACTIVSg200 is pandapower's case_illinois200."""
    kpg = name == "kpg193"
    case = make_kpg(request.getfixturevalue("shared")) if kpg else make_pandapower_case(name)
    if not limits:
        case["gen"][:, 3], case["gen"][:, 4] = 9999.0, -9999.0
    path = tmp_path / "case.mat"
    scipy.io.savemat(path, {"mpc": case}, oned_as="column")
    net = read_case(path)
    theirs = ask_openloadflow(path, net, distributed, limits)
    options = {"distributed_slack": distributed, "reactive_limits": limits}
    ours = gh.run_security(
        net, gh.list_contingencies(net), criteria=None, screen=None, keep="all", options=options
    )
    by_rule = find_reference_cuts(net)
    assert len(by_rule) == (1 if name == "case_illinois200" else 0)
    compared = [key for key in ours.status.index if key not in by_rule]
    solved = ours.status["status"].isin(["CONVERGED", "ISLANDED"])
    for key in compared:
        assert solved[key] == (theirs.status[key] == "CONVERGED"), key
    both = [key for key in compared if solved[key]]
    assert len(both) >= len(compared) - 1
    flow, vm = ours.p_from_mw.loc[both].to_numpy(), ours.vm_pu.loc[both].to_numpy()
    other_flow, other_vm = theirs.p_from_mw.loc[both].to_numpy(), theirs.vm_pu.loc[both].to_numpy()
    dead = np.isnan(flow)
    assert np.isnan(other_flow[dead]).all()
    assert np.abs(flow - np.nan_to_num(other_flow))[~dead].max() < FLOW_MW
    dead = np.isnan(vm)
    assert np.isnan(other_vm[dead]).all()
    assert np.abs(vm - other_vm)[~dead].max() < VOLTAGE_PU
