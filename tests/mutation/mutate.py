"""Delete guards one at a time and see whether a test notices. Run by hand; see README.md beside it.

    python tests/mutation/mutate.py record            # once: which test reaches which guard (some twenty minutes)
    python tests/mutation/mutate.py try [-j 2]        # delete each guard, run the tests that reach it, print what survives

A guard is an `if` that does nothing but raise or note a problem, and whatever `GUARDS` names besides. It is deleted in a copy of
the source, and the tests that reached it are run against that copy; where none did, the deletion survives without a run.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("contract", "guard", "record", "engine", "models")
SUITES = ("tests",)
DATA = Path(tempfile.gettempdir()) / "deidframe-mutation.coverage"
PROBLEMS = frozenset({"problems", "wrong", "complaints", "strange", "lies", "found"})
"""Lists of what is wrong, as `verify` and `recount` keep them."""
MOST = 6
"""Tests that are tried for one guard; those that reach it in the smallest files come first."""


@dataclass(frozen=True)
class Mutation:
    """One guard that is deleted.

    Args:
        path: of the file, below the root.
        line: of what is deleted, from 1.
        before, after: a text that stands in the file once, and what stands there without the guard.
        raises: lines which a test that could notice reaches.
        tests: to be run; none for those that reach `raises`.
    """

    path: str
    line: int
    before: str
    after: str
    raises: tuple[int, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Where it is, and how it begins."""
        return f"{self.path}:{self.line}: {' '.join(self.before.split())[:90]}"


GUARDS = (
    ("deidframe/record/write.py", "                os.fsync(stream.fileno())\n", "", "tests/engine/runtime/test_guards.py"),
    ("deidframe/record/write.py", "        sync_folder(path.parent)\n", "", "tests/engine/runtime/test_guards.py"),
    (
        "deidframe/engine/cache/disk_cache.py",
        "        self._note(key)  # before the entry is there: what a kill leaves behind can still be purged\n",
        "",
        "tests/engine/runtime/test_guards.py",
    ),
    (
        "deidframe/cli/purge.py",
        "sum(cache.remove(key) for key in keys.read_text().split()) if keys.is_file() else 0",
        "0",
        "tests/engine/runtime/test_guards.py",
    ),
    (
        "deidframe/models/fetch.py",
        "            check_hash(part, one)\n            _cached(one).parent",
        "            _cached(one).parent",
        "tests/models/test_weights.py",
    ),
    ("deidframe/models/fetch.py", '"--only-binary=:all:", ', "", "tests/models/test_weights.py"),
    ("deidframe/models/fetch.py", 'sys.executable, "-I", "-m"', 'sys.executable, "-m"', "tests/models/test_weights.py"),
    (
        "deidframe/engine/runtime/timeout.py",
        "signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)",
        "signal.setitimer(signal.ITIMER_REAL, seconds)",
        "tests/engine/runtime/test_guards.py",
    ),
    (
        "deidframe/engine/rows/method.py",
        "    except Exception as error:\n        shutil.rmtree(home, ignore_errors=True)\n",
        "    except Exception as error:\n",
        "tests/engine/runtime/test_guards.py",
    ),
    (
        "deidframe/engine/evaluate/audit.py",
        "if beside[n] or near[n]\n    }",
        "if (beside[n] or near[n]) and made.ids[rows[n]] == face\n    }",
        "tests/engine/evaluate/test_audit.py",
    ),
    (
        "deidframe/engine/evaluate/disguised.py",
        "zip(release.faces.ids, where.tolist(), strict=True) if shows[n]}",
        "zip(release.faces.ids, where.tolist(), strict=True) if shows[n] and release.faces.ids[rows[n]] == face}",
        "tests/engine/release/test_lies.py",
    ),
    (
        "deidframe/guard/residual.py",
        "if release.digests.get(face, face) in pictures}",
        "if face in same}",
        "tests/engine/runtime/test_guards.py",
    ),
    (
        "deidframe/engine/intake/crops.py",
        "            cover_bystander(face, box, matrix)\n",
        "            pass\n",
        "tests/engine/test_streaming.py",
    ),
    (
        "deidframe/engine/components/pool.py",
        "            self._unharmed(step)\n",
        "",
        "tests/engine/release/test_lies.py",
    ),
    (
        "deidframe/engine/components/pool.py",
        "        given = tuple(map(veil.over, arguments)) if veil else arguments\n",
        "        given = arguments\n",
        "tests/engine/components/test_veil.py",
    ),
    (
        "deidframe/engine/run.py",
        "        for name, why in withdraw_changed(folder).items():\n",
        "        for name, why in {}.items():\n",
        "tests/engine/components/test_rude.py",
    ),
    (
        "deidframe/engine/release/contact_sheet.py",
        "range(len(release)) if key is None else _drawn(release.faces.ids, key)",
        "range(len(release))",
        "tests/engine/release/test_public.py",
    ),
    (
        "deidframe/engine/protect/grouping.py",
        "    order = drawn.permutation(len(maps.rows)) if maps else np.zeros(0, np.int64)\n",
        "    order = np.arange(len(maps.rows)) if maps else np.zeros(0, np.int64)\n",
        "tests/engine/release/test_public.py",
    ),
    (
        "deidframe/engine/cache/disk_cache.py",
        'hashlib.sha256(key.encode() + b"\\0" + body).digest()',
        "hashlib.sha256(body).digest()",
        "tests/engine/runtime/test_disks.py",
    ),
    (  # told by the interpreter itself, which no coverage sees
        "deidframe/engine/runtime/network.py",
        "        raise NetworkRefused(f\"no connection: {_state['refused']}\")\n",
        "        pass\n",
        "tests/engine/components/test_every_call.py",
    ),
    (
        "deidframe/engine/run_folder.py",
        "secrets.token_bytes(32)",
        "bytes(32)",
        "tests/engine/runtime/test_guards.py",
    ),
)
"""Guards that are no `if` which raises: file, text, the text without the guard, and the tests that are to notice."""


