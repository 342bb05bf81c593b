"""Fluctuation of a load as a page: how far the voltages move, and who holds them."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.voltage.fluctuation import REGULATOR_S, Fluctuation
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Tone,
    Verdict,
)

ANSWERS = {
    "frozen": "before any unit changes its reactive power",
    "held": "with units that hold their voltage again",
}
"""State the change is judged in, in words."""


def build_fluctuation_page(found: Fluctuation, net: Network | None = None) -> Page:
    """Fill a page from the fluctuation of a load.

    Parameters
    ----------
    found : Fluctuation
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names, title = (build_names(net), net.title or net.name) if net is not None else (Names(), found.network)
    load, bus = names.find(found.load, "load"), names.find(found.bus, "bus")
    tones: dict[bool | None, Tone] = {True: "good", False: "bad", None: "plain"}
    table = found.table.reset_index()
    table.insert(0, "name", pd.Series([names.find(key, "bus") for key in table["bus"]], dtype=object))
    return Page(
        title=f"Fluctuation of {load}",
        subtitle=" · ".join(part for part in (title, found.snapshot.replace("_", " ")) if part),
        verdict=_judge(found, load, bus),
        key_numbers=(
            KeyNumber(
                "Power that goes", found.change_mw, "MW", f"{found.percent:g} % in {found.seconds:g} s"
            ),
            KeyNumber("Ramp", found.ramp_mw_per_s, "MW/s"),
            KeyNumber(
                "Voltage change at the connection",
                found.change_percent,
                "%",
                ANSWERS[found.answer],
                tones[found.passed],
            ),
            KeyNumber("Largest limit", found.limit_percent, "%"),
        ),
        sections=(
            Section(
                "Voltages before and after",
                (),
                (
                    TableBlock(
                        table,
                        "Buses, largest change first",
                        "fluctuation",
                        show=[
                            "name",
                            "vn_kv",
                            "before_vm_pu",
                            "frozen_vm_pu",
                            "held_vm_pu",
                            "change_percent",
                        ],
                        labels={
                            "before_vm_pu": "Before",
                            "frozen_vm_pu": "Before units react",
                            "held_vm_pu": "Units hold their voltage",
                            "change_percent": "Change, %",
                        },
                        limit=25,
                    ),
                ),
            ),
        ),
        assumptions=(
            Assumption("Voltage regulators", f"answer within {REGULATOR_S:g} s (assumed)"),
            Assumption("Reactive power of the load", "goes with its active power"),
        ),
        not_assessed=(
            NotAssessed("Taps and switched shunts", "stay as they are: they take longer than seconds"),
            NotAssessed("Frequency and oscillation", "need the inertia and the controls of the units"),
            NotAssessed("Repeated swings", "flicker asks how often, this how far"),
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={
            "Network": found.network,
            "Snapshot": found.snapshot,
            "Status afterwards": f"{found.status_held}; before units react: {found.status_frozen}",
        },
    )


def _judge(found: Fluctuation, load: str, bus: str) -> Verdict:
    what = f"When {load} gives up {found.change_mw:,.0f} MW within {found.seconds:g} s, the voltage at {bus}"
    if found.change_percent != found.change_percent:
        return Verdict("No solution afterwards", f"{what} is not known.", "unknown")
    moved = f"{what} changes by {found.change_percent:+.1f} %, {ANSWERS[found.answer]}"
    head = f"{found.change_percent:+.1f} % at the connection"
    if found.passed is None:
        return Verdict(head, f"{moved}. No limit is known: give one.", "unknown")
    if found.passed:
        return Verdict(head, f"{moved}; {found.limit_percent:g} % is allowed.", "good")
    return Verdict(head, f"{moved}; only {found.limit_percent:g} % is allowed.", "bad")
