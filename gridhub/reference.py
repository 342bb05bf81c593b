"""Networks and documents known by name: those of the regions that come with gridhub, and pandapower's.

They are data in ``networks/``: in the wheel that folder is ``gridhub/_networks``.
"""

from __future__ import annotations

import csv
import difflib
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gridhub.errors import GridhubError, InputError, Issue, OptionError, name_ids
from gridhub.model.files import HEADER, read_network
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gridhub.model.plan import Plan

PANDAPOWER = "pandapower:"
"""Prefix of the networks that pandapower ships."""

STANDARDS = "standards"
"""Folder of the criteria that belong to no region, beside the regions."""

RATINGS = ("seasonal",)
"""What ratings a network can be loaded with, other than those of its tables."""

COLUMNS = ("name", "buses", "branches", "vintage", "licence")
"""Columns of `list_networks`."""


def find_networks_folder() -> Path:
    """Find the folder of the regions: in the installed package, else in the checkout.

    Returns
    -------
    Path

    Raises
    ------
    GridhubError
        If the installation lacks its data.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_networks", package.parent / "networks"):
        if folder.is_dir():
            return folder
    raise GridhubError(f"the networks that come with gridhub are not in {package}: install it again")


@cache
def _find_folders() -> dict[str, Path]:
    """Name of each network of a region -> its folder."""
    folders: dict[str, Path] = {}
    for path in sorted(find_networks_folder().glob(f"*/*/{HEADER}")):
        folders[str(_read_header(path.parent)["name"])] = path.parent
    return folders


def _read_header(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / HEADER).read_text(encoding="utf-8"))


def _count_rows(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", newline="") as lines:
        return sum(1 for row in csv.reader(lines) if row) - 1


def _describe(name: str, folder: Path) -> tuple[str, int, int, str, str]:
    header = _read_header(folder)
    branches = sum(_count_rows(folder / "tables" / f"{table}.csv") for table in BRANCH_TABLES)
    buses = _count_rows(folder / "tables" / "bus.csv")
    return name, buses, branches, str(header.get("vintage", "")), str(header.get("licence", ""))


@cache
def _read_pandapower_list() -> tuple[tuple[str, int, int, str, str], ...]:
    """Facts of pandapower's networks, kept as data: listing them must not import pandapower."""
    path = find_networks_folder() / "pandapower.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(
            (row["name"], int(row["buses"]), int(row["branches"]), row["vintage"], row["licence"])
            for row in csv.DictReader(lines)
        )


