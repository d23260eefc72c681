"""What a study found, in sentences: a gain, a loss and no difference are said equally plainly."""

from collections.abc import Mapping
from dataclasses import dataclass

from medcl.study.curves import Curve, LabelEfficiency, Point
from medcl.study.interval import Estimate
from medcl.study.labels_saved import LabelsSaved, factor_text

METRIC_NAMES: Mapping[str, str] = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "average_precision": "average precision",
    "dice": "Dice",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Sentences, most important first.

    Attributes:
        headlines: One per arm that was compared, over all label counts.
        details: One per arm and label count, and what was saved.
        cautions: What the numbers do not say.
    """

    headlines: tuple[str, ...]
    details: tuple[str, ...]
    cautions: tuple[str, ...]


def verdict(result: LabelEfficiency) -> Verdict:
    """Put a study's curves into words.

    Args:
        result: The curves of one metric.

    Returns:
        Sentences without any value of a patient.
    """
    compared = [curve for curve in result.curves if curve.arm != result.reference]
    return Verdict(
        headlines=tuple(_headline(curve, result) for curve in compared),
        details=tuple(text for curve in compared for text in _details(curve, result)),
        cautions=tuple(_cautions(result)),
    )


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval.

    Example:
        >>> signed(Estimate(0.07, -0.01, 0.15, 5))
        '+0.070 [-0.010, +0.150]'
    """
    return f"{estimate.mean:+.3f} [{estimate.ci_low:+.3f}, {estimate.ci_high:+.3f}]"


def ranged(estimate: Estimate) -> str:
    """Return a figure with its interval.

    Example:
        >>> ranged(Estimate(0.81, 0.7, 0.9, 5))
        '0.810 [0.700, 0.900]'
    """
    return f"{estimate.mean:.3f} [{estimate.ci_low:.3f}, {estimate.ci_high:.3f}]"


def judgement(difference: Estimate) -> str:
    """Return what an interval of a difference allows to say.

    Example:
        >>> judgement(Estimate(0.07, -0.01, 0.15, 5))
        'not distinguishable from 0'
    """
    if not difference.excludes_zero:
        return "not distinguishable from 0"
    return "higher" if difference.mean > 0 else "lower"


def _headline(curve: Curve, result: LabelEfficiency) -> str:
    name, arm = METRIC_NAMES[result.metric], _quoted(curve.arm.label)
    first, last = curve.points[0], curve.points[-1]
    if curve.area is None or curve.area_difference is None or result.reference is None:
        return _detail(first, curve, result) if len(curve.points) == 1 else _alone(curve, result)
    return (
        f"Over {first.num_labels} to {last.num_labels} labelled patients {arm} had a mean {name} "
        f"of {ranged(curve.area)}; paired difference to {_quoted(result.reference.label)} "
        f"{signed(curve.area_difference)}: {judgement(curve.area_difference)}."
    )


def _alone(curve: Curve, result: LabelEfficiency) -> str:
    first, last = curve.points[0], curve.points[-1]
    why = "there is no reference curve to compare it with"
    if result.reference is not None:
        why = f"it shares too few finished cells with {_quoted(result.reference.label)} to compare"
    return (
        f"{_quoted(curve.arm.label)} went from {METRIC_NAMES[result.metric]} {ranged(first.value)} "
        f"at {first.num_labels} labelled patients to {ranged(last.value)} at {last.num_labels}; "
        f"{why}."
    )


def _details(curve: Curve, result: LabelEfficiency) -> list[str]:
    sentences = [_detail(point, curve, result) for point in curve.points]
    if curve.saved is not None and result.reference is not None:
        sentences.append(_saving(curve, curve.saved, result.reference.label))
    return sentences


def _detail(point: Point, curve: Curve, result: LabelEfficiency) -> str:
    name = METRIC_NAMES[result.metric]
    text = f"At {point.num_labels} labelled patients {_quoted(curve.arm.label)} gave {name} "
    text += ranged(point.value)
    others = result.curves[0].points if result.reference is not None else ()
    reference = next((p.value for p in others if p.num_labels == point.num_labels), None)
    if reference is None or result.reference is None:
        return text + "; there is no reference at this count."
    if point.difference is None:
        return (
            f"{text}; {_quoted(result.reference.label)} has no seed in common with it at this "
            f"count, so the two are not compared."
        )
    return (
        f"{text}, {_quoted(result.reference.label)} {ranged(reference)}; paired difference "
        f"{signed(point.difference)}: {judgement(point.difference)}."
    )


def _saving(curve: Curve, saved: LabelsSaved, reference: str) -> str:
    arm = _quoted(curve.arm.label)
    level = f"{saved.level:.3f}, the best height of {_quoted(reference)}"
    if factor_text(saved.low, saved.high) == "unknown":
        return f"How many labels {arm} saves cannot be said: at {level}, both curves are flat."
    return (
        f"To reach {level}, the reference needs this many times the labels of {arm}: {saved} "
        f"(above 1 saves labels; 'open', '<=' and '>=' mean that the crossing lies outside the "
        f"counts that were run)."
    )


def _cautions(result: LabelEfficiency) -> list[str]:
    points = [point for curve in result.curves for point in curve.points]
    fewest = min(point.value.n_seeds for point in points)
    level = f"{100 * result.level:.0f}%"
    found = [
        f"Brackets are {level} intervals over seeds and {result.num_patients} test patients "
        f"({result.num_cases} cases), from {result.resamples} resamples; they are not corrected "
        f"for the number of comparisons{_what_they_hold_for(result)}.",
    ]
    if fewest == 1:
        found.append(
            "Some points rest on a single seed: their intervals leave out how much another choice "
            "of labels would change them."
        )
    elif fewest < 5:
        found.append(f"Some points rest on {fewest} seeds; 5 or more make intervals steadier.")
    if any(point.value.ci_low == point.value.ci_high for point in points):
        found.append(
            "An interval of no width means that every resample gave the same figure: there are too "
            "few test patients to say how uncertain it is."
        )
    return found


def _what_they_hold_for(result: LabelEfficiency) -> str:
    """Return what a comparison of encoders cannot say: how their next pretraining would end."""
    pretrained = {curve.arm.init for curve in result.curves if curve.arm.is_pretrained}
    if not pretrained:
        return ""
    if len(pretrained) == 1:
        return ", and hold for the one encoder that was pretrained"
    return (
        f", and hold for these {len(pretrained)} pretrained encoders, not for the ways in which "
        f"they were pretrained"
    )


def _quoted(label: str) -> str:
    return f"“{label}”"
