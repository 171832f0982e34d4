"""The command line: ``ddbsim run SCENARIO.toml [--out DIR] [--seed N]``."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .aws.prices import PriceError, prices
from .randomness import RandomStreams
from .scenario import Scenario, traps_told
from .workload import TraceWrites

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .experiment.view_types import Measured
    from .result import Result

__all__ = ["main"]

_BAD_INPUT = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a bad input, 130 after Ctrl-C.

    Parameters
    ----------
    arguments
        As typed after ``ddbsim``; those of the process if None.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (ValueError, OSError, PriceError) as error:
        print(f"ddbsim: {error}", file=sys.stderr)
        return _BAD_INPUT
    except MemoryError:
        print("ddbsim: the scenario needs more memory than there is: lower its rate or duration_s", file=sys.stderr)
        return _BAD_INPUT
    except KeyboardInterrupt:
        print("ddbsim: interrupted", file=sys.stderr)
        return _INTERRUPTED


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
    from .experiment.view_types import compare_view_types, measure
    from .run import simulate
    from .storage import check_folder, write_result

    scenario = _read(options.scenario)
    # what would stop a long run at its end is refused before it begins
    if options.out is not None:
        check_folder(options.out)
    if not options.no_compare:
        prices(scenario.region)
    if isinstance(scenario.workload, TraceWrites):
        print(scenario.workload.used_trace.describe())
    result = simulate(scenario, rng=options.seed, progress=not options.quiet)
    # saved before anything else is done with it: a second Ctrl-C may come
    if options.out is not None:
        write_result(result, options.out, _rendered(_plots(result)))
    print(_report(result))
    if options.out is not None:
        print(f"\nsaved in {options.out}" + (" (partial: the run was interrupted)" if result.partial else ""))
    if result.partial:
        return _INTERRUPTED
    if not options.no_compare:
        # the first run's frames are let go before the others are made
        measured: dict[str, Measured] = {scenario.stream.view_type: measure(result)}
        del result
        comparison = compare_view_types(scenario, rng=options.seed, progress=not options.quiet, measured=measured)
        print(f"\nThe same writes under each view type\n{comparison}")
    return 0


def _read(path: Path) -> Scenario:
    """Return the scenario of a file; what the service accepts with a trap is told in a sentence of its own."""
    with traps_told() as traps:
        scenario = Scenario.from_toml(path)
    for trap in traps:
        print(f"ddbsim: note: {trap}", file=sys.stderr)
    return scenario


def _report(result: Result) -> str:
    latency = result.latency((0.5, 0.9, 0.95, 0.99, 0.999)).to_string(index=False)
    lag = result.lag().groupby(["event_source_mapping", "shard_id"], observed=True)
    worst = lag[["records_behind", "seconds_behind", "iterator_age_s"]].max().reset_index().to_string(index=False)
    waits = result.waits(cohort=0.99).round(4).to_string(index=False)
    return (
        f"{result.summary}\n\nLatency, written to completed\n{latency}\n\n"
        f"Largest lag by shard\n{worst}\n\nWhat the slowest hundredth waited for\n{waits}"
    )


def _plots(result: Result) -> dict[str, Axes]:
    import matplotlib as mpl

    mpl.use("agg")
    from . import plots

    return {
        "lag": plots.lag(result),
        "latency": plots.latency(result, complementary=True),
        "waits": plots.waits(result),
        "throughput": plots.throughput(result),
    }


def _rendered(axes: dict[str, Axes]) -> dict[str, bytes]:
    """Return each plot as PNG.

    matplotlib keeps the frames that called it to draw, and what their names hold, as long as the process lives:
    a function that holds the log, a gigabyte of it, must not be among them.
    """
    files = {}
    for name, ax in axes.items():
        file = io.BytesIO()
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.savefig(file, dpi=120)
        files[f"{name}.png"] = file.getvalue()
    return files


if __name__ == "__main__":
    raise SystemExit(main())
