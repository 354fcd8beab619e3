"""Laws of reading and trimming hypnograms."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from braintwin.contracts.stages import STAGES
from braintwin.io.hypnogram import Hypnogram, read_hypnogram, trim
from braintwin.options.dataset import StageOptions

CODES = st.lists(st.integers(-1, 4), min_size=1, max_size=200).filter(lambda codes: max(codes) >= 0)
LABELS = ("?", *STAGES)


def read(rows: list[tuple[float, float, int]]) -> Hypnogram:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.tsv"
        lines = (f"{onset!r}\t{duration!r}\t{LABELS[code + 1]}\n" for onset, duration, code in rows)
        path.write_text("onset\tduration\tstage\n" + "".join(lines))
        return read_hypnogram(path, StageOptions())


@given(CODES, st.floats(0, 9000), st.randoms(use_true_random=False))
def test_run_length_and_epoch_rows_in_any_order_are_one_hypnogram(
    codes: list[int], start: float, random: object
) -> None:
    single = [(start + 30 * i, 30.0, code) for i, code in enumerate(codes)]
    edges = [0, *(i for i in range(1, len(codes)) if codes[i] != codes[i - 1]), len(codes)]
    runs = [(start + 30 * a, 30.0 * (b - a), codes[a]) for a, b in pairwise(edges)]
    shuffled = list(single)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for rows in (single, runs, shuffled):
        found = read(rows)
        assert found.stages.tolist() == codes
        assert found.onset_s == start


@given(CODES, st.sampled_from([1, 2, 3, 5, 6, 10, 15, 30]))
def test_finer_rows_change_nothing(codes: list[int], step: int) -> None:
    rows = [(30.0 * i + second, float(step), code) for i, code in enumerate(codes) for second in range(0, 30, step)]
    assert read(rows).stages.tolist() == codes


@given(
    st.lists(st.tuples(st.integers(-1, 4), st.integers(1, 600)), min_size=1, max_size=12),
    st.integers(0, 90),
    st.none() | st.floats(0, 40000),
)
def test_trim_returns_a_part_with_its_true_onset_and_is_idempotent(
    runs: list[tuple[int, int]], keep: int, lights_off_s: float | None
) -> None:
    stages = np.repeat([code for code, _ in runs], [n for _, n in runs]).astype(np.int8)
    whole = Hypnogram(stages, 12.5, 30.0, lights_off_s, "stage")
    part = trim(whole, keep)
    first = round((part.onset_s - whole.onset_s) / 30)
    assert np.array_equal(part.stages, stages[first : first + part.stages.size])
    asleep = np.flatnonzero(part.stages >= 1)
    assert bool(asleep.size) == bool((stages >= 1).any())
    if stages.size <= 14 * 120:  # one night: no sleep is lost
        assert asleep.size == np.count_nonzero(stages >= 1)
    if asleep.size:
        assert part.stages.size - 1 - asleep[-1] <= 2 * keep
        if lights_off_s is None:
            assert asleep[0] <= 2 * keep
    again = trim(part, keep)
    assert np.array_equal(again.stages, part.stages) or part.stages.size > 14 * 120
