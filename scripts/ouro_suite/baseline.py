# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Baselines: names for what a candidate is compared to, in a folder or on a branch.

A baseline stores a *build* (a commit, or a prefix with the digests of its files), and a run
beside it when one was given. `use` gives the build back, to be measured again next to the
candidate: numbers of another moment cannot be paired with today's, and drift of the machine
would be judged as a change. The old numbers come out only when asked for, for ouro compare.

    NAME/baseline.json      what it is
    NAME/result.json        the run, if any

On a branch the same files are written by git's plumbing: no checkout, no index is touched, and
the branch moves only if nobody else moved it meanwhile.
"""
from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import allocators, escape, paths, result, store, terminal
from .errors import EXIT_OK, BadInput

FORMAT = 1
FILES = ("baseline.json", "result.json")
COMMIT = re.compile(r"[0-9a-f]{40}\Z")
SIZE_CAP = 512 << 20


@dataclass(frozen=True)
class Baseline:
    """One name. Either `commit` or `prefix` is set, with the `digests` of the prefix's files."""

    name: str
    date: str
    commit: str = ""
    prefix: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    note: str = ""

    def text(self) -> str:
        return store.dumps({"ouro_baseline_format": FORMAT, **asdict(self)}, indent=1) + "\n"


def parse(text: str, shown: str) -> Baseline:
    """A stored baseline; everything in it is foreign and checked."""
    try:
        data = store.loads(text)
        if not isinstance(data, dict) or data.pop("ouro_baseline_format", None) != FORMAT:
            raise ValueError(f"not a baseline (ouro_baseline_format {FORMAT})")
        one = Baseline(**data)
        texts = (one.name, one.date, one.commit, one.prefix, one.machine, one.note)
        if not all(isinstance(t, str) for t in texts) or not isinstance(one.digests, dict):
            raise ValueError("a field has the wrong type")
        if not escape.is_name(one.name) or bool(one.commit) == bool(one.prefix):
            raise ValueError("it names no build, or two")
        if one.commit and not COMMIT.match(one.commit):
            raise ValueError("its commit is no commit")
        if one.prefix and not (one.prefix.startswith("/") and one.prefix.isprintable()):
            raise ValueError("its prefix is no absolute path")
    except (ValueError, TypeError) as error:
        raise BadInput(f"{shown}: damaged: {escape.for_terminal(str(error))}") from None
    return one


def _root() -> Path:
    root = paths.source_root()
    if root is None:
        raise BadInput("baseline: an installed ouro has no source tree to name commits of")
    return root


def git(*argv: str, text: str | None = None, env: dict[str, str] | None = None) -> str:
    """git in the source tree; BadInput with its first line when it fails."""
    root = _root()
    done = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", str(root), *argv],
                          input=text, capture_output=True, text=True, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
        raise BadInput(f"git {argv[0]}: {escape.for_terminal(said)}")
    return done.stdout.rstrip("\n")


