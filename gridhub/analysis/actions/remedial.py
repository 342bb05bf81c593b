"""Outages with and without remedial action schemes, and with a scheme of which one action fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.actions.remedial_schemes import Action, Condition, RemedialScheme
from gridhub.analysis.contingency.contingencies import ELEMENT_TABLES, find_outages
from gridhub.analysis.security.joins import solve_alone
from gridhub.analysis.security.outage_limits import build_outage_limits
from gridhub.analysis.security.outages import Setting, merge_outcomes
from gridhub.analysis.security.run import tell_islanding
from gridhub.analysis.security.screening import flag_all
from gridhub.analysis.security.security import (
    Security,
    collect_security,
    prepare_setting,
    resolve_criteria,
    run_security,
    settle_state,
)
from gridhub.case.case import Case, Outage
from gridhub.criteria import Criteria
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.options import PowerFlowOptions, read_options

WITH = "with"
FAILS = "fails: "
"""Variants of a contingency: every action done; before the title of the one that is not."""

_TABLES_OF_ACTION = {"trip": ELEMENT_TABLES, "shed": ("load",), "run_back": ("hvdc",), "switch": ("shunt",)}


@dataclass(frozen=True, eq=False)
class RemedialStudy:
    """Result of `run_remedial`.

    Attributes
    ----------
    without : Security
        Every contingency as if there were no schemes: also what happens if a whole scheme fails.
    acting : Security
        The contingencies in which a scheme acts, index ``contingency | with`` and, for schemes of several
        actions, ``contingency | fails: action``. Its lost_generation_mw and lost_load_mw are what the outage
        itself takes; what schemes take is in `effect`.
    triggers : DataFrame
        One row per contingency and scheme whose outage is in it: contingency, scheme, acts, reason.
    effect : DataFrame
        Index contingency, variant ("without", "with", "fails: action"); columns schemes, status, violations,
        worst_element, worst_loading_percent, lost_load_mw, lost_generation_mw, tripped_mw (generation),
        shed_mw (load), run_back_mw (by which links are changed), reason (why there is no solution).
    verdict : Series
        Per contingency in which a scheme acts: "mended" (solved, no violation is left), "helps" (solved where
        it was not, or fewer violations, or a lower worst loading), "does not help".
    """

    without: Security
    acting: Security | None
    triggers: pd.DataFrame
    effect: pd.DataFrame
    verdict: pd.Series


def run_remedial(
    net: Network,
    contingencies: pd.DataFrame,
    schemes: Sequence[RemedialScheme],
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> RemedialStudy:
    """Analyse outages with and without remedial action schemes.

    Parameters
    ----------
    net : Network
    contingencies : DataFrame
        As `gridhub.list_contingencies` gives them.
    schemes : sequence of RemedialScheme
        `gridhub.analysis.actions.remedial_schemes.read_schemes`.
    criteria, snapshot, options
        As of `gridhub.run_security`.

    Returns
    -------
    RemedialStudy

    Raises
    ------
    InputError
        E-REF: schemes name elements the network lacks, or of the wrong kind; all are listed.
    ValueError, NotConverged
        As `gridhub.run_security`.

    Notes
    -----
    A scheme acts at once: the state after outage and actions is solved, not the time between. A condition on
    the flow after an outage that has no solution is not known to hold, so its scheme does not act. Lost power
    is taken up by participation, as after any outage. Generation that a scheme trips is not held against the
    limit of what an outage may take away: it is a documented action, and listed.

    Examples
    --------
    >>> from gridhub.analysis.contingency.contingencies import list_contingencies
    >>> from gridhub.reference import load_network
    >>> net = load_network("pandapower:case9")
    >>> shed = Action("shed", ("load:0",), share=0.5)
    >>> scheme = RemedialScheme("spare", ("line:1",), (), (shed,), "example", "2026-11", "assumed")
    >>> found = run_remedial(net, list_contingencies(net, name="line:1"), [scheme])
    >>> found.effect["shed_mw"].to_dict()
    {('line:1', 'without'): 0.0, ('line:1', 'with'): 45.0}
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    name = find_snapshot(net, snapshot) or ""
    state = settle_state(net, snapshot)
    refuse_unknown(state, schemes)
    without = run_security(
        net, contingencies, rules, snapshot=snapshot, screen=None, keep="all", options=settled
    )
    triggers = find_triggers(without, schemes)
    acting = triggers[triggers["acts"].astype(bool)]
    setting = prepare_setting(state, name, rules, settled)
    by_name = {scheme.name: scheme for scheme in schemes}
    variants: list[_Variant] = []
    for key, rows in acting.groupby("contingency", sort=False):
        actions = [action for part in rows["scheme"] for action in by_name[part].actions]
        names = ", ".join(rows["scheme"])
        variants.append(_Variant(str(key), WITH, names, actions))
        if len(actions) > 1:
            variants += [
                _Variant(str(key), FAILS + left.title, names, [a for a in actions if a is not left])
                for left in actions
            ]
    result = _solve(setting, name, contingencies, variants) if variants else None
    effect = _tell_effect(setting, without, result, variants)
    return RemedialStudy(without, result, triggers, effect, _judge(effect))


