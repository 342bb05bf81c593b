"""The joint optimum against every set of lines and every split of the total, each solved by itself."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.flow.sensitivities import lodf
from gridhub.analysis.portfolio.portfolio import Portfolio, plan_portfolio
from gridhub.analysis.works.candidates import Candidate, list_route_candidates
from gridhub.analysis.works.works import add_circuit
from gridhub.costs import read_costs
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from gridhub.model.schema import complete_table

TEXT = (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
COSTS = read_costs(TEXT)
TOTAL = 600.0
RATE_SHARE = 0.95
PRICE = 40_000.0  # KRW/MWh


def build_mesh() -> Network:
    """Five buses; two units at a and b; sites at d and e hang on lines of uneven length and rating."""
    ends = {"ab": ("a", "b", 30), "ac": ("a", "c", 40), "bc": ("b", "c", 50), "cd": ("c", "d", 60)}
    ends |= {"bd": ("b", "d", 45), "ce": ("c", "e", 35), "de": ("d", "e", 40)}
    line = pd.DataFrame.from_dict(ends, orient="index", columns=["from_bus", "to_bus", "length_km"])
    km = line["length_km"].astype(float)
    line = line.assign(
        length_km=km,
        r_ohm=0.02 * km,
        x_ohm=0.3 * km,
        b_us=3.0 * km,
        rate_mva=[1200.0, 1200.0, 1200.0, 420.0, 480.0, 480.0, 420.0],
    )
    unit = {"bus": ["a", "b"], "p_mw": [200.0, 100.0], "p_max_mw": [2500.0, 700.0], "vm_pu": 1.02}
    unit |= {"q_min_mvar": [-1500.0] * 2, "q_max_mvar": [1500.0] * 2}
    return build_network(
        "mesh5",
        currency="KRW",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, *[False] * 4]}, index=list("abcde")),
        line=line,
        load=pd.DataFrame({"bus": ["c", "d"], "p_mw": [200.0, 100.0], "q_mvar": 10.0}, index=["lc", "ld"]),
        generator=pd.DataFrame(unit, index=["ga", "gb"]),
    )


NET = build_mesh()
WORKS = [one for one in list_route_candidates(NET, COSTS, ["bd", "ce", "cd"]) if one.kind == "second_circuit"]
SITES = pd.DataFrame(
    {"bus": ["d", "e"], "max_mw": [600.0, 600.0], "cost": [30.0, 80.0], "cost_per_mw": [0.05, 0.02]},
    index=["south", "east"],
)
HOURS = pd.date_range("2030-01-01", periods=8, freq="h")
SUN = np.array([0.0, 0.2, 0.7, 0.9, 0.6, 0.1, 0.0, 0.0])
LOAD = pd.Series([0.8, 0.85, 0.9, 0.95, 0.95, 0.9, 0.85, 0.8], index=HOURS)
OUTPUT = {"solar": pd.DataFrame({"south": SUN, "east": SUN}, index=HOURS)}
WEIGHTS = pd.Series(8760.0 / 8, index=HOURS)
OPTIONS = {"criteria": None, "costs": TEXT, "block": 8, "grid_price": PRICE, "rate_share": RATE_SHARE}


def annuity(rate: float, years: float) -> float:
    return rate / (1 - (1 + rate) ** -years)


YEARLY = annuity(COSTS["discount_rate"].base, 25) + 0.015


def find_energy_cost(share: float) -> float:
    """Plants, storage and grid energy of one site of 1 MW [bn KRW a year], written out for scipy."""
    rate, n = COSTS["discount_rate"].base, len(HOURS)
    sun = COSTS["solar"].base * (annuity(rate, 25) + 0.015)
    power = COSTS["storage_power"].base * (annuity(rate, 15) + 0.015)
    energy = COSTS["storage_energy"].base * (annuity(rate, 15) + 0.015)
    w, load, lift = WEIGHTS.to_numpy(), LOAD.to_numpy(), np.sqrt(0.86)
    # columns: sun, power, energy, u[n], q[n], d[n], e[n]
    price = np.concatenate([[sun, power, energy], w * PRICE / 1e9, np.zeros(3 * n)])
    eye, none, one = np.eye(n), np.zeros((n, n)), np.ones((n, 1))
    fixed = np.zeros((n, 3))
    balance = np.hstack([np.hstack([-SUN[:, None], fixed[:, :2]]), -eye, eye, -eye, none])
    sizes = [
        np.hstack([np.hstack([fixed[:, :1], -one, fixed[:, :1]]), none, eye, none, none]),
        np.hstack([np.hstack([fixed[:, :1], -one, fixed[:, :1]]), none, none, eye, none]),
        np.hstack([np.hstack([fixed[:, :2], -one]), none, none, none, eye]),
    ]
    lost = np.concatenate([np.zeros(3), w, np.zeros(3 * n)])[None]
    upper = np.concatenate([-load, np.zeros(3 * n), [(1 - share) * w @ load]])
    kept = np.hstack([fixed, none, -lift * eye, eye / lift, eye - np.roll(eye, -1, axis=1)])
    found = linprog(
        price,
        A_ub=np.vstack([balance, *sizes, lost]),
        b_ub=upper,
        A_eq=kept,
        b_eq=np.zeros(n),
        bounds=[(0, None)] * 3 + [(0, one_) for one_ in load] + [(0, None)] * (3 * n),
    )
    assert found.status == 0
    return float(found.fun)


def find_flows(works: tuple[Candidate, ...], mw: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Flows [MW] of N and after every outage of one line, lines and loads themselves put in; ratings."""
    net = NET
    for one in works:
        net = add_circuit(net, one.target)
    rows = pd.DataFrame({"bus": ["d", "e"], "p_mw": list(mw)}, index=["h1", "h2"])
    added = complete_table("load", rows).reindex(columns=net.load.columns)
    net = net.replace(load=pd.concat([net.load, added]))
    flow = run_power_flow(net, method="dc").branch["p_from_mw"].to_numpy()
    factor = lodf(net).to_numpy()
    after = [flow + factor[:, k] * flow[k] for k in range(len(flow)) if np.isfinite(factor[:, k]).all()]
    return np.array([flow, *after]), net.branches()["rate_mva"].to_numpy()


