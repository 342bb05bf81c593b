"""Security analysis: every contingency of a set, screened by DC, solved by AC, judged by criteria."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.flow.losses import count_losses, judge_losses
from gridhub.analysis.flow.power_flow import (
    PowerFlow,
    build_power_flow,
    compute_flow,
    explain_failure,
    solve_case,
)
from gridhub.analysis.flow.tap_tables import build_outage_tap_table, summarize_outage_taps
from gridhub.analysis.security.judging import OutageLimits, build_limits, spread_voltage
from gridhub.analysis.security.monitoring import (
    check_monitored,
    drop_unmonitored,
    limit_monitored,
    limit_outages_monitored,
)
from gridhub.analysis.security.outage_limits import build_outage_limits
from gridhub.analysis.security.outage_relief import find_relief
from gridhub.analysis.security.outages import (
    Outcomes,
    Progress,
    Setting,
)
from gridhub.analysis.security.ranking import rank_outages
from gridhub.analysis.security.run import choose_for_ac, run_outages, screen_set
from gridhub.analysis.security.screen_measure import measure_screen
from gridhub.analysis.security.screening import FLAG_PERCENT, Screen
from gridhub.analysis.security.screening_voltage import CHANGE_MARGIN, VOLTAGE_MARGIN_PU
from gridhub.analysis.security.tables import (
    build_screen_table,
    build_state_tables,
    build_status_table,
    build_violations,
    build_warnings,
    count_fallbacks,
    find_unjudged,
)
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria, read_criteria
from gridhub.errors import OptionError
from gridhub.interop.psse_monitored import Monitored
from gridhub.model.derived import derive
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.reference import find_criteria_text
from gridhub.solvers.batch import BatchPlan, plan_batch
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.status import Status
from gridhub.solvers.taps import settle_taps


@dataclass(frozen=True, eq=False)
class Security:
    """Result of a security analysis.

    Attributes
    ----------
    network, snapshot, criteria : str
        What was judged, and by which criteria ("" = ratings alone).
    verdict : {"secure", "insecure", "unverified"}
        "secure" only if the base state and every contingency are solved by AC, converged or islanded within
        what the criteria allow, without a violation. "unverified" if nothing was found, but outages were
        screened out.
    base : PowerFlow
        The N state.
    contingencies : DataFrame
        The set analysed: kind, elements.
    status : DataFrame
        One row per contingency: status, lost_load_mw, lost_generation_mw, consequential_mw (load cut off,
        without the elements lost themselves), worst_element, worst_loading_percent, iterations, stage
        ("dc" | "1p1q" | "ac"), reason (why there is no solution; where an outage was screened out, by what).
    violations : DataFrame
        contingency ("" for N), element, kind, limit, value, unit, loading_percent, base_value, snapshot,
        stage, rating (that an overload is held against: rate_mva | rate_b_mva | rate_c_mva; the one that
        stands in where the branch has not the one the criteria ask for), minutes (how long that rating
        holds; NaN: without end).
    warnings : DataFrame
        Same columns: voltages of the N state outside the criteria's target range.
    relief : DataFrame
        Flows that an outage leaves within a rating of limited time and above the rating with everything in
        service: not violations, but to be relieved in time. contingency, element, value [MVA], normal_mva,
        loading_percent (of that), limit [MVA], rating, minutes. Of outages solved by AC.
    ranking : DataFrame
        Contingencies, worst first: without a solution, then with a violation, then by worst loading, lost
        load and performance index. performance_index (sum over branches of (loading / 100)^4),
        performance_index_voltage (sum over the voltages outside limits of ((v - middle) / half range)^4; NaN
        where DC alone judged), both infinite without a solution, worst_loading_percent, worst_element,
        worst_bus, worst_vm_pu and worst_beyond_pu (the voltage furthest beyond its limits, and by how much;
        NaN: none is), violations, overloads, voltage_violations, lost_load_mw, lost_generation_mw, islanding,
        status.
    screen : DataFrame
        Per contingency: estimated_percent, estimated_element, estimated_vm_pu, estimated_bus, room_pu (of
        that voltage to its limit, the smallest), flagged, bound (that flagged it, or cleared it),
        solved_by_ac; by AC: overloaded (or without a solution), voltage_violated, missed (overloaded, not
        flagged), voltage_missed, false (flagged, neither islanding nor in breach of what the screen looks
        at).
        With ``screen=None`` nothing is estimated (NaN): all are flagged, none is missed or false.
    screen_by_class : DataFrame
        The same counted by kind and voltage of the contingencies, with the share of overloads and of
        voltage violations that was flagged (`gridhub.analysis.security.screen_measure.measure_screen`).
    unjudged : tuple of str
        Buses whose voltage class the criteria lack.
    rules : Criteria or None
        The criteria themselves, every value with its source; None: ratings alone.
    taps : DataFrame
        With ``taps="controlled"``: per contingency the tap changers that moved from the state before it or
        miss their band: contingency, transformer, tap_bus, tap_ratio_before, tap_ratio, steps, vm_pu,
        tap_vm_pu, state (see `PowerFlow.taps`, which ``base`` has for N). Else no row.
    p_from_mw, vm_pu : DataFrame or None
        With ``keep="all"``: contingency x branch [MW], contingency x bus [p.u.].
    summary : mapping
        The screen and its margins; counts by status, screened, missed, false, violations, unrated branches,
        rating_fallbacks (rated branches that lack a rating the criteria ask for after an outage);
        where only some elements are judged, monitored_branches and monitored_buses, their numbers;
        with controlled taps also outages_with_taps_moved, outages_with_taps_at_limit and
        outages_with_taps_hunting.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    criteria: str
    verdict: str
    base: PowerFlow
    contingencies: pd.DataFrame
    status: pd.DataFrame
    violations: pd.DataFrame
    warnings: pd.DataFrame
    relief: pd.DataFrame
    ranking: pd.DataFrame
    screen: pd.DataFrame
    screen_by_class: pd.DataFrame
    unjudged: tuple[str, ...]
    rules: Criteria | None
    taps: pd.DataFrame
    p_from_mw: pd.DataFrame | None
    vm_pu: pd.DataFrame | None
    summary: Mapping[str, Any]
    options: PowerFlowOptions


