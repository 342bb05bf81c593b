"""A user's own series: files, time zones, and every fault at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.errors import FileFormatError, InputError
from gridhub.profiles.series import read_series


@pytest.fixture
def frame(hours) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(8760.0), "b": 1.5}, index=hours)


def test_csv_and_parquet_come_back_as_written(tmp_path, hours, frame):
    frame.to_csv(tmp_path / "own.csv")
    frame.to_parquet(tmp_path / "own.parquet")
    frame.reset_index().to_parquet(tmp_path / "flat.parquet")
    for name in ("own.csv", "own.parquet", "flat.parquet"):
        read = read_series(tmp_path / name, hours)
        pd.testing.assert_frame_equal(read, frame, check_names=False, check_freq=False)


def test_labels_without_zone_are_local_and_those_with_one_are_converted(hours, frame):
    for index in (hours.tz_localize(None), hours.tz_convert("UTC"), hours.tz_localize(None).astype(str)):
        assert read_series(frame.set_axis(index), hours)["a"].to_numpy()[-1] == 8759.0


def test_order_does_not_matter(hours, frame):
    assert read_series(frame.iloc[::-1], hours)["a"].iloc[5] == 5.0


def test_every_fault_is_named_at_once(hours, frame):
    bad = frame.astype(object)
    bad.iloc[3, 0], bad.iloc[4, 0], bad.iloc[9, 1] = "much", -2.0, np.nan
    labels = hours.to_list()
    labels[20] = labels[19]
    labels[30] = pd.Timestamp("2026-03-01", tz="Asia/Seoul")
    with pytest.raises(InputError) as caught:
        read_series(bad.set_axis(pd.DatetimeIndex(labels)), hours)
    codes = [issue.code for issue in caught.value.issues]
    assert sorted(codes) == ["E-DUP", "E-GAP", "E-HOURS", "E-NUMBER", "E-NUMBER", "E-RANGE"]
    assert "2 of 8,760 hours are missing" in str(caught.value)


def test_ends_of_hours_are_recognised(hours, frame):
    with pytest.raises(InputError, match="ends of hours"):
        read_series(frame.set_axis(hours + pd.Timedelta(hours=1)), hours)


def test_another_year_is_recognised(hours, frame):
    with pytest.raises(InputError, match="another year"):
        read_series(frame.set_axis(hours - pd.Timedelta(days=365)), hours)


def test_labels_that_cannot_be_told_are_named(hours, frame):
    labels = hours.tz_localize(None).astype(str).to_list()
    labels[7] = "noon"
    labels[8] += "+09:00"
    with pytest.raises(InputError, match="noon") as caught:
        read_series(frame.set_axis(labels), hours)
    assert caught.value.issues[0].code == "E-TIME"


def test_a_file_that_is_none_is_refused(tmp_path, hours):
    (tmp_path / "own.txt").write_text("x")
    with pytest.raises(FileFormatError, match="no such file"):
        read_series(tmp_path / "none.csv", hours)
    with pytest.raises(FileFormatError, match=r"neither \.csv nor \.parquet"):
        read_series(tmp_path / "own.txt", hours)
