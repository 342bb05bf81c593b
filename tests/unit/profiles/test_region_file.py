"""The reader of profiles.toml: what it takes, and that every fault is named at once."""

from __future__ import annotations

import pytest

from gridhub.errors import FileFormatError
from gridhub.profiles.region_file import read_region_profiles

from .conftest import format_south


def test_a_whole_document_is_read(south):
    assert south["solar"] == 0.2
    assert south.figures["solar"].confidence == "assumed"
    assert south.curves[7, "saturday"].tolist() == [1.0] * 12 + [1.2] * 12
    assert south.wind_fleet.weight.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert south.grid == (-36.0, -34.0, 149.0, 151.0, 1.0)


def test_every_fault_is_named_at_once():
    text = format_south(wind=0.9, peak_mw='"much"').replace('"Australia/Sydney"', '"Nowhere/Town"')
    text = text.replace("[[0.5, 900.0], [0.5, 90.0]]", "[[0.5, 900.0], [0.6, 90.0]]")
    text = text.replace('day = "festival"', 'day = "feast"').replace(
        "[-34.3, 150.1, 1.0]", "[-34.3, 150.1, -1]"
    )
    with pytest.raises(FileFormatError) as caught:
        read_region_profiles(text)
    places = {issue.id for issue in caught.value.issues}
    wanted = {
        "figure.wind",
        "figure.peak_mw",
        "time_zone",
        "scatter.wind.scales",
        "demand.curve",
        "wind_fleet",
    }
    assert wanted <= places


def test_a_figure_without_source_is_refused():
    text = format_south().replace('value = 0.2\nsource = "made up"', "value = 0.2")
    with pytest.raises(FileFormatError, match="source and confidence"):
        read_region_profiles(text)


def test_an_energy_that_no_year_can_have_is_refused():
    with pytest.raises(FileFormatError, match="between minimum_mw and peak_mw"):
        read_region_profiles(format_south(energy_twh=14.0))


def test_an_unknown_figure_is_refused():
    with pytest.raises(FileFormatError, match="figure.sunny"):
        read_region_profiles(format_south(sunny=1.0))


def test_no_toml_is_said_to_be_none():
    with pytest.raises(FileFormatError, match="E-TOML"):
        read_region_profiles("schema_version = ")