def resolve_criteria(net: Network, criteria: str | Criteria | None) -> Criteria | None:
    """Find the criteria meant by a name.

    Parameters
    ----------
    net : Network
    criteria : str, Criteria or None
        "network": the network's own, or none if it has none; a region or standard such as "korea" or
        "sqss"; the path of a TOML file (a text that ends in ``.toml``); None: none.

    Raises
    ------
    KeyError
        If there is no region or standard of that name.
    InputError
        If a file cannot be read, or its content is no criteria; every fault is listed.
    """
    if criteria is None or isinstance(criteria, Criteria):
        return criteria
    if criteria == "network":
        text = net.documents.get("criteria")
        return read_criteria(text) if text else None
    return read_criteria(find_criteria_text(criteria))


def settle_state(net: Network, snapshot: str | None) -> Network:
    """Put a snapshot into the tables once and for all: nothing is left to apply."""
    name, values = find_snapshot(net, snapshot), net.tables["snapshot_value"]
    if not len(values):
        return net
    return derive(
        net, "state", name, lambda: apply_snapshot(net, name).replace(snapshot_value=values.iloc[:0])
    )


def _plan(net: Network, options: PowerFlowOptions) -> tuple[Case, BatchPlan]:
    """Choose references and plan the batches of a network's own state."""
    case, _ = choose_references(compile_case(net))
    return case, plan_batch(case, options)


def prepare_setting(
    net: Network,
    snapshot: str,
    criteria: Criteria | None,
    options: PowerFlowOptions,
    monitored: Monitored | None = None,
) -> Setting:
    """Solve the state before the outages; `net` holds it in its tables."""
    case, plan = derive(net, "plan", options, lambda: _plan(net, options))
    if monitored is not None:
        check_monitored(monitored, case)
    base = solve_case(case, "ac", options, plan.newton)
    if not base.status.is_solved:
        raise explain_failure(net.name, snapshot, base, options)
    normal, after = (
        limit_monitored(build_limits(net, case, criteria, when), case, monitored)
        for when in ("normal", "outage")
    )
    settled, flow, vm = settle_taps(case, base), compute_flow(base), spread_voltage(base)
    return Setting(net, settled, plan, base, criteria, normal, after, flow, vm)


