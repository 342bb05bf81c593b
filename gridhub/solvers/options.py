"""Options of a power flow."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from gridhub.case.matrices import DcConvention
from gridhub.errors import OptionError

Start = Literal["auto", "flat", "dc", "snapshot"]
Taps = Literal["fixed", "controlled"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "start": ("auto", "flat", "dc", "snapshot"),
    "dc_convention": ("x_tap", "x", "rx"),
    "taps": ("fixed", "controlled"),
}


def _refuse(options: PowerFlowOptions, name: str, advice: str) -> OptionError:
    return OptionError(f"option {name} = {getattr(options, name)!r}: {advice}")


@dataclass(frozen=True, slots=True)
class PowerFlowOptions:
    """Options of a power flow; echoed in every result.

    Attributes
    ----------
    tolerance : float
        Largest active or reactive mismatch [p.u. of base_mva].
    max_iterations : int
        Newton iterations per solve.
    distributed_slack : bool
        True: in-service units of each island share the imbalance by participation (else by p_max),
        within their limits. False: the reference bus alone.
    reactive_limits : bool, optional
        Whether a unit at its reactive limit gives up its voltage. None: the network's own default, True
        for regions and False for imported files. The reference has limits like any other unit; without limits
        the summary of a power flow tells the units past theirs.
    start : {"auto", "flat", "dc", "snapshot"}
        First guess; "auto" is the stored state if there is one, else DC, else flat.
    dc_convention : {"x_tap", "x", "rx"}
        Branch susceptance of the DC model, see `gridhub.case.matrices.compute_dc_susceptance`.
    taps : {"fixed", "controlled"}
        "controlled": transformers with a ``tap_bus`` step their ratio until the voltage there is within
        ``tap_vm_pu`` ± ``tap_deadband_pu`` / 2, within ``tap_min`` and ``tap_max``; an outage starts from the
        ratios before it. AC only: DC keeps the ratios given. Every scenario is then solved by itself, without
        the shared lanes of a batch. `run_power_flow` and `run_security` know it, other analyses refuse it.
    threads : int, optional
        Threads of batch solves; None: as many as cores.
    """

    tolerance: float = 1e-8
    max_iterations: int = 30
    distributed_slack: bool = True
    reactive_limits: bool | None = None
    start: Start = "auto"
    dc_convention: DcConvention = "x_tap"
    taps: Taps = "fixed"
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check every value.

        Raises
        ------
        OptionError
            If a value is of the wrong type or out of its range.
        """
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise _refuse(self, name, f"choose from {', '.join(choices)}")
        if not isinstance(self.distributed_slack, bool):
            raise _refuse(self, "distributed_slack", "choose True or False")
        if self.reactive_limits not in (True, False, None):
            raise _refuse(self, "reactive_limits", "choose True, False or None (the network's default)")
        tolerance: object = self.tolerance
        if not isinstance(tolerance, float | int) or not 0 < tolerance < 1:
            raise _refuse(self, "tolerance", "a number between 0 and 1 p.u.")
        for name in ("max_iterations", "threads"):
            value = getattr(self, name)
            if value is None and name == "threads":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise _refuse(self, name, "a whole number of at least 1")

    def as_mapping(self) -> dict[str, Any]:
        """Give all options by name, for echoing."""
        return asdict(self)


def refuse_unknown(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse options that do not exist.

    Raises
    ------
    OptionError
        Naming every unknown key and those there are.
    """
    unknown = [str(key) for key in options if key not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise OptionError(f"unknown option {', '.join(unknown)}{hint} Options: {', '.join(known)}")


def read_options(
    options: Mapping[str, Any] | PowerFlowOptions | None,
    *,
    reactive_limits: bool = False,
    controls_taps: bool = False,
) -> PowerFlowOptions:
    """Complete options given as a mapping, an object or nothing.

    Parameters
    ----------
    options : mapping, PowerFlowOptions or None
    reactive_limits : bool
        The network's default for the option left at None.
    controls_taps : bool
        Whether the caller can control taps; one that cannot refuses ``taps="controlled"``.

    Returns
    -------
    PowerFlowOptions
        With ``reactive_limits`` and ``threads`` settled.

    Raises
    ------
    OptionError
        If a key is unknown, a value out of range, or taps are to be controlled where they cannot.

    Examples
    --------
    >>> read_options({"tolerance": 1e-6}).tolerance
    1e-06
    """
    if options is None:
        options = PowerFlowOptions()
    elif not isinstance(options, PowerFlowOptions):
        refuse_unknown(options, [item.name for item in fields(PowerFlowOptions)])
        options = PowerFlowOptions(**dict(options))
    if options.taps == "controlled" and not controls_taps:
        raise _refuse(
            options,
            "taps",
            "this analysis keeps taps fixed; run_power_flow and run_security(screen=None) control them",
        )
    settled = reactive_limits if options.reactive_limits is None else options.reactive_limits
    return replace(options, reactive_limits=settled, threads=options.threads or os.cpu_count() or 1)
