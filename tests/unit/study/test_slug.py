from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.study.slug import build_slug

HOSTILE = (
    "../../etc/x",
    "/etc/passwd",
    "C:\\x",
    "a\0b",
    "x" * 300,
    "CON",
    "nul",
    "",
    ".",
    "..",
    ".hidden",
    "-rf",
    "~",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_name_becomes_one_safe_part(text: str):
    slug = build_slug(text)
    assert slug not in ("", ".", "..")
    assert PurePosixPath(slug).parts == (slug,)
    assert PureWindowsPath(slug).parts == (slug,)
    assert not slug.startswith((".", "-", "~"))
    assert slug.lower() not in ("con", "nul")


@given(st.text())
def test_any_text_gives_a_short_printable_part(text: str):
    slug = build_slug(text)
    assert slug
    assert slug.isprintable()
    assert "/" not in slug
    assert "\\" not in slug
    assert len(slug) <= 80
    assert len(slug.encode()) <= 255


@given(st.text(), st.text())
def test_two_texts_never_share_a_file(one: str, two: str):
    assert (build_slug(one) == build_slug(two)) == (one == two)


def test_a_plain_name_stays():
    assert build_slug("solaseado_1gw") == "solaseado_1gw"
    assert build_slug("솔라시도") == "솔라시도"
