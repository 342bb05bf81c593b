"""The commands ``study run``, ``study verify`` and ``hub``: a study from a file, or from what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import print_json, print_line, print_table, show_progress
from gridhub.cli.exits import DIFFERS, DONE, FOUND, exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    OutOption,
    RatingsOption,
    SettingsOption,
    YearOption,
    parse_settings,
)
from gridhub.study.toml_text import Value, render_toml

if TYPE_CHECKING:
    from gridhub.study.study import Study

app = typer.Typer(no_args_is_help=True, help="Studies as files: study.toml in, a folder with a report out.")


@app.command("run")
@exits
def run(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY.toml", help="The study: a network, a hub and what to look at.", show_default=False
        ),
    ],
    out: OutOption,
    force: ForceOption = False,
    fail_on: Annotated[
        Literal["new-violations"] | None,
        typer.Option(
            "--fail-on",
            help="Exit with 1 if the hub causes a violation, or an outage with it has no solution.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Run a study; the folder appears when everything in it is written.

    Example: gridhub study run study.toml --out results
    """
    from gridhub.study.study import read_study

    content = _run(read_study(study), study.parent, out, force, as_json)
    found = list_new(content) if fail_on else []
    if found and not as_json:
        print_line(f"--fail-on {fail_on}: {'; '.join(found)}")
    return FOUND if found else DONE


@app.command("verify")
@exits
def verify(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the run.", show_default=False)],
    base: Annotated[
        Path,
        typer.Option(
            "--base", metavar="DIR", help="Folder that a relative path of the study's network starts from."
        ),
    ] = Path(),
    as_json: JsonOption = False,
) -> int:
    """Compare every file and input of a run with its run.toml; exit code 4 if they differ.

    Nothing is solved again; `gridhub check OUT` does that.
    """
    from gridhub.study.verification import verify_run

    result = verify_run(folder, base)
    code = DONE if result.holds else DIFFERS
    if as_json:
        rows = [{name: getattr(d, name) for name in d.__dataclass_fields__} for d in result.deviations]
        counts = {"files": result.files, "inputs": result.inputs}
        print_json({"folder": str(folder), **counts, "deviations": rows, "exit_code": code})
        return code
    if result.deviations:
        rows_shown = [(d.part, d.name, d.recorded[:12], d.found[:12], d.message) for d in result.deviations]
        print_table("not as recorded", ("part", "name", "recorded", "found", "what"), rows_shown)
    answer = "as recorded" if result.holds else "not as recorded"
    print_line(f"{answer}: {result.files} files and {result.inputs} inputs compared; nothing solved again")
    return code


def list_new(content: Mapping[str, Any]) -> list[str]:
    """Say what a hub adds to the violations of a network.

    Parameters
    ----------
    content : mapping
        ``run.toml`` of the run.

    Returns
    -------
    list of str
        Empty if it adds none and every outage with it has a solution.
    """
    caused = int(content.get("result", {}).get("violations_caused", 0))
    found = [f"{caused} violation(s) caused by the hub"] if caused else []
    judged = content.get("completeness", {})
    solved = {"outages", "converged", "islanded", "screened"}
    for snapshot, counts in judged.items():
        if isinstance(counts, Mapping):
            failed = sum(int(count) for status, count in counts.items() if status not in solved)
            found += [f"{failed} outage(s) without a solution in {snapshot}"] if failed else []
    missing = judged.get("snapshots_without_solution", [])
    return found + [f"{name} has no solution with the hub" for name in missing]


