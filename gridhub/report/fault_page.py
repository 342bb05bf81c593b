"""Faults as pages: levels against breakers, and the dips of one fault with what trips on them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.voltage.fault_levels import FaultLevels
from gridhub.analysis.voltage.voltage_dips import FaultEffect
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.layers import build_layers
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    Block,
    KeyNumber,
    MapState,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
    VoltageScale,
)

_LEVEL_ASSESSED = tuple(item for item in NOT_ASSESSED if item.what != "Fault level")
_SHORT = (
    NotAssessed("Earth faults", "need zero-sequence impedances and earthing"),
    NotAssessed("Split bus sections", "all are taken as closed: stations run split have less"),
)
BEYOND = ("above every class", "needs a larger class")
"""States of a fault level that ask for something."""


def _list_assumptions(texts: tuple[str, ...]) -> tuple[Assumption, ...]:
    return tuple(Assumption(what, value) for what, _, value in (text.partition(": ") for text in texts))


def _name_buses(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    labels = [names.find(bus, "bus") for bus in table.index]
    named = table.reset_index()
    named.insert(0, "name", pd.Series(labels, dtype=object))
    return named


def build_fault_page(levels: FaultLevels, net: Network | None = None) -> Page:
    """Fill a page from fault levels.

    Parameters
    ----------
    levels : FaultLevels
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    table = levels.table.sort_values("ik_ka", ascending=False, kind="stable")
    counts = table["state"].value_counts()
    above, larger = (int(counts.get(state, 0)) for state in BEYOND)
    judged = int((~table["state"].isin(["no class known", "not fed", "out of service"])).sum())
    highest = float(table["ik_ka"].max())
    where = names.find(table["ik_ka"].idxmax(), "bus") if np.isfinite(highest) else ""
    verdict = _judge_levels(judged, above, larger)
    return Page(
        title=f"Fault levels: {(net.title or net.name) if net is not None else levels.network}",
        subtitle=" · ".join(
            part for part in ("three-phase, initial symmetrical", levels.snapshot.replace("_", " ")) if part
        ),
        verdict=verdict,
        key_numbers=(
            KeyNumber("Highest level", highest, "kA", where),
            KeyNumber("Above every class", float(above), tone="bad" if above else "plain"),
            KeyNumber("Need a larger class", float(larger), tone="warning" if larger else "plain"),
            KeyNumber("Without a known class", float(counts.get("no class known", 0))),
            KeyNumber("Sources without a rating", float(len(levels.unknown))),
        ),
        sections=(
            Section(
                "Buses",
                (),
                (
                    TableBlock(
                        _name_buses(table, names),
                        "Buses, highest fault level first",
                        "fault_levels",
                        show=[
                            "name",
                            "vn_kv",
                            "ik_ka",
                            "machines_ka",
                            "converters_ka",
                            "breaker_ka",
                            "state",
                        ],
                        labels={
                            "ik_ka": "Fault level",
                            "machines_ka": "Of machines",
                            "converters_ka": "Of converters",
                            "breaker_ka": "Breaker class",
                        },
                        units=dict.fromkeys(("ik_ka", "machines_ka", "converters_ka", "breaker_ka"), "kA"),
                        limit=30,
                    ),
                    TableBlock(
                        levels.sources.reset_index(names="source"),
                        "What feeds the faults",
                        "fault_sources",
                        limit=10,
                    ),
                ),
            ),
        ),
        assumptions=_list_assumptions(levels.assumptions),
        not_assessed=(*_SHORT, *_LEVEL_ASSESSED),
        licences=list_licences(net),
        provenance={
            "Network": levels.network,
            "Snapshot": levels.snapshot,
            "Criteria": levels.criteria or "none",
            "Voltage factor": f"{levels.voltage_factor:g}",
        },
    )


def _judge_levels(judged: int, above: int, larger: int) -> Verdict:
    sentence = (
        f"Of {judged:,} buses with a known breaker class, {above:,} are above every class and {larger:,} "
        "need a larger class than the smallest. Indicative: most of what feeds a fault is assumed."
    )
    if above:
        return Verdict("Above every breaker class", sentence, "bad")
    if larger:
        return Verdict("Larger breakers needed", sentence, "warning")
    if judged:
        return Verdict("Within the smallest class", sentence, "good")
    return Verdict("Not judged", sentence, "unknown")


