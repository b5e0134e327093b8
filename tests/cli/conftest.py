# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What the tests of the scripts share: the package on the path, a build folder whose ouro-work
speaks docs/worker.md but does what a test wants, and a way to call the front door."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
FAKE = Path(__file__).with_name("fake_worker.py")
sys.path.insert(0, str(ROOT / "scripts"))


@dataclass
class Suite:
    """A folder of its own, with a fake build in it."""

    folder: Path

    @property
    def build(self) -> Path:
        return self.folder / "build"

    def workload(self, name: str, fake: str = "", forms: tuple[str, ...] = ("raw",)) -> str:
        """Writes a workload file; `fake` is MODE or MODE@allocator for the fake worker."""
        path = self.folder / f"{name}.yaml"
        lines = [f"name: {name}", "forms:"] + [f"  - form: {form}" for form in forms]
        path.write_text("\n".join(lines + [f"fake: {fake}"]) + "\n")
        return str(path)

    def command(self, *arguments: str) -> list[str]:
        return [str(ROOT / "scripts" / "ouro"), *arguments]

    def env(self) -> dict[str, str]:
        return {**os.environ, "OURO_BUILD": str(self.build), "COLUMNS": "200",
                "OURO_PROGRESS_S": "0"}  # lines that come by the clock would make tests flake

    def ouro(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs scripts/ouro to its end."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              env=self.env(), cwd=self.folder, timeout=120, check=False)

    def run(self, *arguments: str, out: str = "run") -> subprocess.CompletedProcess[str]:
        """ouro run into a folder, with a budget that the fake worker stays far below."""
        return self.ouro("run", "--budget", "60s", "-o", str(self.folder / out), *arguments)


def make_suite(folder: Path) -> Suite:
    """A build whose programs are the fake worker."""
    made = Suite(folder)
    made.build.mkdir()
    for name in ("ouro-work", "ouro-replay"):
        shutil.copy(FAKE, made.build / name)
        (made.build / name).chmod(0o755)
    return made


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """A fresh folder with a fake build."""
    return make_suite(tmp_path)
