"""The Hangul font is there, is cut down, and holds what the page shows."""

from __future__ import annotations

import io

import pytest
from fontTools.ttLib import TTFont

from gridhub.report.font import find_fonts, render_font_faces, subset_font

needs_font = pytest.mark.skipif(not find_fonts(), reason="no Hangul font: install koreanize-matplotlib")


@needs_font
def test_subset_holds_exactly_the_characters_asked_for():
    data = subset_font(find_fonts()[400], "솔라시도 ABC")
    assert data[:4] == b"wOFF"
    assert len(data) < 20_000
    with TTFont(io.BytesIO(data)) as font:
        assert set(font.getBestCmap()) == set(map(ord, "솔라시도 ABC"))


@needs_font
def test_same_text_same_bytes():
    assert subset_font(find_fonts()[700], "가나다") == subset_font(find_fonts()[700], "다나가")


@needs_font
def test_faces_are_inside_the_page_in_two_weights():
    css = render_font_faces("한글")
    assert css.count("@font-face") == 2
    assert "url(data:font/woff;base64," in css
    assert "http" not in css
