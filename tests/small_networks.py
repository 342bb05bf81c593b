"""Networks small enough to check by hand, and a seeded maker of meshed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import gridhub as gh
from gridhub.model.network import Network, build_network


def make_table(**columns: Any) -> pd.DataFrame:
    """Rows with the index given as ``id``."""
    ids = columns.pop("id")
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))


def make_two_buses(p_mw: float = 500.0, **changes: Any) -> Network:
    """A generator, a line of 1 + j10 ohm at 345 kV, a load."""
    tables: dict[str, Any] = {
        "bus": make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False]),
        "line": make_table(id=["ab"], from_bus="a", to_bus="b", r_ohm=1.0, x_ohm=10.0, rate_mva=600.0),
        "load": make_table(id=["demand"], bus="b", p_mw=p_mw, q_mvar=0.0),
        "generator": make_table(id=["unit"], bus="a", p_mw=p_mw, p_max_mw=2000.0, vm_pu=1.0),
    }
    return build_network("two buses", **(tables | changes))


def make_double_feed(circuits: int = 2, p_mw: float = 500.0) -> Network:
    """Two circuits on one tower feed a load; a third bus hangs on a single line."""
    ids = [f"ab{i + 1}" for i in range(circuits)]
    return build_network(
        "double feed",
        bus=make_table(id=["a", "b", "c"], vn_kv=345.0, reference=[True, False, False]),
        line=make_table(
            id=[*ids, "bc"],
            from_bus=["a"] * circuits + ["b"],
            to_bus=["b"] * circuits + ["c"],
            r_ohm=1.0,
            x_ohm=10.0,
            b_us=40.0,
            rate_mva=400.0,
            tower=["t1"] * circuits + [""],
        ),
        load=make_table(id=["at b", "at c"], bus=["b", "c"], p_mw=[p_mw - 100.0, 100.0], q_mvar=[30.0, 10.0]),
        generator=make_table(
            id=["big", "small"],
            bus=["a", "a"],
            p_mw=[p_mw / 2, p_mw / 2],
            p_max_mw=[3000.0, 1000.0],
            vm_pu=1.02,
        ),
    )


def make_meshed(seed: int, n_bus: int = 12, extra: int = 8, **changes: Any) -> Network:
    """A connected random network: a tree and extra branches, lines and transformers, loads and units."""
    rng = np.random.default_rng(seed)
    buses = [f"bus {i}" for i in range(n_bus)]
    ends = [(int(rng.integers(0, i)), i) for i in range(1, n_bus)]
    while len(ends) < n_bus - 1 + extra:
        f, t = (int(v) for v in rng.integers(0, n_bus, 2))
        if f != t:
            ends.append((f, t))
    is_line = rng.random(len(ends)) < 0.7
    lines = [e for e, line in zip(ends, is_line, strict=True) if line]
    trafos = [e for e, line in zip(ends, is_line, strict=True) if not line]
    units = sorted(rng.choice(n_bus, max(2, n_bus // 3), replace=False).tolist())
    load = rng.uniform(10.0, 60.0, n_bus)
    share = rng.dirichlet(np.ones(len(units)))
    tables: dict[str, Any] = {
        "bus": make_table(id=buses, vn_kv=345.0, reference=[i == units[0] for i in range(n_bus)]),
        "line": make_table(
            id=[f"line {i}" for i in range(len(lines))],
            from_bus=[buses[f] for f, _ in lines],
            to_bus=[buses[t] for _, t in lines],
            r_ohm=rng.uniform(0.5, 2.0, len(lines)),
            x_ohm=rng.uniform(10.0, 40.0, len(lines)),
            b_us=rng.uniform(0.0, 80.0, len(lines)),
            rate_mva=rng.uniform(60.0, 250.0, len(lines)),
        ),
        "transformer": make_table(
            id=[f"transformer {i}" for i in range(len(trafos))],
            from_bus=[buses[f] for f, _ in trafos],
            to_bus=[buses[t] for _, t in trafos],
            r_pu=rng.uniform(0.0, 0.002, len(trafos)),
            x_pu=rng.uniform(0.01, 0.05, len(trafos)),
            tap_ratio=rng.uniform(0.95, 1.05, len(trafos)),
            shift_degree=rng.uniform(-3.0, 3.0, len(trafos)),
            rate_mva=rng.uniform(60.0, 250.0, len(trafos)),
        ),
        "load": make_table(
            id=[f"load {i}" for i in range(n_bus)],
            bus=buses,
            p_mw=load,
            q_mvar=load * rng.uniform(0, 0.3, n_bus),
        ),
        "generator": make_table(
            id=[f"unit {i}" for i in units],
            bus=[buses[i] for i in units],
            p_mw=load.sum() * share,
            p_min_mw=0.0,
            p_max_mw=load.sum() * share * 1.6 + 30.0,
            q_min_mvar=-150.0,
            q_max_mvar=200.0,
            vm_pu=1.0 + rng.uniform(-0.01, 0.03, len(units)),
        ),
        "shunt": make_table(id=["capacitor"], bus=[buses[-1]], g_mw=0.5, b_mvar=20.0),
    }
    return build_network(f"meshed {seed}", **(tables | changes))


def load_rated_case118() -> Network:
    """The 118 buses with ratings that bind: a quarter above what flows, and 30 MW; six circuits below it."""
    net = gh.load_network("pandapower:case118")
    flow = gh.run_power_flow(net, method="dc").branch["p_from_mw"].abs()
    tight = np.random.default_rng(1).choice(flow.index, 6, replace=False)
    changes = {}
    for table in ("line", "transformer"):
        frame = getattr(net, table)
        rate = 1.25 * flow.reindex(frame.index) + 30.0
        frame["rate_mva"] = rate.where(~frame.index.isin(tight), 0.9 * flow.reindex(frame.index) + 1.0)
        frame["rate_b_mva"] = 1.6 * frame["rate_mva"]
        changes[table] = frame
    generator = net.generator
    generator["participation"] = np.nan
    generator.loc[generator.index[:5], "p_max_mw"] = generator["p_mw"].iloc[:5] + 10.0
    return net.replace(**changes, generator=generator)
