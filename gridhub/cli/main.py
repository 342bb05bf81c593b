"""The command ``gridhub``: every command that works, and nothing heavy imported before one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from gridhub.cli import (
    carbon,
    check,
    dispatch,
    fault,
    flow,
    host,
    networks,
    plan,
    portfolio,
    profiles,
    reinforce,
    report,
    security,
    site,
    study,
    transfer,
    voltage,
    warmup,
)

app = typer.Typer(
    name="gridhub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Where an AI data-center hub can stand on a transmission grid, and what it takes.",
    epilog="Exit codes: 0 done; 1 done, and what --fail-on names was found; 2 bad input or usage; "
    "3 a base case did not converge; 4 differs from the stored run; 5 could not write; 130 interrupted.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gridhub {version('gridhub')}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that come before a command."""


app.command("networks")(networks.networks)
app.command("validate")(networks.validate)
app.command("convert")(networks.convert)
app.command("flow")(flow.flow)
app.command("security")(security.security)
app.command("voltage")(voltage.voltage)
app.command("fault")(fault.fault)
app.command("transfer")(transfer.transfer)
app.command("interfaces")(transfer.interfaces)
app.command("profiles")(profiles.profiles)
app.command("host")(host.host)
app.command("site")(site.site)
app.command("reinforce")(reinforce.reinforce)
app.command("plan")(plan.plan)
app.command("portfolio")(portfolio.portfolio)
app.command("dispatch")(dispatch.dispatch)
app.command("report")(report.report)
app.command("hub")(study.hub)
app.command("carbon")(carbon.carbon)
app.command("check")(check.check)
app.command("warmup")(warmup.warmup)
app.add_typer(study.app, name="study")
