"""What the benchmark makes of what it saw."""

import dataclasses
import subprocess
import sys

import pytest

from benchmarks import process_tree, run, soak, spread, wrk
from benchmarks.bars import Bar, judge
from benchmarks.load import Load
from benchmarks.report import render
from benchmarks.rounds import Settings, in_turn
from benchmarks.samples import Failure, Results, Sample
from benchmarks.servers import SERVERS, by_name
from benchmarks.supervised_report import with_section
from benchmarks.workloads import WORKLOADS

BAR = Bar(server="serverkit", workload="hello", limit=0.8, peer="granian", peer_workload="hello")
GOOD = Sample(
    server="serverkit",
    workload="hello",
    round=0,
    requests=1000,
    seconds=1.0,
    cpu_us=10.0,
    cpu_us_by_stat=10.0,
    requests_per_s=1000.0,
    p50_ms=1.0,
    p99_ms=2.0,
    max_ms=3.0,
    pss_mib=20.0,
    foreign_share=0.0,
    client_share=1.0,
)


def results(ours: list[float], theirs: list[float]) -> Results:
    """Return results of two servers with these costs in their rounds."""
    made = Results()
    for server, costs in (("serverkit", ours), ("granian", theirs)):
        made.samples += [
            dataclasses.replace(GOOD, server=server, round=number, cpu_us=cost)
            for number, cost in enumerate(costs)
        ]
    return made


def test_a_bar_compares_medians_and_shows_the_range_of_paired_rounds() -> None:
    """One slow round changes the range, not the verdict."""
    verdict = judge(BAR, results([8.0, 8.0, 80.0], [10.0, 16.0, 10.0]))

    assert verdict.holds is True
    assert verdict.ratio is not None
    assert (verdict.ratio.median, verdict.ratio.low, verdict.ratio.high) == (0.8, 0.5, 8.0)


def test_a_bar_is_missed_by_the_smallest_excess() -> None:
    """The limit itself is within the bar, more is not."""
    assert judge(BAR, results([8.1], [10.0])).holds is False


def test_a_bar_stays_open_without_a_measurement() -> None:
    """What was not measured neither holds nor fails."""
    verdict = judge(BAR, results([8.0], []))

    assert (verdict.holds, verdict.reason) == (None, "not measured")


def test_a_bar_stays_open_when_a_sample_has_errors() -> None:
    """A server that fails requests cannot win, whichever side of the ratio it is on."""
    for position in (0, 1):
        measured = results([1.0], [10.0])
        wrong = dataclasses.replace(measured.samples[position], errors=("3 socket errors",))
        measured.samples[position] = wrong

        verdict = judge(BAR, measured)

        assert verdict.holds is None
        assert "3 socket errors" in verdict.reason


def test_the_table_says_what_does_not_count_and_what_failed_and_what_was_noisy() -> None:
    """A reader of the table alone is not misled."""
    measured = results([5.0], [10.0])
    measured.samples[0] = dataclasses.replace(measured.samples[0], errors=("7 socket errors",))
    measured.samples[1] = dataclasses.replace(measured.samples[1], foreign_share=0.4)
    measured.failures.append(
        Failure(server="uvicorn", workload="hello", round=0, reason="no | port\nleft")
    )

    table = render(run.SUITE, measured, {"cpu": "some", "rounds": 1})
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if "|" in line}

    assert "DOES NOT COUNT**: 7 socket errors" in rows["serverkit (asyncio)"]
    assert "others took up to 40% of its core" in rows["granian"]
    assert "FAILED**: no / port left" in rows["uvicorn (httptools, uvloop)"]
    assert "**0.50**" in rows["serverkit (asyncio)"]


def test_a_verdict_from_shared_cores_says_so() -> None:
    """Nobody takes a noisy run for a proof."""
    measured = results([5.0, 5.0], [10.0, 10.0])
    assert "**0.500** | holds |" in render(run.SUITE, measured, {})

    measured.samples[-1] = dataclasses.replace(measured.samples[-1], foreign_share=0.4)

    assert "**0.500** | holds, on cores shared up to 40% |" in render(run.SUITE, measured, {})


def test_every_server_comes_once_in_each_round_and_first_in_turn() -> None:
    """No server has the first place, or the good minutes of the machine, to itself."""
    servers = [server for server in SERVERS if not server.same_response_only]
    turns = list(in_turn(servers, [WORKLOADS[0]], Settings(rounds=len(servers))))

    rounds = [
        [server.name for server, _workload, at in turns if at == number]
        for number in range(len(servers))
    ]
    assert all(sorted(names) == sorted(server.name for server in servers) for names in rounds)
    assert [names[0] for names in rounds] == [server.name for server in servers]


def test_each_round_has_every_workload() -> None:
    """A bar across two workloads compares what was measured in the same minutes."""
    turns = list(in_turn([by_name("serverkit")], list(WORKLOADS), Settings(rounds=2)))

    assert [(at, workload.name) for _server, workload, at in turns] == [
        (at, workload.name) for at in (0, 1) for workload in WORKLOADS
    ]