def run_security(
    net: Network,
    cset: pd.DataFrame | None = None,
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    screen: Literal["dc", "1p1q"] | None = "dc",
    verify: Literal["flagged", "all"] | None = "flagged",
    keep: Literal["violations", "all"] = "violations",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    progress: Progress | None = None,
    monitored: Monitored | None = None,
) -> Security:
    """Analyse every contingency of a set.

    Parameters
    ----------
    net : Network
    cset : DataFrame, optional
        Index contingency, column elements (tuple of ids), optionally kind; None: every single line,
        transformer and series element (`list_contingencies`). Where the criteria give ratings by class of
        contingency, its rating_class, event_class or kind says which hold, the first that they name.
    criteria : str, Criteria or None
        "network": the network's own, said in the result; "korea" or another region; "nerc-tpl", "sqss"; the
        path of a ``.toml`` file; None, or a network without criteria: each branch against its rating, no
        voltage limits, no load may be cut off.
    snapshot : str, optional
        State before the outages; None is the first.
    screen : {"dc", "1p1q", None}
        "dc": outages whose estimated loading stays below 90 % of every limit need no AC solution; those of
        units, loads, links and shunts do, because DC sees no voltage. "1p1q": one active and one reactive
        fast-decoupled iteration estimates voltages too, after every kind of outage; those near no limit of
        either kind need no AC solution (`screening_voltage`). None: nothing is estimated.
        The status row of an outage that is screened out says by which bound and how far from it.
    verify : {"flagged", "all", None}
        Which outages are solved by AC: those the screen flags, all (and the screen is measured), or none.
        With ``screen=None`` all are.
    keep : {"violations", "all"}
        "all" also returns flows and voltages of every outage.
    options : mapping or PowerFlowOptions, optional
    progress : callable, optional
        Called with outages done and outages in all; steps may be larger than one.
    monitored : Monitored, optional
        What is judged, as `gridhub.read_monitored` reads it from a PSS/E ``.mon`` file: the loading of these
        branches, and these voltages within the ranges given there, which hold before and after an outage.
        None: every rated branch, and every voltage the criteria know.

    Returns
    -------
    Security

    Raises
    ------
    ValueError
        If the contingency set is empty.
    InputError
        If it, or what is monitored, names unknown elements; all are listed.
    OptionError
        If an option is unknown, taps are to be controlled behind a screen, or the criteria give ratings
        after a class of contingency that does not exist.
    NotConverged
        If the base state has no trustworthy solution.

    Notes
    -----
    Each outage starts from the state before it. Lost power is taken up by participation, within limits; parts
    cut off without a reference are dead and their MW counted; the largest part of an island keeps or gets a
    reference. With ``taps="controlled"`` the ratios settle before the outages and each outage starts from
    them; an outage is then solved by itself, not in a batch. An outage that does not converge is a row with
    its status, never left out.
    """
    settled = read_options(options, reactive_limits=net.reactive_limits, controls_taps=True)
    if (
        screen not in ("dc", "1p1q", None)
        or verify not in ("flagged", "all", None)
        or keep not in ("violations", "all")
    ):
        raise OptionError(
            f'screen = {screen!r} ("dc" | "1p1q" | None), verify = {verify!r} ("flagged" | "all" | None), '
            f'keep = {keep!r} ("violations" | "all")'
        )
    if settled.taps == "controlled" and screen is not None:
        raise OptionError(
            f'option taps = "controlled" with screen = {screen!r}: a screen sees no tap move and would '
            "clear outages it cannot judge; use screen=None (--screen none), which solves every outage by AC"
        )
    if cset is None:
        cset = list_contingencies(net)
    if not len(cset):
        raise ValueError(f"no contingency to analyse in {net.name!r}: the set is empty")
    rules = resolve_criteria(net, criteria)
    name = find_snapshot(net, snapshot) or ""
    setting = prepare_setting(settle_state(net, snapshot), name, rules, settled, monitored)
    outages = find_outages(setting.net, setting.case, cset)
    limits = build_outage_limits(setting.net, setting.case, rules, cset)
    limits = limit_outages_monitored(limits, setting.case, monitored)
    estimate = screen_set(setting, outages, limits, screen)
    by_ac = choose_for_ac(estimate, verify)
    outcomes = run_outages(setting, outages, limits, estimate, by_ac, keep == "all", progress)
    outcomes = drop_unmonitored(outcomes, setting.case, monitored)
    return collect_security(setting, name, cset, outages, limits, estimate, outcomes, monitored)