class Folder:
    """Baselines under a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        return sorted(p.parent.name for p in self.path.glob("*/baseline.json"))

    def read(self, name: str, file: str) -> str | None:
        path = self.path / name / file
        if not path.is_file():
            return None
        if path.stat().st_size > SIZE_CAP:
            raise BadInput(f"{escape.for_terminal(str(path))}: larger than {SIZE_CAP} bytes")
        return path.read_text(encoding="utf-8", errors="replace")

    def write(self, name: str, files: dict[str, str]) -> None:
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        if "result.json" not in files:
            (folder / "result.json").unlink(missing_ok=True)
        for file, text in sorted(files.items(), reverse=True):  # baseline.json last but whole
            store.write_atomic(folder / file, text)


class Branch:
    """Baselines on a branch, which need not exist before the first is saved."""

    def __init__(self, name: str) -> None:
        git("check-ref-format", "--branch", name)
        self.name, self.ref = name, f"refs/heads/{name}"

    def _tip(self) -> str:
        """The branch's commit, else that of the same branch of origin; empty when there is
        none."""
        for ref in (self.ref, f"refs/remotes/origin/{self.name}"):
            try:
                return git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
            except BadInput:
                pass
        return ""

    def names(self) -> list[str]:
        listed = git("ls-tree", "-r", "--name-only", self._tip()) if self._tip() else ""
        return sorted(line.partition("/")[0] for line in listed.splitlines()
                      if line.endswith("/baseline.json") and line.count("/") == 1)

    def read(self, name: str, file: str) -> str | None:
        try:
            return git("cat-file", "blob", f"{self._tip()}:{name}/{file}")
        except BadInput:
            return None

    def write(self, name: str, files: dict[str, str]) -> None:
        if git("rev-parse", "--abbrev-ref", "HEAD") == self.name:
            raise BadInput(f"--branch {self.name}: it is checked out")
        tip = self._tip()
        with tempfile.TemporaryDirectory(prefix="ouro-baseline-") as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            env.update({f"GIT_{who}_{what}": os.environ.get(f"GIT_{who}_{what}", value)
                        for who in ("AUTHOR", "COMMITTER")
                        for what, value in (("NAME", "ouro"), ("EMAIL", "ouro@localhost"))})
            git("read-tree", tip if tip else "--empty", env=env)
            for file in FILES:
                git("update-index", "--force-remove", f"{name}/{file}", env=env)
            for file, text in files.items():
                blob = git("hash-object", "-w", "--stdin", text=text)
                git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}/{file}",
                    env=env)
            tree = git("write-tree", env=env)
            parents = ["-p", tip] if tip else []
            commit = git("commit-tree", tree, *parents, "-m", f"baseline {name}", env=env)
        try:
            before = git("rev-parse", "--verify", "--quiet", self.ref)
        except BadInput:
            before = ""
        git("update-ref", self.ref, commit, before or "0" * 40)


Store = Folder | Branch


def digests(prefix: Path) -> dict[str, str]:
    """The programs of a build folder or prefix, by their digests."""
    found = {name: allocators.file_sha256(str(p)) for name in paths.PROGRAMS
             if (p := paths.program(name, prefix))}
    if "ouro-work" not in found:
        raise BadInput(f"{escape.for_terminal(str(prefix))}: no ouro-work in it")
    return found


def _from_build(name: str, build: str) -> Baseline:
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    if Path(build).is_dir():
        prefix = Path(build).resolve()
        return Baseline(name, now, "", str(prefix), digests(prefix))
    if build.startswith("-"):
        raise BadInput(f"baseline: {escape.for_terminal(build)}: neither a folder nor a revision")
    try:
        return Baseline(name, now, git("rev-parse", "--verify", "--quiet", "--end-of-options",
                                       f"{build}^{{commit}}"))
    except BadInput:
        raise BadInput(f"baseline: {escape.for_terminal(build)}: neither a folder with built "
                       "programs nor a revision") from None


def save(args: argparse.Namespace, where: Store) -> int:
    """ouro baseline save NAME [RUN] [--base BUILD]"""
    files: dict[str, str] = {}
    run = result.load(Path(args.run)) if args.run else None
    build = args.base or (str(run.context.get("commit", "")) if run else "HEAD")
    if run and not args.base and run.context.get("dirty"):
        raise BadInput("baseline: the run was built from a changed tree: no commit gives that "
                       "build again; commit and measure, or name the build by --base")
    if not build:
        raise BadInput("baseline: the run does not say which commit it measured: give --base")
    one = _from_build(args.name, build)
    if run and run.folder:
        one = Baseline(**{**asdict(one), "machine": str(run.context.get("cpu", ""))})
        files["result.json"] = store.dumps(run.as_dict(), indent=1) + "\n"
    files["baseline.json"] = one.text()
    where.write(args.name, files)
    terminal.say(f"baseline {args.name}: {one.commit or one.prefix}"
                 + (" with the numbers of its run" if run else ""))
    return EXIT_OK


def load(where: Store, name: str) -> Baseline:
    text = where.read(name, "baseline.json")
    if text is None:
        raise BadInput(f"baseline {name}: there is none; known: "
                       f"{', '.join(where.names()) or 'none'}")
    one = parse(text, f"baseline {name}")
    if one.name != name:
        raise BadInput(f"baseline {name}: damaged: it calls itself {one.name}")
    return one


def use(args: argparse.Namespace, where: Store) -> int:
    """ouro baseline use NAME: the build for --base, on standard output, still the same one"""
    one = load(where, args.name)
    if args.numbers:
        text = where.read(args.name, "result.json")
        if text is None:
            raise BadInput(f"baseline {args.name}: it was saved without a run")
        Path(args.numbers).mkdir(parents=True, exist_ok=True)
        store.write_atomic(Path(args.numbers) / "result.json", text)
        result.load(Path(args.numbers))
        print(args.numbers)
        return EXIT_OK
    if one.commit:
        try:
            git("cat-file", "-e", f"{one.commit}^{{commit}}")
        except BadInput:
            raise BadInput(f"baseline {args.name}: commit {one.commit} is not in this "
                           "repository: fetch it (in CI: fetch-depth: 0)") from None
    elif not Path(one.prefix).is_dir() or digests(Path(one.prefix)) != one.digests:
        raise BadInput(f"baseline {args.name}: {one.prefix} is gone or was built again: save it "
                       "anew")
    print(one.commit or one.prefix)
    return EXIT_OK


def show(args: argparse.Namespace, where: Store) -> int:
    """ouro baseline show [NAME]"""
    found = [load(where, n) for n in ([args.name] if args.name else where.names())]
    if args.json:
        print(store.dumps([asdict(one) for one in found], indent=1))
        return EXIT_OK
    terminal.console().print(terminal.grid(
        "baselines (--base \"$(ouro baseline use NAME)\")",
        ("name", "build", "saved", "numbers", "machine"),
        [(one.name, one.commit or one.prefix, one.date,
          "yes" if where.read(one.name, "result.json") else "", one.machine) for one in found]))
    return EXIT_OK


def run(args: argparse.Namespace) -> int:
    """ouro baseline ACTION"""
    if args.name is not None and not escape.is_name(args.name):
        raise BadInput("baseline: names are letters, digits, '.', '_' and '-'")
    if args.name is None and args.action != "show":
        raise BadInput(f"baseline {args.action}: give a name")
    if args.action != "save" and (args.run or args.base):
        raise BadInput(f"baseline {args.action}: takes no run and no --base")
    if args.numbers and args.action != "use":
        raise BadInput("--numbers: only for baseline use")
    where = Branch(args.branch) if args.branch else \
        Folder(Path(args.store) if args.store else _root() / "results" / "baselines")
    return {"save": save, "use": use, "show": show}[args.action](args, where)
