"""A study as a file: ``study.toml``, typed, with every fault named at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gridhub.errors import FileFormatError, InputError, Issue, OptionError, PlacementError
from gridhub.placement.hub import DataCenter, Hub, OnSiteGenerator, RenewablePlant, Storage
from gridhub.solvers.options import read_options
from gridhub.study.carbon import CarbonPart
from gridhub.study.dispatch import DispatchPart
from gridhub.study.typed import FaultList, build_from_table, list_unknown_keys

SCHEMA_VERSION = 1

T = TypeVar("T")

Setting = bool | int | float | str


@dataclass(frozen=True)
class Study:
    """One question about one hub on one network.

    Attributes
    ----------
    name : str
        Name of the study; anything, it decides no path.
    network : str
        Name of a network (`gridhub.list_networks`), or a folder or case file, relative to the study file.
    hub : Hub
        What is to be connected.
    title, question : str
        Heading of the report and what is asked.
    year : int, optional
        Year whose plans are applied to the network; None: as it stands.
    ratings : {"seasonal"}, optional
        Ratings of the season in every snapshot; None: those of the tables all year.
    snapshots : tuple of str
        Snapshots to study; empty: all of the network.
    seed : int
        Seed of everything random.
    power_flow : mapping
        Power-flow options (`gridhub.solvers.options.PowerFlowOptions`).
    carbon : CarbonPart, optional
        What is asked about the hub's carbon-free energy; None: nothing.
    dispatch : DispatchPart, optional
        Hours to dispatch with and without the hub; None: none.
    text : str
        The study as TOML: kept with the results word for word.
    """

    name: str
    network: str
    hub: Hub
    title: str = ""
    question: str = ""
    year: int | None = None
    ratings: str | None = None
    snapshots: tuple[str, ...] = ()
    seed: int = 0
    power_flow: Mapping[str, Setting] = field(default_factory=dict)
    carbon: CarbonPart | None = None
    dispatch: DispatchPart | None = None
    text: str = ""


def read_study(path: Path | str) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : path-like
        TOML with ``schema_version = 1``, ``name``, ``network``, optional ``title``, ``question``, ``year``,
        ``ratings``, ``snapshots``, ``seed``; tables ``[hub.data_center]``, ``[[hub.plants]]``,
        ``[[hub.storage]]``, ``[[hub.generators]]`` with the fields of `DataCenter`, `RenewablePlant`,
        `Storage` and `OnSiteGenerator`, years of a ramp as quoted keys; ``[power_flow]`` options; optional
        ``[carbon]`` with the fields of `CarbonPart`, ``[dispatch]`` with those of `DispatchPart`.

    Returns
    -------
    Study

    Raises
    ------
    FileFormatError
        If the file is not there, not UTF-8 or not TOML; the line is named.
    InputError
        Holding every fault: unknown keys (with what may have been meant), missing keys, wrong types, values
        out of range.
    """
    path = Path(path)
    return parse_study(read_text(path), path.name)


def parse_study(text: str, file: str, with_lines: bool = True) -> Study:
    """Read a study from TOML text.

    Parameters
    ----------
    text : str
        See `read_study`.
    file : str
        What to call it where faults are named.
    with_lines : bool
        Whether faults name the line; False where nobody has seen the text.

    Returns
    -------
    Study

    Raises
    ------
    FileFormatError, InputError
        As `read_study`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refuse(file, "E-TOML", "", f"is not TOML: {error}") from error
    faults = FaultList(file, text if with_lines else "")
    hub = _read_hub(content.get("hub"), faults)
    if type(content.get("schema_version")) is not int or content["schema_version"] != SCHEMA_VERSION:
        found = content.get("schema_version")
        faults.add("E-STUDY-VERSION", "schema_version", found, f"this gridhub reads version {SCHEMA_VERSION}")
    _check_power_flow(content.get("power_flow", {}), faults)
    carbon = None
    if "carbon" in content:
        carbon = build_from_table(CarbonPart, content["carbon"], "carbon", faults)
    dispatch = None
    if "dispatch" in content:
        dispatch = build_from_table(DispatchPart, content["dispatch"], "dispatch", faults)
    given = {"hub": hub, "carbon": carbon, "dispatch": dispatch, "text": text}
    skip = ("hub", "carbon", "dispatch", "schema_version")
    study = build_from_table(Study, content, "", faults, given, skip=skip)
    if faults.issues or study is None:
        raise InputError(faults.issues, file)
    return study


def _refuse(file: str, code: str, row: str, message: str) -> FileFormatError:
    return FileFormatError([Issue("error", code, file, row, "", "", message)], file)


def read_text(path: Path) -> str:
    """Read a file as UTF-8 text; refused with what is wrong and where."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _refuse(str(path), "E-FILE", "", f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not UTF-8, or a NUL in the path
        row = f"byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise _refuse(str(path), "E-ENC", row, "is not UTF-8; save the file as UTF-8") from error


def _check_power_flow(table: object, faults: FaultList) -> None:
    """Try each option by itself, so that every bad one is named."""
    for key, value in (table if isinstance(table, dict) else {}).items():
        try:
            read_options({key: value})
        except OptionError as error:
            faults.add("E-STUDY-OPTION", f"power_flow.{key}", value, str(error))


def _read_hub(table: object, faults: FaultList) -> Hub | None:
    """Read ``[hub]`` and its parts."""
    if not isinstance(table, dict):
        faults.add("E-STUDY-MISSING", "hub", table, "is missing; wants the table [hub.data_center] at least")
        return None
    known = ("data_center", "plants", "storage", "generators", "behind_the_meter")
    list_unknown_keys(table, known, "hub", faults)
    behind = table.get("behind_the_meter", False)
    if not isinstance(behind, bool):
        faults.add("E-STUDY-TYPE", "hub.behind_the_meter", behind, "wants true or false")
        behind = False
    center = build_from_table(DataCenter, table.get("data_center"), "hub.data_center", faults)
    plants = _read_parts(RenewablePlant, table.get("plants", []), "hub.plants", faults)
    storage = _read_parts(Storage, table.get("storage", []), "hub.storage", faults)
    generators = _read_parts(OnSiteGenerator, table.get("generators", []), "hub.generators", faults)
    if faults.issues or center is None:
        return None
    try:
        return Hub(center, plants, storage, behind_the_meter=behind, generators=generators)
    except PlacementError as error:
        faults.add("E-STUDY-VALUE", "hub", None, str(error))
        return None


def _read_parts(kind: type[T], value: object, where: str, faults: FaultList) -> list[T]:
    if not isinstance(value, list):
        faults.add("E-STUDY-TYPE", where, value, f"wants one table per part: [[{where}]]")
        return []
    parts = [build_from_table(kind, row, f"{where}[{number}]", faults) for number, row in enumerate(value)]
    return [part for part in parts if part is not None]
