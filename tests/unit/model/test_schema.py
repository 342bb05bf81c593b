"""The schema and the bringing of tables to it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gridhub.errors import SchemaError
from gridhub.model.schema import build_empty_table, complete_table, read_schema


def test_every_reference_names_a_table():
    schema = read_schema()
    for columns in schema.values():
        for column in columns.values():
            assert column.reference in {"", "branch", *schema}


def test_every_column_says_what_it_means_and_has_a_sound_range():
    for columns in read_schema().values():
        for column in columns.values():
            assert column.meaning
            assert column.minimum <= column.maximum
            assert column.kind in ("string", "float", "int", "bool")


def test_names_that_carry_a_unit_agree_with_the_unit_column():
    endings = {
        "_kv": "kV",
        "_mw": "MW",
        "_mva": "MVA",
        "_mvar": "Mvar",
        "_km": "km",
        "_pu": "p.u.",
        "_mwh": "MWh",
    }
    for columns in read_schema().values():
        for column in columns.values():
            for ending, unit in endings.items():
                if column.name.endswith(ending) and "_per_" not in column.name:
                    assert column.unit == unit, column.name


@pytest.mark.parametrize("table", list(read_schema()))
def test_an_empty_table_has_the_types_of_a_full_one(table):
    empty, completed = build_empty_table(table), complete_table(table, pd.DataFrame(index=["a"]))
    assert list(empty.columns) == list(completed.columns)
    assert (empty.dtypes == completed.dtypes).all()


def test_absent_columns_take_their_default():
    line = complete_table("line", pd.DataFrame({"x_ohm": [1.0]}, index=[7]))
    assert line.index.tolist() == ["7"]
    assert line.loc["7", "b_us"] == 0.0
    assert math.isnan(line.loc["7", "rate_mva"])
    assert line.loc["7", "in_service"]
    assert line.loc["7", "tower"] == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], [True, False]),
        (["True", "false"], [True, False]),
        ([1, 0], [True, False]),
        ([1.0, np.nan], [True, True]),
        (["0", None], [False, True]),
        ([np.True_, ""], [True, True]),
    ],
)
def test_booleans_are_read_by_a_list_of_texts(values, expected):
    frame = pd.DataFrame({"bus": "b", "p_mw": 1.0, "in_service": values})
    assert complete_table("load", frame).in_service.tolist() == expected


def test_a_text_that_is_no_boolean_is_never_taken_as_true():
    frame = pd.DataFrame({"in_service": ["yes", "아니오", "False", 2]}, index=list("abcd"))
    with pytest.raises(SchemaError) as caught:
        complete_table("load", frame)
    assert [(i.code, i.id, i.column, i.value) for i in caught.value.issues] == [
        ("E-BOOL", "a", "in_service", "yes"),
        ("E-BOOL", "b", "in_service", "아니오"),
        ("E-BOOL", "d", "in_service", "2"),
    ]


def test_a_text_that_is_no_number_names_its_cell():
    frame = pd.DataFrame({"p_mw": ["1,234.5", "3.5", None], "q_mvar": ["1", "", "x"]}, index=list("abc"))
    with pytest.raises(SchemaError) as caught:
        complete_table("load", frame)
    assert {(i.code, i.id, i.column) for i in caught.value.issues} == {
        ("E-NUMBER", "a", "p_mw"),
        ("E-NUMBER", "c", "q_mvar"),
    }


def test_unknown_columns_are_kept_after_the_known_ones():
    frame = pd.DataFrame({"owner": ["x"], "bus": ["b"], "p_mw": [1.0]})
    completed = complete_table("load", frame)
    assert completed.columns[-1] == "owner"
    assert completed.owner.tolist() == ["x"]
