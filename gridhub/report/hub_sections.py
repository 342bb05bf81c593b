"""A hub study, part by part, as sections of a page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.analysis.hub.hub import HubStudy
from gridhub.report.charts import (
    build_duration_chart,
    build_interface_chart,
    build_loading_chart,
    build_violation_table,
    build_voltage_chart,
)
from gridhub.report.hosting import build_headroom_section, build_placement_section
from gridhub.report.impact import IMPACT_TEXT, build_impact_blocks
from gridhub.report.layers import build_layers, build_outages, build_state
from gridhub.report.names import Names, join_names
from gridhub.report.page import MapState, Section, TableBlock
from gridhub.report.reinforcing import build_reinforcement_section
from gridhub.report.rules import find_ranges


def list_hub_sections(study: HubStudy, names: Names) -> tuple[Section, ...]:
    """List every section of the page of a hub study, in the order in which a planner asks.

    Parameters
    ----------
    study : HubStudy
        The result.
    names : Names
        Labels of the network with the hub.

    Returns
    -------
    tuple of Section
    """
    elements = find_outaged(study)
    sections = [
        _build_map(study, names, elements),
        _build_connection(study, names),
        _build_states(study, names),
        _build_violations(study, names, elements),
        _build_losses(study, names),
        _build_interfaces(study, names),
        _build_impact(study, names),
        build_headroom_section(study.headroom, names, study.hub.data_center.contract_mw),
        *_build_works(study, names),
        _build_sensitivities(study),
    ]
    if len(study.not_assessable):
        sections.append(_build_unassessable(study))
    return tuple(sections)


def find_outaged(study: HubStudy) -> dict[str, tuple[str, ...]]:
    """Give, for each contingency of the study, the ids it takes out."""
    found: dict[str, tuple[str, ...]] = {}
    for security in (*study.security_before.values(), *study.security_after.values()):
        for key, members in security.contingencies["elements"].items():
            found.setdefault(str(key), tuple(map(str, members)))
    return found


def _name_snapshot(snapshot: str) -> str:
    return snapshot.replace("_", " ") or "as given"


def _build_map(study: HubStudy, names: Names, elements: Mapping[str, tuple[str, ...]]) -> Section:
    states: list[MapState] = []
    outages = []
    for snapshot in study.snapshots:
        for variant, net, results in (
            ("before", study.net_before, study.security_before),
            ("after", study.net_after, study.security_after),
        ):
            if snapshot in results:
                states.append(build_state(net, results[snapshot].base, variant, snapshot))
                outages.append(build_outages(results[snapshot].violations, names, elements, variant))
    # an empty part has no say in the types of the whole
    found = [part for part in outages if len(part)]
    broken = pd.concat(found, ignore_index=True) if found else None
    layers = build_layers(study.net_after, states, broken, names)
    text = (
        "Lines are coloured by their loading with everything in service. Point at a line to read what breaks "
        "there under which outage, and what its own loss breaks elsewhere. Dotted routes are assumed.",
    )
    return Section("Map", text, (layers,))


def _build_connection(study: HubStudy, names: Names) -> Section:
    section = build_placement_section(study.net_after, names)
    rules = TableBlock(
        study.rules,
        "Rules that apply",
        "rules",
        labels={"finding": "What it says", "earliest": "Not before", "decides": "Decides"},
        show=["part", "finding", "earliest", "decides", "as_of", "confidence"],
        empty="The network has no connection rules.",
    )
    costs = TableBlock(
        study.connection_costs,
        "Cost of the connection itself",
        "connection_costs",
        labels={"low_bn": "Low", "base_bn": "Base", "high_bn": "High"},
        units={name: study.money_unit for name in ("low_bn", "base_bn", "high_bn")},
        show=["part", "item", "quantity", "low_bn", "base_bn", "high_bn", "confidence"],
        empty="Nothing has to be built, or the network has no costs.",
    )
    variants = TableBlock(
        study.behind_the_meter,
        "As separate connections, and behind one meter",
        "behind_the_meter",
        labels={
            "earliest_energisation": "Earliest by the rules",
            "largest_draw_mw": "Largest draw",
            "largest_export_mw": "Largest export",
            "caused": "Violations caused",
            "worst_percent": "Worst of them",
        },
        show=[
            "variant",
            "part",
            "earliest_energisation",
            "caused",
            "worsened",
            "worst_percent",
            "largest_draw_mw",
            "largest_export_mw",
        ],
    )
    return Section(section.title, section.text, (*section.blocks, rules, variants, costs))


def find_worst_snapshot(study: HubStudy) -> str:
    """Give the snapshot in which the most loaded branch after is loaded most."""
    after = study.states[study.states["case"] == "after"]
    if after.empty or after["worst_loading_percent"].isna().all():
        return study.snapshots[0]
    return str(after.loc[after["worst_loading_percent"].idxmax(), "snapshot"])


def _build_states(study: HubStudy, names: Names) -> Section:
    snapshot = find_worst_snapshot(study)
    flows: dict[str, PowerFlow] = {}
    for variant, results in (("before", study.security_before), ("after", study.security_after)):
        if snapshot in results:
            flows[variant] = results[snapshot].base
    text = (
        "The hub draws its contract power in every snapshot; its plants, storage and on-site generation give "
        f"what the snapshot says. The charts show {_name_snapshot(snapshot)}, where the most loaded branch "
        "is loaded most.",
    )
    return Section(
        "Before and after",
        text,
        (
            build_loading_chart(names, flows, f"Most loaded branches, {_name_snapshot(snapshot)}"),
            build_duration_chart(flows),
            build_voltage_chart(study.net_after, names, flows, find_ranges(study.net_after)),
            _build_state_table(study, names),
            _build_voltage_table(study, names),
            _build_hvdc_table(study, names),
        ),
    )


def _build_state_table(study: HubStudy, names: Names) -> TableBlock:
    table = study.states.copy()
    table["snapshot_name"] = table["snapshot"].map(_name_snapshot)
    table["most_loaded"] = pd.Series(
        [names.find(key) for key in table["worst_branch"]], index=table.index, dtype=object
    )
    labels = {
        "snapshot_name": "Snapshot",
        "case": "State",
        "worst_loading_percent": "Highest loading",
        "lowest_vm_pu": "Lowest voltage",
        "losses_percent": "Losses",
        "outage_violations": "Limits broken by outages",
        "outages_unsolved": "Outages unsolved",
    }
    show = [
        "snapshot_name",
        "case",
        "load_mw",
        "losses_percent",
        "worst_loading_percent",
        "most_loaded",
        "lowest_vm_pu",
        "outage_violations",
        "outages_unsolved",
    ]
    return TableBlock(table, "Every snapshot", "states", labels, show=show, bar="worst_loading_percent")


def _build_voltage_table(study: HubStudy, names: Names) -> TableBlock:
    table = study.voltages.copy()
    if len(table):
        table["snapshot_name"] = table["snapshot"].map(_name_snapshot)
        table["where"] = pd.Series(
            [names.find(key, "bus") for key in table["bus"]], index=table.index, dtype=object
        )
    labels = {
        "snapshot_name": "Snapshot",
        "vm_before_pu": "Before",
        "vm_after_pu": "After",
        "change_pu": "Change",
        "low_pu": "From",
        "high_pu": "To",
    }
    show = [
        "where",
        "snapshot_name",
        "vm_before_pu",
        "vm_after_pu",
        "change_pu",
        "low_pu",
        "high_pu",
        "state",
    ]
    return TableBlock(
        table,
        "Voltages that the hub moves, or that are out of range",
        "voltages",
        labels,
        show=show,
        limit=16,
        empty="No voltage moves noticeably and none is out of range.",
    )


def _build_hvdc_table(study: HubStudy, names: Names) -> TableBlock:
    table = study.hvdc.copy()
    if len(table):
        table["link"] = pd.Series(
            [names.find(key, "hvdc") for key in table["hvdc"]], index=table.index, dtype=object
        )
        table["snapshot_name"] = table["snapshot"].map(_name_snapshot)
    labels = {
        "snapshot_name": "Snapshot",
        "p_from_after_mw": "Set-point",
        "vm_from_before_pu": "Voltage before",
        "vm_from_after_pu": "Voltage after",
        "loss_worst_percent_before": "Worst loading when lost, before",
        "loss_worst_percent_after": "After",
    }
    units = {"loss_worst_percent_before": "%", "loss_worst_percent_after": "%"}
    show = ["link", "snapshot_name", *list(labels)[1:]]
    return TableBlock(
        table, "HVDC links", "hvdc", labels, units, show=show, empty="The network has no HVDC link."
    )


def _build_violations(study: HubStudy, names: Names, elements: Mapping[str, tuple[str, ...]]) -> Section:
    change = study.violations["change"]
    counts = change.value_counts()
    text = (
        f"{counts.get('caused', 0)} limits are broken that were not broken before the hub; "
        f"{counts.get('worsened', 0)} that were broken before are broken further; "
        f"{counts.get('as before', 0)} stay as they were, {counts.get('relieved', 0)} are no longer broken. "
        "Only the first kind is the hub's own doing, but a grid at its limits has no room to give.",
    )
    parts = {
        "caused": ("Caused by the hub, worst first", "violations_caused", 20),
        "worsened": ("There before, and worse with the hub", "violations_worsened", 10),
        "as before": ("There before, and unchanged", "violations_as_before", 5),
        "relieved": ("There before, and gone with the hub", "violations_relieved", 5),
    }
    blocks = []
    for kind, (caption, file, limit) in parts.items():
        rows = study.violations[(change == kind).to_numpy()]
        block = build_violation_table(rows, names, elements, caption, file, "None.")
        blocks.append(
            TableBlock(
                block.frame,
                caption,
                file,
                block.labels,
                show=block.show,
                bar=block.bar,
                limit=limit,
                empty="None.",
            )
        )
    return Section("Violations", text, tuple(blocks))


def _build_losses(study: HubStudy, names: Names) -> Section:
    own = study.hub_losses.copy()
    lost = study.islanding.copy()
    for table in (own, lost):
        if len(table):
            table["snapshot_name"] = table["snapshot"].map(_name_snapshot)
            table["outage"] = [names.find_outage(key) for key in table["contingency"]]
    if len(own):
        own["worst"] = [names.find(key) for key in own["worst_element"]]
    on_site = (_build_on_site(study, names),) if study.hub.generators else ()
    return Section(
        "Loss of the hub, and of supply",
        (),
        (
            TableBlock(
                own,
                "The whole hub is lost at once",
                "hub_losses",
                labels={
                    "snapshot_name": "Snapshot",
                    "lost_load_mw": "Lost",
                    "limit_mw": "Allowed at once",
                    "worst": "Most loaded then",
                    "worst_loading_percent": "Its loading",
                    "violations": "Violations caused",
                },
                show=[
                    "snapshot_name",
                    "outage",
                    "lost_load_mw",
                    "limit_mw",
                    "state",
                    "worst",
                    "worst_loading_percent",
                    "violations",
                ],
            ),
            *on_site,
            TableBlock(
                lost,
                "Outages that cut off load or generation, where the hub makes a difference",
                "islanding",
                labels={
                    "snapshot_name": "Snapshot",
                    "lost_load_mw": "Load lost",
                    "lost_generation_mw": "Generation lost",
                    "lost_load_before_mw": "Load before",
                    "lost_generation_before_mw": "Generation before",
                },
                show=[
                    "outage",
                    "snapshot_name",
                    "lost_load_before_mw",
                    "lost_load_mw",
                    "lost_generation_before_mw",
                    "lost_generation_mw",
                ],
                limit=20,
                empty="The hub changes no outage that cuts off load or generation.",
            ),
        ),
    )


def _build_on_site(study: HubStudy, names: Names) -> TableBlock:
    """Show what the grid carries when on-site generation is lost."""
    table = study.on_site_losses.copy()
    if len(table):
        table["snapshot_name"] = table["snapshot"].map(_name_snapshot)
        table["unit_name"] = [names.find(key, "generator") for key in table["unit"]]
        table["worst"] = [names.find(key) for key in table["worst_element"]]
    labels = {
        "unit_name": "Unit",
        "snapshot_name": "Snapshot",
        "lost_mw": "Its output",
        "draw_before_mw": "Drawn before",
        "draw_after_mw": "Drawn after",
        "worst": "Most loaded then",
        "worst_loading_percent": "Its loading",
        "violations": "New violations",
    }
    return TableBlock(
        table,
        "On-site generation is lost, and the grid carries the whole load",
        "on_site_losses",
        labels,
        show=list(labels),
        note="Drawn from the grid. Standby units are out of service: their loss changes nothing.",
        empty="All of it is standby: out of service, so the grid carries the whole load anyway.",
    )


def _build_interfaces(study: HubStudy, names: Names) -> Section:
    table = study.interfaces
    if table.empty:
        return Section("Interfaces", ("The network has no interfaces.",))
    sides = {
        side: table.rename(columns={f"flow_{side}_mw": "flow_mw"}).sort_values("interface", kind="stable")
        for side in ("before", "after")
    }
    named = table.copy()
    named["name"] = [names.find(key, "interface") for key in named["interface"]]
    named["snapshot_name"] = named["snapshot"].map(_name_snapshot)
    labels = {
        "snapshot_name": "Snapshot",
        "flow_before_mw": "Before",
        "flow_after_mw": "After",
        "limit_mw": "Limit",
        "margin_after_mw": "Margin",
        "margin_after_percent": "Margin",
        "state_after": "State",
    }
    block = TableBlock(
        named,
        "Interface margins",
        "interfaces",
        labels,
        show=["name", *labels, "confidence"],
        note="Narrow: a margin of 5 % of the limit or less. Without a published limit there is no margin.",
    )
    return Section("Interfaces", (), (build_interface_chart(names, sides), block))


def _build_impact(study: HubStudy, names: Names) -> Section:
    banks, raised = (
        table.assign(state=[_name_snapshot(str(one)) for one in table["snapshot"]])
        for table in (study.supplying_banks, study.raised_branches)
    )
    text = (IMPACT_TEXT, "Voltages and works stand in their own sections.")
    return Section(
        "What an impact assessment asks for", text, build_impact_blocks(banks, raised, names, ["state"])
    )


def _build_works(study: HubStudy, names: Names) -> tuple[Section, ...]:
    if study.reinforcement is None:
        text = "No limit is broken by the hub, or the network has no costs: no reinforcement was compared."
        return (Section("Reinforcements", (text,)),)
    section = build_reinforcement_section(study.reinforcement, names)
    package = study.package.copy()
    for column in ("candidate", "description"):
        package[column] = [names.read(str(text)) for text in package[column]]
    block = TableBlock(
        package,
        "Works added one after the other",
        "package",
        labels={
            "left_violations": "Violations left",
            "left_worst_percent": "Worst of them",
            "cost_low_bn": "Low",
            "cost_base_bn": "Base",
            "cost_high_bn": "High",
        },
        units={name: study.money_unit for name in ("cost_low_bn", "cost_base_bn", "cost_high_bn")},
        note="Each step keeps the works before it. Costs are of the step alone.",
        empty="No works were needed.",
    )
    return (Section(section.title, section.text, (*section.blocks, block)),)


def _build_sensitivities(study: HubStudy) -> Section:
    text = ("The same study with one thing changed. Where fewer outages were run again, the note says so.",)
    labels = {
        "caused": "Violations caused",
        "worst_percent": "Worst of them",
        "lowest_vm_pu": "Lowest voltage",
    }
    block = TableBlock(study.sensitivities, "One thing changed at a time", "sensitivities", labels)
    return Section("Sensitivity", text, (block,))


def _build_unassessable(study: HubStudy) -> Section:
    table = study.not_assessable.copy()
    table["site"] = [join_names(row, str(key)) for key, row in table.iterrows()]
    text = (
        "The figures above touch these sites, and public data does not carry them: a route is missing or "
        "assumed. What is said about them is not assessable with public data.",
    )
    block = TableBlock(
        table,
        "Sites behind these figures",
        "not_assessable",
        labels={"note": "What is missing"},
        show=["site", "role", "note", "confidence"],
    )
    return Section("Not assessable with public data", text, (block,))