def collect_security(
    setting: Setting,
    snapshot: str,
    cset: pd.DataFrame,
    outages: Sequence[Outage],
    limits: OutageLimits,
    screen: Screen,
    outcomes: Outcomes,
    monitored: Monitored | None = None,
) -> Security:
    """Put the tables together."""
    net, rules, options = setting.net, setting.criteria, setting.plan.options
    index = pd.Index(cset.index, name="contingency")
    kinds = cset["kind"].tolist() if "kind" in cset else [""] * len(cset)
    losses = count_losses(setting.base, outages, outcomes.dead)
    lost = judge_losses(rules, kinds, outcomes.answered, losses)
    base = build_power_flow(net.name, snapshot, setting.base, options)
    status = build_status_table(setting, index, outcomes, losses, screen.method)
    violations = build_violations(setting, limits, base, index, outcomes, lost, screen.method)
    found = len(outcomes.findings) + len(lost.outage)
    table = build_screen_table(setting.case, index, outcomes, screen)
    flows, voltages = build_state_tables(setting, index, outcomes)
    taps = build_outage_tap_table(setting.case, index, outcomes.taps.tolist())
    summary = _summarize(base, status, len(violations) - found, violations, table, screen.method)
    summary["rating_fallbacks"] = count_fallbacks(setting.case, limits)
    warnings = build_warnings(setting, base)
    if monitored is not None:
        warnings = monitored.select(warnings)
        summary |= {
            "monitored_branches": len(monitored.branches),
            "monitored_buses": len(monitored.voltage),
        }
    if options.taps == "controlled":
        summary |= summarize_outage_taps(taps)
    return Security(
        network=net.name,
        snapshot=snapshot,
        criteria="" if rules is None else rules.name,
        verdict=_give_verdict(base, status, violations),
        base=base,
        contingencies=cset,
        status=status,
        violations=violations,
        warnings=warnings,
        relief=find_relief(setting, outages, limits, outcomes, index),
        ranking=rank_outages(setting, screen, status, outcomes, losses, lost),
        screen=table,
        screen_by_class=measure_screen(table, cset, net),
        unjudged=find_unjudged(setting) if monitored is None else (),
        rules=rules,
        taps=taps,
        p_from_mw=flows,
        vm_pu=voltages,
        summary=MappingProxyType(summary),
        options=options,
    )


def _give_verdict(base: PowerFlow, status: pd.DataFrame, violations: pd.DataFrame) -> str:
    solved = {Status.CONVERGED.value, Status.ISLANDED.value, Status.SCREENED.value}
    if (
        len(violations)
        or not solved.issuperset(status["status"].tolist())
        or base.status is not Status.CONVERGED
    ):
        return "insecure"
    return "secure" if (status["stage"].to_numpy() == "ac").all() else "unverified"


def _summarize(
    base: PowerFlow,
    status: pd.DataFrame,
    in_base: int,
    violations: pd.DataFrame,
    screen: pd.DataFrame,
    method: str,
) -> dict[str, Any]:
    margins = {"screen_change_margin": CHANGE_MARGIN, "screen_voltage_margin_pu": VOLTAGE_MARGIN_PU}
    return {
        "contingencies": len(status),
        **{str(name): count for name, count in sorted(Counter(status["status"].tolist()).items())},
        "violations": len(violations),
        "base_violations": in_base,
        "screen": method,
        "screen_flag_percent": FLAG_PERCENT,
        **(margins if method == "1p1q" else {}),
        "screened_out": int((~screen["flagged"].to_numpy()).sum()),
        "verified_by_ac": int(screen["solved_by_ac"].to_numpy().sum()),
        "missed": int(screen["missed"].to_numpy().sum()),
        "voltage_missed": int(screen["voltage_missed"].to_numpy().sum()),
        "false": int(screen["false"].to_numpy().sum()),
        "unrated_branches": base.summary["unrated_branches"],
    }
