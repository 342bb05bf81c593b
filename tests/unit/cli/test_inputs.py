"""Options that commands share: the ratings of the season, wherever a rating decides what comes out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app

SEASONAL = ("--ratings", "seasonal")
NIGHT = ("-s", "night")


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("dispatch",),
        ("site", "--sites", "sites.csv"),
        ("report", "--out", "page"),
        ("hub", "--mw", "5", "--bus", "E", "--out", "hub"),
        ("portfolio", "--mw", "5", "--sites", "sites.csv"),
        ("plan", "--mw", "5", "--bus", "E", "--works"),
    ],
)
def test_ratings_of_a_season_that_are_not_there_are_refused(ring: Path, args: tuple[str, ...]):
    code, _, err = run(args[0], ring, *args[1:], *SEASONAL)
    assert code == 2 and "has no seasonal ratings" in err.replace("\n", " ")


def test_dispatch_holds_flows_to_the_ratings_of_the_season(seasons: Path):
    """200 MW at night pass three lines of 400 MVA into the far half, not of 80."""
    infeasible = ("--fail-on", "infeasible")
    assert run("dispatch", seasons, *NIGHT, *infeasible)[0] == 0
    assert run("dispatch", seasons, *NIGHT, *SEASONAL, *infeasible)[0] == 1
    # August has the ratings of the tables
    assert run("dispatch", seasons, "-s", "day", *SEASONAL, *infeasible)[0] == 0


def test_dispatch_of_profiles_says_whose_ratings_every_hour_has(seasons: Path, tmp_path: Path):
    (tmp_path / "load.csv").write_text("hour,LC,LE\nt1,150,50\nt2,15,5\n", encoding="utf-8")
    profile = ("-p", f"load.p_mw={tmp_path / 'load.csv'}")
    code, out, err = run("dispatch", seasons, *NIGHT, *SEASONAL, *profile, "--json")
    status = {row["hour"]: row["status"] for row in json.loads(out)["status"]}
    assert code == 0 and status["t1"] != "OPTIMAL" and status["t2"] == "OPTIMAL"
    assert "every hour has the ratings of snapshot night" in err
    assert "every hour" not in run("dispatch", seasons, *NIGHT, *profile, "--json")[2]


def test_dispatch_compares_with_a_network_at_the_same_ratings(seasons: Path, tmp_path: Path):
    args = ("dispatch", seasons, *NIGHT, "-o", "shed_price=1000", "--compare", seasons, "--json")
    for more in ((), SEASONAL):
        code, out, _ = run(*args, *more)
        assert code == 0
        assert all(abs(row["change"]) < 1e-6 for row in json.loads(out)["change"])


def test_report_shows_loading_by_the_ratings_of_the_season(seasons: Path, tmp_path: Path):
    verdicts = []
    for name, more in (("plain", ()), ("seasonal", SEASONAL)):
        out = tmp_path / name
        assert run("report", seasons, "--out", out, "--no-outages", *NIGHT, *more)[0] == 0
        verdicts.append("Within ratings" in (out / "report.html").read_text(encoding="utf-8"))
    assert verdicts == [True, False]


def test_sites_are_ranked_by_the_ratings_of_the_season(seasons: Path, tmp_path: Path):
    path = tmp_path / "sites.csv"
    path.write_text("site,lat,lon,bus\none,34.57,126.6,C\n", encoding="utf-8")
    short = []
    for more in ((), SEASONAL):
        code, out, _ = run("site", seasons, "--sites", path, "--mw", 40, "--json", *more)
        assert code == 0
        short.append(json.loads(out)["sites"][0]["short_mw"])
    # one of two circuits of 400 MVA carries 350 + 40 MW; of 80 MVA, not even the 200 MW that are there
    assert short[0] == 0.0 and short[1] > 30.0


def test_a_hub_is_studied_with_the_ratings_of_the_season(seasons: Path, tmp_path: Path):
    args = ("hub", seasons, "--mw", 60, "--bus", "C", *NIGHT, *SEASONAL, "--out", tmp_path / "hub", "--json")
    code, out, _ = run(*args)
    assert code == 0
    assert json.loads(out)["run"]["ratings"] == "seasonal"


def test_help_is_shown_word_for_word():
    """Text in brackets that begins with a small letter is markup, and would not be shown."""
    from rich.text import Text

    commands = {**{one.name: one for one in _list_commands()}}
    assert {"flow", "plan", "portfolio", "run", "verify"} <= set(commands)
    for name, command in commands.items():
        texts = [command.help or "", *(getattr(one, "help", None) or "" for one in command.params)]
        for text in texts:
            assert Text.from_markup(text).plain == text, name


def test_examples_of_the_help_name_commands_options_and_networks_that_exist():
    from gridhub.reference import list_networks

    names = set(list_networks()["name"])
    shown = 0
    for command in _list_commands():
        for example in re.findall(r"^ *Example: gridhub (.*)$", command.help or "", flags=re.MULTILINE):
            words = example.split()
            own = words[1:] if words[0] == "study" else words
            options = {text for one in command.params for text in one.opts}
            assert own[0] == command.name
            assert {word for word in own if word.startswith("-")} <= options, example
            assert own[1] in names or own[1].endswith(".toml"), example
            shown += 1
    assert shown >= 10


def _list_commands() -> list:
    from typer.main import get_command

    group = get_command(app)
    inner = [
        one for sub in group.commands.values() if hasattr(sub, "commands") for one in sub.commands.values()
    ]
    return [one for one in group.commands.values() if not hasattr(one, "commands")] + inner
