"""Typed reader of a region's ``ratings.toml``: by how much the ratings of branches change with the season."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridhub.errors import FileFormatError, Issue, name_ids

SCHEMA_VERSION = 1

TABLES = ("line", "transformer", "series")
"""Tables whose ratings may have a season."""

_FACTOR_KEYS = ("table", "construction", "factor", "source", "confidence", "note")


@dataclass(frozen=True, slots=True)
class SeasonFactor:
    """A factor on the ratings of some branches.

    Attributes
    ----------
    table : {"line", "transformer", "series"}
    construction : str
        Only branches of this construction ("overhead", "cable"); empty: all of the table.
    factor : float
        Rating of the season over the rating in the table; positive.
    source, confidence, note : str
        Where it comes from and how sure it is, or "assumed".
    """

    table: str
    construction: str
    factor: float
    source: str
    confidence: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Season:
    """One season.

    Attributes
    ----------
    name : str
    months : tuple of int
        Months 1 to 12 that belong to it.
    factors : tuple of SeasonFactor
        A branch that none of them names keeps its rating.
    """

    name: str
    months: tuple[int, ...]
    factors: tuple[SeasonFactor, ...]


@dataclass(frozen=True, slots=True)
class SeasonalRatings:
    """Seasons of a region; every month belongs to one of them.

    Attributes
    ----------
    name : str
    seasons : tuple of Season
    """

    name: str
    seasons: tuple[Season, ...]

    def find_season(self, month: int) -> Season:
        """Give the season of a month, 1 to 12."""
        return next(season for season in self.seasons if month in season.months)


class _Reader:
    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def add(self, row: str, column: str, value: object, message: str) -> None:
        self.issues.append(Issue("error", "E-RATING", "ratings", row, column, str(value), message))

    def read_season(self, number: int, row: object) -> Season | None:
        place = f"season[{number}]"
        if not isinstance(row, dict):
            self.add(place, "", row, "wants a table")
            return None
        place = str(row.get("name", place))
        unknown = [key for key in row if key not in ("name", "months", "factor")]
        if unknown:
            self.add(place, name_ids(unknown, 9), "", "is not a key of a season")
        months = row.get("months")
        if not isinstance(months, list) or not all(type(m) is int and 1 <= m <= 12 for m in months):
            self.add(place, "months", months, "wants a list of months from 1 to 12")
            months = []
        rows = row.get("factor", [])
        if not isinstance(rows, list):
            self.add(place, "factor", rows, "wants one table per factor: [[season.factor]]")
            rows = []
        factors = [self.read_factor(place, one) for one in rows]
        return Season(place, tuple(months), tuple(one for one in factors if one is not None))

    def read_factor(self, season: str, row: object) -> SeasonFactor | None:
        if not isinstance(row, dict):
            self.add(season, "factor", row, "wants a table")
            return None
        before = len(self.issues)
        for key in [key for key in row if key not in _FACTOR_KEYS]:
            self.add(season, f"factor.{key}", row[key], f"is not a key; keys are {', '.join(_FACTOR_KEYS)}")
        for key in [key for key in _FACTOR_KEYS if key != "factor" and not isinstance(row.get(key, ""), str)]:
            self.add(season, f"factor.{key}", row[key], "wants a text")
        if row.get("table") not in TABLES:
            self.add(season, "factor.table", row.get("table"), f"is one of {', '.join(TABLES)}")
        if row.get("construction") and row.get("table") != "line":
            self.add(season, "factor.construction", row["construction"], "only lines have one")
        value = row.get("factor")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
            self.add(season, "factor.factor", value, "wants a positive number")
        for key in ("source", "confidence"):
            if not row.get(key):
                self.add(season, f"factor.{key}", "", 'empty; write "assumed" if there is none')
        if len(self.issues) > before:
            return None
        return SeasonFactor(**{"construction": "", **row, "factor": float(row["factor"])})


def read_ratings(text: str) -> SeasonalRatings:
    """Read the seasonal ratings of a region from TOML text.

    Parameters
    ----------
    text : str
        ``schema_version = 1``, ``name``, and ``[[season]]`` with ``name``, ``months`` and
        ``[[season.factor]]`` (see `SeasonFactor`).

    Returns
    -------
    SeasonalRatings

    Raises
    ------
    FileFormatError
        With every fault: text that is not TOML, unknown keys, factors that are not positive, a month in no
        season or in two, a branch that two factors of one season name.

    Examples
    --------
    >>> ratings = read_ratings('''
    ... schema_version = 1
    ... name = "x"
    ... [[season]]
    ... name = "warm"
    ... months = [4, 5, 6, 7, 8, 9]
    ... [[season]]
    ... name = "cold"
    ... months = [1, 2, 3, 10, 11, 12]
    ... [[season.factor]]
    ... table = "line"
    ... construction = "overhead"
    ... factor = 1.2
    ... source = "assumed"
    ... confidence = "assumed"
    ... ''')
    >>> ratings.find_season(12).factors[0].factor
    1.2
    """
    try:
        content: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        issue = Issue("error", "E-TOML", "ratings", "", "", "", str(error))
        raise FileFormatError((issue,), "ratings") from error
    reader = _Reader()
    if content.get("schema_version") != SCHEMA_VERSION:
        version = content.get("schema_version")
        reader.add("", "schema_version", version, f"this gridhub reads version {SCHEMA_VERSION}")
    for key in [key for key in content if key not in ("schema_version", "name", "season")]:
        reader.add("", key, content[key], "is not a key of ratings")
    rows = content.get("season", [])
    if not isinstance(rows, list):
        reader.add("", "season", rows, "wants one table per season: [[season]]")
        rows = []
    found = [reader.read_season(number, row) for number, row in enumerate(rows)]
    seasons = tuple(season for season in found if season is not None)
    _check_months(reader, seasons)
    _check_overlap(reader, seasons)
    if reader.issues:
        raise FileFormatError(tuple(reader.issues), "ratings")
    return SeasonalRatings(str(content.get("name", "")), seasons)


def _check_months(reader: _Reader, seasons: tuple[Season, ...]) -> None:
    every = [month for season in seasons for month in season.months]
    wrong = [month for month in range(1, 13) if every.count(month) != 1]
    if wrong:
        reader.add("", "months", name_ids(wrong, 12), "belongs to no season, or to more than one")


def _check_overlap(reader: _Reader, seasons: tuple[Season, ...]) -> None:
    for season in seasons:
        keys = [(one.table, one.construction) for one in season.factors]
        for table, construction in sorted({key for key in keys if keys.count(key) > 1}):
            reader.add(season.name, "factor", f"{table} {construction}".strip(), "stands twice")
        for table in sorted({table for table, construction in keys if construction}):
            if (table, "") in keys:
                text = "a factor for the whole table stands beside one for a construction"
                reader.add(season.name, "factor", table, text)
