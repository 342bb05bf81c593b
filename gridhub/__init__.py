"""gridhub: where an AI data-center hub can stand on a transmission grid, and what it takes.

Public names load when they are first used, so that ``import gridhub`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Adjustment": "gridhub.analysis.redispatch",
    "DataCenter": "gridhub.placement.hub",
    "DataCenterLoad": "gridhub.profiles.data_center",
    "Hub": "gridhub.placement.hub",
    "HubContract": "gridhub.analysis.contracts",
    "InputError": "gridhub.errors",
    "Network": "gridhub.model.network",
    "NotConverged": "gridhub.errors",
    "OutagePairs": "gridhub.analysis.outage_pairs",
    "PowerFlowOptions": "gridhub.solvers.options",
    "Project": "gridhub.analysis.years_projects",
    "RenewablePlant": "gridhub.placement.hub",
    "Status": "gridhub.solvers.status",
    "Storage": "gridhub.placement.hub",
    "assess_fault": "gridhub.analysis.voltage_dips",
    "build_network": "gridhub.model.network",
    "check_dispatch": "gridhub.analysis.dispatch_check",
    "compare_dispatch": "gridhub.analysis.dispatch_change",
    "compute_fault_levels": "gridhub.analysis.fault_levels",
    "find_reactive_margin": "gridhub.analysis.pv_curve",
    "find_transfer_capability": "gridhub.analysis.transfer",
    "find_voltage_margin": "gridhub.analysis.voltage_margin",
    "from_pandapower": "gridhub.interop.pandapower",
    "hosting_capacity": "gridhub.analysis.hosting",
    "list_contingencies": "gridhub.analysis.contingencies",
    "list_networks": "gridhub.reference",
    "list_secured": "gridhub.analysis.secured_events",
    "load_network": "gridhub.reference",
    "lodf": "gridhub.analysis.sensitivities",
    "make_profiles": "gridhub.model.profiles",
    "match_carbon_free": "gridhub.analysis.carbon",
    "match_dispatch": "gridhub.analysis.carbon_dispatch",
    "pick_typical_weeks": "gridhub.model.typical_weeks",
    "place": "gridhub.placement.place",
    "plan_portfolio": "gridhub.analysis.portfolio",
    "plan_reinforcement": "gridhub.analysis.reinforcement",
    "plan_years": "gridhub.analysis.years",
    "ptdf": "gridhub.analysis.sensitivities",
    "rank_faults": "gridhub.analysis.voltage_dips",
    "rank_pairs": "gridhub.analysis.outage_pairs",
    "rank_sites": "gridhub.analysis.siting",
    "read_case": "gridhub.interop.case_files",
    "read_contingencies": "gridhub.interop.contingency_files",
    "read_network": "gridhub.model.files",
    "read_schemes": "gridhub.analysis.remedial_schemes",
    "run_dispatch": "gridhub.analysis.dispatch",
    "run_power_flow": "gridhub.analysis.power_flow",
    "run_remedial": "gridhub.analysis.remedial",
    "run_security": "gridhub.analysis.security",
    "run_security_hours": "gridhub.analysis.security_hours",
    "run_successive_outages": "gridhub.analysis.successive_outages",
    "run_time_series": "gridhub.analysis.time_series",
    "share_room": "gridhub.analysis.hosting_joint",
    "size_hub": "gridhub.analysis.hub_sizing",
    "to_pandapower": "gridhub.interop.pandapower",
    "trace_hub_sizing": "gridhub.analysis.hub_sizing",
    "trace_pv_curve": "gridhub.analysis.pv_curve",
    "track_interfaces": "gridhub.analysis.interface_hours",
    "validate": "gridhub.model.validate",
    "value_reinforcement": "gridhub.analysis.work_value",
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
    from gridhub.analysis.carbon import match_carbon_free as match_carbon_free
    from gridhub.analysis.carbon_dispatch import match_dispatch as match_dispatch
    from gridhub.analysis.contingencies import list_contingencies as list_contingencies
    from gridhub.analysis.contracts import HubContract as HubContract
    from gridhub.analysis.dispatch import run_dispatch as run_dispatch
    from gridhub.analysis.dispatch_change import compare_dispatch as compare_dispatch
    from gridhub.analysis.dispatch_check import check_dispatch as check_dispatch
    from gridhub.analysis.fault_levels import compute_fault_levels as compute_fault_levels
    from gridhub.analysis.hosting import hosting_capacity as hosting_capacity
    from gridhub.analysis.hosting_joint import share_room as share_room
    from gridhub.analysis.hub_sizing import size_hub as size_hub
    from gridhub.analysis.hub_sizing import trace_hub_sizing as trace_hub_sizing
    from gridhub.analysis.interface_hours import track_interfaces as track_interfaces
    from gridhub.analysis.outage_pairs import OutagePairs as OutagePairs
    from gridhub.analysis.outage_pairs import rank_pairs as rank_pairs
    from gridhub.analysis.portfolio import plan_portfolio as plan_portfolio
    from gridhub.analysis.power_flow import run_power_flow as run_power_flow
    from gridhub.analysis.pv_curve import find_reactive_margin as find_reactive_margin
    from gridhub.analysis.pv_curve import trace_pv_curve as trace_pv_curve
    from gridhub.analysis.redispatch import Adjustment as Adjustment
    from gridhub.analysis.reinforcement import plan_reinforcement as plan_reinforcement
    from gridhub.analysis.remedial import run_remedial as run_remedial
    from gridhub.analysis.remedial_schemes import read_schemes as read_schemes
    from gridhub.analysis.secured_events import list_secured as list_secured
    from gridhub.analysis.security import run_security as run_security
    from gridhub.analysis.security_hours import run_security_hours as run_security_hours
    from gridhub.analysis.sensitivities import lodf as lodf
    from gridhub.analysis.sensitivities import ptdf as ptdf
    from gridhub.analysis.siting import rank_sites as rank_sites
    from gridhub.analysis.successive_outages import run_successive_outages as run_successive_outages
    from gridhub.analysis.time_series import run_time_series as run_time_series
    from gridhub.analysis.transfer import find_transfer_capability as find_transfer_capability
    from gridhub.analysis.voltage_dips import assess_fault as assess_fault
    from gridhub.analysis.voltage_dips import rank_faults as rank_faults
    from gridhub.analysis.voltage_margin import find_voltage_margin as find_voltage_margin
    from gridhub.analysis.work_value import value_reinforcement as value_reinforcement
    from gridhub.analysis.years import plan_years as plan_years
    from gridhub.analysis.years_projects import Project as Project
    from gridhub.errors import InputError as InputError
    from gridhub.errors import NotConverged as NotConverged
    from gridhub.interop.case_files import read_case as read_case
    from gridhub.interop.case_files import write_case as write_case
    from gridhub.interop.contingency_files import read_contingencies as read_contingencies
    from gridhub.interop.pandapower import from_pandapower as from_pandapower
    from gridhub.interop.pandapower import to_pandapower as to_pandapower
    from gridhub.model.files import read_network as read_network
    from gridhub.model.files import write_network as write_network
    from gridhub.model.network import Network as Network
    from gridhub.model.network import build_network as build_network
    from gridhub.model.profiles import make_profiles as make_profiles
    from gridhub.model.typical_weeks import pick_typical_weeks as pick_typical_weeks
    from gridhub.model.validate import validate as validate
    from gridhub.placement.hub import DataCenter as DataCenter
    from gridhub.placement.hub import Hub as Hub
    from gridhub.placement.hub import RenewablePlant as RenewablePlant
    from gridhub.placement.hub import Storage as Storage
    from gridhub.placement.place import place as place
    from gridhub.profiles.data_center import DataCenterLoad as DataCenterLoad
    from gridhub.reference import list_networks as list_networks
    from gridhub.reference import load_network as load_network
    from gridhub.report.write import write_report as write_report
    from gridhub.solvers.options import PowerFlowOptions as PowerFlowOptions
    from gridhub.solvers.status import Status as Status
