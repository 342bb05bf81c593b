"""The page as data: what a report says, before anything is turned into HTML.

Adapters fill these values from results (`gridhub.report.results`); `gridhub.report.html` renders them.
Every text is plain text: escaping is the renderer's job, so a name may hold any character.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Tone = Literal["good", "bad", "warning", "unknown", "plain"]
"""How a statement reads: always said in words too, never by colour alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one honest sentence.

    Attributes
    ----------
    word : str
        The short form: ``"Not as it stands"``.
    sentence : str
        What holds, what does not, and on what it rests.
    tone : {"good", "bad", "warning", "unknown", "plain"}
        How it reads.
    """

    word: str
    sentence: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One figure of the row of figures under the verdict.

    Attributes
    ----------
    label, unit, note : str
        What it is, its unit, and a few words below it.
    value : float or str
        A number is formatted by its unit; a text is shown as it is.
    tone : {"good", "bad", "warning", "unknown", "plain"}
        How it reads.
    """

    label: str
    value: float | str
    unit: str = ""
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table of the page; the whole of it is also written as CSV and Parquet.

    Attributes
    ----------
    frame : DataFrame
        The rows, in the order in which they are shown. The index is the first column if it has a name.
    caption : str
        Heading of the table.
    file : str
        Name of its files without ending; empty if it is only shown.
    labels : mapping
        Column -> heading. Default: the column's name without its unit, underscores as spaces.
    units : mapping
        Column -> unit, where the column's name does not end in it.
    note : str
        A line below the table.
    show : sequence of str
        Columns shown; empty: all. The files always hold all.
    limit : int
        Rows shown; the note says how many more the file holds.
    bar : str
        A percentage column drawn as a bar against 100 %; empty if none.
    empty : str
        What an empty table says.
    """

    frame: pd.DataFrame
    caption: str
    file: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    show: Sequence[str] = ()
    limit: int = 40
    bar: str = ""
    empty: str = "None."


@dataclass(frozen=True, slots=True)
class RangeRow:
    """One row of a range chart.

    Attributes
    ----------
    label : str
        What the row is about.
    marks : mapping
        Series -> value, in the unit of the chart; NaN is "not known".
    low, high : float or None
        Ends of the allowed (or uncertain) range, None where open.
    note : str
        A few words after the label.
    """

    label: str
    marks: Mapping[str, float]
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RangeChart:
    """Values against ranges, one row each: voltages in their band, flows against limits, costs low to high.

    Attributes
    ----------
    title, unit : str
        Heading and unit of every value.
    rows : sequence of RangeRow
        The rows, in order.
    band : str
        What the band from low to high is: ``"allowed range"``, ``"low to high estimate"``.
    limit : float or None
        One limit common to all rows, drawn as a line.
    start_at_zero : bool
        Whether the axis begins at zero.
    log : bool
        Whether the axis is logarithmic; every value is positive then.
    note : str
        A line below the chart.
    """

    title: str
    unit: str
    rows: Sequence[RangeRow]
    band: str = ""
    limit: float | None = None
    start_at_zero: bool = False
    log: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class CurveChart:
    """Curves over one axis, such as branch loading sorted from the largest down.

    Attributes
    ----------
    title, x_label, y_label : str
        Heading and axes, units included.
    curves : mapping
        Series -> (x values, y values).
    limit : float or None
        A horizontal limit.
    note : str
        A line below the chart.
    bands : mapping
        Series -> (x values, lower values, upper values), filled behind the curves.
    whole_steps : bool
        Whether the x axis is marked at whole numbers without separators, as years are.
    start_at_zero : bool
        Whether the y axis begins at zero; otherwise it spans the curves.
    """

    title: str
    x_label: str
    y_label: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    limit: float | None = None
    note: str = ""
    bands: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]] = field(
        default_factory=dict
    )
    whole_steps: bool = False
    start_at_zero: bool = True


@dataclass(frozen=True, slots=True)
class HeatChart:
    """A value by row and column, darker where it is larger.

    Attributes
    ----------
    title : str
        Heading.
    x_label, y_label : str
        What columns and rows are.
    columns, rows : sequence of str
        Their names, from the left and from the top.
    values : sequence of sequence of float
        Row by row; not finite = unknown, left empty.
    unit : str
        Of the values.
    note : str
        What a reader should know.
    """

    title: str
    x_label: str
    y_label: str
    columns: Sequence[str]
    rows: Sequence[str]
    values: Sequence[Sequence[float]]
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class MapState:
    """What the map shows for one snapshot, before or after.

    Attributes
    ----------
    snapshot : str
        Name of the snapshot, for the selector.
    variant : str
        ``"before"``, ``"after"`` or another state of the grid; empty if there is only one.
    branch : DataFrame
        Index branch or HVDC id; columns loading_percent (NaN: unrated), p_mw.
    bus : DataFrame
        Index bus id; column vm_pu. May be empty.
    """

    snapshot: str
    variant: str
    branch: pd.DataFrame
    bus: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, slots=True)
class VoltageScale:
    """How a map colours its places by voltage, instead of its lines by loading.

    Attributes
    ----------
    low, high : float
        Voltages [p.u.] between which five steps lie, the darkest the lowest.
    below : str
        What a voltage below `low` means; it has a colour of its own.
    """

    low: float
    high: float
    below: str


@dataclass(frozen=True, slots=True)
class MapLayers:
    """Everything the map draws.

    Attributes
    ----------
    buses : DataFrame
        Index bus id; columns label, vn_kv [kV], lat, lon [degree]. Buses without coordinates are counted, not
        drawn.
    branches : DataFrame
        Index id; columns label, kind (line | transformer | series | feeder | hvdc), from_bus, to_bus,
        vn_kv [kV], rate_mva [MVA], assumed (bool), in_service (bool).
    states : sequence of MapState
        At least one; the last of the first snapshot is shown first.
    outages : DataFrame
        One row per violation: contingency, contingency_label, element, element_label, kind, value, unit and
        outaged (tuple of ids). Worst first. May be empty.
    hub : DataFrame
        Parts of the hub: label, kind, bus, lat, lon, p_mw, feeders. May be empty.
    outline : sequence of rings
        Coast: each ring a sequence of (lon, lat) [degree].
    attribution : str
        Line below the map.
    voltages : VoltageScale or None
        Colours places by their lowest voltage; None: lines are coloured by their loading.
    """

    buses: pd.DataFrame
    branches: pd.DataFrame
    states: Sequence[MapState]
    outages: pd.DataFrame = field(default_factory=pd.DataFrame)
    hub: pd.DataFrame = field(default_factory=pd.DataFrame)
    outline: Sequence[Sequence[tuple[float, float]]] = ()
    attribution: str = ""
    voltages: VoltageScale | None = None


@dataclass(frozen=True, slots=True)
class PlaceMap:
    """A map of places, coloured by a figure in steps, over the thin lines of the grid.

    Attributes
    ----------
    title, unit : str
        What the figure is.
    places : DataFrame
        label, lat, lon [degree], value (NaN: not known), facts (lines of text), vn_kv [kV] (larger dots).
    marks : DataFrame
        Places with a star: label (drawn beside it), lat, lon, facts. May be empty.
    lines : DataFrame
        lat_from, lon_from, lat_to, lon_to [degree]. May be empty.
    outline, attribution
        As of `MapLayers`.
    """

    title: str
    unit: str
    places: pd.DataFrame
    marks: pd.DataFrame = field(default_factory=pd.DataFrame)
    lines: pd.DataFrame = field(default_factory=pd.DataFrame)
    outline: Sequence[Sequence[tuple[float, float]]] = ()
    attribution: str = ""


Block = TableBlock | RangeChart | CurveChart | HeatChart | MapLayers | PlaceMap


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under one heading.

    Attributes
    ----------
    title : str
        Heading, unique on the page.
    text : sequence of str
        Paragraphs of plain text.
    blocks : sequence of TableBlock, RangeChart, CurveChart, HeatChart, MapLayers or PlaceMap
        What follows the text, in order.
    """

    title: str
    text: Sequence[str] = ()
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Assumption:
    """One value the result rests on.

    Attributes
    ----------
    what, value, unit : str
        The assumption.
    source : str
        Where it comes from; ``"assumed"`` if from nowhere.
    as_of : str
        Date it stands for.
    confidence : str
        ``H``, ``M``, ``L`` or ``assumed``.
    """

    what: str
    value: str
    unit: str = ""
    source: str = "assumed"
    as_of: str = ""
    confidence: str = "assumed"


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """Something the study does not answer.

    Attributes
    ----------
    what, why : str
        The question, and why it is open.
    """

    what: str
    why: str


