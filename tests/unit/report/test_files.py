"""Result files: formula injection, round trips, refusals, full disks."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gridhub.errors import OutputError
from gridhub.report.files import encode_csv, encode_geojson, encode_parquet, write_files
from tests.unit.report.sample_page import FORMULAE, HOSTILE, build_layers


def read_csv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


@pytest.mark.parametrize("text", FORMULAE)
def test_text_that_looks_like_a_formula_is_disarmed(text: str):
    frame = pd.DataFrame({text: [text]}, index=pd.Index([text], name="id"))
    header, row = read_csv_rows(encode_csv(frame))
    assert header == ["id", f"'{text}"]
    assert row == [f"'{text}", f"'{text}"]


def test_numbers_keep_their_sign():
    frame = pd.DataFrame(
        {"p_mw": [-2.0, 1.5, np.nan], "count": [-1, 2, 3]}, index=pd.Index(list("abc"), name="id")
    )
    assert read_csv_rows(encode_csv(frame))[1:] == [["a", "-2.0", "-1"], ["b", "1.5", "2"], ["c", "", "3"]]


def test_csv_keeps_hangul_and_hostile_names():
    frame = pd.DataFrame({"name": list(HOSTILE)})
    assert [row[0] for row in read_csv_rows(encode_csv(frame))[1:]] == list(HOSTILE)


def test_parquet_reads_back():
    frame = pd.DataFrame(
        {
            "name": list(FORMULAE),
            "p_mw": np.arange(6.0),
            "on": [True] * 6,
            "elements": [("a", "b")] * 6,
            "mixed": [1, "a", None] * 2,
        },
        index=pd.Index([f"r{i}" for i in range(6)], name="id"),
    )
    table = pq.read_table(io.BytesIO(encode_parquet(frame))).to_pandas()
    assert table["name"].tolist() == list(FORMULAE)
    assert table["p_mw"].tolist() == frame["p_mw"].tolist()
    assert table["elements"].unique().tolist() == ["a; b"]
    assert table["mixed"].tolist() == ["1", "a", None] * 2
    assert table["id"].tolist() == frame.index.tolist()


def test_same_table_same_bytes():
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["x", "y"], name="id"))
    assert encode_parquet(frame) == encode_parquet(frame.copy())
    assert encode_csv(frame) == encode_csv(frame.copy())


def test_geojson_is_longitude_first_and_drops_nothing():
    layers = build_layers()
    content = json.loads(encode_geojson(layers))
    features = content["features"]
    assert len(features) == len(layers.buses) + len(layers.branches) + len(layers.hub)
    point = next(feature for feature in features if feature["id"] == "b0")
    assert point["geometry"]["coordinates"] == [layers.buses.at["b0", "lon"], layers.buses.at["b0", "lat"]]
    assert point["properties"]["label"] == HOSTILE[0]
    assert next(feature for feature in features if feature["id"] == "lost")["geometry"] is None
    line = next(feature for feature in features if feature["id"] == "l1-2")
    assert line["properties"]["loading_percent"]["summer_peak before"] is None


def test_refuses_to_overwrite_without_force(tmp_path: Path):
    write_files(tmp_path, {"a.txt": b"one"})
    with pytest.raises(OutputError, match=r"already holds a\.txt"):
        write_files(tmp_path, {"new.txt": b"x", "a.txt": b"two"})
    assert (tmp_path / "a.txt").read_bytes() == b"one"
    assert not (tmp_path / "new.txt").exists()
    write_files(tmp_path, {"a.txt": b"two"}, force=True)
    assert (tmp_path / "a.txt").read_bytes() == b"two"


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "tables/../../out.txt", "", "a\0b"])
def test_refuses_to_leave_the_folder(tmp_path: Path, name: str):
    with pytest.raises(OutputError, match="not a path inside"):
        write_files(tmp_path / "run", {name: b"x"})
    assert not list(tmp_path.iterdir())


def test_refuses_to_write_through_a_link(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "run"
    run.mkdir()
    (run / "tables").symlink_to(outside)
    with pytest.raises(OutputError, match="is a link"):
        write_files(run, {"tables/a.csv": b"x"}, force=True)
    assert not list(outside.iterdir())


def test_full_disk_keeps_what_was_there_and_says_how_much_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_files(tmp_path, {"a.txt": b"old"})

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match=r"No space left on device; 4,000 bytes are needed"):
        write_files(tmp_path, {"a.txt": b"x" * 4000}, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"


def test_target_that_is_a_file_is_an_output_error(tmp_path: Path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        write_files(tmp_path / "run", {"a.txt": b"x"})
