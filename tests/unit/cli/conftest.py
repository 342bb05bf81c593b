"""A small grid with Korean names, as a folder that the commands read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gridhub.model.files import write_network
from gridhub.model.network import Network, build_network


def build_ring(load_mw: float = 300.0, rate_mva: float = 400.0, spur: int = 1) -> Network:
    """Make a ring of four 345 kV buses and a spur of one circuit or more; snapshot night halves a load."""
    ends = {"L1": ("A", "B"), "L2": ("B", "C"), "L3": ("C", "D"), "L4": ("D", "A"), "L5": ("C", "E")}
    ends |= {f"L5{circuit}": ("C", "E") for circuit in range(2, spur + 1)}
    line = pd.DataFrame.from_dict(ends, orient="index", columns=["from_bus", "to_bus"])
    line = line.assign(length_km=30.0, r_ohm=0.9, x_ohm=9.0, b_us=120.0, rate_mva=rate_mva, in_service=True)
    bus = pd.DataFrame(
        {
            "vn_kv": 345.0,
            "name": ["Singapyeong", "Gonjiam", "Haenam", "Hwawon", "Solaseado"],
            "name_ko": ["신가평", "곤지암", "해남", "화원", "솔라시도"],
            "lat": [37.8, 37.35, 34.57, 34.65, 34.68],
            "lon": [127.5, 127.3, 126.6, 126.35, 126.43],
            "reference": [True, False, False, False, False],
        },
        index=list("ABCDE"),
    )
    load = pd.DataFrame(
        {"bus": ["C", "E"], "p_mw": [load_mw, 50.0], "q_mvar": [50.0, 10.0]}, index=["LC", "LE"]
    )
    unit = {
        "bus": "A",
        "p_mw": 350.0,
        "p_min_mw": 0.0,
        "p_max_mw": 1e4,
        "q_min_mvar": -9e3,
        "q_max_mvar": 9e3,
    }
    generator = pd.DataFrame([{**unit, "vm_pu": 1.02, "fuel": "gas"}], index=["G"])
    interface = pd.DataFrame(
        {"name": ["south", "south"], "member": ["L1", "L4"], "direction": [1, -1], "limit_mw": 400.0},
        index=["i1", "i2"],
    )
    snapshot = pd.DataFrame({"time": ["", ""], "note": ["", ""]}, index=["day", "night"])
    value = pd.DataFrame(
        {
            "snapshot": ["night"],
            "table": ["load"],
            "id": ["LC"],
            "column": ["p_mw"],
            "value": [str(load_mw / 2)],
        },
        index=["v1"],
    )
    return build_network(
        "ring",
        bus=bus,
        line=line,
        load=load,
        generator=generator,
        interface=interface,
        snapshot=snapshot,
        snapshot_value=value,
    )


WINTER = """
schema_version = 1
name = "test"
[[season]]
name = "warm"
months = [4, 5, 6, 7, 8, 9]
[[season]]
name = "cold"
months = [1, 2, 3, 10, 11, 12]
[[season.factor]]
table = "line"
factor = 0.2
source = "assumed"
confidence = "assumed"
"""


@pytest.fixture
def seasons(tmp_path: Path) -> Path:
    """Write the ring with ratings by season: night, in January, has a fifth, 80 MVA."""
    net = build_ring()
    snapshot = net.tables["snapshot"].assign(time=["2025-08-01T12:00", "2025-01-15T00:00"])
    folder = tmp_path / "seasons"
    write_network(net.replace(snapshot=snapshot, documents={"ratings": WINTER}), folder)
    return folder


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    folder = tmp_path / "ring"
    write_network(build_ring(), folder)
    return folder


@pytest.fixture
def meshed(tmp_path: Path) -> Path:
    folder = tmp_path / "meshed"
    write_network(build_ring(spur=2), folder)
    return folder


@pytest.fixture
def overloaded(tmp_path: Path) -> Path:
    folder = tmp_path / "overloaded"
    write_network(build_ring(rate_mva=250.0), folder)
    return folder


@pytest.fixture
def hopeless(tmp_path: Path) -> Path:
    folder = tmp_path / "hopeless"
    write_network(build_ring(load_mw=2e4), folder)
    return folder
