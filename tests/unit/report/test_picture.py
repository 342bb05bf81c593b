"""The still map."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pandas as pd

from gridhub.report.map import LOADING_LIGHT
from gridhub.report.page import MapLayers, MapState
from gridhub.report.picture import render_picture

SVG = "{http://www.w3.org/2000/svg}"


def make_layers(loading: float, name: str = "나주 Naju") -> MapLayers:
    buses = pd.DataFrame(
        {"label": [name, "far"], "vn_kv": [765.0, 345.0], "lat": [35.0, 37.0], "lon": [126.7, 127.2]},
        index=["a", "b"],
    )
    branches = pd.DataFrame(
        {
            "label": ["line"],
            "kind": ["line"],
            "from_bus": ["a"],
            "to_bus": ["b"],
            "vn_kv": [345.0],
            "rate_mva": [1000.0],
            "assumed": [False],
            "in_service": [True],
        },
        index=["ab"],
    )
    flow = pd.DataFrame({"loading_percent": [loading], "p_mw": [100.0]}, index=["ab"])
    return MapLayers(buses=buses, branches=branches, states=[MapState("peak", "", flow)])


def find_line(picture: str) -> ET.Element:
    root = ET.fromstring(picture)
    return next(item for item in root.iter(f"{SVG}line") if item.get("stroke-width") == "2.4")


def test_line_is_coloured_by_its_loading_and_runs_north():
    line = find_line(render_picture(make_layers(45.0)))
    assert line.get("stroke") == LOADING_LIGHT[2]
    assert float(line.get("y1", "0")) > float(line.get("y2", "0"))
    assert find_line(render_picture(make_layers(130.0))).get("stroke") == "#c8420a"
    assert find_line(render_picture(make_layers(float("nan")))).get("stroke") == "#a9a9a4"


def test_names_are_text_and_nothing_else():
    hostile = "<script>alert(1)</script>&\u202e"
    root = ET.fromstring(render_picture(make_layers(10.0, hostile)))
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>" in (item.text or "") for item in root.iter(f"{SVG}text"))


def test_a_network_without_coordinates_has_no_picture():
    layers = make_layers(10.0)
    assert render_picture(replace(layers, buses=layers.buses.assign(lat=float("nan")))) == ""
