"""Members of interfaces by position: what many solved states carry over each interface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.model.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class InterfaceMembers:
    """Interfaces of a network, their members as positions in its case.

    Attributes
    ----------
    names : tuple of str
        In the order of the table.
    branch, branch_of : (m,) int
        Branch of each member, and its interface.
    at_from : (m,) bool
        Whether the power is meant to come from the branch's from end.
    link, link_of : (l,) int
        HVDC link of each member, and its interface.
    link_at_from : (l,) bool
    limit_mw, reverse_mw : (n_interface,) float
        Limit along and against the direction; NaN = not published.
    """

    names: tuple[str, ...]
    branch: Ints
    branch_of: Ints
    at_from: Bools
    link: Ints
    link_of: Ints
    link_at_from: Bools
    limit_mw: Floats
    reverse_mw: Floats

    def sum_flows(self, p_from: Floats, p_to: Floats | None, case: Case, sent: Floats | None) -> Floats:
        """Add up what the members carry in the direction of their interface.

        Parameters
        ----------
        p_from, p_to : (k, n_branch) float
            Power into each branch at either end; NaN counts as 0. `p_to` None: without losses (DC).
        case : Case
        sent : (k, n_hvdc) float or None
            Power that the links take at their from end; None: as in the case.

        Returns
        -------
        (k, n_interface) float
            In the unit of the flows, as `interfaces.compute_member_flows` counts them: at
            the end the power is meant to come from.
        """
        into_to = -p_from[:, self.branch] if p_to is None else p_to[:, self.branch]
        carried = np.nan_to_num(np.where(self.at_from, p_from[:, self.branch], into_to))
        total = np.zeros((len(p_from), len(self.names)))
        np.add.at(total.T, self.branch_of, carried.T)
        if len(self.link):
            power = case.hvdc_p[None] if sent is None else sent
            arriving = power - case.hvdc_loss - case.hvdc_loss_share * np.abs(power)
            carried = np.where(self.link_at_from, power[:, self.link], -arriving[:, self.link])
            np.add.at(total.T, self.link_of, np.broadcast_to(carried, (len(p_from), len(self.link))).T)
        return total

    def find_over(self, flow_mw: Floats) -> tuple[Ints, Floats, Floats]:
        """Find the interfaces over a limit in one state: positions, limits and sizes of the flow [MW]."""
        limit = np.where(flow_mw > 0, self.limit_mw, self.reverse_mw)
        margin = np.fmin(self.limit_mw - flow_mw, self.reverse_mw + flow_mw)
        over = np.flatnonzero(margin < -1e-6)
        return over, limit[over], np.abs(flow_mw[over])


def list_members(net: Network, case: Case) -> InterfaceMembers:
    """Read the interfaces of a network.

    Parameters
    ----------
    net : Network
        Tables of one state; of several rows with limits the smallest holds.
    case : Case
        Compiled from it. Links out of service carry nothing.
    """
    table = net.interface
    names = [str(name) for name in dict.fromkeys(table["name"])]
    number = {name: i for i, name in enumerate(names)}
    branch = {name: i for i, name in enumerate(case.labels.branch)}
    link = {name: i for i, name in enumerate(case.labels.hvdc)}
    rows: tuple[list[tuple[int, int, bool]], list[tuple[int, int, bool]]] = ([], [])
    for name, member, direction in table[["name", "member", "direction"]].itertuples(index=False):
        if member in branch:
            rows[0].append((branch[member], number[str(name)], direction > 0))
        elif member in link and case.hvdc_on[link[member]]:
            rows[1].append((link[member], number[str(name)], direction > 0))
    columns = [np.array(part, dtype=np.int64).reshape(-1, 3).T for part in rows]
    limits = table.groupby("name", sort=False)[["limit_mw", "limit_reverse_mw"]].min().reindex(names)
    limit, reverse = limits.to_numpy(dtype=float).reshape(-1, 2).T
    return InterfaceMembers(
        names=tuple(names),
        branch=columns[0][0],
        branch_of=columns[0][1],
        at_from=columns[0][2].astype(bool),
        link=columns[1][0],
        link_of=columns[1][1],
        link_at_from=columns[1][2].astype(bool),
        limit_mw=limit,
        reverse_mw=reverse,
    )