@dataclass(frozen=True, slots=True)
class _Variant:
    """A contingency with some actions."""

    contingency: str
    variant: str
    schemes: str
    actions: Sequence[Action]

    @property
    def label(self) -> str:
        return f"{self.contingency} | {self.variant}"


def refuse_unknown(net: Network, schemes: Sequence[RemedialScheme]) -> None:
    """Refuse schemes that name elements the network lacks, or of the wrong kind; all are listed."""

    def miss(ids: Sequence[str], tables: Sequence[str]) -> list[str]:
        return [key for key in ids if not any(key in net.tables[table].index for table in tables)]

    issues = []
    for scheme in schemes:
        wanted: list[tuple[str, Sequence[str], Sequence[str]]] = [("outage", scheme.outage, ELEMENT_TABLES)]
        wanted += [("condition", (part.element,), BRANCH_TABLES) for part in scheme.conditions]
        wanted += [(part.kind, part.elements, _TABLES_OF_ACTION[part.kind]) for part in scheme.actions]
        for what, ids, tables in wanted:
            issues += [
                Issue(
                    "error", "E-REF", "schemes", scheme.name, what, key, f"is in none of {', '.join(tables)}"
                )
                for key in miss(ids, tables)
            ]
    if issues:
        raise InputError(issues, "remedial schemes")


def find_triggers(without: Security, schemes: Sequence[RemedialScheme]) -> pd.DataFrame:
    """Find which schemes act after which contingencies: columns of ``RemedialStudy.triggers``.

    `without` holds every flow after the contingencies (``keep="all"``).
    """
    rows = []
    for key, elements in without.contingencies["elements"].items():
        lost = {elements} if isinstance(elements, str) else set(elements)
        for scheme in schemes:
            if lost.issuperset(scheme.outage):
                reason = next(filter(None, (_check(without, key, c) for c in scheme.conditions)), "")
                rows.append((str(key), scheme.name, not reason, reason))
    return pd.DataFrame(rows, columns=["contingency", "scheme", "acts", "reason"])


def _check(without: Security, key: object, condition: Condition) -> str:
    """Say why a condition does not hold; nothing if it does."""
    if condition.when == "before":
        flow = float(without.base.branch["p_from_mw"][condition.element])
    else:
        assert without.p_from_mw is not None  # kept: see run_remedial
        flow = float(without.p_from_mw[condition.element].to_dict()[key])
    if np.isnan(flow):
        return f"flow of {condition.element} after the outage is not known: no solution"
    sign = {"from_to": flow, "to_from": -flow, "either": abs(flow)}[condition.direction]
    if sign > condition.above_mw:
        return ""
    return f"{condition.element} carries {flow:.0f} MW {condition.when} the outage"


def _solve(
    setting: Setting, snapshot: str, contingencies: pd.DataFrame, variants: Sequence[_Variant]
) -> Security:
    """Solve and judge every variant from the state before the outage."""
    table = contingencies.loc[[variant.contingency for variant in variants]]
    table.index = pd.Index([variant.label for variant in variants], name="contingency")
    outages = find_outages(setting.net, setting.case, table)
    limits = build_outage_limits(setting.net, setting.case, setting.criteria, table)
    parts, after = [], []
    for k, (variant, outage) in enumerate(zip(variants, outages, strict=True)):
        case, more = apply_actions(setting, outage, variant.actions)
        own = replace(setting, case=case, limits=limits.groups[limits.of[k]])
        parts.append((np.array([k]), solve_alone(own, [more], True, None)))
        after.append(more)
    flags = flag_all(setting.case, after)
    outcomes = tell_islanding(merge_outcomes(setting, parts, True), flags.islanding)
    return collect_security(setting, snapshot, table, outages, limits, flags, outcomes)


