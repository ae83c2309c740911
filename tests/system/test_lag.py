"""A sink that may skip holds nobody: what it leaves out is counted, and every picture that it gets is whole."""

from pathlib import Path

import pytest

from tests.system.running import PIPELINES, Finished, Running, framewire, lines_in, run, wait_until
from tests.system.served import in_flight, outcomes, served

FRAMES = 2000


def numbers_in(path: Path) -> list[int]:
    return [int(number) for number in path.read_text().split()]


def assert_the_slow_one_is_whole(finished: Finished, out: Path) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    taken = numbers_in(out / "slow.txt")
    assert taken == sorted(set(taken))
    assert finished.summary.stages["slow"].skipped == FRAMES - len(taken) > FRAMES / 4
    assert finished.summary.frames.written == FRAMES
    assert lines_in(out / "lag.jsonl") == FRAMES
    assert "slow: " in finished.stdout
    assert "frames skipped (lag: skip)" in finished.stdout


def test_a_slow_sink_pulls_nobody_down(tmp_path: Path) -> None:
    finished = run(PIPELINES / "lag.yaml", tmp_path)
    assert_the_slow_one_is_whole(finished, tmp_path)


@pytest.mark.parametrize("victim", ["slow#0", "source#0"])
def test_what_is_skipped_is_counted_though_somebody_dies(victim: str, tmp_path: Path) -> None:
    running = Running(PIPELINES / "lag.yaml", tmp_path)
    for lines in (300, 900):
        wait_until(lambda: lines_in(tmp_path / "lag.jsonl") > lines, "lines")  # noqa: B023
        running.worker(victim).kill()
    assert_the_slow_one_is_whole(running.finish(), tmp_path)


def test_where_all_may_skip_the_fastest_is_waited_for(tmp_path: Path) -> None:
    finished = run(PIPELINES / "all_lag.yaml", tmp_path)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    taken = {name: numbers_in(tmp_path / f"{name}.txt") for name in ("slow", "slower")}
    assert len(taken["slow"]) > len(taken["slower"]) > 1
    by_any = len({*taken["slow"], *taken["slower"]})
    frames = finished.summary.frames
    assert (frames.admitted, frames.written, frames.in_flight) == (FRAMES, by_any, 0)
    assert frames.dropped == {"slow:skipped": FRAMES - by_any}
    for name, numbers in taken.items():
        assert numbers == sorted(set(numbers))
        assert finished.summary.stages[name].skipped == FRAMES - len(numbers)


FAILING = PIPELINES / "failing_sink.yaml"


def test_the_account_adds_up_while_sinks_skip_and_one_tries_again(tmp_path: Path) -> None:
    with served(FAILING, tmp_path, "--set", "fails.fails_s=3") as one:
        failed_for: list[float] = []
        before = 0.0
        while not failed_for or failed_for[-1]:
            scrape = one.scrape()
            counts = outcomes(scrape, "source")
            gone = sum(counts.get(name, 0) for name in ("written", "dropped", "failed"))
            assert counts.get("captured", 0) == gone + in_flight(scrape, "source")
            assert gone >= before
            before = gone
            (failing,) = (
                value for labels, value in scrape["framewire_sink_failing_seconds"] if labels["stage"] == "fails"
            )
            if failing and not failed_for:
                answer = one.get("/readyz")
                assert answer.status == 503
                assert b"fails has not been able to write for" in answer.body
            if failing or failed_for:
                failed_for.append(failing)
        retries = {labels["stage"]: value for labels, value in one.scrape()["framewire_sink_retries_total"]}
        skipped = {labels["stage"] for labels, value in one.scrape()["framewire_sink_skipped_total"] if value}
        finished = one.running.finish()
    assert finished.code == 0, finished.stderr
    assert retries["fails"] > 1
    assert skipped == {"slow", "slower"}
    assert numbers_in(tmp_path / "fails.txt") == list(range(1500))
    assert finished.stderr.count("on purpose") == finished.stderr.count("it can be written again") == 1
    assert finished.summary is not None
    assert finished.summary.frames.written == 1500
    for name in skipped:
        assert finished.summary.stages[name].skipped == 1500 - len(numbers_in(tmp_path / f"{name}.txt")) > 0


@pytest.mark.parametrize(("give_up_s", "tries"), [("null", 0), ("1", 2)])
def test_what_cannot_be_written_is_given_up_with_what_is_safe(give_up_s: str, tries: int, tmp_path: Path) -> None:
    finished = run(FAILING, tmp_path, "--set", "fails.fails_s=60", "--set", f"fails.give_up_s={give_up_s}")
    assert finished.code == 1
    why = f"{tmp_path / 'fails.txt'} cannot be written: on purpose; frames 0 to 499 of source are safe"
    assert finished.stderr.splitlines()[-1] == f"error: fails: {why}"
    assert numbers_in(tmp_path / "fails.txt") == list(range(500))
    assert finished.summary is not None
    assert finished.summary.frames.written == 500
    assert finished.summary.stages["fails"].retries == tries


def test_one_that_keeps_up_skips_nothing(tmp_path: Path) -> None:
    config = tmp_path / "keeps-up.yaml"
    config.write_text(
        """
stages:
  capture: {source: demo, realtime: true, limit: 60}
  bursts: {use: "odd_stages:Batched", input: capture, batch: {size: 6, wait_ms: 1000}}
  list: {use: jsonl_writer, input: bursts, path: list.jsonl, lag: skip}
"""
    )
    finished = Running(config, tmp_path, cwd=PIPELINES).finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert lines_in(tmp_path / "list.jsonl") == finished.summary.frames.written == 60
    assert finished.summary.stages["list"].skipped == 0


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("video.lag=skip", "video_writer cannot leave frames out; remove `lag`, or set it to wait"),
        ("list.lag=skip", "'list' may skip, so nobody must wait for it: give it a process of its own"),
        ("read.lag=skip", "'read' is not a sink; remove `lag`"),
        ("list.lag=run", "lag: 'run' is not one of wait, skip"),
    ],
)
def test_where_it_cannot_be_it_is_refused(setting: str, why: str, tmp_path: Path) -> None:
    config = tmp_path / "refused.yaml"
    config.write_text(
        """
stages:
  source: {use: "odd_stages:Numbers"}
  read: {use: "odd_stages:ReadNumber", input: source}
  video: {use: video_writer, input: read, process: shared}
  list: {use: jsonl_writer, input: read, process: shared}
"""
    )
    finished = framewire("check", str(config), "--set", setting, cwd=PIPELINES)
    assert finished.code == 2
    assert why in finished.stderr
