"""Write constraints.txt: the exact versions that the loose bounds of pyproject.toml give today.

Run by ``make constraints``. Everything is installed into a fresh environment that is thrown away afterwards,
so nothing that happens to lie in ``.venv`` gets in, and only names and versions get out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$")
HEADER = """\
# Exact versions that `make test` and .ci/run install, on Python {python} and {platform}.
# Written by `make constraints`; the loose bounds stand in pyproject.toml.
"""


def read_requirements(pyproject: Path) -> list[str]:
    """Return what building, running, testing and comparing the project asks for, as loose requirements."""
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = document["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [*document["build-system"]["requires"], *project["dependencies"], *extras]


def resolve(requirements: list[str]) -> list[str]:
    """Install into a fresh environment and return its ``name==version`` lines, sorted by name."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *requirements], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    return sorted(frozen.splitlines(), key=lambda pin: pin.split("==")[0].lower())


def main() -> int:
    """Write the file; a line that is not a plain pin (an address, a folder) stops it."""
    pins = resolve(read_requirements(ROOT / "pyproject.toml"))
    odd = [pin for pin in pins if not PIN.match(pin)]
    if odd:
        print(f"not a plain name==version, constraints.txt left as it was: {odd}", file=sys.stderr)
        return 1
    header = HEADER.format(python=f"{sys.version_info.major}.{sys.version_info.minor}", platform=sys.platform)
    (ROOT / "constraints.txt").write_text(header + "\n".join(pins) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
