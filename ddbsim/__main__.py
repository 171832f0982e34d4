"""The command line: ``ddbsim run SCENARIO.toml [--out DIR] [--seed N]``.

What was simulated is not lost to what comes after it: the report is printed, then the run saved, then each plot drawn,
then the view types compared, each on its own.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .aws.prices import PriceError, prices
from .randomness import RandomStreams
from .scenario import Scenario, without_setting_warnings
from .scenario.toml import shortened
from .workload import TraceWrites

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .experiment.alternatives.view_types import Measured
    from .result.result import Result

__all__ = ["main"]

_UNFINISHED = 1
_BAD_INPUT = 2
_INTERRUPTED = 130
# their messages say what is wrong, and where
_EXPECTED = (ValueError, OSError, PriceError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: all was done. 1: the run was, and a part of what is told or drawn of it failed. 2: a bad input, or the run could
    not be saved. 130: Ctrl-C; what was simulated until then is told and saved.

    Parameters
    ----------
    arguments
        As typed after ``ddbsim``; those of the process if None.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that has no letter for a name shows its number
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except Exception as error:
        _complain(_told(error))
        return _BAD_INPUT
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED


def _complain(told: str) -> None:
    print(f"ddbsim: {told}", file=sys.stderr)


def _told(error: Exception) -> str:
    """Return an error as a line."""
    if isinstance(error, MemoryError):
        return "the scenario needs more memory than there is: lower its rate or duration_s"
    line = shortened(" ".join(str(error).split()))
    if isinstance(error, _EXPECTED):
        return line
    if isinstance(error, RecursionError):
        return f"what was given is nested too deeply ({line})"
    if isinstance(error, ArithmeticError):
        return f"what was given holds a number too large or too small ({line})"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {line} (in {Path(last.filename).name}, line {last.lineno})"


def _say(text: str) -> None:
    """Print; quietly nothing once nobody reads any more, as behind ``| head -1``."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(slots=True)
class _Phases:
    """What is done with a finished run, one thing after the other, whatever becomes of those before.

    Attributes
    ----------
    codes
        The exit codes of what failed.
    """

    codes: list[int] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C came: then only what would be lost is still done."""
        return _INTERRUPTED in self.codes

    @property
    def code(self) -> int:
        """The exit code of all of it."""
        return max(self.codes, default=0)

    @contextmanager
    def of(self, what: str, *, failed: int = _UNFINISHED) -> Iterator[None]:
        """Do one thing; if it fails, a line says `what`, and the next one is done."""
        try:
            yield
        except KeyboardInterrupt:
            _complain("interrupted")
            self.codes.append(_INTERRUPTED)
        except Exception as error:
            _complain(f"{what} ({_told(error)})")
            self.codes.append(failed)


def _parser() -> argparse.ArgumentParser:
    about = "Simulate DynamoDB streams and the functions that read them."
    parser = argparse.ArgumentParser(prog="ddbsim", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a scenario, print what it shows, and save it")
    run.add_argument("scenario", type=Path, help="a scenario as TOML (see data/)")
    run.add_argument("--out", type=Path, metavar="DIR", help="save frames (Parquet) and plots (PNG) in this new folder")
    run.add_argument("--seed", type=_seed, default=7, metavar="N", help="seed of all random streams (default: 7)")
    run.add_argument("--no-compare", action="store_true", help="leave out the comparison by view type")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _seed(text: str) -> str:
    try:
        return RandomStreams(text).seed
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"seed must be a whole number >= 0, or a result's seed such as 7/2, got {text[:60]!r}"
        ) from None


def _run(options: argparse.Namespace) -> int:
    from ddbsim.result.saving import check_folder

    from .experiment.alternatives.view_types import compare_view_types, measure
    from .run import simulate

    scenario = _read(options.scenario)
    # what would stop a long run at its end is refused before it begins
    if options.out is not None:
        check_folder(options.out)
    if not options.no_compare:
        prices(scenario.region)
    if isinstance(scenario.workload, TraceWrites):
        _say(scenario.workload.used_trace.describe())
    progress = not options.quiet and sys.stderr.isatty()
    result = simulate(scenario, rng=options.seed, progress=progress)
    phases = _Phases()
    with phases.of("the report cannot be made"):
        _say(_report(result))
    if options.out is not None:
        _keep(result, options.out, phases)
    if result.partial:
        phases.codes.append(_INTERRUPTED)
    if not options.no_compare and not phases.interrupted:
        with phases.of("the view types cannot be compared", failed=_BAD_INPUT):
            measured: dict[str, Measured] = {scenario.stream.view_type: measure(result)}
            # the first run's frames are let go before the others are made
            del result
            comparison = compare_view_types(scenario, rng=options.seed, progress=progress, measured=measured)
            _say(f"\nThe same writes under each view type\n{comparison}")
    return phases.code


def _keep(result: Result, folder: Path, phases: _Phases) -> None:
    """Save a run, and its plots beside it."""
    from ddbsim.result.saving import write_result

    saved = False
    with phases.of(f"{folder} cannot be saved", failed=_BAD_INPUT):
        write_result(result, folder)
        saved = True
        _say(f"\nsaved in {folder}" + (" (partial: the run was interrupted)" if result.partial else ""))
    for name, plot in _plots().items() if saved else ():
        if phases.interrupted:
            break
        path = folder / f"{name}.png"
        with phases.of(f"{path} cannot be drawn"):
            path.write_bytes(_rendered(plot(result)))
    # matplotlib keeps this frame
    del result


def _read(path: Path) -> Scenario:
    """Return the scenario of a file; what the service accepts with a trap is told in a sentence of its own."""
    with without_setting_warnings() as traps:
        scenario = Scenario.from_toml(path)
    for trap in traps:
        print(f"ddbsim: note: {trap}", file=sys.stderr)
    return scenario


def _report(result: Result) -> str:
    latency = result.latency((0.5, 0.9, 0.95, 0.99, 0.999))
    worst = result.largest_lag().round(4)
    waits = result.waits(cohort=0.99).round(4)
    return (
        f"{result.summary}\n\nLatency, written to completed\n{_table(latency)}\n\n"
        f"Largest lag by shard\n{_table(worst)}\n\nWhat the slowest hundredth waited for\n{_table(waits)}"
    )


def _table(frame: pd.DataFrame) -> str:
    return "nothing: no record counts here" if frame.empty else frame.to_string(index=False)


def _plots() -> dict[str, Callable[[Result], Axes]]:
    import matplotlib as mpl

    mpl.use("agg")
    from . import plots

    return {
        "lag": plots.lag,
        "latency": lambda result: plots.latency(result, complementary=True),
        "waits": plots.waits,
        "throughput": plots.throughput,
    }


def _rendered(axes: Axes) -> bytes:
    """Return a plot as PNG.

    matplotlib keeps the frames that called it to draw, and what their names hold, as long as the process lives:
    a function that goes on holding the log, a gigabyte of it, must not be among them.
    """
    import matplotlib.pyplot as plt

    file = io.BytesIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