def mutations() -> Iterator[Mutation]:
    """Yield every guard of the packages, then the named ones."""
    for package in PACKAGES:
        for path in sorted((ROOT / "deidframe" / package).rglob("*.py")):
            text = path.read_text("utf-8")
            lines = text.splitlines(keepends=True)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.If) and len(node.body) == 1 and _guards(node.body[0]) and not node.orelse:
                    first, last = node.lineno, node.body[0].end_lineno or node.lineno
                    if lines[first - 1].lstrip().startswith("elif"):
                        continue
                    before = "".join(lines[first - 1 : last])
                    after = " " * node.col_offset + "pass\n"
                    reached = tuple(range(node.body[0].lineno, last + 1))
                    yield Mutation(str(path.relative_to(ROOT)), first, before, after, reached)
    for file, before, after, tests in GUARDS:
        text = (ROOT / file).read_text("utf-8")
        if text.count(before) != 1:
            raise SystemExit(f"{file}: {before.strip()!r} stands there {text.count(before)} times; bring GUARDS up to date")
        yield Mutation(file, text[: text.index(before)].count("\n") + 1, before, after, tests=(tests,))


def _guards(statement: ast.stmt) -> bool:
    """Whether a statement refuses something: it raises, or adds to a list of problems."""
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target) in PROBLEMS
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func) in {f"{name}.append" for name in PROBLEMS}
    return isinstance(statement, ast.Raise)


def record(suites: Sequence[str]) -> int:
    """Run the suites once and note which test reaches which line."""
    settings = DATA.with_suffix(".ini")
    settings.write_text(f"[run]\ndynamic_context = test_function\nsource = {ROOT / 'deidframe'}\ndata_file = {DATA}\n")
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q", *suites]
    return subprocess.run(command, cwd=ROOT).returncode


def reaching(data: Path) -> dict[tuple[str, int], set[str]]:
    """Return file and line -> the tests that reach it, as `tests/x/test_y.py::test_z`."""
    from coverage import CoverageData

    held = CoverageData(str(data))
    held.read()
    files = {path.stem: str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py")}
    found: dict[tuple[str, int], set[str]] = {}
    for file in held.measured_files():
        for line, contexts in held.contexts_by_lineno(file).items():
            for context in contexts:
                module, _, test = context.rpartition(".test_")
                stem = module.rpartition(".")[2]
                if test and stem in files:
                    name = "test_" + test.partition(".")[0]
                    below = f"deidframe/{file.rpartition('/deidframe/')[2]}"
                    found.setdefault((below, line), set()).add(f"{files[stem]}::{name}")
    return found


def noticed(mutation: Mutation, tests: Sequence[str]) -> bool:
    """Whether one of the tests fails against a copy of the source without the guard."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = Path(name)
        shutil.copytree(ROOT / "deidframe", copy / "deidframe", ignore=shutil.ignore_patterns("__pycache__"))
        target = copy / mutation.path
        text = target.read_text("utf-8")
        if text.count(mutation.before) == 1:
            changed = text.replace(mutation.before, mutation.after)
        else:  # the same words stand elsewhere, too: by line
            lines = text.splitlines(keepends=True)
            count = mutation.before.count("\n")
            changed = "".join([*lines[: mutation.line - 1], mutation.after, *lines[mutation.line - 1 + count :]])
        target.write_text(changed, "utf-8")
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        try:
            return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=400).returncode not in (0, 5)
        except subprocess.TimeoutExpired:
            return True


def main() -> int:
    """Record, or try and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("record", "try", "list"))
    parser.add_argument("-j", type=int, default=2, help="mutants at a time")
    parser.add_argument("--only", default="", help="part of a path")
    parser.add_argument("--data", type=Path, default=DATA, help="what `record` wrote")
    options = parser.parse_args()
    if options.what == "record":
        return record(SUITES)
    every = [one for one in mutations() if options.only in one.path]
    if options.what == "list":
        print("\n".join(one.name for one in every))
        return 0
    reached = reaching(options.data)
    size = {
        path: (ROOT / path).stat().st_size for path in {one.partition("::")[0] for tests in reached.values() for one in tests}
    }

    def tests_of(one: Mutation) -> list[str]:
        if one.tests:
            return list(one.tests)
        found = set().union(*(reached.get((one.path, line), set()) for line in one.raises))
        return sorted(found, key=lambda test: (size[test.partition("::")[0]], test))[:MOST]

    def verdict(one: Mutation) -> str:
        tests = tests_of(one)
        return "never reached" if not tests else "noticed" if noticed(one, tests) else "survived"

    with ThreadPoolExecutor(options.j) as pool:
        said = list(pool.map(verdict, every))
    for kind in ("survived", "never reached"):
        for one, how in zip(every, said, strict=True):
            if how == kind:
                print(f"{kind}: {one.name}", flush=True)
    print(f"{len(every)} guards deleted: {said.count('noticed')} noticed, {len(every) - said.count('noticed')} not")
    return int(said.count("noticed") < len(every))


if __name__ == "__main__":
    sys.exit(main())