def list_networks() -> pd.DataFrame:
    """List the networks that `load_network` knows by name.

    Returns
    -------
    DataFrame
        Columns name, buses, branches, vintage (date it stands for, empty if not known), licence. Networks of
        regions first. The counts of pandapower's networks are those of the converted network.

    Examples
    --------
    >>> list_networks().set_index("name").loc["pandapower:case118", "buses"]
    np.int64(118)
    """
    rows = [_describe(name, folder) for name, folder in _find_folders().items()]
    rows += [(f"{PANDAPOWER}{row[0]}", *row[1:]) for row in _read_pandapower_list()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _suggest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [other for other in names if name and other not in near and name.lower() in other.lower()]
    return f"near it: {name_ids(near)}" if near else f"there are {name_ids(names, 10)}"


def load_network(name: str | Path, year: int | None = None, ratings: str | None = None) -> Network:
    """Load a network by its name, or from its folder.

    Parameters
    ----------
    name : str or Path
        A name of `list_networks` ("korea-2025-backbone", "pandapower:case118"), or the path of a network
        folder.
    year : int, optional
        Apply the plans up to the end of that year; what was applied, and why the rest was not, stands in
        the table ``project`` of the result.
    ratings : {"seasonal"}, optional
        Give every snapshot the ratings of its season (`gridhub.model.ratings.apply_seasonal_ratings`); None:
        the same all year, as in the tables.

    Returns
    -------
    Network

    Raises
    ------
    KeyError
        If there is no such network; the message names those nearest.
    OptionError
        If the network has no plans to `year`, or no seasonal ratings: neither is ever ignored. The message
        lists the years there are.
    SchemaError
        If the network is not valid.

    Examples
    --------
    >>> load_network("pandapower:case9").bus.shape[0]
    9
    """
    net, folder = _load(name)
    return bring_to(net, folder, year, ratings)


def bring_to(net: Network, folder: Path | None, year: int | None, ratings: str | None) -> Network:
    """Apply what a network is asked to be: its plans to a year, then the ratings of the season.

    Parameters
    ----------
    net : Network
    folder : Path, optional
        Its folder; None for a network without one.
    year, ratings
        As in `load_network`.

    Returns
    -------
    Network

    Raises
    ------
    OptionError
        As `load_network`.
    """
    if ratings not in (None, *RATINGS):
        raise OptionError(f"ratings are {' or '.join(map(repr, RATINGS))}, or left out; not {ratings!r}")
    if year is not None:
        net = bring_to_year(net, folder, year)
    if ratings is not None:
        from gridhub.model.ratings import apply_seasonal_ratings

        net = apply_seasonal_ratings(net)
    return net


def bring_to_year(net: Network, folder: Path | None, year: int) -> Network:
    """Apply the plans that lie beside a network.

    Parameters
    ----------
    net : Network
    folder : Path, optional
        Its folder; None for a network without one.
    year : int
        Plans are applied up to the end of it.

    Returns
    -------
    Network
        See `gridhub.model.plan.apply_plan`.

    Raises
    ------
    OptionError
        If there are no plans, or none to that year.
    InputError
        If the plans are not valid.
    """
    from gridhub.model.plan import apply_plan

    plan = _read_plan(net, folder)
    if plan is None:
        stands = f"it stands for {net.vintage}" if net.vintage else "it has no date"
        raise OptionError(
            f"network {net.name!r} has no plans to bring it to {year}: {stands}; leave year out"
        )
    return apply_plan(net, plan, year)


def load_plan(name: str | Path) -> tuple[Network, Plan | None]:
    """Load a network as it stands, and the plans beside it.

    Parameters
    ----------
    name : str or Path
        As for `load_network`.

    Returns
    -------
    Network
    Plan or None
        None if there are none.

    Raises
    ------
    KeyError, SchemaError
        As for `load_network`.
    InputError
        If the plans are not valid.
    """
    net, folder = _load(name)
    return net, _read_plan(net, folder)


def _read_plan(net: Network, folder: Path | None) -> Plan | None:
    from gridhub.model.plan_files import read_plan

    return read_plan(folder, net) if folder is not None else None


def _load(name: str | Path) -> tuple[Network, Path | None]:
    """Load a network as it stands, and name its folder."""
    text = str(name)
    if text in _find_folders():
        folder = _find_folders()[text]
        return read_network(folder), folder
    if text.startswith(PANDAPOWER):
        known = [row[0] for row in _read_pandapower_list()]
        short = text.removeprefix(PANDAPOWER)
        if short in known:
            from gridhub.interop.pandapower import load_pandapower_network

            return load_pandapower_network(short), None
        raise KeyError(f"no network {text!r}; {_suggest(text, [PANDAPOWER + other for other in known])}")
    if (Path(name) / HEADER).is_file():
        return read_network(name), Path(name)
    known = list_networks()["name"].tolist()
    raise KeyError(f"no network {text!r}, and no folder with a {HEADER}; {_suggest(text, known)}")


def find_region_document(region: str, document: str) -> str:
    """Read a document of a region.

    Parameters
    ----------
    region : str
        Folder name of the region ("korea").
    document : str
        ``criteria``, ``costs``, ``connection_rules`` or ``interfaces``.

    Returns
    -------
    str
        TOML text.

    Raises
    ------
    KeyError
        If there is no such region or document; the message names those there are.

    Examples
    --------
    >>> 'name = "korea"' in find_region_document("korea", "criteria")
    True
    """
    folder = find_networks_folder()
    # looked up among what is there, never joined to a path: a name cannot lead out of the folder
    regions = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    if region not in regions:
        raise KeyError(f"no region {region!r}; {_suggest(region, regions)}")
    documents = {path.stem: path for path in sorted(regions[region].glob("*.toml"))}
    if document not in documents:
        raise KeyError(f"region {region!r} has no document {document!r}; {_suggest(document, documents)}")
    return documents[document].read_text(encoding="utf-8")


def find_criteria_text(name: str) -> str:
    """Read planning criteria by name or path.

    Parameters
    ----------
    name : str
        A region ("korea"), a standard of ``networks/standards`` ("nerc-tpl", "sqss"), or the path of a file
        that ends in ``.toml``.

    Returns
    -------
    str
        TOML text.

    Raises
    ------
    KeyError
        If there is no region or standard of that name; the message names those there are.
    InputError
        If the file cannot be read.

    Examples
    --------
    >>> 'name = "sqss"' in find_criteria_text("sqss")
    True
    """
    if name.endswith(".toml"):
        try:
            return Path(name).read_bytes().decode("utf-8-sig")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            text = f"cannot be read: {why}"
            raise InputError(
                [Issue("error", "E-FILE", "criteria", "", "", name, text)], "criteria"
            ) from error
    standards = {path.stem: path for path in sorted((find_networks_folder() / STANDARDS).glob("*.toml"))}
    if name in standards:
        return standards[name].read_text(encoding="utf-8")
    regions = sorted(path.parent.name for path in find_networks_folder().glob("*/criteria.toml"))
    if name not in regions:
        known = [*standards, *regions]
        raise KeyError(f"no region or standard {name!r} has criteria; {_suggest(name, known)}")
    return find_region_document(name, "criteria")


def read_region_table(network: str, table: str) -> pd.DataFrame:
    """Read a table that comes with the region of a network.

    Parameters
    ----------
    network : str
        Name of a network of a region ("korea-2025"), also with its plans to a year ("korea-2025@2030").
    table : str
        ``sites`` (candidate sites of a hub) or ``landing_points``, as named under ``[files]`` of region.toml.

    Returns
    -------
    DataFrame
        Its first column is the index.

    Raises
    ------
    KeyError
        If the network belongs to no region, or the region has no such table.

    Examples
    --------
    >>> "solaseado" in read_region_table("korea-2025", "sites").index
    True
    """
    folders = _find_folders()
    network = network.partition("@")[0]
    if network not in folders:
        raise KeyError(
            f"network {network!r} belongs to no region that comes with gridhub; {_suggest(network, folders)}"
        )
    region = folders[network].parent
    files = tomllib.loads((region / "region.toml").read_text(encoding="utf-8")).get("files", {})
    tables = {name: file for name, file in files.items() if str(file).endswith(".csv")}
    if table not in tables:
        raise KeyError(f"region {region.name!r} has no table {table!r}; {_suggest(table, tables)}")
    return pd.read_csv(region / tables[table], index_col=0)
