"""Seasonal ratings as a document: what is read, and every fault that is refused."""

from __future__ import annotations

import pytest

from gridhub.errors import FileFormatError
from gridhub.ratings import read_ratings

GOOD = """
schema_version = 1
name = "x"
[[season]]
name = "warm"
months = [4, 5, 6, 7, 8, 9]
[[season]]
name = "cold"
months = [1, 2, 3, 10, 11, 12]
[[season.factor]]
table = "line"
construction = "overhead"
factor = 1.2
source = "assumed"
confidence = "assumed"
"""


def test_reads_seasons_and_their_factors() -> None:
    ratings = read_ratings(GOOD)
    assert [ratings.find_season(month).name for month in (3, 4, 9, 10)] == ["cold", "warm", "warm", "cold"]
    assert ratings.find_season(6).factors == ()
    (factor,) = ratings.find_season(1).factors
    assert (factor.table, factor.construction, factor.factor) == ("line", "overhead", 1.2)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ('name = "x"', 'name = "x"\nseasons = 2', "seasons"),
        ("months = [1, 2, 3, 10, 11, 12]", "months = [1, 2, 3, 10, 11]", "months"),
        ("months = [1, 2, 3, 10, 11, 12]", "months = [1, 2, 3, 9, 10, 11, 12]", "months"),
        ("months = [1, 2, 3, 10, 11, 12]", "months = [0, 1, 2, 3, 10, 11, 12]", "months"),
        ("factor = 1.2", "factor = 0.0", "factor.factor"),
        ("factor = 1.2", "factor = nan", "factor.factor"),
        ("factor = 1.2", "factor = true", "factor.factor"),
        ('table = "line"', 'table = "bus"', "factor.table"),
        ('table = "line"', 'table = "transformer"', "factor.construction"),
        ("factor = 1.2", "factor = 1.2\nfactors = 3", "factor.factors"),
        ('source = "assumed"', 'source = ""', "factor.source"),
    ],
)
def test_faults_are_named(old: str, new: str, column: str) -> None:
    assert old in GOOD
    with pytest.raises(FileFormatError) as caught:
        read_ratings(GOOD.replace(old, new))
    assert column in {issue.column for issue in caught.value.issues}


def test_a_branch_named_twice_is_refused() -> None:
    row = GOOD[GOOD.index("[[season.factor]]") :]
    with pytest.raises(FileFormatError, match="stands twice"):
        read_ratings(GOOD + row)
    with pytest.raises(FileFormatError, match="whole table"):
        read_ratings(GOOD + row.replace('construction = "overhead"\n', ""))


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(FileFormatError) as caught:
        read_ratings("season = [")
    assert caught.value.issues[0].code == "E-TOML"
