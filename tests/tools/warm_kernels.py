"""Compile kernels once before tests run side by side, so that the workers share one cache.

Ours afresh, because stored code is not renewed when a module it calls into has changed; those of pandapower
on first use.
"""

from __future__ import annotations

import pandapower
import pandapower.networks

from gridhub.analysis.warming import warm_kernels


def main() -> None:
    """Warm gridhub's kernels and solve one small pandapower network by AC and DC."""
    warm_kernels(afresh=True)
    net = pandapower.networks.case9()
    pandapower.runpp(net)
    pandapower.rundcpp(net)


if __name__ == "__main__":
    main()
