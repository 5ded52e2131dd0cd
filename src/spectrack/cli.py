"""The ``spectrack`` command: parse, run, and answer mistakes with one sentence.

Exit status: 0 done, 1 ran but the answer is "no" (doctor), 2 bad input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Union, cast

import tyro

from spectrack.commands.base import Command, choose
from spectrack.commands.console import Console, plain_warnings, told_remarks
from spectrack.commands.output import refuse_no_name
from spectrack.errors import InputError
from spectrack.storage import refusal
from spectrack.training.recipes import RECIPES

COMMANDS = {
    "demo": ("DemoCommand", "make a clip, follow the object in it, measure the result"),
    "track": ("TrackCommand", "follow objects through a video: masks, boxes, overlay"),
    "live": ("LiveCommand", "follow objects in what a camera or a stream sends, as it comes"),
    "segment": ("SegmentCommand", "masks of the things in boxes of one picture"),
    "refine": ("RefineCommand", "make the masks of any method consistent in space and time"),
    "fuse": ("FuseCommand", "fuse the masks of several methods into one that beats each"),
    "train": ("TrainCommand", f"learn from data with truth, by {len(RECIPES)} recipes"),
    "export": ("ExportCommand", "write a result in the file format of another tool, or read one"),
    "review": ("ReviewCommand", "list the frames of a result most worth a look"),
    "app": ("AppCommand", "open the page in the browser: point, watch, correct"),
    "evaluate": ("EvaluateCommand", "score results, or a tracker, on a dataset"),
    "report": ("ReportCommand", "put scored runs side by side: one page, or tables"),
    "submit": ("SubmitCommand", "pack results as the server of a benchmark takes them, and check"),
    "vot": ("VotCommand", "let the toolkit of the VOT challenge drive a tracker"),
    "benchmark": ("BenchmarkCommand", "measure speed, memory and error of the spectral kernels"),
    "trackers": ("TrackersCommand", "list the trackers"),
    "datasets": ("DatasetsCommand", "list the data sets"),
    "weights": ("WeightsCommand", "list learned weights; fetch, convert, verify, export them"),
    "doctor": ("DoctorCommand", "check this machine and say what to do"),
}

VARIANTS = {
    ("weights", "pull"): ("weights", "PullWeightsCommand"),
    ("weights", "convert"): ("weights", "ConvertWeightsCommand"),
    ("weights", "verify"): ("weights", "VerifyWeightsCommand"),
    ("weights", "export"): ("weights_export", "ExportWeightsCommand"),
}
"""Commands whose second word decides the rest: module and class."""

DESCRIPTION = (
    "Follow objects through a video: a pixel-accurate mask, a box and a score in every frame, "
    "consistent in space and time.\n\n"
    "For every command: --json prints one JSON object on standard output and nothing else, "
    "--quiet shows no progress, --help says what it takes. Without a command: --version prints the "
    "version."
)
EVERYWHERE = {"--json", "--quiet", "--version"}


def parse(argv: Sequence[str]) -> Command:
    """Turn arguments into a command.

    Raises:
        InputError: If they cannot be understood.
        SystemExit: With status 0 after ``--help``.
    """
    args = _flags_last(argv)
    if not any(a not in {"--json", "--quiet"} for a in args):
        raise InputError(f"no command was given; choose from {', '.join(COMMANDS)}")
    if not args[0].startswith("-"):
        choose("command", args[0], COMMANDS)
    members = []
    for name, (_, description) in COMMANDS.items():
        cls = command_class(name, _second(args) if name == args[0] else "")
        if name == args[0]:
            refuse_no_name(args[1:], cls)
        named = tyro.conf.subcommand(name, description=_description(args, name, cls, description))
        members.append(Annotated[cls, named])
    complaints = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaints):
            return cast(
                Command,
                tyro.cli(
                    cast(Any, Union[tuple(members)]),  # noqa: UP007  built at run time
                    prog="spectrack",
                    description=DESCRIPTION,
                    args=args,
                    config=(tyro.conf.HelptextFromCommentsOff,),
                ),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        known = args[0] if args and args[0] in COMMANDS else None
        raise InputError(_one_sentence(complaints.getvalue(), known)) from None


def command_class(name: str, second: str = "") -> type[Command]:
    """The class of a command.

    Args:
        name: In the table of commands.
        second: The word after it; a variant or a recipe has a class of its own.
    """
    commands = "spectrack.commands"
    if name == "train" and second in RECIPES:
        return cast(type[Command], import_module(f"{commands}.train").recipe_command(second))
    module, cls_name = VARIANTS.get((name, second), (name, COMMANDS[name][0]))
    return cast(type[Command], getattr(import_module(f"{commands}.{module}"), cls_name))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Returns:
        The exit status.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # A polite kill cleans up like Ctrl-C does; inside another program signals are its own.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if "--version" in args[:1] or ("--version" in args and not set(args) - EVERYWHERE):
        from spectrack import __version__

        print(json.dumps({"version": __version__}) if "--json" in args else __version__)
        return 0
    try:
        command = parse(args)
        out = sys.stdout
        console = Console(command.json, command.quiet, out)
        stdout = contextlib.redirect_stdout(sys.stderr if command.json else out)
        with stdout, plain_warnings(), told_remarks(console):
            return command.run(console)
    except InputError as error:
        print(f"spectrack: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("spectrack: stopped; nothing was left half-written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _give_up_output()  # its reader has gone (`| head`)
        return 141
    except OSError as error:
        sentence = refusal(error)
        if sentence is None:
            raise
        print(f"spectrack: {_one_line(str(sentence))}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _give_up_output()  # it is what cannot be written
        return 2
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0


def _give_up_output() -> None:
    """Send what is left of standard output nowhere, so that the interpreter does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flags_last(argv: Sequence[str]) -> list[str]:
    """Let the global flags stand before the command and after it: ``spectrack --json track ...``.

    What follows the command may choose among its variants, so they move to the end.
    """
    args = list(argv)
    moved = []
    for place in (0, 1):
        while len(args) > place and args[place] in {"--json", "--quiet"}:
            moved.append(args.pop(place))
    return args + moved


