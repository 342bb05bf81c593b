"""gridhub: where an AI data-center hub can stand on a transmission grid, and what it takes.

Public names load when they are first used, so that ``import gridhub`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Adjustment": "gridhub.analysis.actions.redispatch",
    "DataCenter": "gridhub.placement.hub",
    "DataCenterLoad": "gridhub.profiles.data_center",
    "Hub": "gridhub.placement.hub",
    "HubContract": "gridhub.analysis.carbon.contracts",
    "InputError": "gridhub.errors",
    "Monitored": "gridhub.interop.psse_monitored",
    "Network": "gridhub.model.network",
    "NotConverged": "gridhub.errors",
    "OnSiteGenerator": "gridhub.placement.hub",
    "OutagePairs": "gridhub.analysis.security.outage_pairs",
    "PowerFlowOptions": "gridhub.solvers.options",
    "Project": "gridhub.analysis.years.projects",
    "RenewablePlant": "gridhub.placement.hub",
    "Status": "gridhub.solvers.status",
    "Storage": "gridhub.placement.hub",
    "assess_fault": "gridhub.analysis.voltage.voltage_dips",
    "assess_fluctuation": "gridhub.analysis.voltage.fluctuation",
    "build_network": "gridhub.model.network",
    "check_dispatch": "gridhub.analysis.dispatch.check",
    "compare_dispatch": "gridhub.analysis.dispatch.change",
    "compute_fault_levels": "gridhub.analysis.voltage.fault_levels",
    "find_reactive_margin": "gridhub.analysis.voltage.pv_curve",
    "find_transfer_capability": "gridhub.analysis.transfer.transfer",
    "find_voltage_margin": "gridhub.analysis.voltage.voltage_margin",
    "from_pandapower": "gridhub.interop.pandapower",
    "hosting_capacity": "gridhub.analysis.hosting.hosting",
    "list_contingencies": "gridhub.analysis.contingency.contingencies",
    "list_networks": "gridhub.reference",
    "list_secured": "gridhub.analysis.contingency.secured_events",
    "load_network": "gridhub.reference",
    "lodf": "gridhub.analysis.flow.sensitivities",
    "make_profiles": "gridhub.model.profiles",
    "match_carbon_free": "gridhub.analysis.carbon.carbon",
    "match_dispatch": "gridhub.analysis.carbon.hourly_dispatch",
    "pick_typical_weeks": "gridhub.model.typical_weeks",
    "place": "gridhub.placement.place",
    "plan_portfolio": "gridhub.analysis.portfolio.portfolio",
    "plan_reinforcement": "gridhub.analysis.works.reinforcement",
    "plan_years": "gridhub.analysis.years.years",
    "ptdf": "gridhub.analysis.flow.sensitivities",
    "rank_faults": "gridhub.analysis.voltage.voltage_dips",
    "rank_pairs": "gridhub.analysis.security.outage_pairs",
    "rank_sites": "gridhub.analysis.siting.siting",
    "read_case": "gridhub.interop.case_files",
    "read_contingencies": "gridhub.interop.contingency_files",
    "read_monitored": "gridhub.interop.contingency_files",
    "read_network": "gridhub.model.files",
    "read_schemes": "gridhub.analysis.actions.remedial_schemes",
    "run_dispatch": "gridhub.analysis.dispatch.dispatch",
    "run_power_flow": "gridhub.analysis.flow.power_flow",
    "run_remedial": "gridhub.analysis.actions.remedial",
    "run_security": "gridhub.analysis.security.security",
    "run_security_hours": "gridhub.analysis.security.hours",
    "run_successive_outages": "gridhub.analysis.actions.successive_outages",
    "run_time_series": "gridhub.analysis.flow.time_series",
    "share_room": "gridhub.analysis.hosting.joint",
    "size_hub": "gridhub.analysis.carbon.hub_sizing",
    "to_pandapower": "gridhub.interop.pandapower",
    "trace_hub_sizing": "gridhub.analysis.carbon.hub_sizing",
    "trace_pv_curve": "gridhub.analysis.voltage.pv_curve",
    "track_interfaces": "gridhub.analysis.flow.interface_hours",
    "validate": "gridhub.model.validate",
    "value_reinforcement": "gridhub.analysis.works.value",
    "write_case": "gridhub.interop.case_files",
    "write_network": "gridhub.model.files",
    "write_report": "gridhub.report.write",
}
"""Public name -> module that defines it."""

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module 'gridhub' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from gridhub.analysis.actions.redispatch import Adjustment as Adjustment
    from gridhub.analysis.actions.remedial import run_remedial as run_remedial
    from gridhub.analysis.actions.remedial_schemes import read_schemes as read_schemes
    from gridhub.analysis.actions.successive_outages import run_successive_outages as run_successive_outages
    from gridhub.analysis.carbon.carbon import match_carbon_free as match_carbon_free
    from gridhub.analysis.carbon.contracts import HubContract as HubContract
    from gridhub.analysis.carbon.hourly_dispatch import match_dispatch as match_dispatch
    from gridhub.analysis.carbon.hub_sizing import size_hub as size_hub
    from gridhub.analysis.carbon.hub_sizing import trace_hub_sizing as trace_hub_sizing
    from gridhub.analysis.contingency.contingencies import list_contingencies as list_contingencies
    from gridhub.analysis.contingency.secured_events import list_secured as list_secured
    from gridhub.analysis.dispatch.change import compare_dispatch as compare_dispatch
    from gridhub.analysis.dispatch.check import check_dispatch as check_dispatch
    from gridhub.analysis.dispatch.dispatch import run_dispatch as run_dispatch
    from gridhub.analysis.flow.interface_hours import track_interfaces as track_interfaces
    from gridhub.analysis.flow.power_flow import run_power_flow as run_power_flow
    from gridhub.analysis.flow.sensitivities import lodf as lodf
    from gridhub.analysis.flow.sensitivities import ptdf as ptdf
    from gridhub.analysis.flow.time_series import run_time_series as run_time_series
    from gridhub.analysis.hosting.hosting import hosting_capacity as hosting_capacity
    from gridhub.analysis.hosting.joint import share_room as share_room
    from gridhub.analysis.portfolio.portfolio import plan_portfolio as plan_portfolio
    from gridhub.analysis.security.hours import run_security_hours as run_security_hours
    from gridhub.analysis.security.outage_pairs import OutagePairs as OutagePairs
    from gridhub.analysis.security.outage_pairs import rank_pairs as rank_pairs
    from gridhub.analysis.security.security import run_security as run_security
    from gridhub.analysis.siting.siting import rank_sites as rank_sites
    from gridhub.analysis.transfer.transfer import find_transfer_capability as find_transfer_capability
    from gridhub.analysis.voltage.fault_levels import compute_fault_levels as compute_fault_levels
    from gridhub.analysis.voltage.fluctuation import assess_fluctuation as assess_fluctuation
    from gridhub.analysis.voltage.pv_curve import find_reactive_margin as find_reactive_margin
    from gridhub.analysis.voltage.pv_curve import trace_pv_curve as trace_pv_curve
    from gridhub.analysis.voltage.voltage_dips import assess_fault as assess_fault
    from gridhub.analysis.voltage.voltage_dips import rank_faults as rank_faults
    from gridhub.analysis.voltage.voltage_margin import find_voltage_margin as find_voltage_margin
    from gridhub.analysis.works.reinforcement import plan_reinforcement as plan_reinforcement
    from gridhub.analysis.works.value import value_reinforcement as value_reinforcement
    from gridhub.analysis.years.projects import Project as Project
    from gridhub.analysis.years.years import plan_years as plan_years
    from gridhub.errors import InputError as InputError
    from gridhub.errors import NotConverged as NotConverged
    from gridhub.interop.case_files import read_case as read_case
    from gridhub.interop.case_files import write_case as write_case
    from gridhub.interop.contingency_files import read_contingencies as read_contingencies
    from gridhub.interop.contingency_files import read_monitored as read_monitored
    from gridhub.interop.pandapower import from_pandapower as from_pandapower
    from gridhub.interop.pandapower import to_pandapower as to_pandapower
    from gridhub.interop.psse_monitored import Monitored as Monitored
    from gridhub.model.files import read_network as read_network
    from gridhub.model.files import write_network as write_network
    from gridhub.model.network import Network as Network
    from gridhub.model.network import build_network as build_network
    from gridhub.model.profiles import make_profiles as make_profiles
    from gridhub.model.typical_weeks import pick_typical_weeks as pick_typical_weeks
    from gridhub.model.validate import validate as validate
    from gridhub.placement.hub import DataCenter as DataCenter
    from gridhub.placement.hub import Hub as Hub
    from gridhub.placement.hub import OnSiteGenerator as OnSiteGenerator
    from gridhub.placement.hub import RenewablePlant as RenewablePlant
    from gridhub.placement.hub import Storage as Storage
    from gridhub.placement.place import place as place
    from gridhub.profiles.data_center import DataCenterLoad as DataCenterLoad
    from gridhub.reference import list_networks as list_networks
    from gridhub.reference import load_network as load_network
    from gridhub.report.write import write_report as write_report
    from gridhub.solvers.options import PowerFlowOptions as PowerFlowOptions
    from gridhub.solvers.status import Status as Status
