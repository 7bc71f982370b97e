"""Parse the command line, run one subcommand, turn errors into text and exit codes."""

from __future__ import annotations

import argparse
import atexit
import errno
import faulthandler
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType, ModuleType

from deidframe import __version__
from deidframe.cli.plain import PLAIN
from deidframe.environment import contain_libraries

COMMANDS = (
    "run",
    "merge",
    "check",
    "lock",
    "verify",
    "recount",
    "pack",
    "audit",
    "purge",
    "cache",
    "report",
    "compare",
    "explore",
    "survey",
    "encode",
    "convert",
    "stats",
    "means",
    "cluster",
    "elbow",
    "montage",
    "morph",
    "photos",
    "video",
    "boxes",
    "bench",
    "encoder-check",
    "plugins",
    "new",
    "models",
    "doctor",
    "completion",
)


MACHINE = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY, errno.EMFILE, errno.ENFILE),
        *(errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT),
    }
)
"""What a disk or a system says that cannot go on: no fault of the program, and told as such."""
ALIASES = {"recount": "certify", "cache": "store"}
"""Command -> its earlier name, which still works."""


def parser_of() -> tuple[argparse.ArgumentParser, dict[str, ModuleType]]:
    """Return the parser of the whole command line and the module of each command."""
    parser = argparse.ArgumentParser(
        prog="deidframe",
        description="De-identify face databases: one recipe, many methods, a release, a certificate and a report.",
        epilog="example: deidframe run quickstart",
    )
    parser.add_argument("--version", action="version", version=f"deidframe {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {name: importlib.import_module(f"deidframe.cli.{name.replace('-', '_')}") for name in COMMANDS}
    for name, module in modules.items():
        also = [ALIASES[name]] if name in ALIASES else []
        about = f"{module.HELP}" + "".join(f" (also: {alias})" for alias in also)
        one = commands.add_parser(name, aliases=also, help=about, description=module.HELP, epilog=f"example: {module.EXAMPLE}")
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
        module.arguments(one)
    return parser, modules | {alias: modules[name] for name, alias in ALIASES.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `deidframe` and return its exit code.

    Returns:
        0 every cell ok; 1 some cell failed; 2 usage; 3 recipe invalid; 4 a plugin or its weights are missing or broken;
        5 nothing to do; 6 release refused by a gate; 70 internal; 130 interrupted.
    """
    contain_libraries()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=PLAIN)  # names of files need not be text, and not every terminal shows every character
    parser, modules = parser_of()
    options = parser.parse_args(argv)
    try:
        return _run(modules[options.command], options)
    except KeyboardInterrupt as stop:
        print("interrupted: nothing half-written was left in a release; the same command goes on", file=sys.stderr)
        return int(getattr(stop, "exit_code", 130))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _complain(error, debug=options.debug)
    except SystemExit as error:  # the commands themselves return
        if error.code not in (0, None):  # as the library that draws tables ends where nobody reads any more
            return error.code if isinstance(error.code, int) else 1
        return _complain(RuntimeError(f"something asked the process to end (SystemExit {error.code})"), debug=options.debug)


def _run(module: ModuleType, options: argparse.Namespace) -> int:
    """Run one command, within its `--timeout` and on its `--device` if it has them."""
    seconds = getattr(options, "timeout", None)
    device = getattr(options, "device", None)
    if seconds is None and device is None:
        return int(module.run(options))
    from deidframe.contract.errors import UsageError
    from deidframe.engine.runtime.hardware import on_device
    from deidframe.engine.runtime.timeout import limit_calls

    if seconds is not None and not seconds > 0:
        raise UsageError(f"--timeout {seconds:g}: expected a number of seconds above 0")
    with limit_calls(seconds), on_device(device or ""):
        return int(module.run(options))


def entry() -> None:
    """Run `deidframe` as a program of its own.

    After an interrupt everything is closed and cleaned up when `main` returns, and the process ends at once: a thread that was
    being started at that very moment is one that Python forgets to stop and then waits for without end.
    """
    faulthandler.enable()  # a crash in a plugin's native code says where it was
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup it stays ignored
            signal.signal(number, _stop)
    code = main()
    left = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if left:  # a thread that a plugin left behind would be waited for without end
        strange = sorted(name for name in left if "ThreadPoolExecutor" not in name and not name.startswith("deidframe-"))
        if strange:
            print(f"note: a plugin left threads behind ({', '.join(strange[:3])}); they end here", file=sys.stderr)
        atexit._run_exitfuncs()
    if left or code in (130, *(128 + number for number in STOPS)):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


STOPS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A scheduler or a closed terminal asks the process to end; everything is closed and cleaned up as after an interrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _complain(error: Exception, *, debug: bool) -> int:
    """Print an error as a person should see it and return its exit code."""
    from deidframe.contract.errors import DeidframeError, RecipeError

    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, RecipeError) and error.complaints:
        print("\n".join(error.complaints), file=sys.stderr)
        print(error, file=sys.stderr)
        return error.exit_code
    if isinstance(error, DeidframeError):
        by = getattr(error, "by", "")
        print(f"error: {error}{f' [{by}]' if by else ''}", file=sys.stderr)
        return error.exit_code
    if _no_memory(error):
        said = f" ({error})" if str(error) else ""
        print(f"error: no memory left{said}; nothing half-written was left in a release", file=sys.stderr)
        return 1
    if isinstance(error, OSError) and error.errno in MACHINE:
        where = f": {os.fspath(error.filename)!r}" if error.filename is not None else ""
        print(f"error: {error.strerror}{where}; nothing half-written was left in a release", file=sys.stderr)
        return 1
    print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
    if not debug:
        print("run again with --debug for the traceback, and please report it", file=sys.stderr)
    return 70


def _no_memory(error: Exception) -> bool:
    """Whether an error says that the machine has no memory left; Python says so of a thread's stack in words alone."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == "can't start new thread")
