"""Whether pairs are trivial, workable or not learnable, in a word and a sentence."""

from medcl.evaluation.difficulty.matching import Matching

_FEWEST_PAIRS = 8
_TRIVIAL_FIRST, _TRIVIAL_POSITION = 0.9, 0.05


def judged(
    untrained: Matching,
    trained: Matching | None,
    *,
    chance: Matching,
    num_pairs: int,
    steps: int,
) -> tuple[str, str]:
    """Return the verdict and what it means.

    Args:
        untrained: Matching by fresh weights.
        trained: Matching after the steps.
        chance: What embeddings that tell nothing reach.
        num_pairs: Pairs that competed.
        steps: Steps taken.

    Returns:
        A word and a sentence.
    """
    if num_pairs < _FEWEST_PAIRS:
        return "unclear", (
            f"{num_pairs} pairs are too few for a verdict; volumes of more patients are needed."
        )
    fresh = f"an untrained encoder finds {100 * untrained.r_at_1:.0f} % of the partners"
    if untrained.r_at_1 >= _TRIVIAL_FIRST:
        return "trivial", (
            f"Trivial: {fresh} already, so there is little left to learn; views may differ more."
        )
    if trained is None:
        return "workable", f"Not trivial: {fresh}. Whether it can be learnt was not tried."
    after = f"after {steps} steps it finds {100 * trained.r_at_1:.0f} %"
    if trained.r_at_1 >= _TRIVIAL_FIRST and trained.loss_position <= _TRIVIAL_POSITION:
        return "trivial", f"Trivial: {after} at nearly the least loss; views may differ more."
    if trained.r_at_1_interval[0] <= chance.r_at_1:
        return "unlearnable", (
            f"Not learnt: {after}, which is not distinguishable from chance "
            f"({100 * chance.r_at_1:.0f} %); views may differ too much, or need a larger encoder."
        )
    return "workable", (
        f"Workable: {fresh}, {after}, with the loss at {trained.loss_position:.2f} of the way from "
        f"the least to that of chance."
    )