def apply_actions(setting: Setting, outage: Outage, actions: Sequence[Action]) -> tuple[Case, Outage]:
    """Give the case with its injections changed, and the outage with what is tripped."""
    case = setting.case
    load_p, load_q, hvdc_p, shunt_on = (
        getattr(case, name).copy() for name in ("load_p", "load_q", "hvdc_p", "shunt_on")
    )
    tripped: list[str] = []
    for action in actions:
        if action.kind == "trip":
            tripped += action.elements
            continue
        labels = {"shed": case.labels.load, "run_back": case.labels.hvdc, "switch": case.labels.shunt}
        at = [labels[action.kind].index(key) for key in action.elements]
        if action.kind == "shed":
            load_p[at] *= 1.0 - action.share
            load_q[at] *= 1.0 - action.share
        elif action.kind == "run_back":
            hvdc_p[at] = action.to_mw / case.base_mva
        else:
            shunt_on[at] = action.on
    changed = replace(case, load_p=load_p, load_q=load_q, hvdc_p=hvdc_p, shunt_on=shunt_on)
    if not tripped:
        return changed, outage
    table = pd.DataFrame({"elements": [tuple(dict.fromkeys(tripped))]}, index=["tripped"])
    (more,) = find_outages(setting.net, case, table)
    fields = ("branch", "generator", "load", "storage", "hvdc", "shunt")
    joined = {name: tuple(dict.fromkeys(getattr(outage, name) + getattr(more, name))) for name in fields}
    return changed, Outage(**joined)


_COLUMNS = (
    "status",
    "worst_element",
    "worst_loading_percent",
    "lost_load_mw",
    "lost_generation_mw",
    "reason",
)


def _tell_effect(
    setting: Setting, without: Security, acting: Security | None, variants: Sequence[_Variant]
) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for variant in variants:
        assert acting is not None  # there are variants
        if variant.variant == WITH:
            plain = _describe(without, variant.contingency)
            rows.append({"contingency": variant.contingency, "variant": "without", "schemes": ""} | plain)
        row = {"contingency": variant.contingency, "variant": variant.variant, "schemes": variant.schemes}
        rows.append(row | _describe(acting, variant.label) | count_moved(setting, variant.actions))
    columns = ["contingency", "variant", "schemes", *_COLUMNS, "violations"]
    moved = ["tripped_mw", "shed_mw", "run_back_mw"]
    table = pd.DataFrame(rows, columns=[*columns, *moved]).set_index(["contingency", "variant"])
    table[moved] = table[moved].astype(float).fillna(0.0)
    return table


def _describe(sec: Security, key: str) -> dict[str, object]:
    row = sec.status.loc[key]
    found = int((sec.violations["contingency"] == key).sum())
    return {name: row[name] for name in _COLUMNS} | {"violations": found}


def count_moved(setting: Setting, actions: Sequence[Action]) -> dict[str, object]:
    """Count the MW that actions take, at the values before the outage."""
    case, base = setting.case, setting.base
    power = {
        "tripped_mw": dict(zip(case.labels.generator, base.generator_p, strict=True)),
        "shed_mw": dict(zip(case.labels.load, case.load_p * case.load_on, strict=True)),
        "run_back_mw": dict(zip(case.labels.hvdc, case.hvdc_p * case.hvdc_on, strict=True)),
    }
    total = dict.fromkeys(power, 0.0)
    for action in actions:
        for key in dict.fromkeys(action.elements):
            if action.kind == "trip":
                total["tripped_mw"] += power["tripped_mw"].get(key, 0.0)
                total["shed_mw"] += power["shed_mw"].get(key, 0.0)
                total["run_back_mw"] += abs(power["run_back_mw"].get(key, 0.0))
            elif action.kind == "shed":
                total["shed_mw"] += action.share * power["shed_mw"][key]
            elif action.kind == "run_back":
                total["run_back_mw"] += abs(power["run_back_mw"][key] - action.to_mw / case.base_mva)
    return {name: float(value) * case.base_mva for name, value in total.items()}


def _judge(effect: pd.DataFrame) -> pd.Series:
    verdicts = {}
    for key in dict.fromkeys(effect.index.get_level_values("contingency")):
        before, after = effect.loc[(key, "without")], effect.loc[(key, WITH)]
        solved = [row["status"] in ("CONVERGED", "ISLANDED") for row in (before, after)]
        if solved[1] and after["violations"] == 0:
            verdicts[key] = "mended"
        elif solved[1] and (
            not solved[0]
            or after["violations"] < before["violations"]
            or after["worst_loading_percent"] < before["worst_loading_percent"]
        ):
            verdicts[key] = "helps"
        else:
            verdicts[key] = "does not help"
    return pd.Series(verdicts, dtype=object, name="verdict").rename_axis("contingency")