def is_secure(works: tuple[Candidate, ...], mw: tuple[float, float]) -> bool:
    flows, rate = find_flows(works, mw)
    return bool((np.abs(flows) <= rate * RATE_SHARE + 1e-3).all())


def search_all(energy: float, step: float = 5.0) -> tuple[float, frozenset[str], float]:
    """Cheapest of all sets of lines and splits of the total: cost a year, lines, MW in the south.

    With the total fixed, flows are linear between all in the south and all in the east.
    """
    best = (np.inf, frozenset[str](), np.nan)
    for size in range(len(WORKS) + 1):
        for works in combinations(WORKS, size):
            ends = [find_flows(works, mw) for mw in ((TOTAL, 0.0), (0.0, TOTAL))]
            rate = ends[0][1]
            for south in np.arange(0.0, TOTAL + 1e-9, step):
                part = south / TOTAL
                flows = part * ends[0][0] + (1.0 - part) * ends[1][0]
                if not (np.abs(flows) <= rate * RATE_SHARE + 1e-3).all():
                    continue
                once = sum(one.cost.base for one in works)
                for value, row in zip((south, TOTAL - south), SITES.itertuples(), strict=True):
                    once += row.cost * (value > 0) + row.cost_per_mw * value
                cost = once * YEARLY + energy * TOTAL
                if cost < best[0] - 1e-9:
                    best = cost, frozenset(one.name for one in works), float(south)
    return best


def run(share: float, **options: object) -> Portfolio:
    return plan_portfolio(NET, SITES, TOTAL, LOAD, OUTPUT, WEIGHTS, share, WORKS, {**OPTIONS, **options})


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_the_optimum_is_the_cheapest_of_all_lines_and_splits(share: float):
    energy = find_energy_cost(share)
    best, works, south = search_all(energy)
    found = run(share, verify=False)
    assert found.status == "optimal"
    assert {one.name for one in found.works} == works and len(works) > 0
    # the search looks at every 5 MW; between them a MW moved costs at most its price
    slope = 0.05 * YEARLY
    assert best - 5.0 * slope - 1e-6 <= found.cost["total"] <= best + 1e-6
    assert found.sites.at["south", "mw"] == pytest.approx(south, abs=5.0)
    assert is_secure(found.works, tuple(found.sites["mw"]))
    parts = found.cost[["plants", "storage", "grid energy"]].sum()
    assert parts == pytest.approx(energy * TOTAL, rel=1e-5)
    assert found.summary["share_percent"] >= 100 * share - 1e-6
    assert found.summary["bound"] <= found.cost["total"] + 1e-6


def test_without_lines_the_total_does_not_fit():
    with pytest.raises(OptionError, match="no portfolio meets 600 MW"):
        plan_portfolio(NET, SITES, TOTAL, LOAD, OUTPUT, WEIGHTS, 0.0, (), OPTIONS)


def test_ac_has_the_last_word():
    found = run(0.0)
    loads = found.network_after.load
    hubs = loads[~loads.index.isin(NET.load.index)]
    assert hubs["p_mw"].sum() == pytest.approx(TOTAL)
    assert ("secure by AC" in found.verdict) == found.caused.empty
    tight = run(0.0, rate_share=1.0)
    assert len(tight.caused) >= len(found.caused)
    assert tight.cost["total"] <= found.cost["total"] + 1e-6


def test_hours_balance_and_storage_ends_as_it_began():
    found = run(0.9, verify=False)
    for site, row in found.sites.iterrows():
        part = found.hourly[site]
        sun = OUTPUT["solar"][site].to_numpy() * row["solar_mw"]
        short = LOAD.to_numpy() * row["mw"] - sun - part["discharge"] + part["charge"] - part["grid"]
        assert (short <= 1e-4).all()
        stored = np.roll(part["stored"].to_numpy(), 1)
        change = np.sqrt(0.86) * part["charge"] - part["discharge"] / np.sqrt(0.86)
        assert (part["stored"].to_numpy() - stored) == pytest.approx(change.to_numpy(), abs=1e-4)
        assert (part["stored"] <= row["storage_mwh"] + 1e-4).all()
    assert found.cost["total"] > run(0.0, verify=False).cost["total"]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"total_mw": 5000.0}, InputError, "at most 1,200"),
        ({"sites": SITES.assign(bus="z")}, InputError, "no such bus"),
        ({"share": 2.0}, InputError, "from 0 to 1"),
        ({"load": LOAD.iloc[:7]}, InputError, "not a multiple of block"),
        ({"output": {"tide": OUTPUT["solar"]}}, InputError, "tide.*is not in the costs"),
        ({"options": {**OPTIONS, "rate_share": 7}}, OptionError, "rate_share = 7"),
        ({"options": {**OPTIONS, "prize": 7}}, OptionError, "unknown option prize"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], error: type[Exception], text: str):
    given = {
        "sites": SITES,
        "total_mw": TOTAL,
        "load": LOAD,
        "output": OUTPUT,
        "weights": WEIGHTS,
        "share": 0.0,
    }
    given |= {"works": WORKS, "options": OPTIONS}
    with pytest.raises(error, match=text):
        plan_portfolio(NET, **{**given, **change})  # type: ignore[arg-type]
