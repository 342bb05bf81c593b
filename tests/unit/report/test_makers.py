"""One table says which page is made of which result."""

from __future__ import annotations

from importlib import import_module

import pytest

from gridhub.analysis.dispatch.dispatch import run_dispatch
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.voltage.fault_levels import compute_fault_levels
from gridhub.errors import GridhubError
from gridhub.reference import load_network
from gridhub.report.makers import PAGES, build_page
from gridhub.report.page import Page
from gridhub.report.rules import list_open_places


@pytest.mark.parametrize(("kind", "maker"), PAGES.items())
def test_the_table_names_what_exists(kind: str, maker: str):
    for name in (kind, maker):
        module, _, thing = name.partition(":")
        assert callable(getattr(import_module(module), thing))


def test_a_page_stays_as_it_is():
    page = Page(title="Nothing yet")
    assert build_page(page, None) is page


def test_every_page_of_a_network_says_what_rests_on_missing_routes():
    net = load_network("korea-2025-backbone")
    gaps = list_open_places(net)
    assert gaps
    for result in (compute_fault_levels(net), run_dispatch(net), run_power_flow(net)):
        assert set(gaps) <= set(build_page(result, net).not_assessed)
        assert not set(gaps) & set(build_page(result, None).not_assessed)


def test_seasonal_ratings_are_no_gap_where_they_hold():
    for ratings in (None, "seasonal"):
        net = load_network("korea-2025-backbone", ratings=ratings)
        gaps = {gap.what for gap in build_page(run_power_flow(net), net).not_assessed}
        assert ("Seasonal ratings" in gaps) == (ratings is None)


def test_what_is_no_result_is_told_what_would_be():
    with pytest.raises(GridhubError, match=r"no page can be made of a float.*Security"):
        build_page(1.0, None)
