"""Which page is made of which result: one table, read when a page is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import cast

from gridhub.errors import GridhubError
from gridhub.model.network import Network
from gridhub.rating_rules import RATING_COLUMNS
from gridhub.report.page import SEASONAL_RATINGS, Page
from gridhub.report.rules import list_open_places

PAGES = {
    "gridhub.analysis.carbon.carbon:CarbonMatch": "gridhub.report.carbon_page:build_carbon_page",
    "gridhub.analysis.dispatch.dispatch:Dispatch": "gridhub.report.dispatch_page:build_dispatch_page",
    "gridhub.analysis.dispatch.change:DispatchChange": "gridhub.report.dispatch_page:build_change_page",
    "gridhub.analysis.dispatch.check:DispatchCheck": "gridhub.report.dispatch_page:build_check_page",
    "gridhub.analysis.voltage.fault_levels:FaultLevels": "gridhub.report.fault_page:build_fault_page",
    "gridhub.analysis.voltage.fluctuation:Fluctuation": (
        "gridhub.report.fluctuation_page:build_fluctuation_page"
    ),
    "gridhub.analysis.hosting.hosting:HostingCapacity": "gridhub.report.hosting_page:build_hosting_page",
    "gridhub.analysis.hosting.joint:JointHosting": "gridhub.report.portfolio_page:build_joint_page",
    "gridhub.analysis.hub.hub:HubStudy": "gridhub.report.hub_page:build_hub_page",
    "gridhub.analysis.carbon.hub_sizing:HubSizing": "gridhub.report.sizing_page:build_sizing_page",
    "gridhub.analysis.carbon.hub_sizing:SizingCurve": "gridhub.report.sizing_page:build_curve_page",
    "gridhub.analysis.flow.interface_hours:InterfaceHours": (
        "gridhub.report.transfer_page:build_interface_page"
    ),
    "gridhub.analysis.portfolio.portfolio:Portfolio": "gridhub.report.portfolio_page:build_portfolio_page",
    "gridhub.analysis.flow.power_flow:PowerFlow": "gridhub.report.flow_page:build_flow_page",
    "gridhub.analysis.voltage.pv_curve:PvCurve": "gridhub.report.voltage_page:build_pv_page",
    "gridhub.analysis.voltage.pv_curve:ReactiveMargin": "gridhub.report.voltage_page:build_reactive_page",
    "gridhub.analysis.works.reinforcement:ReinforcementPlan": (
        "gridhub.report.reinforcement_page:build_reinforcement_page"
    ),
    "gridhub.analysis.security.security:Security": "gridhub.report.security_page:build_security_page",
    "gridhub.analysis.security.hours:SecurityHours": (
        "gridhub.report.security_hours_page:build_security_hours_page"
    ),
    "gridhub.analysis.siting.siting:SiteRanking": "gridhub.report.siting_page:build_siting_page",
    "gridhub.analysis.flow.time_series:TimeSeries": "gridhub.report.series_page:build_series_page",
    "gridhub.analysis.transfer.transfer:TransferCapability": (
        "gridhub.report.transfer_page:build_transfer_page"
    ),
    "gridhub.analysis.voltage.voltage_dips:FaultEffect": "gridhub.report.fault_page:build_dip_page",
    "gridhub.analysis.voltage.voltage_margin:VoltageMargin": "gridhub.report.voltage_page:build_margin_page",
    "gridhub.analysis.works.value:WorksValue": "gridhub.report.reinforcement_page:build_worth_page",
    "gridhub.analysis.years.years:YearsPlan": "gridhub.report.years_page:build_years_page",
}
"""Class of a result -> function that makes its page; a network, or None, is given along for names."""


def build_page(result: object, net: Network | None) -> Page:
    """Make the page of one result.

    Parameters
    ----------
    result : object
        Of a class in `PAGES`, or a page already.
    net : Network or None
        Gives names and a map to results that carry no network, and what of its places and routes is not
        assessable with public data, which every page then says.

    Returns
    -------
    Page

    Raises
    ------
    GridhubError
        If no page can be made of it; says of what one can.
    """
    if isinstance(result, Page):
        return result
    kind = type(result)
    maker = PAGES.get(f"{kind.__module__}:{kind.__qualname__}")
    if maker is None:
        known = ", ".join(sorted(name.partition(":")[2] for name in PAGES))
        raise GridhubError(f"no page can be made of a {kind.__name__}; one can of {known}, Page")
    module, _, function = maker.partition(":")
    make = cast("Callable[[object, Network | None], Page]", getattr(import_module(module), function))
    page = make(result, net)
    if net is None:
        return page
    # whatever is asked of a grid rests on the routes it is made of
    gaps = dict.fromkeys((*page.not_assessed, *list_open_places(net)))
    if net.snapshot_value["column"].isin(RATING_COLUMNS).any():
        gaps.pop(SEASONAL_RATINGS, None)
    return replace(page, not_assessed=tuple(gaps))
