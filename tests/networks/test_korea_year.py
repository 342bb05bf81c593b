"""A dispatched year of the backbone beside published figures: what is counted, judged and written down."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import gridhub as gh

ROOT = Path(__file__).resolve().parents[2]
KOREA = ROOT / "networks" / "korea"
HOURS = pd.to_datetime(["2025-04-10 12:00", "2025-07-01 12:00"])


@pytest.fixture(scope="module")
def scripts() -> Iterator[ModuleType]:
    """The comparison, with the scripts beside it importable meanwhile."""
    before = set(sys.modules)
    sys.path.insert(0, str(KOREA))
    yield importlib.import_module("compare_dispatch")
    sys.path.remove(str(KOREA))
    for name in set(sys.modules) - before:
        if name.startswith(("build", "compare", "expected", "operate", "synth")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def figures(scripts: ModuleType) -> dict[str, float]:
    """Of two hours by hand: coal of the east coast, sun of Honam and wind of Jeju; nothing else gives."""
    net = gh.load_network("korea-2025-backbone")
    generator, zone = net.generator, net.generator.bus.map(net.bus.zone)
    coal = generator.index[(zone == "eastcoast") & (generator.fuel == "coal")]
    sun = generator.index[(zone == "honam") & (generator.fuel == "solar")][0]
    wind = generator.index[(zone == "jeju") & (generator.fuel == "wind")][0]

    def fill(columns: list[str], **values: list[float]) -> pd.DataFrame:
        return pd.DataFrame(values, index=HOURS).reindex(columns=columns, fill_value=0.0)

    units = list(generator.index)
    tables = {
        "generation": fill(units, **{coal[0]: [781.4, 781.4], wind: [30.0, 60.0]}),
        "constrained_off": fill(units, **{coal[0]: [1000.0, 3000.0]}),
        "curtailment": fill([sun, wind], **{sun: [500.0, 200.0], wind: [0.0, 10.0]}),
        "interface_flow": fill(["east-coast", "honam"], **{"east-coast": [11e3, 10e3], "honam": [4e3, 5e3]}),
        "price_congestion": fill(list(net.bus.index), **dict.fromkeys(generator.bus[coal], [-20e3, 5e3])),
    }
    return scripts.compute_figures(scripts.Year(net, tables))


def test_what_is_counted(figures: dict[str, float]) -> None:
    assert figures["east_coast_highest"] == 3000.0
    assert figures["east_coast_mean"] == 2000.0
    assert figures["west_coast_highest"] == 0.0
    # 781.4 of 7,814 MW of coal
    assert figures["east_coast_coal"] == pytest.approx(10.0)
    # 20,000 KRW/MWh in one of two hours, nothing where the price is above the mean: x 1,000 MW x 8,760 h
    assert figures["east_coast_relief"] == pytest.approx(10e3 * 1e3 * 8760.0 / 1e9)
    # only April is in the first half, and a day of spring
    assert figures["curtailment_half"] == pytest.approx(0.5)
    assert figures["curtailment_days"] == 1.0
    assert figures["curtailment_jeju"] == pytest.approx(100.0 * 10.0 / 100.0)
    assert (figures["east_coast_export"], figures["honam_export"]) == (11e3, 5e3)


def test_every_published_figure_has_its_own_and_is_judged(
    scripts: ModuleType, figures: dict[str, float]
) -> None:
    rows = list(scripts.format_published(figures))
    assert {fact["id"] for fact in scripts.read_facts("published_year")} == set(figures)
    honam, east = (next(row for row in rows if key in row) for key in ("Honam", "east coast export in"))
    assert "**miss**" in honam
    assert "| within |" in east


@pytest.mark.parametrize(
    ("kind", "low", "high", "ours", "verdict"),
    [
        ("upper", "", "100", 100.0, "within"),
        ("upper", "", "100", 100.1, "**miss**"),
        ("range", "1", "2", 0.9, "**miss**"),
        ("order", "100", "200", 32.0, "order"),
        ("order", "100", "200", 31.0, "**miss**"),
        ("order", "100", "200", 632.0, "order"),
        ("order", "100", "200", 633.0, "**miss**"),
    ],
)
def test_verdicts(scripts: ModuleType, kind: str, low: str, high: str, ours: float, verdict: str) -> None:
    assert scripts.judge({"kind": kind, "low": low, "high": high}, ours) == verdict


def test_the_data_sheet_holds_every_published_figure(scripts: ModuleType) -> None:
    text = scripts.SHEET.read_text(encoding="utf-8")
    for fact in scripts.read_facts("published_year"):
        line = next(line for line in text.splitlines() if line.startswith(f"| {fact['figure']} |"))
        assert fact["source"] in line
        assert line.endswith(f"| {fact['explanation']} |")
