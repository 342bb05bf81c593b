"""Write results as a folder: tables, map and one page."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from gridhub.errors import GridhubError
from gridhub.model.network import Network
from gridhub.report.files import encode_csv, encode_geojson, encode_parquet, write_files
from gridhub.report.html import render_page
from gridhub.report.makers import build_page
from gridhub.report.page import Block, Page, TableBlock
from gridhub.report.picture import render_picture
from gridhub.report.text import slug

REPORT_FILE = "report.html"
MAP_FILE = "map.geojson"
PICTURE_FILE = "map.svg"


def write_report(
    folder: Path | str,
    *results: object,
    force: bool = False,
    title: str = "",
    subtitle: str = "",
    provenance: Mapping[str, str] | None = None,
) -> Path:
    """Write results as a folder: ``report.html``, ``map.geojson``, ``map.svg`` and the tables (CSV, Parquet).

    Parameters
    ----------
    folder : path-like
        Where to; made if it is not there.
    *results : object
        One or more results of the kinds in `gridhub.report.makers.PAGES`, pages, or networks. A network among
        them gives names and a map to results that do not carry one. The first result gives the title and the
        verdict; the others add their sections.
    force : bool
        Replace the files of an earlier report.
    title, subtitle : str
        Heading of the page, where the results' own is not wanted.
    provenance : mapping, optional
        What else the page says about how it was made: versions, hashes, options, timings.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    GridhubError
        If there is no result, or one that no page can be made of.
    OutputError
        If a file is there already and `force` is False, or cannot be written. What was there stays.

    Examples
    --------
    >>> import tempfile
    >>> page = Page(title="Nothing yet")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(folder, page).name
    'report.html'
    """
    page = join_pages(build_pages(*results))
    page = replace(
        page,
        title=title or page.title,
        subtitle=subtitle or page.subtitle,
        provenance={**page.provenance, **(provenance or {})},
    )
    target = Path(folder)
    write_files(target, build_files(page), force)
    return target / REPORT_FILE


def build_files(page: Page) -> dict[str, bytes]:
    """Render everything a report consists of, before anything is written.

    Parameters
    ----------
    page : Page
        What it says.

    Returns
    -------
    dict
        Relative path -> bytes. The same page gives the same bytes.
    """
    page = replace(page, provenance={**list_software(), **page.provenance})
    contents: dict[str, bytes] = {}
    for block in page.tables:
        name = slug(block.file)
        contents[f"tables/{name}.csv"] = encode_csv(block.frame)
        contents[f"tables/{name}.parquet"] = encode_parquet(block.frame)
    if page.layers is not None:
        contents[MAP_FILE] = encode_geojson(page.layers)
        contents[PICTURE_FILE] = render_picture(page.layers).encode("utf-8")
    contents[REPORT_FILE] = render_page(page).encode("utf-8", errors="backslashreplace")
    return contents


def list_software() -> Mapping[str, str]:
    """Name the versions a page was made with."""
    packages = ("gridhub", "numpy", "scipy", "pandas", "bokeh")
    return {
        "Software": ", ".join(
            [f"{name} {version(name)}" for name in packages] + [f"Python {platform.python_version()}"]
        )
    }


def build_pages(*results: object) -> list[Page]:
    """Turn each result into a page.

    Parameters
    ----------
    *results : object
        As for `write_report`.

    Returns
    -------
    list of Page

    Raises
    ------
    GridhubError
        If there is no result, or one that no page can be made of.
    """
    networks = [result for result in results if isinstance(result, Network)]
    net = networks[-1] if networks else None
    pages = [build_page(result, net) for result in results if not isinstance(result, Network)]
    if not pages:
        raise GridhubError(
            "a report needs a result: a hub study, a security analysis, a power flow or another one"
        )
    return pages


def _rename_file(block: Block, files: set[str], number: int) -> Block:
    if not isinstance(block, TableBlock) or not block.file:
        return block
    name = f"{block.file}_{number}" if block.file in files else block.file
    files.add(name)
    return replace(block, file=name)


def join_pages(pages: list[Page]) -> Page:
    """Put several pages into one: the first gives title, verdict and figures, all give their sections.

    Parameters
    ----------
    pages : list of Page
        At least one.

    Returns
    -------
    Page
        A section of a later page carries its page's title where two would be called the same; a table file
        gets a number.
    """
    first = pages[0]
    if len(pages) == 1:
        return first
    titles: set[str] = set()
    files: set[str] = set()
    sections = []
    for position, page in enumerate(pages):
        for section in page.sections:
            title = section.title if section.title not in titles else f"{section.title} ({page.title})"
            title = title if title not in titles else f"{title} {position + 1}"
            titles.add(title)
            blocks = tuple(_rename_file(block, files, position + 1) for block in section.blocks)
            sections.append(replace(section, title=title, blocks=blocks))
    return replace(
        first,
        sections=tuple(sections),
        assumptions=tuple(dict.fromkeys(item for page in pages for item in page.assumptions)),
        not_assessed=tuple(dict.fromkeys(item for page in pages for item in page.not_assessed)),
        licences=tuple(dict.fromkeys(item for page in pages for item in page.licences)),
        provenance={key: value for page in reversed(pages) for key, value in page.provenance.items()},
    )
