"""Pages of voltage margins, faults, transfers, interfaces and security over hours, and the dip map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.model.network import Network
from gridhub.report.curve import draw_curves
from gridhub.report.html import render_page
from gridhub.report.makers import build_page
from gridhub.report.map import draw_map
from gridhub.report.page import CurveChart, MapLayers, Page, VoltageScale
from gridhub.report.picture import render_picture
from gridhub.report.write import write_report
from tests.unit.cli.conftest import build_ring


@pytest.fixture(scope="module")
def net() -> Network:
    """The ring with a double spur; the load at its end is a data center."""
    ring = build_ring(spur=2)
    return ring.replace(load=ring.load.assign(kind=["", "data_center"]))


@pytest.fixture(scope="module")
def dips(net: Network) -> Page:
    return build_page(gh.assess_fault(net, "C", ride_through_vm_pu=0.7), net)


def render(page: Page) -> str:
    html = render_page(page)
    assert 'src="http' not in html
    assert 'href="http' not in html
    return html


def test_pv_and_qv_pages(net: Network):
    growth = {"growth": "C", "generation_limits": False}
    curve = gh.trace_pv_curve(net, **growth)
    html = render(build_page(curve, net))
    assert f"{curve.margin_mw:,.0f} MW to the nose" in html
    assert "해남" in html
    assert "the voltages collapse smoothly" in html
    margin = gh.find_voltage_margin(net, **growth)
    html = render(build_page(margin, net))
    assert f"{margin.firm_mw:,.0f} MW firm" in html
    reactive = gh.find_reactive_margin(net, ["C", "E"])
    page = build_page(reactive, net)
    assert f"{reactive.table['margin_mvar'].min():,.0f} Mvar" in render(page)
    assert len(page.tables[0].frame) == 2


def test_fluctuation_page(net: Network):
    load = str(net.load.index[1])
    found = gh.assess_fluctuation(net, load, percent=50.0, seconds=0.5)
    html = render(build_page(found, net))
    assert f"{found.change_percent:+.1f} % at the connection" in html
    assert "No limit is known" in html
    tight = gh.assess_fluctuation(net, load, 50.0, 5.0, limit_percent=1e-6)
    assert "only 1e-06 % is allowed" in render(build_page(tight, net))


def test_fault_level_page(net: Network):
    levels = gh.compute_fault_levels(net, criteria="korea")
    page = build_page(levels, net)
    html = render(page)
    assert "신가평" in html
    assert "voltage factor 1.1" in html
    assert page.verdict is not None
    assert not any(item.what == "Fault level" for item in page.not_assessed)
    shown = page.tables[0].frame
    assert shown["ik_ka"].is_monotonic_decreasing
    assert shown["name"].iloc[0].startswith("신가평")


def test_dip_page_says_what_trips(dips: Page):
    html = render(dips)
    assert "50 MW trip" in html
    assert "1 of 1 data centers" in html
    assert "below 0.70 p.u.: data centers leave the grid" in html
    assert "Lowest voltages in this state" in html


def test_dip_map_is_coloured_by_the_voltage_during_the_fault(dips: Page, net: Network):
    layers = dips.layers
    assert layers is not None
    effect = gh.assess_fault(net, "C", ride_through_vm_pu=0.7)
    drawing = draw_map(layers, "map")
    shown = drawing.states[-1]
    assert shown["variant"] == "during the fault"
    voltage = next(columns["voltage"] for columns in shown["sources"].values() if "voltage" in columns)
    assert sorted(voltage) == pytest.approx(sorted(effect.table["during_vm_pu"].round(4)))
    assert shown["top"][0][1] == "0.000 p.u."
    # the reader's colour scheme must not paint over what the voltage says
    fills = [entry for entry in drawing.themed if entry[1] == "fill_color" and entry[2] == "#ffffff"]
    plain = draw_map(MapLayers(layers.buses, layers.branches, layers.states), "map")
    assert len(fills) == len([e for e in plain.themed if e[1] == "fill_color" and e[2] == "#ffffff"]) - 1


def test_picture_of_a_dip_map(dips: Page, net: Network):
    layers = dips.layers
    assert layers is not None
    picture = render_picture(layers)
    assert "Voltage, p.u." in picture
    assert "below 0.70" in picture
    during = gh.assess_fault(net, "C", ride_through_vm_pu=0.7).table["during_vm_pu"]
    assert picture.count('fill="#c8420a"') == int((during < 0.7).sum()) > 1
    calm = MapLayers(layers.buses, layers.branches, layers.states[:1], voltages=VoltageScale(0.7, 1.0, "x"))
    assert 'fill="#c8420a"' not in render_picture(calm)


def test_curves_span_their_values_where_zero_means_nothing():
    chart = CurveChart("t", "x", "y", {"a": ([0, 1, 2], [1.02, 0.9, float("nan")])}, start_at_zero=False)
    text = str(draw_curves(chart, "c").item)
    assert "'start': 0.8928" in text
    assert "'end': 1.0272" in text


def test_transfer_and_interface_pages(net: Network, tmp_path: Path):
    found = gh.find_transfer_capability(net, "A", "C", criteria=None, voltage=False)
    page = build_page(found, net)
    assert f"{found.firm_mw:,.0f} MW firm" in render(page)
    assert "해남" in render(page)
    tracked = gh.track_interfaces(net, method="ac")
    html = render(build_page(tracked, net))
    assert "Within limits" in html
    folder = write_report(tmp_path / "both", found, tracked, net).parent
    assert {path.name for path in (folder / "tables").glob("*.csv")} == {
        "transfer.csv",
        "interfaces.csv",
        "interface_flows.csv",
    }


def test_security_hours_page(net: Network):
    loads = pd.DataFrame({"LC": [150.0, 700.0, 9e5]}, index=["night", "noon", "never"])
    result = gh.run_security_hours(net, {("load", "p_mw"): loads}, criteria=None)
    page = build_page(result, net)
    html = render(page)
    assert "Not secure" in html
    assert "1 of 3 hours survive every outage within limits" in html
    assert "1 hour has no solution before any outage" in html
    assert "never" in html
    assert "신가평" in html
    branch = next(block for block in page.tables if block.file == "branch_hours").frame
    assert np.nanmax(branch["worst_loading_percent"]) > 100
