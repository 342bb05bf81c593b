"""Names people know elements by: Hangul and roman, beside every id a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gridhub.model.schema import BRANCH_TABLES

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.model.network import Network

TABLES_WITH_ENDS = (*BRANCH_TABLES, "hvdc")
TABLES_AT_BUSES = ("generator", "load", "storage", "shunt")


def _join_names(hangul: str, roman: str) -> str:
    return " ".join(dict.fromkeys(part for part in (hangul.strip(), roman.strip()) if part))


def _list_own_names(table: pd.DataFrame) -> dict[str, str]:
    hangul = table["name_ko"] if "name_ko" in table else [""] * len(table)
    roman = table["name"] if "name" in table else [""] * len(table)
    return {
        str(key): _join_names(str(ko), str(name))
        for key, ko, name in zip(table.index, hangul, roman, strict=True)
    }


def build_names(net: Network) -> Mapping[str, str]:
    """Give every bus, branch, HVDC link and unit the name to show beside its id.

    Parameters
    ----------
    net : Network
        Network the ids are from.

    Returns
    -------
    mapping
        Id -> Hangul and roman name; a branch without a name of its own goes by its ends, a unit by its
        bus. Ids without any name are absent.
    """
    buses = {key: name for key, name in _list_own_names(net.bus).items() if name}
    names: dict[str, str] = {}
    for table in TABLES_AT_BUSES:
        rows = net.tables[table]
        for key, own in _list_own_names(rows).items():
            names[key] = own or buses.get(str(rows.at[key, "bus"]), "")
    for table in TABLES_WITH_ENDS:
        rows = net.tables[table]
        ends = zip(rows["from_bus"], rows["to_bus"], strict=True)
        for (key, own), (start, end) in zip(_list_own_names(rows).items(), ends, strict=True):
            names[key] = own or f"{buses.get(start, start)} – {buses.get(end, end)}"
    return {**{key: name for key, name in names.items() if name}, **buses}
