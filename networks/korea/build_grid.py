"""Make the tables of the standing grid: sites, buses, lines, transformers, HVDC."""

from __future__ import annotations

from collections import defaultdict

from build_sources import Row, find_length_km, fixed, flag, read_facts

#: Circuits of one overhead route that share towers: two on a tower, more on a second row of towers.
CIRCUITS_PER_TOWER = 2
BASE_MVA = 100.0

SITE_COLUMNS = (
    "id name name_ko lat lon province municipality kind assessable note zone name_confidence "
    "coordinate_confidence as_of source confidence"
).split()
BUS_COLUMNS = (
    "id vn_kv name name_ko lat lon province area zone site reference equivalent in_service source confidence"
).split()
LINE_COLUMNS = (
    "id from_bus to_bus length_km r_ohm x_ohm b_us rate_mva rate_b_mva rate_c_mva circuit tower route name "
    "name_ko construction conductor conductor_basis length_basis circuits_basis in_service assumed note "
    "source confidence"
).split()
TRANSFORMER_COLUMNS = (
    "id from_bus to_bus r_pu x_pu b_pu rate_mva rate_b_mva rate_c_mva tap_ratio shift_degree tap_min tap_max "
    "tap_step circuit name name_ko in_service banks_source source confidence"
).split()
HVDC_COLUMNS = (
    "id from_bus to_bus p_mw p_min_mw p_max_mw loss_mw loss_percent q_from_mvar q_to_mvar technology link "
    "name name_ko length_km in_service note source confidence"
).split()


def read_by_id(name: str) -> dict[str, Row]:
    """Read a fact table as a mapping of its ids."""
    return {row["id"]: row for row in read_facts(name)}


def read_routes(conductor: str | None = None) -> list[Row]:
    """Read the routes; ``conductor`` replaces that of every 345 kV overhead route (for the sensitivity)."""
    routes = read_facts("routes")
    if conductor is None:
        return routes
    return [{**row, "conductor": conductor} if row["conductor"] in ("x2", "x4") else row for row in routes]


def list_levels(site: Row) -> list[str]:
    """List the voltage levels of a site in kV, highest first."""
    return site["kv"].split("/")


def find_unassessable(routes: list[Row], sites: dict[str, Row]) -> dict[str, str]:
    """Say for each site on which the data are too thin to judge what is missing.

    A site is not assessable if no route to it is known, if it hangs on one route (a second one is missing
    in the data or does not exist: the data cannot say), or if only assumed or low-confidence routes give it
    a second way.
    """
    sure: dict[str, int] = defaultdict(int)
    known: dict[str, int] = defaultdict(int)
    for route in routes:
        if route["in_service"] != "1":
            continue
        for site_id in (route["from_site"], route["to_site"]):
            known[site_id] += 1
            sure[site_id] += route["assumed"] != "1" and route["confidence"] != "low"
    reasons = {}
    for site_id, site in sites.items():
        if site["kind"] == "equivalent":
            reasons[site_id] = "an equivalent, not a station"
        elif not known[site_id]:
            reasons[site_id] = "its routes are not known"
        elif known[site_id] == 1:
            reasons[site_id] = "hangs on one route in the data; a second one may be missing"
        elif sure[site_id] < 2:
            reasons[site_id] = "second way only over assumed or low-confidence routes"
    return reasons


def build_sites(sites: dict[str, Row], reasons: dict[str, str]) -> list[Row]:
    """Make the site table."""
    rows = []
    for site_id, site in sites.items():
        notes = [text for text in (site["note"], reasons.get(site_id, "")) if text]
        confidence = "low" if site_id in reasons else min_confidence(site)
        rows.append(
            {
                **{column: site.get(column, "") for column in SITE_COLUMNS},
                "assessable": flag(site_id not in reasons),
                "note": "; ".join(notes),
                "confidence": confidence,
            }
        )
    return rows


def min_confidence(site: Row) -> str:
    """Return the lower of the confidences in a site's name and place."""
    order = ["assumed", "low", "medium", "high"]
    return min(site["name_confidence"], site["coordinate_confidence"], key=order.index)


def build_buses(sites: dict[str, Row], connected: set[str], references: set[str]) -> list[Row]:
    """Make one bus per voltage level of every connected site."""
    rows = []
    for site_id, site in sites.items():
        for kv in list_levels(site):
            bus_id = f"{site_id}-{kv}"
            if site_id not in connected:
                continue
            rows.append(
                {
                    "id": bus_id,
                    "vn_kv": fixed(float(kv), 1),
                    "name": f"{site['name']} {kv} kV",
                    "name_ko": f"{site['name_ko']} {kv}kV",
                    "lat": site["lat"],
                    "lon": site["lon"],
                    "province": site["province"],
                    "area": "jeju" if site["zone"] == "jeju" else "mainland",
                    "zone": site["zone"],
                    "site": site_id,
                    "reference": flag(bus_id in references),
                    "equivalent": flag(site["kind"] == "equivalent"),
                    "in_service": "true",
                    "source": site["source"],
                    "confidence": min_confidence(site),
                }
            )
    return rows


