"""Claims of the contract as coloured words."""

from medcl.report.page import Mark
from medcl.report.transform_words import KEPT, NO_BOUND, WITHIN


def claim_mark(claim: str) -> Mark:
    """Return a claim as a word in a coloured field; a bound as the most it may be off.

    Example:
        >>> claim_mark("off by up to 10 °")
        Mark(text='≤ 10 °', kind='warn')
        >>> claim_mark("kept").kind, claim_mark("35 to 100 % left").kind
        ('pass', 'fail')
    """
    if claim.startswith(WITHIN):
        return Mark(f"≤ {claim.removeprefix(WITHIN)}", "warn")
    return Mark(claim, {KEPT: "pass", NO_BOUND: "none"}.get(claim, "fail"))