@exits
def hub(
    network: NetworkArgument,
    out: OutOption,
    mw: Annotated[float, typer.Option("--mw", help="Contract power at the point of connection [MW].")],
    name: Annotated[str, typer.Option("--name", help="Name of the data center.")] = "hub",
    lat: Annotated[
        float | None, typer.Option("--lat", min=-90, max=90, help="Latitude of the hub, WGS84.")
    ] = None,
    lon: Annotated[
        float | None, typer.Option("--lon", min=-180, max=180, help="Longitude of the hub, WGS84.")
    ] = None,
    bus: Annotated[
        str | None, typer.Option("--bus", help="Bus it is connected to, instead of --lat and --lon.")
    ] = None,
    solar: Annotated[float, typer.Option("--solar", min=0.0, help="Solar power of the hub [MW].")] = 0.0,
    wind: Annotated[float, typer.Option("--wind", min=0.0, help="Wind power on land [MW].")] = 0.0,
    offshore_wind: Annotated[
        float, typer.Option("--offshore-wind", min=0.0, help="Wind power at sea [MW].")
    ] = 0.0,
    battery_mw: Annotated[float, typer.Option("--battery-mw", min=0.0, help="Storage, power [MW].")] = 0.0,
    battery_mwh: Annotated[
        float, typer.Option("--battery-mwh", min=0.0, help="Storage, energy [MWh].")
    ] = 0.0,
    behind_the_meter: Annotated[
        bool, typer.Option("--behind-the-meter", help="Put its plants and storage at the hub's own bus.")
    ] = False,
    on_site: Annotated[
        float,
        typer.Option("--on-site", min=0.0, help="On-site generation that burns fuel, at the hub's bus [MW]."),
    ] = 0.0,
    on_site_kind: Annotated[
        Literal["gas_turbine", "gas_engine", "diesel", "fuel_cell"],
        typer.Option("--on-site-kind", help="What it is; decides the fuel."),
    ] = "gas_turbine",
    on_site_cost: Annotated[
        float | None,
        typer.Option(
            "--on-site-cost",
            help="Its marginal cost in currency per MWh; the median of units of its fuel if not given.",
        ),
    ] = None,
    standby: Annotated[
        bool, typer.Option("--standby", help="It only stands by: out of service in every state.")
    ] = False,
    snapshot: Annotated[
        list[str] | None,
        typer.Option("--snapshot", "-s", help="A stored state; may be repeated. All if not given."),
    ] = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    option: SettingsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Study a hub: what breaks, what it takes, what it costs; a folder with a report.

    Example: gridhub hub korea-2025-backbone --mw 500 --bus singangjin-345 --out hub
    """
    from gridhub.study.study import parse_study

    place = {key: value for key, value in {"lat": lat, "lon": lon, "bus": bus}.items() if value is not None}
    plants = [
        {"name": f"{name} {kind}", "kind": kind, "p_mw": power, **place}
        for kind, power in (("solar", solar), ("wind", wind), ("offshore_wind", offshore_wind))
        if power
    ]
    if not on_site and (standby or on_site_cost is not None):
        refuse("--standby and --on-site-cost say something of on-site generation: give its MW as --on-site")
    generator: dict[str, Value] = {
        "name": f"{name} {on_site_kind.replace('_', ' ')}",
        "kind": on_site_kind,
        "p_mw": on_site,
        "standby": standby,
        **({} if on_site_cost is None else {"cost_per_mwh": on_site_cost}),
    }
    storage = {"name": f"{name} battery", "p_mw": battery_mw, "e_mwh": battery_mwh, **place}
    document: dict[str, Value] = {
        "schema_version": 1,
        "name": name,
        "network": network,
        "snapshots": list(snapshot or ()),
        **({} if year is None else {"year": year}),
        **({} if ratings is None else {"ratings": ratings}),
        "power_flow": parse_settings(option),
        "hub": {
            "behind_the_meter": behind_the_meter,
            "data_center": {"name": name, "contract_mw": mw, **place},
            "plants": plants,
            "storage": [storage] if battery_mw or battery_mwh else [],
            "generators": [generator] if on_site else [],
        },
    }
    _run(
        parse_study(render_toml(document), "the hub as typed", with_lines=False), Path(), out, force, as_json
    )


def _run(study: Study, base: Path, out: Path, force: bool, as_json: bool) -> Mapping[str, Any]:
    """Run a study under a progress bar, say what came out, give what ``run.toml`` holds."""
    from gridhub.study.folder import read_run_file
    from gridhub.study.run import run_study

    with show_progress(quiet=as_json) as progress:
        folder = run_study(study, out, base=base, force=force, progress=progress)
    content: Mapping[str, Any] = read_run_file(folder) or {}
    if as_json:
        print_json({"folder": str(folder), "report": str(folder / "report.html"), **content})
        return content
    _print_result(study.title or study.name, content.get("result", {}))
    if "carbon" in content:
        _print_carbon(content["carbon"])
    if "hub" in content.get("dispatch", {}):
        _print_hub_hours(content["dispatch"]["hub"])
    print_line(f"report: {folder / 'report.html'}")
    return content


def _print_result(title: str, result: Mapping[str, Any]) -> None:
    rows: list[tuple[str, object]] = []
    for key, value in result.items():
        if isinstance(value, Mapping):
            value = "; ".join(f"{part} {date}" for part, date in value.items())
        if key != "verdict":
            rows.append((key.replace("_", " "), value))
    print_table(title, ("what", "answer"), rows)
    print_line(str(result.get("verdict", "")))


def _print_hub_hours(hub: Mapping[str, Any]) -> None:
    print_line(
        f"hub in the hours dispatched: {hub['load_mwh']:,.0f} MWh used, {hub['on_site_mwh']:,.0f} of it "
        f"burnt on site, {hub['matched_mwh']:,.0f} matched carbon-free by the hour; "
        f"{hub['grid_mwh']:,.0f} bought"
    )


def _print_carbon(carbon: Mapping[str, Any]) -> None:
    asked, money = carbon["as_asked"], f"{carbon['currency']}/MWh"
    line = f"carbon-free by the hour as asked: {asked['cfe_percent']:.1f} %, over the year"
    print_line(f"{line} {asked['re100_percent']:.1f} %, at {asked['cost_per_mwh']:,.0f} {money}")
    costs = ", ".join(f"{share} {cost:,.0f}" for share, cost in carbon["cost_per_mwh"].items())
    print_line(f"cheapest mix by carbon-free share, {money}: {costs or 'none'}")
