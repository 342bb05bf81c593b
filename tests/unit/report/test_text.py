"""Escaping, JSON in script elements, figures and file names."""

from __future__ import annotations

import html
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.report.text import (
    encode_json,
    escape_attribute,
    escape_text,
    format_number,
    show_hidden,
    slug,
    split_unit,
)

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script>",
    "${7*7}",
    "a\u2028b",
    "a\u202eb",
    '"><svg onload=x>',
    "&amp;",
]


def read_text(markup: str) -> str:
    """Give the text content of escaped markup."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize("name", HOSTILE)
def test_escaped_text_reads_as_it_was(name: str):
    assert read_text(escape_text(name)) == name


@given(st.text())
def test_escaped_text_holds_no_markup_of_its_own(name: str):
    rest = re.sub(
        r'<span class="hidden-character" data-code="U\+[0-9A-F]+">(&#x[0-9a-f]+;)?</span>',
        "",
        escape_text(name),
    )
    assert not set(rest) & set("<>\"'")


@given(st.text())
def test_escaped_attribute_cannot_be_left(name: str):
    assert not set(escape_attribute(name)) & set("<>\"'")


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_reads_back_and_cannot_end_its_element(value: object):
    text = encode_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029\u202e")


def test_json_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_json({"loading": math.nan})


def test_hidden_characters_show_their_code():
    assert show_hidden("a\u202eb\u200bc\u2028d") == "a[U+202E]b[U+200B]c[U+2028]d"
    assert show_hidden("나주\n765 kV") == "나주\n765 kV"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234567.0, "MW", "1,234,567"),
        (1.25, "MW", "1.2"),
        (0.98765, "p.u.", "0.988"),
        (22.9, "kV", "22.9"),
        (345.0, "kV", "345"),
        (99.96, "%", "100.0"),
        (-0.001, "%", "0.0"),
        (math.nan, "MW", "–"),
        (math.inf, "MW", "unlimited"),
        (3.0, "", "3"),
        (0.12345, "", "0.123"),
    ],
)
def test_numbers_have_the_digits_of_their_unit(value: float, unit: str, text: str):
    assert format_number(value, unit) == text


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("lost_load_mw", ("Lost load", "MW")),
        ("base_bn_krw", ("Base", "bn KRW")),
        ("cost_million_krw_per_mw", ("Cost", "million KRW/MW")),
        ("mw", ("Mw", "")),
        ("name", ("Name", "")),
    ],
)
def test_units_come_from_the_name_of_the_column(column: str, expected: tuple[str, str]):
    assert split_unit(column) == expected


@given(st.text())
def test_slug_is_a_plain_file_name(text: str):
    assert re.fullmatch(r"[a-z0-9_]{1,61}", slug(text))


@pytest.mark.parametrize("text", ["../../etc/x", "/etc/x", "a\0b", "x" * 300, "CON", "", "솔라시도"])
def test_slug_of_hostile_names(text: str):
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9_]{1,61}", name)
    assert name not in {"con", "nul"}