def test_the_floor_takes_no_part_where_it_has_no_answer() -> None:
    """It knows no framework and writes no log."""
    turns = in_turn([by_name("floor")], list(WORKLOADS), Settings(rounds=1))

    assert [workload.name for _server, workload, _round in turns] == [
        "hello",
        "get-10k",
        "post-10k",
    ]


def test_what_wrk_prints_is_read_in_our_units() -> None:
    """Microseconds become milliseconds and seconds, and each kind of error is counted."""
    load = wrk.parse(
        'Running 1s test\n\nRESULT {"requests": 500, "microseconds": 2000000, "p50_us": 1500, '
        '"p99_us": 2500, "max_us": 9000, "connect": 1, "read": 2, "write": 3, "timeout": 4, '
        '"status": 5}\n'
    )

    assert load == Load(
        requests=500,
        seconds=2.0,
        p50_ms=1.5,
        p99_ms=2.5,
        max_ms=9.0,
        socket_errors=10,
        bad_statuses=5,
    )


def test_wrk_without_a_result_is_an_error_with_its_words() -> None:
    """A load that did not run is not a server that answered nothing."""
    with pytest.raises(wrk.WrkError, match="unable to connect"):
        wrk.parse("", "unable to connect to 127.0.0.1")


# An allocator may keep what is freed; a mapping goes when it is closed.
GROW = """
import mmap
for size in (64 * 2**20, 32 * 2**20):
    with mmap.mmap(-1, size) as grown:
        for at in range(0, size, mmap.PAGESIZE):
            grown[at] = 1
    print("grown", flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_peak_of_memory_is_that_since_it_was_last_forgotten() -> None:
    """A spike between two looks is seen, one from before is not."""
    with subprocess.Popen(
        [sys.executable, "-c", GROW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "grown\n"
        first = process_tree.peak_rss_bytes(process.pid)
        process_tree.forget_peak_rss(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "grown\n"
        second = process_tree.peak_rss_bytes(process.pid)
        process.communicate("\n", timeout=30)

    assert first > 64 * 2**20
    assert 32 * 2**20 < second < 64 * 2**20


BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
child = subprocess.Popen([sys.executable, "-c", {BURN!r} + "print(flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("both burnt", flush=True)
input()
child.communicate(b"\\n")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_cpu_time_of_a_tree_has_reaped_and_living_children() -> None:
    """A server cannot hide its work in a process that has ended, or in one that lives on."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "both burnt\n"
        members = process_tree.members(parent.pid)
        took = process_tree.cpu_time(parent.pid)
        memory = process_tree.rss_bytes(parent.pid), process_tree.pss_bytes(parent.pid)
        parent.communicate("\n\n", timeout=30)

    assert len(members) == 2
    assert took.by_stat_s >= 0.55, "the reaped child counts"
    assert took.by_schedstat_s >= 0.3, "the living child counts"
    assert took.seconds == took.by_stat_s, "the clock that misses a child is not believed"
    assert not took.agree
    assert memory[0] >= memory[1] > 2**20


def test_the_finer_clock_is_taken_where_both_agree() -> None:
    """Ticks are too coarse for a short measurement."""
    began = process_tree.CpuTime(by_schedstat_s=1.0, by_stat_s=1.0)
    took = process_tree.CpuTime(by_schedstat_s=2.234, by_stat_s=2.23) - began

    assert took.agree
    assert took.seconds == pytest.approx(1.234)


def test_a_section_of_the_page_takes_the_place_of_its_last() -> None:
    """One benchmark run again does not touch what the others said."""
    page = with_section("# Title\n", "One", "## One\n\nfirst\n")
    page = with_section(page, "Two", "## Two\n\nother\n")
    page = with_section(page, "One", "## One\n\nsecond\n")

    assert page == "# Title\n\n## One\n\nsecond\n\n## Two\n\nother\n"


def soaked(rss: list[float], files: list[int]) -> tuple[soak.Sample, ...]:
    """Return samples with these numbers, the rest constant."""
    return tuple(
        soak.Sample(
            after_s=float(number),
            rss_mib=mib,
            pss_mib=mib,
            files=count,
            threads=4,
            parent_rss_mib=20.0,
            parent_files=9,
            parent_threads=2,
        )
        for number, (mib, count) in enumerate(zip(rss, files, strict=True))
    )


def test_a_soak_is_judged_after_its_warm_up() -> None:
    """Growth at the beginning is none, growth up to the end is, of memory and of files."""
    level, warming = [50.0] * 8, [20.0, 40.0, *[50.0] * 6]
    growing, leaking = [50.0 + 2 * number for number in range(8)], list(range(9, 25, 2))

    assert soak.is_flat(soaked(warming, [9] * 8))
    assert soak.is_flat(soaked(level, [2, 5, *[9] * 6]))
    assert not soak.is_flat(soaked(growing, [9] * 8))
    assert not soak.is_flat(soaked(level, leaking))


def test_a_worker_without_connections_makes_the_spread_infinite() -> None:
    """Four workers of whom three work are not spread evenly over three."""
    assert spread.ratio((16, 16, 16, 16)) == 1.0
    assert spread.ratio((22, 21, 21, 0)) == float("inf")
