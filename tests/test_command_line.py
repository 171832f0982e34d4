"""The command line: what it prints and saves, and one sentence with exit code 2 for every bad input."""

import errno
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from functools import partial

import pytest

import ddbsim as ds
from ddbsim import __main__ as command_line
from ddbsim import run as run_module
from ddbsim.__main__ import main
from ddbsim.experiment.alternatives import view_types
from ddbsim.result import saving

SMALL = """
name = "small"
duration_s = 20
[workload]
type = "PoissonWrites"
rate_per_s = 50
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_run_prints_and_saves_what_was_asked(small, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(small), "--out", str(out), "--seed", "3", "--quiet"]) == 0
    printed = capsys.readouterr().out
    for words in ("records processed", "latency_s", "at_the_end_s", "KEYS_ONLY", "USD per month"):
        assert words in printed
    for picture in ("lag.png", "latency.png", "waits.png", "throughput.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    saved = ds.read_result(out)
    same = ds.simulate(ds.Scenario.from_toml(small), rng=3, progress=False)
    assert saved.stream_log.equals(same.stream_log)
    assert not saved.partial


CSV = "timestamp,value\n"
TRACE = 'name = "t"\n[workload]\ntype = "TraceWrites"\ntrace = "t.csv"\n'
BAD_SCENARIOS = {
    "unknown field": (SMALL + "rate = 3\n", "unknown field 'rate' of PoissonWrites"),
    "unknown field of the stream": (
        SMALL + '[stream]\nveiw_type = "KEYS_ONLY"\n',
        "unknown field 'veiw_type' of Stream",
    ),
    "out of range": (
        SMALL + "[table]\npartitions = 0\n",
        "partitions must be None or a whole number in 1..10000, got 0",
    ),
    "unknown type": (SMALL.replace("PoissonWrites", "Poisson"), "type must be one of"),
    "negative rate": (SMALL.replace("= 50", "= -50"), "rate_per_s must be"),
    "nan rate": (SMALL.replace("= 50", "= nan"), "rate_per_s must be"),
    "too many records": (SMALL.replace("= 50", "= 1e12"), "raise memory_limit_bytes"),
    "no length": (SMALL.replace("duration_s = 20", ""), "duration_s must be given"),
    "no workload": ("duration_s = 3\n", "needs the field 'workload'"),
    "no TOML": ("duration_s = \n", "is not TOML"),
}
BAD_TRACES = {
    "no rows": ("", "row"),
    "unsorted": ("2026-01-01T00:05:00Z,1\n2026-01-01T00:00:00Z,1\n", "2026-01-01"),
    "duplicate": ("2026-01-01T00:00:00Z,1\n2026-01-01T00:00:00Z,1\n", "2026-01-01"),
    "negative": ("2026-01-01T00:00:00Z,1\n2026-01-01T00:05:00Z,-1\n", "-1"),
    "nan": ("2026-01-01T00:00:00Z,1\n2026-01-01T00:05:00Z,nan\n", "nan"),
    "mixed periods": (
        "".join(f"2026-01-01T00:{minute:02d}:00Z,1\n" for minute in (0, 5, 10, 15, 17, 22)),
        "period",
    ),
}


def refused(tmp_path, capsys, text: str, words: str) -> None:
    path, out = tmp_path / "bad.toml", tmp_path / "out"
    path.write_text(text)
    assert main(["run", str(path), "--out", str(out), "--quiet"]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err
    assert not out.exists()


@pytest.mark.parametrize(("text", "words"), BAD_SCENARIOS.values(), ids=BAD_SCENARIOS)
def test_a_bad_scenario_gets_one_sentence(tmp_path, capsys, text, words):
    refused(tmp_path, capsys, text, words)


@pytest.mark.parametrize(("rows", "words"), BAD_TRACES.values(), ids=BAD_TRACES)
def test_a_bad_trace_gets_one_sentence(tmp_path, capsys, rows, words):
    (tmp_path / "t.csv").write_text(CSV + rows)
    refused(tmp_path, capsys, TRACE, words)


def test_a_missing_trace_gets_one_sentence(tmp_path, capsys):
    refused(tmp_path, capsys, TRACE, "t.csv")


def test_a_missing_scenario_gets_one_sentence(tmp_path, capsys):
    assert main(["run", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_a_used_folder_is_refused_before_the_run(small, tmp_path, capsys):
    assert main(["run", str(small), "--out", str(tmp_path)]) == 2
    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "x", "1.5"])
def test_a_bad_seed_is_refused(small, capsys, seed):
    with pytest.raises(SystemExit) as stop:
        main(["run", str(small), "--seed", seed])
    assert stop.value.code == 2
    assert "seed must be a whole number >= 0" in capsys.readouterr().err


@pytest.mark.thorough  # sends a real signal to a real process: on a busy machine it can come too late
def test_an_interrupt_saves_what_was_simulated(tmp_path):
    path, out = tmp_path / "long.toml", tmp_path / "out"
    # many small batches: a run of many seconds, of which the writes take the smallest part
    path.write_text(
        SMALL.replace("duration_s = 20", "duration_s = 400_000").replace("rate_per_s = 50", "rate_per_s = 4")
    )
    command = [sys.executable, "-m", "ddbsim", "run", str(path), "--out", str(out)]
    # only a terminal gets a bar, and one without columns has no room for it
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 100))
    # where the tests themselves run in the background, what they start would ignore the signal
    taken = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=writer, stdout=subprocess.PIPE, text=True, preexec_fn=taken) as process:
        deadline, shown = time.monotonic() + 300, ""
        # the bar moves once the simulation runs
        while "%|" not in shown.replace(" 0%|", "") and time.monotonic() < deadline:
            if select.select([reader], [], [], 0.05)[0]:
                shown += os.read(reader, 4096).decode(errors="replace")
        assert time.monotonic() < deadline, "the run did not begin"
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "partial" in printed
    saved = ds.read_result(out)
    assert saved.partial
    assert 0 < saved.ended_s < 400_000
    completed = saved.stream_log["completed_s"]
    assert completed.max() <= saved.ended_s
    assert saved.stream_log["outcome"].isin(("processed", "waiting")).all()


def cut_short(monkeypatch, ended_s):
    """Let the run end early, as Ctrl-C has it."""
    simulate = run_module.simulate

    def interrupted(*arguments, **options):
        result = simulate(*arguments, **options)
        result.ended_s = ended_s
        return result

    monkeypatch.setattr(run_module, "simulate", interrupted)


@pytest.mark.parametrize("ended_s", [0.0, 2.0, 12.0])
def test_a_run_cut_short_is_reported_and_saved_as_partial(small, tmp_path, capsys, monkeypatch, ended_s):
    cut_short(monkeypatch, ended_s)
    small.write_text("warmup_s = 5\n" + SMALL)
    assert main(["run", str(small), "--out", str(tmp_path / "out"), "--quiet"]) == 130
    shown = capsys.readouterr()
    assert "interrupted at" in shown.out
    assert "(partial: the run was interrupted)" in shown.out
    assert "USD per month" not in shown.out
    assert ds.read_result(tmp_path / "out").partial


def test_an_interrupt_of_the_comparison_leaves_the_saved_run(small, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(view_types, "run", interrupted)
    assert main(["run", str(small), "--out", str(tmp_path / "out"), "--quiet"]) == 130
    shown = capsys.readouterr()
    assert shown.err == "ddbsim: interrupted\n"
    assert not ds.read_result(tmp_path / "out").partial


def test_a_run_in_which_every_invocation_times_out_recommends_no_view_type(small, capsys):
    slow = "[event_source_mappings.function.duration]\nbase_s = 9.0\n"
    small.write_text(SMALL + "[event_source_mappings]\nmaximum_retry_attempts = 0\n" + slow)
    assert main(["run", str(small), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "The same writes under each view type\nNo view type can be recommended. KEYS_ONLY fails" in shown


def test_a_region_without_prices_is_refused_before_the_run(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_module, "simulate", lambda *_, **__: pytest.fail("ran"))
    small.write_text('region = "af-south-1"\n' + SMALL)
    assert main(["run", str(small), "--out", str(tmp_path / "out")]) == 2
    assert "af-south-1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_the_comparison_no_prices_are_needed(small, capsys):
    small.write_text('region = "af-south-1"\n' + SMALL)
    assert main(["run", str(small), "--quiet", "--no-compare"]) == 0
    assert "USD" not in capsys.readouterr().out


def test_a_trap_is_told_in_a_sentence(small, capsys):
    small.write_text(SMALL + "[event_source_mappings]\nbatch_size = 5000\n")
    assert main(["run", str(small), "--quiet", "--no-compare"]) == 0
    shown = capsys.readouterr().err
    assert shown.startswith("ddbsim: note: EventSourceMapping 'function': batch_size 5000 is beyond the 1,000 records")
    assert shown.count("\n") == 1


def test_a_lack_of_memory_is_told_in_a_sentence(small, capsys, monkeypatch):
    def lack(*_, **__):
        raise MemoryError

    monkeypatch.setattr(run_module, "simulate", lack)
    assert main(["run", str(small), "--quiet"]) == 2
    assert "needs more memory than there is" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_the_run(small, tmp_path, capsys):
    assert main(["run", str(small), "--out", str(small / "out")]) == 2
    assert "must be in a folder that can be written to" in capsys.readouterr().err


def test_a_process_of_its_own_says_the_same(tmp_path):
    (tmp_path / "bad.toml").write_text(SMALL + "rate = 3\n")
    command = [sys.executable, "-m", "ddbsim", "run", "bad.toml", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ddbsim: bad.toml: workload: unknown field 'rate' of PoissonWrites; allowed: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


# nothing finished is thrown away

NAMED = SMALL + '[event_source_mappings]\nname = "from $0.30_a_GB to $0.10"\n'


def test_a_name_of_dollars_costs_nothing(small, tmp_path, capsys):
    small.write_text(NAMED)
    assert main(["run", str(small), "--out", str(tmp_path / "out"), "--no-compare"]) == 0
    assert capsys.readouterr().err == ""
    assert len(list((tmp_path / "out").glob("*.png"))) == 4


def broken(monkeypatch, name, error):
    """Let one of the plots fail."""
    plots = command_line._plots()

    def fail(_):
        raise error

    monkeypatch.setattr(command_line, "_plots", lambda: plots | {name: fail})


def test_a_plot_that_fails_costs_the_plot(small, tmp_path, capsys, monkeypatch):
    broken(monkeypatch, "latency", RuntimeError("no\nink"))
    out = tmp_path / "out"
    assert main(["run", str(small), "--out", str(out)]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(f"ddbsim: {out / 'latency.png'} cannot be drawn (RuntimeError: no ink")
    assert shown.err.count("\n") == 1
    assert "USD per month" in shown.out
    assert sorted(path.name for path in out.glob("*.png")) == ["lag.png", "throughput.png", "waits.png"]
    assert not ds.read_result(out).partial


def test_a_full_disk_leaves_the_numbers_on_the_screen(small, tmp_path, capsys, monkeypatch):
    def full(content, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(saving, "_write", full)
    out = tmp_path / "out"
    assert main(["run", str(small), "--out", str(out)]) == 2
    shown = capsys.readouterr()
    assert "records processed" in shown.out
    assert "USD per month" in shown.out
    assert "saved in" not in shown.out
    assert f"{out} cannot be saved ([Errno 28] No space left on device: '{out}/stream_log.parquet')" in shown.err
    assert shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


@pytest.mark.parametrize("phase", ["_report", "_plots", "_rendered"])
def test_an_interrupt_between_the_phases_keeps_the_run(small, tmp_path, capsys, monkeypatch, phase):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, phase, interrupt)
    out = tmp_path / "out"
    assert main(["run", str(small), "--out", str(out)]) == 130
    shown = capsys.readouterr()
    assert shown.err == "ddbsim: interrupted\n"
    assert "saved in" in shown.out
    assert "USD per month" not in shown.out
    assert not ds.read_result(out).partial


def test_a_report_that_fails_costs_the_report(small, tmp_path, capsys, monkeypatch):
    def fail(_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(command_line, "_report", fail)
    assert main(["run", str(small), "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("ddbsim: the report cannot be made (")
    assert "USD per month" in shown.out
    assert ds.read_result(tmp_path / "out").seed == "7"


# whatever is typed

DEEP = 10_000


def given(workload, field, path):
    """Return a scenario whose writes are in a file."""
    return SMALL.replace("PoissonWrites", workload).replace("rate_per_s = 50", f'{field} = "{path}"')


ODD = {
    "nested deep": (SMALL + f"keys = {'[' * DEEP}{']' * DEEP}\n", "is nested too deeply"),
    "nested tables": (SMALL + f"[{'.'.join(['a'] * 2000)}]\n", "unknown field 'a'"),
    "400 digits": (SMALL.replace("= 50", f"= {'9' * 400}"), "a whole number of about 401 digits"),
    "5000 digits": (SMALL.replace("= 50", f"= {'9' * 5000}"), "is not TOML"),
    "400 digits of seconds": (SMALL.replace("= 20", f"= {'9' * 400}"), "a whole number of about 401 digits"),
    "year 9999": ('start = "9999-12-31T23:59:59-23:59"\n' + SMALL, "of the years 1970..2200"),
    "the end of time": ('start = "9999-12-31T23:59:50Z"\n' + SMALL, "of the years 1970..2200"),
    "a list for a number": (SMALL.replace("= 50", "= [50]"), "rate_per_s must be"),
    "a number for a table": ("stream = 5\n" + SMALL, "Stream"),
    "a number for a workload": ("duration_s = 20\nworkload = 5\n", "workload"),
    "a million characters": ("x" * 1_000_000 + " = 1\n" + SMALL, "unknown field 'xxx"),
    "no file of writes": (given("ReplayWrites", "columns", "x"), "no such file"),
    "an address": (given("ReplayWrites", "columns", "http://127.0.0.1:9/a"), "no such file"),
    "items nested deep": (given("ItemWrites", "writes", "deep.jsonl"), "deep.jsonl cannot be read"),
    "an endless file": (given("ItemWrites", "writes", "/dev/zero"), "it is no file"),
}


@pytest.mark.parametrize(("text", "words"), ODD.values(), ids=ODD)
def test_whatever_is_typed_gets_one_sentence(tmp_path, capsys, text, words):
    (tmp_path / "deep.jsonl").write_text("[" * DEEP + "]" * DEEP)
    path = tmp_path / "odd.toml"
    path.write_text(text)
    assert main(["run", str(path), "--no-compare"]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert len(shown.err) < 3_000
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_file_without_end_is_no_scenario(capsys):
    assert main(["run", "/dev/zero"]) == 2
    assert "a scenario must have at most 67,108,864 bytes" in capsys.readouterr().err


def test_a_mark_of_byte_order_is_read_over(small, capsys):
    small.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert main(["run", str(small), "--no-compare"]) == 0
    assert "records processed" in capsys.readouterr().out
    assert ds.Scenario.from_toml("\ufeff" + SMALL) == ds.Scenario.from_toml(small)


def test_writes_that_would_fill_the_memory_are_refused_before_they_are_read(small, tmp_path, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = pa.array([0]).take(pa.array([0] * 1_000_000))
    group = pa.table(dict.fromkeys(("at_s", "item_id", "operation", "bytes_before", "bytes_after"), zeros))
    with pq.ParquetWriter(tmp_path / "bomb.parquet", group.schema, compression="zstd") as writer:
        for _ in range(40):
            writer.write_table(group)
    assert (tmp_path / "bomb.parquet").stat().st_size < 2_000_000
    small.write_text(
        SMALL.replace("PoissonWrites", "ReplayWrites").replace("rate_per_s = 50", 'columns = "bomb.parquet"')
    )
    assert main(["run", str(small)]) == 2
    assert "its 40,000,000 rows need 9.3 GiB of memory, and the limit is 8.0 GiB" in capsys.readouterr().err


def test_a_run_of_nothing_shows_no_empty_frame(small, capsys):
    small.write_text(SMALL.replace("= 50", "= 0"))
    assert main(["run", str(small), "--no-compare"]) == 0
    shown = capsys.readouterr().out
    assert "Empty DataFrame" not in shown
    assert "nothing: no record counts here" in shown


def test_a_place_that_is_none_is_told_as_it_was_typed(small, capsys):
    assert main(["run", str(small), "--out", "/proc/x"]) == 2
    assert capsys.readouterr().err == ("ddbsim: /proc/x must be in a folder that can be written to, and /proc cannot\n")


def test_a_pipe_that_nobody_reads_any_more_is_quiet_and_the_run_is_saved(small, tmp_path):
    command = [sys.executable, "-m", "ddbsim", "run", str(small), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert (process.returncode, errors) == (0, "")
    assert ds.read_result(tmp_path / "out").seed == "7"


def test_names_that_an_old_terminal_cannot_show_are_shown_somehow(small):
    small.write_text('name = "größe"\n' + SMALL.replace('name = "small"\n', ""))
    command = [sys.executable, "-m", "ddbsim", "run", str(small), "--no-compare"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gr\\xf6\\xdfe" in done.stdout


@pytest.mark.parametrize(
    ("terminal", "quiet", "bar"), [(True, [], True), (False, [], False), (True, ["--quiet"], False)]
)
def test_only_a_terminal_gets_a_bar(small, monkeypatch, terminal, quiet, bar):
    asked, simulate = [], run_module.simulate

    def simulated(*arguments, progress, **options):
        asked.append(progress)
        return simulate(*arguments, progress=False, **options)

    monkeypatch.setattr(run_module, "simulate", simulated)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert main(["run", str(small), "--no-compare", *quiet]) == 0
    assert asked == [bar]
