"""Many seeded mutants one after the other; ``python -m tests.fuzz.campaign 5000`` runs them all.

Reproducers of what breaks the rule are written to the folder given with ``--keep``.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.judge import Judge, Verdict
from tests.fuzz.layout import Layout, layout_of
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import Seed, corpus_seeds, shared_seeds

SERIES_SHARE = 0.8
"""Of the mutants that come of a series; a lone file ends in a refusal in most cases."""

_SMALL_BYTES = 150_000
_CHANGING = {"flip_pixels", "splice", "edit_text", "edit_bits", "flip_element"}
"""Mutations that may give a file other values that are as sound as those before."""


@dataclass(frozen=True)
class Mutant:
    """A damaged input and how to make it again."""

    number: int
    name: str
    files: list[bytes]
    seed: Seed
    keeps_pixels: bool


class Breeder:
    """Makes mutant N of a seed, the same ones at every call on the same corpus."""

    def __init__(self, seeds: list[Seed], *, seed: int) -> None:
        self._seed = seed
        self._layouts: dict[str, list[Layout]] = {}
        self._seeds = seeds

    def mutant(self, number: int) -> Mutant:
        rng = np.random.default_rng([self._seed, number])
        pool = [s for s in self._seeds if s.is_series == (rng.random() < SERIES_SHARE)]
        chances = np.array([1.0 if len(s.files[0]) < _SMALL_BYTES else 0.1 for s in pool])
        chosen = pool[int(rng.choice(len(pool), p=chances / chances.sum()))]
        if chosen.name not in self._layouts:
            self._layouts[chosen.name] = [layout_of(content) for content in chosen.files]
        done, files = mutant(self._layouts[chosen.name], rng)
        keeps = done.split()[0] not in _CHANGING
        return Mutant(number, f"{done} in {chosen.name}", files, chosen, keeps)


def run(breeder: Breeder, numbers: range, folder: Path) -> Iterator[tuple[Mutant, Verdict]]:
    """Yield every mutant with what became of it."""
    judge, sound = Judge(folder), {}
    try:
        for number in numbers:
            one = breeder.mutant(number)
            if one.seed.name not in sound:
                sound[one.seed.name] = judge.sound_planes(one.seed.files)
            yield one, judge.judge(one.files, sound[one.seed.name] if one.keeps_pixels else None)
    finally:
        judge.close()


def main() -> None:
    """Run a campaign and print what became of the mutants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    seeds = corpus_seeds()
    if "MEDCL_TEST_DATA" in os.environ:
        seeds += shared_seeds(Path(os.environ["MEDCL_TEST_DATA"]))
    codes: Counter[str] = Counter()
    volumes, compared, problems, slowest, start = 0, 0, 0, 0.0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        numbers = range(asked.first, asked.first + asked.mutants)
        for one, verdict in run(Breeder(seeds, seed=asked.seed), numbers, Path(folder)):
            codes.update(verdict.codes)
            volumes, compared = volumes + verdict.volumes, compared + verdict.compared
            slowest = max(slowest, verdict.seconds)
            if verdict.died:
                print(
                    f"{one.number}: {one.name}: {verdict.died} ({verdict.seconds:.1f} s)",
                    flush=True,
                )
            if verdict.problem:
                problems += 1
                print(f"{one.number}: {one.name}: PROBLEM {verdict.problem}", flush=True)
            if asked.keep and (verdict.problem or verdict.died):
                kept = asked.keep / str(one.number)
                kept.mkdir(parents=True, exist_ok=True)
                for number, content in enumerate(one.files):
                    (kept / f"{number}.dcm").write_bytes(content)
    print(
        f"{asked.mutants} mutants of {len(seeds)} seeds: {volumes} volumes, {compared} of them "
        f"compared, {problems} problems; slowest {slowest:.1f} s, {time.monotonic() - start:.0f} s "
        f"in all; refusals {dict(codes.most_common())}"
    )


if __name__ == "__main__":
    main()
