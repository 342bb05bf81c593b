"""A small grid with places: two 345 kV sites with 154 kV, a plant yard, an equivalent, a lone bus."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridhub.model.network import Network, build_network

RULES = (Path(__file__).resolve().parents[3] / "networks" / "korea" / "connection_rules.toml").read_text(
    encoding="utf-8"
)


def build_small_grid(rules: bool = True) -> Network:
    """East - middle - west in a row at latitude 35, 18.2 km apart, double circuits at 345 kV."""
    bus = pd.DataFrame(
        [
            ("east", 345.0, "East", 35.0, 127.4, "Jeollanam-do", "e", True, ""),
            ("middle", 345.0, "Middle", 35.0, 127.2, "Jeollanam-do", "m", False, ""),
            ("west", 345.0, "West", 35.0, 127.0, "Jeollanam-do", "w", False, ""),
            ("west154", 154.0, "West 154", 35.0, 127.0, "Jeollanam-do", "w", False, ""),
            ("yard", 345.0, "Plant yard", 35.0, 126.9, "Jeollanam-do", "p", False, ""),
            ("jeju", 154.0, "Jeju", 33.5, 126.5, "Jeju-do", "j", False, ""),
            ("town", 22.9, "Town", 35.01, 127.2, "Jeollanam-do", "", False, ""),
            ("lone", 345.0, "Lone", 35.0, 126.5, "Jeollanam-do", "", False, ""),
            ("off", 345.0, "Off", 35.0, 126.6, "Jeollanam-do", "", False, ""),
        ],
        columns=["id", "vn_kv", "name", "lat", "lon", "province", "site", "reference", "confidence"],
    ).set_index("id")
    bus["in_service"] = bus.index != "off"
    site = pd.DataFrame(
        {
            "name": ["East", "Middle", "West", "Plant", "Jeju"],
            "kind": ["substation", "switching", "substation", "plant", "equivalent"],
            "lat": [35.0, 35.0, 35.0, 35.0, 33.5],
            "lon": [127.4, 127.2, 127.0, 126.9, 126.5],
        },
        index=["e", "m", "w", "p", "j"],
    )
    ends = [("east", "middle"), ("middle", "west"), ("west", "yard")]
    line = pd.DataFrame(
        [
            (f"{a}-{b}:{n}", a, b, 20.0, 0.31, 3.4, 70.0, 1086.0, f"{a}-{b}", "480 mm2 x2")
            for a, b in ends
            for n in (1, 2)
        ],
        columns=[
            *(
                "id",
                "from_bus",
                "to_bus",
                "length_km",
                "r_ohm",
                "x_ohm",
                "b_us",
                "rate_mva",
                "tower",
                "conductor",
            )
        ],
    ).set_index("id")
    line["route"] = line["tower"]
    transformer = pd.DataFrame(
        {
            "from_bus": ["west", "middle"],
            "to_bus": ["west154", "town"],
            "x_pu": [0.028, 0.2],
            "rate_mva": [500.0, 60.0],
        },
        index=["bank", "small"],
    )
    generator = pd.DataFrame(
        {
            "bus": ["yard", "east"],
            "p_mw": [600.0, 400.0],
            "p_min_mw": 0.0,
            "p_max_mw": [2000.0, 2000.0],
            "q_min_mvar": -800.0,
            "q_max_mvar": 800.0,
            "vm_pu": 1.0,
        },
        index=["g1", "g2"],
    )
    load = pd.DataFrame({"bus": ["middle", "west154"], "p_mw": [800.0, 200.0]}, index=["l1", "l2"])
    snapshot = pd.DataFrame({"time": ["17 h", "12 h"]}, index=["summer_peak", "summer_midday"])
    return build_network(
        "small",
        bus=bus,
        site=site,
        line=line,
        transformer=transformer,
        generator=generator,
        load=load,
        snapshot=snapshot,
        documents={"connection_rules": RULES} if rules else {},
    )
