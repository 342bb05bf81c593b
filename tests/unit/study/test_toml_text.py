from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gridhub.study.toml_text import render_toml

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALAR = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=4))
TABLE = st.dictionaries(TEXT, st.one_of(VALUE, st.dictionaries(TEXT, VALUE, max_size=3)), max_size=4)


@given(st.dictionaries(TEXT, st.one_of(VALUE, TABLE), max_size=5))
def test_tomllib_reads_back_what_was_rendered(document: dict[str, object]):
    assert tomllib.loads(render_toml(document)) == document


def test_hangul_stays_readable():
    assert render_toml({"name": "해남"}) == 'name = "해남"\n'