def find_route_confidence(route: Row) -> str:
    """Return the confidence of a circuit: that of its route, but low if its conductor is inferred."""
    if route["assumed"] == "1":
        return "assumed"
    return "low" if route["conductor_basis"].startswith("inferred") else route["confidence"]


def build_lines(routes: list[Row], sites: dict[str, Row]) -> list[Row]:
    """Make one row per circuit, with electrical totals from conductor and length."""
    conductors = read_by_id("conductors")
    rows = []
    for route in routes:
        kind = conductors[route["conductor"]]
        length = find_length_km(route, sites)
        rate = fixed(float(kind["rate_mva"]), 1)
        ends = [sites[route["from_site"]], sites[route["to_site"]]]
        for circuit in range(1, int(route["circuits"]) + 1):
            row_of_towers = (circuit - 1) // CIRCUITS_PER_TOWER + 1
            rows.append(
                {
                    "id": f"{route['id']}:{circuit}",
                    "from_bus": f"{route['from_site']}-{route['kv']}",
                    "to_bus": f"{route['to_site']}-{route['kv']}",
                    "length_km": fixed(length, 2),
                    "r_ohm": fixed(length * float(kind["r_ohm_per_km"]), 5),
                    "x_ohm": fixed(length * float(kind["x_ohm_per_km"]), 5),
                    "b_us": fixed(length * float(kind["b_us_per_km"]), 3),
                    "rate_mva": rate,
                    "rate_b_mva": rate,
                    "rate_c_mva": rate,
                    "circuit": str(circuit),
                    "tower": "" if kind["construction"] == "cable" else f"{route['id']}@{row_of_towers}",
                    "route": route["id"],
                    "name": f"{ends[0]['name']} - {ends[1]['name']} {circuit}",
                    "name_ko": f"{ends[0]['name_ko']}-{ends[1]['name_ko']} {circuit}",
                    "construction": kind["construction"],
                    "conductor": kind["conductor"],
                    "conductor_basis": route["conductor_basis"],
                    "length_basis": "published" if route["published_km"] else "straight line x route factor",
                    "circuits_basis": route["circuits_basis"],
                    "in_service": flag(route["in_service"] == "1"),
                    "assumed": flag(route["assumed"] == "1"),
                    "note": route["note"],
                    "source": route["source"],
                    "confidence": find_route_confidence(route),
                }
            )
    return rows


def build_transformers(sites: dict[str, Row]) -> list[Row]:
    """Make one row per bank; impedances in percent of the bank are put on the network's base."""
    rows = []
    for group in read_facts("transformers"):
        to_base = BASE_MVA / float(group["rate_mva"]) / 100.0
        site = sites[group["site"]]
        rate = fixed(float(group["rate_mva"]), 1)
        for bank in range(1, int(group["banks"]) + 1):
            rows.append(
                {
                    "id": f"{group['id']}:{bank}",
                    "from_bus": f"{group['site']}-{group['from_kv']}",
                    "to_bus": f"{group['to_site']}-{group['to_kv']}",
                    "r_pu": fixed(float(group["r_percent"]) * to_base, 7),
                    "x_pu": fixed(float(group["x_percent"]) * to_base, 7),
                    "b_pu": "0.0",
                    "rate_mva": rate,
                    "rate_b_mva": rate,
                    "rate_c_mva": rate,
                    "tap_ratio": fixed(float(group["tap_ratio"]), 4),
                    "shift_degree": "0.0",
                    "tap_min": group["tap_min"],
                    "tap_max": group["tap_max"],
                    "tap_step": group["tap_step"],
                    "circuit": str(bank),
                    "name": f"{site['name']} {group['from_kv']}/{group['to_kv']} kV bank {bank}",
                    "name_ko": f"{site['name_ko']} {group['from_kv']}/{group['to_kv']}kV {bank}호 변압기",
                    "in_service": "true",
                    "banks_source": group["banks_source"],
                    "source": group["source"],
                    "confidence": group["confidence"],
                }
            )
    return rows


def build_hvdc(set_points: dict[str, float]) -> list[Row]:
    """Make the HVDC table; ``set_points`` holds the MW of each kind of link in the first snapshot."""
    return [build_hvdc_row(link, set_points[link["set_point"]]) for link in read_facts("hvdc")]


def build_hvdc_row(link: Row, set_point_mw: float) -> Row:
    """Make one row of the HVDC table."""
    return {
        "id": link["id"],
        "from_bus": f"{link['from_site']}-{link['from_kv']}",
        "to_bus": f"{link['to_site']}-{link['to_kv']}",
        "p_mw": fixed(set_point_mw, 1),
        "p_min_mw": fixed(-float(link["p_max_mw"]), 1),
        "p_max_mw": fixed(float(link["p_max_mw"]), 1),
        "loss_mw": "0.0",
        "loss_percent": link["loss_percent"],
        "q_from_mvar": "0.0",
        "q_to_mvar": "0.0",
        "technology": link["technology"],
        "link": "bukdangjin-godeok" if link["id"].startswith("bukdangjin") else link["id"],
        "name": link["name"],
        "name_ko": link["name_ko"],
        "length_km": fixed(float(link["length_km"]), 1),
        "in_service": "true",
        "note": link["note"],
        "source": link["source"],
        "confidence": link["confidence"],
    }