def _second(args: Sequence[str]) -> str:
    """The word that decides a command's variant: the one after it, or a recipe behind flags.

    Raises:
        InputError: If `train` is given another word than a recipe, or flags without one.
    """
    second = args[1] if len(args) > 1 else ""
    if args[0] != "train" or "--help" in args[1:2] or "-h" in args[1:2]:
        return second
    if second.startswith("-") or not second:
        second = next((word for word in args[1:] if word in RECIPES), "")
        if not second and not {"--help", "-h"} & set(args):
            raise InputError(
                f"RECIPE is missing; choose from {', '.join(RECIPES)}, see spectrack train --help"
            )
        return second
    return choose("recipe", second, RECIPES)


def _description(args: Sequence[str], name: str, cls: type, short: str) -> str:
    """The long text for the command asked about, one line for the list of all."""
    import inspect

    return inspect.getdoc(cls) or short if args and args[0] == name else short


def _one_sentence(complaint: str, command: str | None) -> str:
    """Condense the parser's framed message to what is wrong and where help is."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip("│╭╰╮╯ ") for line in complaint.splitlines()]
    paragraphs: list[list[str]] = [[]]
    for line in lines[1:]:  # the first line is the title of the frame
        if set(line) <= set("─-"):
            paragraphs.append([])
        else:
            paragraphs[-1].append(line)
    paragraphs = [p for p in paragraphs if p] or [[]]
    message = " ".join(paragraphs[0])
    missing = re.match(r"Missing from spectrack \w+: (.*)", message)
    value = re.match(r"Error parsing (\S+): .*?(\[.*?\])", message)
    if missing:
        message = f"{missing[1].split(' ')[0]} is missing"
    elif value:
        message = f"{value[1]} was given {value[2].strip('[]')}, which is not what it takes"
    elif message.startswith("Unrecognized options: "):
        message = message.removeprefix("Unrecognized options: ").split(" ")[0].rstrip(",")
        message = f"{message} is not understood"
        hints = [w for p in paragraphs[1:] for w in p if w.startswith("--")]
        if hints:
            message += f" (did you mean {hints[0].split(' ')[0]}?)"
    message = message.rstrip(". ").replace(". ", ": ")
    asked = f"spectrack {command} --help" if command else "spectrack --help"
    return f"{message or 'the arguments are not understood'}; see {asked}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
