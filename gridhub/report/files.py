"""Files of a result folder: CSV, Parquet, GeoJSON, each written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gridhub.errors import OutputError, name_ids
from gridhub.report.page import MapLayers
from gridhub.report.text import encode_json

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype)


def _flatten(value: object) -> object:
    """Turn a cell of an object column into text, numbers or nothing."""
    if isinstance(value, tuple | list | set | frozenset | np.ndarray):
        return "; ".join(str(part) for part in value)
    if value is None or isinstance(value, str | bool | int | float | np.generic):
        return value
    return str(value)


def _guard(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would take for a formula (CWE-1236)."""
    flat = _flatten(value)
    return f"'{flat}" if isinstance(flat, str) and flat.startswith(_FORMULA) else flat


def encode_csv(frame: pd.DataFrame) -> bytes:
    r"""Encode a table as CSV (RFC 4180): UTF-8, header, index first, missing values empty.

    Parameters
    ----------
    frame : DataFrame
        Any table. Text that begins with ``= + - @``, TAB, CR or NUL gets an apostrophe before it, in cells,
        index and headings; numbers are left alone.

    Returns
    -------
    bytes

    Examples
    --------
    >>> frame = pd.DataFrame({"name": ["=1+1"], "p_mw": [-2.0]}, index=pd.Index(["a"], name="id"))
    >>> encode_csv(frame).decode()
    "id,name,p_mw\r\na,'=1+1,-2.0\r\n"
    """
    safe = _name_columns(frame)
    for name in safe.columns:
        if _is_text(safe[name]):
            safe[name] = safe[name].astype(object).map(_guard)
    safe.columns = pd.Index([_guard(str(name)) for name in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8", errors="backslashreplace")


def _name_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Move the index to a first column called as the index, or ``id``."""
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        return frame.reset_index(drop=True)
    if isinstance(frame.index, pd.MultiIndex):
        return frame.reset_index()
    name = "id" if frame.index.name is None else str(frame.index.name)
    while name in frame.columns:
        name += "_"
    return frame.rename_axis(index=name).reset_index()


def encode_parquet(frame: pd.DataFrame) -> bytes:
    """Encode a table as Parquet.

    Parameters
    ----------
    frame : DataFrame
        Any table. Cells that hold several values become text, joined by ``"; "``; a text column that mixes
        types becomes text.

    Returns
    -------
    bytes
    """
    named = _name_columns(frame)
    arrays = []
    for name in named.columns:
        values = named[name].map(_flatten) if _is_text(named[name]) else named[name]
        if _is_text(values):
            values = values.map(lambda value: None if pd.isna(value) else str(value)).astype(object)
            arrays.append(pa.array(values.tolist(), type=pa.string()))
        else:
            arrays.append(pa.Array.from_pandas(values))
    table = pa.table(arrays, names=[str(name) for name in named.columns])
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def encode_geojson(layers: MapLayers) -> bytes:
    """Encode the map as GeoJSON (RFC 7946: longitude first, WGS 84).

    Parameters
    ----------
    layers : MapLayers
        What the page's map draws.

    Returns
    -------
    bytes
        Buses and hub parts as points, branches as lines with the loading of every state; what has no
        coordinates has a null geometry, so that nothing is dropped.
    """
    places = {
        str(bus): [float(lon), float(lat)]
        for bus, lon, lat in zip(layers.buses.index, layers.buses["lon"], layers.buses["lat"], strict=True)
        if np.isfinite(lon) and np.isfinite(lat)
    }
    features = [
        _feature("bus", str(bus), _point(places.get(str(bus))), row) for bus, row in layers.buses.iterrows()
    ]
    for branch, row in layers.branches.iterrows():
        ends = [places.get(str(row["from_bus"])), places.get(str(row["to_bus"]))]
        line = {"type": "LineString", "coordinates": ends} if None not in ends else None
        feature = _feature("branch", str(branch), line, row)
        feature["properties"]["loading_percent"] = {
            " ".join(filter(None, (state.snapshot, state.variant))): _plain(
                state.branch["loading_percent"].get(branch, np.nan)
            )
            for state in layers.states
        }
        features.append(feature)
    for part, row in layers.hub.iterrows():
        features.append(_feature("hub", str(part), _point([float(row["lon"]), float(row["lat"])]), row))
    collection = {"type": "FeatureCollection", "attribution": layers.attribution, "features": features}
    return encode_json(collection).encode("utf-8", errors="backslashreplace")


def _point(place: list[float] | None) -> dict[str, object] | None:
    if place is None or not np.isfinite(place).all():
        return None
    return {"type": "Point", "coordinates": place}


def _feature(layer: str, key: str, geometry: object, row: pd.Series) -> dict[str, dict[str, object]]:
    properties = {"layer": layer, **{str(name): _plain(value) for name, value in row.items()}}
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": properties}  # type: ignore[dict-item]


def _plain(value: object) -> object:
    """Turn a cell into what JSON holds: not finite is null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | bool | int | float) or value is None else str(value)


def write_files(folder: Path, contents: Mapping[str, bytes], force: bool = False) -> None:
    """Write files below one folder, each through a temporary file and a rename.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    contents : mapping
        Relative path, with ``/`` -> bytes.
    force : bool
        Replace what is there. Without it nothing is written if one of the files exists.

    Raises
    ------
    OutputError
        If a file exists and `force` is False, a path leaves the folder, or the system refuses (disk full, no
        permission). Files that were there keep their content.
    """
    targets = {_confine(folder, name): data for name, data in contents.items()}
    existing = [str(path.relative_to(folder)) for path in targets if path.exists()]
    if existing and not force:
        raise OutputError(
            f"{folder} already holds {name_ids(existing)}; nothing was written. "
            "Choose another folder, or overwrite with force=True (--force)"
        )
    for path, data in targets.items():
        _replace(path, data)


def _confine(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\0" in name:
        raise OutputError(f"{name!r} is not a path inside the result folder")
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise OutputError(
                f"{path} is a link: results are not written through links. Remove it or choose another folder"
            )
    return path


def _replace(path: Path, data: bytes) -> None:
    """Write to a temporary file beside the target, flush it to disk, rename it over the target."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        hint = f"; {len(data):,} bytes are needed" if error.errno == errno.ENOSPC else ""
        raise OutputError(f"cannot write {path}: {error.strerror or error}{hint}") from error
