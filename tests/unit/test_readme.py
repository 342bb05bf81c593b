"""The README is true: its Python prints what it says, its commands exist, its links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from gridhub.cli.main import app


def find_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_python_prints_what_the_readme_says(repo_root: Path):
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    (code,) = find_blocks(text, "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    said = text.split("prints\n\n```\n")[1].split("```")[0]
    assert printed.getvalue().split() == said.split()


def test_commands_and_targets_exist(repo_root: Path):
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    makefile = (repo_root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"make ([a-z-]+)", "\n".join(find_blocks(text, ""))))
    assert {"demo", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)
    known = {command.name for command in app.registered_commands} | {
        group.name for group in app.registered_groups
    }
    assert set(re.findall(r"^gridhub ([a-z]+)", text, flags=re.MULTILINE)) <= known


def test_links_lead_to_files_of_the_repository(repo_root: Path):
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" not in target:
            assert (repo_root / target).exists(), target
