"""A Bokeh figure ready to be put into a page: its JSON, its colours in light and dark, its states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gridhub.report.font import FAMILY

FONT = f'"{FAMILY}", sans-serif'

INK = ("#1b2430", "#e7ecf1")
MUTED = ("#5b6776", "#9aa7b4")
GRID = ("#e3e7eb", "#2a343e")
ACCENT = ("#0b6e69", "#4fd1c5")
ALERT = ("#c8420a", "#ff8f4a")
BEFORE = ("#8a97a5", "#7d8b99")
"""Colours as (light, dark); the same pairs stand in page.css."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure for the page.

    Attributes
    ----------
    target : str
        Id of the element it is drawn into.
    item : mapping
        What ``Bokeh.embed.embed_item`` takes.
    themed : sequence
        (model id, property, light value, dark value).
    compact : sequence
        (model id, property, value) where the figure is narrow, as on a phone.
    states : sequence of mapping
        What changes with the selector: snapshot, variant, sources (model id -> column -> values) and top
        (label, text) pairs.
    """

    target: str
    item: Mapping[str, Any]
    themed: Sequence[tuple[str, str, Any, Any]] = ()
    compact: Sequence[tuple[str, str, Any]] = ()
    states: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Palette:
    """Collects, while a figure is built, what depends on the reader's colour scheme and window."""

    entries: list[tuple[Any, str, Any, Any]] = field(default_factory=list)
    compact: list[tuple[Any, str, Any]] = field(default_factory=list)

    def paint(self, model: Any, **colours: tuple[Any, Any]) -> None:
        """Give properties of a model their light value now and remember the dark one."""
        for name, (light, dark) in colours.items():
            setattr(model, name, light)
            self.entries.append((model, name, light, dark))


def finish_drawing(
    target: str, figure: Any, palette: Palette, states: Sequence[Mapping[str, Any]] = ()
) -> Drawing:
    """Turn a finished figure into JSON with stable ids.

    Parameters
    ----------
    target : str
        Id of the element it will be drawn into.
    figure : bokeh model
        The root.
    palette : Palette
        Its colours.
    states : sequence of mapping
        As in `Drawing`, with models instead of their ids as keys of ``sources``.

    Returns
    -------
    Drawing
        The same figure gives the same JSON, however many figures the process has made before.
    """
    from bokeh.core.types import ID
    from bokeh.embed import json_item

    item = json_item(figure, ID(target))
    ids: dict[str, str] = {}
    _collect_ids(item["doc"], target, ids)
    renamed = _rename_ids(item, ids)
    return Drawing(
        target=target,
        item=renamed,
        themed=[(ids[model.id], name, light, dark) for model, name, light, dark in palette.entries],
        compact=[(ids[model.id], name, value) for model, name, value in palette.compact],
        states=[
            {**state, "sources": {ids[model.id]: data for model, data in state["sources"].items()}}
            for state in states
        ],
    )


def _collect_ids(value: object, target: str, ids: dict[str, str]) -> None:
    """Give the model ids of a document numbers, in the order in which they appear."""
    if isinstance(value, dict):
        key = value.get("id")
        if isinstance(key, str) and (len(value) == 1 or value.get("type") == "object"):
            ids.setdefault(key, f"{target}-{len(ids)}")
        for part in value.values():
            _collect_ids(part, target, ids)
    elif isinstance(value, list):
        for part in value:
            _collect_ids(part, target, ids)


def _rename_ids(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: ids[part]
            if key in ("id", "root_id") and isinstance(part, str) and part in ids
            else _rename_ids(part, ids)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_rename_ids(part, ids) for part in value]
    return value


@cache
def read_bokeh_script() -> str:
    """Read the browser part of Bokeh: the core bundle alone, no widgets, tables, WebGL or MathJax.

    Returns
    -------
    str
        JavaScript. Addresses that Bokeh would load optional parts from are taken out: what cannot be named
        cannot be fetched, whatever the page's security policy says.
    """
    from bokeh.resources import Resources

    script = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)
    script = re.sub(r"https://(cdn\.jsdelivr\.net|maps\.googleapis\.com)", "about:blank#", script)
    # an end tag inside a string would end the script element
    return re.sub(r"</(script)", r"<\\/\1", script, flags=re.IGNORECASE)
