"""A user's own hourly series: CSV, Parquet or a DataFrame, checked against the hours of a year."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import numpy as np
import pandas as pd

from gridhub.errors import FileFormatError, InputError, Issue, name_ids

ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
"""How a label ends that says its time zone."""

Source = str | Path | pd.DataFrame | pd.Series
"""A file (.csv, .parquet) or a table in memory."""


def read_series(
    source: Source, hours: pd.DatetimeIndex, low: float = 0.0, high: float = math.inf, unit: str = "MW"
) -> pd.DataFrame:
    """Read hourly series and bring them to the hours of a year.

    Parameters
    ----------
    source : str, Path, DataFrame or Series
        CSV: the first column holds the begin of the hour (ISO 8601), the others a series each. Parquet or
        DataFrame: the same, or the hours as the index.
    hours : DatetimeIndex
        Hours wanted, with a time zone. Labels without a zone are read as local time of that zone.
    low, high : float
        Range of the values.
    unit : str
        Unit, for messages.

    Returns
    -------
    DataFrame
        (n_hour, n_series), index `hours`.

    Raises
    ------
    FileFormatError
        If the file does not exist or is neither CSV nor Parquet.
    InputError
        If hours are missing, come twice, lie outside the year or have no readable label, or values are
        missing, no numbers or out of range. All faults are listed.

    Examples
    --------
    >>> from gridhub.profiles.weather import build_hours
    >>> hours = build_hours(2025, "Asia/Seoul")
    >>> own = pd.DataFrame({"a": 1.0}, index=hours.tz_convert("UTC"))
    >>> read_series(own, hours).shape
    (8760, 1)
    """
    name = str(source) if isinstance(source, str | Path) else "series"
    frame = _load(source)
    labels, faults = read_labels(frame.index, hours.tz, name)
    faults += _list_faults_of_hours(labels, hours, name)
    numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    faults += _list_faults_of_values(frame, numbers, (low, high), unit, name)
    if faults:
        raise InputError(faults, name)
    table = pd.DataFrame(numbers, index=labels, columns=frame.columns.astype(str))
    return table.reindex(hours)


def _load(source: Source) -> pd.DataFrame:
    """Load the table with its hours as the index."""
    if isinstance(source, pd.Series):
        return source.to_frame(source.name if source.name is not None else "value")
    frame = source if isinstance(source, pd.DataFrame) else _load_file(Path(source))
    if isinstance(frame.index, pd.RangeIndex) and frame.shape[1] > 1:
        frame = frame.set_index(frame.columns[0])
    return frame


def _load_file(path: Path) -> pd.DataFrame:
    """Load a file by its ending."""
    ending = path.suffix.lower()
    fault = "there is no such file" if not path.is_file() else "is neither .csv nor .parquet"
    try:
        if path.is_file() and ending == ".csv":
            return pd.read_csv(path)
        if path.is_file() and ending == ".parquet":
            return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        fault = f"cannot be read: {error}"
    raise FileFormatError([Issue("error", "E-FILE", "series", "", "", str(path), fault)], "series")


def read_labels(
    index: pd.Index, zone: str | tzinfo | None, name: str
) -> tuple[pd.DatetimeIndex, list[Issue]]:
    """Read labels of hours as times of a zone; NaT where that is not possible, and a fault that says so.

    Parameters
    ----------
    index : Index
        Times, or texts of them.
    zone : str or tzinfo
        Times without a zone are local there.
    name : str
        What to call the table in a fault.
    """
    if isinstance(index, pd.DatetimeIndex):
        labels = index
    else:
        texts = pd.Series(index.astype(str))
        zoned = texts.str.contains(ZONE)
        # a label without zone among others with one is no time that can be told
        most = bool(zoned.mean() > 0.5)
        texts = texts.where(zoned == most)
        parsed = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=most)
        labels = pd.DatetimeIndex(parsed)
    if labels.tz is None:
        labels = labels.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    bad = index[labels.isna()]
    faults = []
    if len(bad):
        text = "is no time that can be told; write 2025-01-01T00:00 (local time) or with +09:00"
        faults.append(Issue("error", "E-TIME", name, "", "hour", name_ids(bad), text))
    return labels.tz_convert(zone), faults


def _list_faults_of_hours(labels: pd.DatetimeIndex, hours: pd.DatetimeIndex, name: str) -> list[Issue]:
    """List hours that come twice, are missing, or are none of the year's."""
    faults = []
    known = labels[labels.notna()]
    twice = known[known.duplicated()].unique()
    if len(twice):
        faults.append(
            Issue("error", "E-DUP", name, "", "hour", name_ids(twice, 3), f"{len(twice):,} come twice")
        )
    missing = hours.difference(known)
    if len(missing):
        text = f"{len(missing):,} of {len(hours):,} hours are missing"
        if len(known) == len(hours) and (known - pd.Timedelta(hours=1)).equals(hours):
            text += "; labels seem to be the ends of hours: take one hour off, a label is the begin"
        elif len(known) and not len(known.intersection(hours)):
            text += f"; the series begins {known.min()}: does it belong to another year?"
        faults.append(Issue("error", "E-GAP", name, "", "hour", name_ids(missing, 3), text))
    others = known.difference(hours)
    if len(others):
        text = (
            f"{len(others):,} are no hours of {hours[0].year}; cut the series to the year, on the full hour"
        )
        faults.append(Issue("error", "E-HOURS", name, "", "hour", name_ids(others, 3), text))
    return faults


def _list_faults_of_values(
    frame: pd.DataFrame, numbers: np.ndarray, bounds: tuple[float, float], unit: str, name: str
) -> Iterator[Issue]:
    """List series with values that are missing, no number or out of range: the first hour, and how many."""
    if not frame.shape[1]:
        yield Issue("error", "E-EMPTY", name, "", "", "", "has no series beside the hours")
    for i, column in enumerate(frame.columns):
        values = numbers[:, i]
        faults = {
            "E-NUMBER": (~np.isfinite(values), "is missing or no number"),
            "E-RANGE": (
                (values < bounds[0]) | (values > bounds[1]),
                f"lies outside {bounds[0]:g} to {bounds[1]:g} {unit}",
            ),
        }
        for code, (bad, text) in faults.items():
            at = np.flatnonzero(bad)
            if len(at):
                more = f"; {len(at):,} hours in all" if len(at) > 1 else ""
                value = str(frame.iloc[at[0], i])
                yield Issue("error", code, name, str(column), str(frame.index[at[0]]), value, text + more)