def build_dip_page(effect: FaultEffect, net: Network | None = None) -> Page:
    """Fill a page from a fault, what trips on it, and the voltages afterwards.

    Parameters
    ----------
    effect : FaultEffect
        The result.
    net : Network, optional
        The network, for names and the map.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    place, count, over = names.find(effect.bus, "bus"), len(effect.tripped), int(effect.table["over"].sum())
    below = int((effect.table["during_vm_pu"] < effect.ride_through_vm_pu).sum())
    highest = effect.table[["after_vm_pu", "frozen_vm_pu"]].max(axis=1)
    return Page(
        title=f"Fault at {place}",
        subtitle=" · ".join(
            part
            for part in (
                (net.title or net.name) if net is not None else effect.network,
                effect.snapshot.replace("_", " "),
                "three-phase",
            )
            if part
        ),
        verdict=_judge_effect(effect, over),
        key_numbers=(
            KeyNumber("Load that trips", effect.tripped_mw, "MW", tone="bad" if count else "plain"),
            KeyNumber("Buses below the threshold", float(below)),
            KeyNumber(
                "Highest voltage afterwards",
                float(highest.max()),
                "p.u.",
                names.find(highest.idxmax(), "bus") if highest.notna().any() else "",
                "bad" if over else "plain",
            ),
            KeyNumber("Buses above their limit afterwards", float(over), tone="bad" if over else "plain"),
        ),
        sections=_list_dip_sections(effect, net, names),
        assumptions=_list_assumptions(effect.assumptions),
        not_assessed=(
            *_list_duration(effect),
            *_SHORT[:1],
            *_LEVEL_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={
            "Network": effect.network,
            "Snapshot": effect.snapshot,
            "Ride-through threshold": f"{effect.ride_through_vm_pu:g} p.u.",
            "Fault cleared after": "not given" if effect.clearing_s is None else f"{effect.clearing_s:g} s",
            "Status afterwards": f"{effect.status_after}; before units react: {effect.status_frozen}",
        },
    )  # fmt: skip


def _list_duration(effect: FaultEffect) -> tuple[NotAssessed, ...]:
    if effect.clearing_s is not None:
        return ()
    return (NotAssessed("Duration of the dip", "a load trips by the voltage alone, however short the dip"),)


def _judge_effect(effect: FaultEffect, over: int) -> Verdict:
    count, threshold = len(effect.tripped), f"{effect.ride_through_vm_pu:g} p.u."
    rest = f" Afterwards {over:,} buses are above their limit." if over else ""
    solved = {effect.status_after, effect.status_frozen} <= {"CONVERGED", "ISLANDED"}
    rest += "" if solved else " A state afterwards has no solution: its voltages are not known."
    if effect.examined == 0:
        text = f"The network has no data center in service.{rest}"
        return Verdict("No data center to trip", text, "unknown")
    if count == 0:
        long = "" if effect.clearing_s is None else f" for longer than it bears in {effect.clearing_s:g} s"
        text = f"None of {effect.examined} data centers sees less than {threshold}{long}.{rest}"
        return Verdict("Nothing trips", text, "good" if solved and not over else "warning")
    lost = f"{effect.tripped_mw:,.0f} MW"
    text = f"{count} of {effect.examined} data centers see less than {threshold} and leave: {lost}.{rest}"
    return Verdict(f"{lost} trip", text, "bad" if over else "warning")


def _list_dip_sections(effect: FaultEffect, net: Network | None, names: Names) -> tuple[Section, ...]:
    table = effect.table.sort_values("during_vm_pu", kind="stable")
    shown = [
        "name",
        "vn_kv",
        "before_vm_pu",
        "during_vm_pu",
        "after_vm_pu",
        "frozen_vm_pu",
        "high_pu",
        "over",
    ]
    labels = {
        "before_vm_pu": "Before", "during_vm_pu": "During the fault", "after_vm_pu": "Afterwards",
        "frozen_vm_pu": "Before units react", "high_pu": "Highest allowed",
    }  # fmt: skip
    tripped = effect.tripped.reset_index()
    tripped.insert(0, "name", pd.Series([names.find(key, "load") for key in tripped["load"]], dtype=object))
    buses: list[Block] = [
        TableBlock(
            _name_buses(table, names),
            "Buses, deepest dip first",
            "voltage_dips",
            labels,
            show=shown,
            limit=25,
        )
    ]
    sections = [
        Section(
            "What trips",
            (),
            (
                TableBlock(
                    tripped,
                    "Loads that see less than the threshold",
                    "tripped_loads",
                    {
                        "during_vm_pu": "During the fault",
                        "ride_through_vm_pu": "Leaves below",
                        "ride_through_s": "Bears that for",
                    },
                    show=["name", "p_mw", "q_mvar", "during_vm_pu", "ride_through_vm_pu", "ride_through_s"],
                    empty="No load trips.",
                ),
            ),
        ),
        Section("Voltages", (), tuple(buses)),
    ]
    if net is not None and np.isfinite(net.bus[["lat", "lon"]].to_numpy(dtype=float)).all(axis=1).any():
        scale = VoltageScale(effect.ride_through_vm_pu, 1.0, "data centers leave the grid")
        nothing = pd.DataFrame({"loading_percent": [], "p_mw": []}, dtype=float)
        columns = {"before": "before_vm_pu", "afterwards": "after_vm_pu", "during the fault": "during_vm_pu"}
        states = [
            MapState(effect.snapshot, words, nothing, pd.DataFrame({"vm_pu": effect.table[column]}))
            for words, column in columns.items()
        ]
        layers = build_layers(net, states, names=names, voltages=scale)
        text = ("Places are coloured by their lowest voltage. Point at one to read its numbers.",)
        sections.insert(0, Section("Dip map", text, (layers,)))
    return tuple(sections)
