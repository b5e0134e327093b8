# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A small source tree of ouro in a folder of its own: the real scripts, a git repository, and a
CMakeLists.txt whose programs are the fake worker, so that revisions are built in no time."""
from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conftest import FAKE, ROOT, Suite
from ouro_suite import gate_build

PROGRAMS = dict(zip(gate_build.TARGETS, ("ouro-work", "ouro-replay", "libouro-malloc.so")))
HEAD = "cmake_minimum_required(VERSION 3.20)\nproject(tree NONE)\n"
COPIES = "".join(f"add_custom_target({target} COMMAND ${{CMAKE_COMMAND}} -E copy "
                 f"${{CMAKE_SOURCE_DIR}}/worker.py {program})\n"
                 for target, program in PROGRAMS.items())
FAILS = 'message(FATAL_ERROR "no luck")\n'


@dataclass
class Tree:
    """`root` is the source tree, `suite` the folder around it with its workloads."""

    suite: Suite

    @property
    def root(self) -> Path:
        return self.suite.folder / "src"

    def git(self, *argv: str) -> str:
        done = subprocess.run(["git", "-C", str(self.root), "-c", "user.name=t", "-c",
                               "user.email=t@example.org", *argv], check=True, text=True,
                              capture_output=True)
        return done.stdout.strip()

    def commit(self, cmake: str) -> str:
        """A revision whose build does what `cmake` says; its hash."""
        (self.root / "CMakeLists.txt").write_text(HEAD + cmake)
        self.git("add", "CMakeLists.txt", "worker.py")
        self.git("commit", "-qm", "one", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def built(self, name: str = "build") -> Path:
        """A build folder beside the tree, as a person has it."""
        folder = self.suite.folder / name
        folder.mkdir()
        for program in PROGRAMS.values():
            shutil.copy(self.root / "worker.py", folder / program)
        return folder

    def command(self, *arguments: str) -> list[str]:
        return [str(self.root / "scripts" / "ouro"), *arguments]

    def env(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "OURO_"))}
        return {**kept, "XDG_CACHE_HOME": str(self.suite.folder / "cache"), "XDG_STATE_HOME":
                str(self.suite.folder / "state"), "COLUMNS": "200", **more}

    def ouro(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              env=self.env(**env), cwd=self.suite.folder, timeout=300,
                              check=False)


def make(folder: Path) -> Tree:
    tree = Tree(Suite(folder))
    shutil.copytree(ROOT / "scripts", tree.root / "scripts",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CMakePresets.json", tree.root)
    (tree.root / "workloads").mkdir()
    shutil.copy(FAKE, tree.root / "worker.py")
    (tree.root / "worker.py").chmod(0o755)
    tree.git("init", "-q")
    return tree
