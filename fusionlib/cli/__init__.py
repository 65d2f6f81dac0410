"""The command line: one module per subcommand, each imported without torch.

A subcommand module has ``add_parser(subparsers)``, which sets ``run`` to a
function that takes the parsed arguments and returns the exit status; whatever is
slow to import is imported inside that function.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import logging
import os
import re
import signal
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from .._version import __version__
from ..errors import InputError, hint, one_line, reason
from .options import flush_stdout, print_note, print_text

__all__ = ["build_parser", "main"]

COMMANDS = (
    "fuse",
    "batch",
    "evaluate",
    "compare",
    "methods",
    "reproduce",
    "ablation",
    "data",
    "weights",
    "setup",
    "export_onnx",
    "info",
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage text.

    ``examples`` are command lines, which stand at the end of the help.
    """

    def __init__(self, *, examples: Sequence[str] = (), **options: Any) -> None:
        options["epilog"] = "\n  ".join(["examples:", *examples]) if examples else None
        options["description"] = textwrap.fill(options.get("description", ""), 78)
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=form, **options)
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        wrong, _, known = message.partition(" (choose from ")
        near = hint(wrong.partition("choice: ")[2], re.findall(r"[\w-]+", known))
        self.exit(2, f"{self.prog}: error: {InputError(message + near)}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``fusionlib`` with all its subcommands."""
    parser = _Parser(
        prog="fusionlib",
        description="Infrared and visible image fusion with VGG-19 features "
        "(Li, Wu, Kittler, ICPR 2018).",
        examples=(
            "fusionlib fuse street -o x.png            # a rendered pair",
            "fusionlib fuse IR.png VIS.png -o x.png    # files of your own",
            "fusionlib compare street --methods paper,wls -o comparison",
        ),
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log what is being done"
    )
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=_Parser
    )
    for name in COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
    return parser


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Log and warn in single lines on stderr, print any name on stdout.

    Afterwards everything is as it was: the program may be called from another.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("fusionlib: %(message)s"))
    quiet = logging.NullHandler()  # keeps the messages of other libraries away
    root, own = logging.getLogger(), logging.getLogger("fusionlib")
    level = own.level

    def warn(message: Warning | str, *_: object, **__: object) -> None:
        own.warning("warning: %s", message)

    with contextlib.ExitStack() as stack:
        if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors:
            stack.callback(sys.stdout.reconfigure, errors=sys.stdout.errors)
            sys.stdout.reconfigure(errors="backslashreplace")
        stack.enter_context(warnings.catch_warnings())
        warnings.showwarning = warn
        for logger, added in ((root, quiet), (own, handler)):
            logger.addHandler(added)
            stack.callback(logger.removeHandler, added)
        stack.callback(own.setLevel, level)
        yield


class _Stopped(KeyboardInterrupt):
    """A signal that ends the program."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, so that nothing is left half-written.

    A signal that is ignored or handled by somebody else is left alone.
    """

    def stop(number: int, _: object) -> None:
        raise _Stopped(number)

    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    is_main = threading.current_thread() is threading.main_thread()
    ours = [
        n for n in numbers if is_main and n and signal.getsignal(n) == signal.SIG_DFL
    ]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


class _Formatter(logging.Formatter):
    """Format a message as one line."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def _abandon_stdout() -> None:
    """Let Python not try again to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _run(argv: Sequence[str] | None) -> int:
    try:
        parser = build_parser()
        if "_ARGCOMPLETE" in os.environ:  # the shell asks what comes next
            import argcomplete

            argcomplete.autocomplete(parser)
        arguments, extra = parser.parse_known_args(argv)
        if extra:
            known = re.findall(r"--[\w-]+", arguments.parser.format_help())
            near = hint(extra[0].partition("=")[0], known)
            arguments.parser.error(f"unrecognized arguments: {' '.join(extra)}{near}")
    except SystemExit as stop:
        return int(stop.code or 0)
    if "run" not in arguments:  # fusionlib alone, or with a command that has several
        print_text(arguments.parser.format_help().rstrip())
        return 0
    if arguments.verbose:
        logging.getLogger("fusionlib").setLevel(logging.INFO)
    if getattr(arguments, "json", False) and sys.stdout is None:
        raise InputError("standard output is closed, so --json cannot be printed")
    return arguments.run(arguments)


#: What is in the messages of torch, and of its import, for want of memory.
_NO_MEMORY = (
    "allocate memory", "out of memory", "not enough memory", "new thread",
    "map segment",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 on success, 2 on bad input or where the system refuses (a full disk, no
        memory), 128 and the number of the signal when interrupted.
    """
    with _streams(), _signals():
        try:
            status = _run(argv)
            flush_stdout()
            return status
        except BrokenPipeError:
            # The reader went away (`fusionlib data list | head`): not an error.
            _abandon_stdout()
            return 0
        except KeyboardInterrupt as stop:
            print_note("fusionlib: interrupted")
            return 128 + getattr(stop, "number", signal.SIGINT)
        except InputError as error:
            print_note(f"fusionlib: error: {error}")
        except MemoryError:
            print_note("fusionlib: error: there is not enough memory")
        except OSError as error:
            where = "" if error.filename is None else f"{error.filename}: "
            print_note(f"fusionlib: error: {where}{reason(error)}")
        except (RuntimeError, ImportError) as error:
            if not any(words in str(error).lower() for words in _NO_MEMORY):
                raise
            print_note("fusionlib: error: there is not enough memory")
        try:
            flush_stdout()
        except (OSError, InputError):
            _abandon_stdout()
        return 2
