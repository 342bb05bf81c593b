"""A small page that uses every part of the renderer, with names that try to break out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    CurveChart,
    KeyNumber,
    MapLayers,
    MapState,
    Page,
    RangeChart,
    RangeRow,
    Section,
    TableBlock,
    Verdict,
)

HOSTILE = (
    "<img src=x onerror=\"document.title='pwned'\">",
    "</script><script>document.title='pwned'</script>",
    "${7*7}{{7*7}}@label$index",
    "line\u2028separator",
    "right\u202eto left",
    "한글 이름 <b>나주</b>",
)
FORMULAE = ('=HYPERLINK("http://x")', "@SUM(A1)", "+1", "-1", "\tTAB", "\rCR")


def build_layers() -> MapLayers:
    """Six sites in a ring, one of them with two voltages, a link, an assumed route and a hub."""
    angle = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    buses = pd.DataFrame(
        {
            "label": list(HOSTILE),
            "vn_kv": [765.0, 345.0, 345.0, 345.0, 345.0, 154.0],
            "lat": 36.0 + np.sin(angle),
            "lon": 127.5 + np.cos(angle),
        },
        index=[f"b{number}" for number in range(6)],
    )
    buses.loc["b0low"] = [HOSTILE[0], 345.0, buses.at["b0", "lat"], buses.at["b0", "lon"]]
    buses.loc["lost"] = ["nowhere", 154.0, np.nan, np.nan]
    rows = [
        (
            f"l{a}-{circuit}",
            f"{HOSTILE[a]} #{circuit}",
            "line",
            f"b{a}",
            f"b{(a + 1) % 6}",
            345.0,
            1086.0,
            a == 2,
            True,
        )
        for a in range(6)
        for circuit in (1, 2)
    ]
    rows.append(("t0", "bank", "transformer", "b0", "b0low", 765.0, 2000.0, False, True))
    rows.append(("dc", "link", "hvdc", "b1", "b4", 345.0, 300.0, False, True))
    rows.append(("hub:feeder:1", "feeder", "feeder", "b3", "b5", 154.0, 400.0, False, True))
    columns = ["id", "label", "kind", "from_bus", "to_bus", "vn_kv", "rate_mva", "assumed", "in_service"]
    branches = pd.DataFrame(rows, columns=columns).set_index("id")
    loading = np.linspace(5.0, 130.0, len(branches))
    loading[3] = np.nan
    states = [
        MapState(
            snapshot,
            variant,
            pd.DataFrame({"loading_percent": loading * factor, "p_mw": 10 * loading}, index=branches.index),
            pd.DataFrame({"vm_pu": np.full(len(buses), 0.99)}, index=buses.index),
        )
        for snapshot, factor in (("summer_peak", 1.0), ("winter_peak", 0.5))
        for variant in ("before", "after")
    ]
    outages = pd.DataFrame(
        {
            "contingency": ["line:l0-1"],
            "contingency_label": [HOSTILE[1]],
            "element": ["l1-1"],
            "element_label": [HOSTILE[2]],
            "kind": ["thermal"],
            "value": [123.4],
            "unit": ["%"],
            "outaged": [("l0-1",)],
            "snapshot": ["summer_peak"],
            "variant": ["after"],
        }
    )
    hub = pd.DataFrame(
        {
            "label": [HOSTILE[0], "sun"],
            "kind": ["data_center", "solar"],
            "bus": ["b5", "b5"],
            "lat": [35.2, 35.4],
            "lon": [127.0, 126.9],
            "p_mw": [1000.0, 1500.0],
        },
        index=["dc", "sun"],
    )
    outline = [[(126.0, 34.5), (129.5, 34.5), (129.5, 38.0), (126.0, 38.0), (126.0, 34.5)]]
    return MapLayers(buses, branches, states, outages, hub, outline, f"attribution {HOSTILE[0]}")


def build_page() -> Page:
    """Build the page."""
    table = pd.DataFrame(
        {
            "name": list(HOSTILE),
            "formula": list(FORMULAE),
            "loading_percent": [123.4, 99.0, np.nan, 12.0, 0.0, 100.0],
            "p_mw": [-2.0, 1.5, 1234.5, 0.0, -0.0, 7.0],
            "ok": [True, False] * 3,
            "confidence": ["H", "M", "L", "assumed", "", HOSTILE[0]],
        },
        index=pd.Index([f"r{number}" for number in range(6)], name="id"),
    )
    rows = [
        RangeRow(HOSTILE[0], {"before": 0.97, "after": 0.93}, 0.95, 1.05),
        RangeRow("345 kV", {"before": 1.0, "after": np.nan}, 0.95, 1.05, HOSTILE[1]),
    ]
    curve = {"before": ([1, 2, 3], [90.0, 50.0, 10.0]), "after": ([1, 2, 3], [130.0, 55.0, 12.0])}
    return Page(
        title=f"Hub at 솔라시도 {HOSTILE[0]}",
        subtitle=HOSTILE[4],
        verdict=Verdict(HOSTILE[0], HOSTILE[1], "bad"),
        key_numbers=[KeyNumber(HOSTILE[0], 1000.0, "MW", HOSTILE[1]), KeyNumber("binds", HOSTILE[2])],
        sections=[
            Section("Map", (HOSTILE[0],), (build_layers(),)),
            Section(
                HOSTILE[1],
                HOSTILE,
                (
                    TableBlock(table, HOSTILE[0], "names", note=HOSTILE[1], bar="loading_percent"),
                    TableBlock(table.iloc[:0], "nothing", "empty"),
                    RangeChart(HOSTILE[0], "p.u.", rows, band="allowed range"),
                    CurveChart(HOSTILE[0], "branches", "loading, %", curve, limit=100.0, note=HOSTILE[1]),
                ),
            ),
        ],
        assumptions=[Assumption(HOSTILE[0], "1,086", "MVA", "public", "2026-01", "M")],
        not_assessed=NOT_ASSESSED,
        licences=[HOSTILE[0]],
        provenance={HOSTILE[0]: HOSTILE[1]},
    )
