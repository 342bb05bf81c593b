"""One table says which page is made of which result."""

from __future__ import annotations

from importlib import import_module

import pytest

from gridhub.errors import GridhubError
from gridhub.report.makers import PAGES, build_page
from gridhub.report.page import Page


@pytest.mark.parametrize(("kind", "maker"), PAGES.items())
def test_the_table_names_what_exists(kind: str, maker: str):
    for name in (kind, maker):
        module, _, thing = name.partition(":")
        assert callable(getattr(import_module(module), thing))


def test_a_page_stays_as_it_is():
    page = Page(title="Nothing yet")
    assert build_page(page, None) is page


def test_what_is_no_result_is_told_what_would_be():
    with pytest.raises(GridhubError, match=r"no page can be made of a float.*Security"):
        build_page(1.0, None)