SEASONAL_RATINGS = NotAssessed(
    "Seasonal ratings", "one rating per circuit; its A, B and C values are equal unless stated"
)
"""Gap of a network whose states do not have the ratings of their season."""

NOT_ASSESSED: tuple[NotAssessed, ...] = (
    NotAssessed("Rotor-angle and small-signal stability", "needs dynamic models of machines and controls"),
    NotAssessed("Forced oscillation by training load", "needs a measured load profile and dynamic models"),
    NotAssessed(
        "Harmonics and flicker", "needs the converters' spectra and the network's frequency response"
    ),
    NotAssessed("Protection", "needs relay settings and zones"),
    NotAssessed("Fault level", "needs sub-transient impedances and earthing"),
    NotAssessed(
        "Planned-maintenance N-1", "outages are taken from the complete grid, not from one under maintenance"
    ),
    SEASONAL_RATINGS,
    NotAssessed("Land, permits and bays", "space at substations, routes and consents are not in public data"),
)
"""What no study of this kind assesses; a study adds what rests on its own missing data."""


@dataclass(frozen=True, slots=True)
class Page:
    """One report.

    Attributes
    ----------
    title, subtitle : str
        Heading of the page and the line below it.
    verdict : Verdict or None
        The answer, first thing on the page.
    key_numbers : sequence of KeyNumber
        The row of figures below it; four to eight read well.
    sections : sequence of Section
        The body, in order.
    assumptions : sequence of Assumption
        What the result rests on.
    not_assessed : sequence of NotAssessed
        What the study does not answer.
    licences : sequence of str
        Data licences and attributions.
    provenance : mapping
        Versions, hashes, options, timings.
    language : str
        Language tag of the page.
    """

    title: str
    subtitle: str = ""
    verdict: Verdict | None = None
    key_numbers: Sequence[KeyNumber] = ()
    sections: Sequence[Section] = ()
    assumptions: Sequence[Assumption] = ()
    not_assessed: Sequence[NotAssessed] = NOT_ASSESSED
    licences: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"

    @property
    def tables(self) -> tuple[TableBlock, ...]:
        """Tables that are written as files, in the order of the page."""
        blocks = [block for section in self.sections for block in section.blocks]
        return tuple(block for block in blocks if isinstance(block, TableBlock) and block.file)

    @property
    def layers(self) -> MapLayers | None:
        """The first map of the page."""
        blocks = [block for section in self.sections for block in section.blocks]
        return next((block for block in blocks if isinstance(block, MapLayers)), None)
