"""Security analysis with remedial action schemes armed: an outage is judged after they acted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.actions.remedial import (
    apply_actions,
    count_moved,
    find_triggers,
    refuse_unknown,
)
from gridhub.analysis.actions.remedial_schemes import RemedialScheme
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.analysis.security.joins import solve_alone
from gridhub.analysis.security.judging import OutageLimits, build_violation_table
from gridhub.analysis.security.outage_limits import build_outage_limits
from gridhub.analysis.security.outages import merge_outcomes
from gridhub.analysis.security.run import run_outages, tell_islanding
from gridhub.analysis.security.screening import flag_all
from gridhub.analysis.security.security import (
    Security,
    collect_security,
    prepare_setting,
    resolve_criteria,
    run_security,
    settle_state,
)
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.options import PowerFlowOptions, read_options

SHED, TRIPPED = "load shed by schemes", "generation tripped by schemes"
"""Elements of violations of kind lost_load: what schemes take, above what the criteria allow an outage."""

ACTS = ("contingency", "schemes", "tripped_mw", "shed_mw", "run_back_mw")


@dataclass(frozen=True, slots=True, eq=False)
class ArmedSecurity:
    """Result of `run_armed`.

    Attributes
    ----------
    security : Security
        Every contingency; where schemes act, the state after outage and actions. Its lost_load_mw and
        lost_generation_mw are what the outage itself takes.
    acts : DataFrame
        One row per contingency in which schemes act: contingency, schemes, tripped_mw (generation), shed_mw
        (load), run_back_mw (by which links are changed), at the values before the outage.
    """

    security: Security
    acts: pd.DataFrame


def run_armed(
    net: Network,
    contingencies: pd.DataFrame,
    schemes: Sequence[RemedialScheme],
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> ArmedSecurity:
    """Analyse every contingency by AC, with schemes armed.

    Parameters
    ----------
    net : Network
    contingencies : DataFrame
        As `gridhub.list_contingencies` gives them.
    schemes : sequence of RemedialScheme
    criteria, snapshot, options
        As of `gridhub.run_security`.

    Returns
    -------
    ArmedSecurity

    Raises
    ------
    InputError
        E-REF: schemes name elements the network lacks, or of the wrong kind; all are listed.
    ValueError, NotConverged
        As `gridhub.run_security`.

    Notes
    -----
    Which schemes act is found by the outage without them, as in `gridhub.run_remedial`. The intact state is
    judged as it is: a scheme acts after an outage alone. Other than there, what schemes take is held against
    the criteria: load shed against what an outage may lose itself, generation tripped, with what the outage
    takes, against what it may take away. Without criteria it is counted, not judged.

    Examples
    --------
    >>> from gridhub.analysis.actions.remedial_schemes import Action
    >>> from gridhub.analysis.contingency.contingencies import list_contingencies
    >>> from gridhub.reference import load_network
    >>> net = load_network("pandapower:case9")
    >>> shed = Action("shed", ("load:0",), share=0.5)
    >>> scheme = RemedialScheme("spare", ("line:1",), (), (shed,), "example", "2026-11", "assumed")
    >>> run_armed(net, list_contingencies(net), [scheme]).acts.to_dict("records")  # doctest: +ELLIPSIS
    [{'contingency': 'line:1', 'schemes': ('spare',), 'tripped_mw': 0.0, 'shed_mw': 45.0, ...}]
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    name = find_snapshot(net, snapshot) or ""
    state = settle_state(net, snapshot)
    refuse_unknown(state, schemes)
    acting = _find_acting(net, contingencies, schemes, rules, snapshot, settled)
    setting = prepare_setting(state, name, rules, settled)
    outages = find_outages(setting.net, setting.case, contingencies)
    limits = build_outage_limits(setting.net, setting.case, rules, contingencies)
    after, parts, rows = list(outages), [], []
    for k, key in enumerate(contingencies.index):
        if str(key) not in acting:
            continue
        actions = [action for scheme in acting[str(key)] for action in scheme.actions]
        case, after[k] = apply_actions(setting, outages[k], actions)
        own = replace(setting, case=case, limits=limits.groups[limits.of[k]])
        parts.append((np.array([k]), solve_alone(own, [after[k]], False, None)))
        names = tuple(scheme.name for scheme in acting[str(key)])
        rows.append({"contingency": str(key), "schemes": names, **count_moved(setting, actions)})
    rest = np.array(
        [k for k, key in enumerate(contingencies.index) if str(key) not in acting], dtype=np.int64
    )
    if len(rest):
        some = [outages[k] for k in rest.tolist()]
        own_limits = OutageLimits(limits.groups, limits.of[rest])
        plain = flag_all(setting.case, some)
        every = np.ones(len(rest), dtype=bool)
        parts.append((rest, run_outages(setting, some, own_limits, plain, every, False, None)))
    flags = flag_all(setting.case, after)
    outcomes = tell_islanding(merge_outcomes(setting, parts, False), flags.islanding)
    security = collect_security(setting, name, contingencies, outages, limits, flags, outcomes)
    acts = pd.DataFrame(rows, columns=list(ACTS))
    return ArmedSecurity(_hold(security, acts), acts)


def _find_acting(
    net: Network,
    contingencies: pd.DataFrame,
    schemes: Sequence[RemedialScheme],
    criteria: Criteria | None,
    snapshot: str | None,
    options: PowerFlowOptions,
) -> dict[str, list[RemedialScheme]]:
    """Find the schemes that act after each contingency, in the order given."""
    lost = [{part} if isinstance(part, str) else set(part) for part in contingencies["elements"]]
    named = [any(one.issuperset(scheme.outage) for scheme in schemes) for one in lost]
    if not any(named):
        return {}
    without = run_security(
        net, contingencies[named], criteria, snapshot, screen=None, keep="all", options=options
    )
    triggers = find_triggers(without, schemes)
    by_name = {scheme.name: scheme for scheme in schemes}
    acting: dict[str, list[RemedialScheme]] = {}
    for row in triggers[triggers["acts"].astype(bool)].itertuples():
        acting.setdefault(str(row.contingency), []).append(by_name[str(row.scheme)])
    return acting


def _hold(security: Security, acts: pd.DataFrame) -> Security:
    """Add what schemes take above the criteria to the violations."""
    rules, rows = security.rules, []
    kinds = security.contingencies.get("kind")
    for act in acts.to_dict("records") if rules is not None else ():
        key = act["contingency"]
        kind = "" if kinds is None else str(kinds.loc[key])
        assert rules is not None  # else there are no acts to hold
        _, load_mw, generation_mw = rules.loss_limits(kind)
        gone = act["tripped_mw"] + float(security.status.loc[key, "lost_generation_mw"])
        taken = (
            (SHED, act["shed_mw"], act["shed_mw"], load_mw),
            (TRIPPED, act["tripped_mw"], gone, generation_mw),
        )
        rows += [
            {
                "contingency": key,
                "element": element,
                "kind": "lost_load",
                "limit": limit,
                "value": value,
                "unit": "MW",
                "snapshot": security.snapshot,
                "stage": "ac",
            }
            for element, moved, value, limit in taken
            if moved > 0 and value > limit + LIMIT_TOLERANCE
        ]
    if not rows:
        return security
    violations = pd.concat([security.violations, build_violation_table(rows)], ignore_index=True)
    summary = {**security.summary, "violations": len(violations)}
    return replace(security, violations=violations, verdict="insecure", summary=summary)
