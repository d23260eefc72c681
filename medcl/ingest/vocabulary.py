"""Free text → words of closed lists. What matches nothing is dropped; no text passes through."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from medcl.ingest.outcome import BodyPart, Kernel, Manufacturer, Tracer, Weighting

_BODY_PARTS: Mapping[BodyPart, str] = {
    "whole_body": r"whole ?body|wholebody|pet ?ct",
    "head": r"head|brain|skull|cranium|cerebr\w*|orbit\w*|sinus\w*|face|kopf|schaedel|tete",
    "neck": r"neck|larynx|pharynx|thyroid|hals|cou",
    "breast": r"breasts?|mamm\w*",
    "chest": r"chest|lungs?|thorax|heart|cardiac|coronar\w*|mediastin\w*",
    "spine": r"\w*spine|c ?spine|lumbar|sacrum|vertebra\w*|wirbels\w*|rachis",
    "abdomen": r"abd|abdomen\w*|liver|kidneys?|pancreas|spleen|adrenal\w*|bowel",
    "pelvis": r"pelvis|prostate|bladder|uterus|hips?|becken|bassin",
    "arm": r"arm|shoulder|elbow|wrist|hand|humerus|upper ?extremity",
    "leg": r"leg|knee|ankle|foot|femur|tibia|lower ?extremity|extremity",
}
_MANUFACTURERS: Mapping[Manufacturer, str] = {
    "ge": r"ge|general electric|gems",
    "siemens": r"siemens\w*",
    "philips": r"philips\w*|marconi|picker",
    "canon": r"canon|toshiba",
    "hitachi": r"hitachi|fujifilm",
    "united_imaging": r"uih|united imaging",
    "neusoft": r"neusoft",
    "mediso": r"mediso",
}
_WEIGHTINGS: Mapping[Weighting, str] = {
    "FLAIR": r"flair|dark fluid",
    "DWI": r"dwi|diff\w*|dti|adc",
    "SWI": r"swi|t2 ?star|t2s",
    "ANGIO": r"tof|mra|angio\w*",
    "T2": r"t2\w*",
    "T1": r"t1\w*|mprage|mp ?rage|spgr|bravo|vibe",
    "PD": r"pd\w*|proton density",
}
_TRACERS: Mapping[Tracer, str] = {
    "fdg": r"\w*fdg\w*|fluorodeoxyglucose|fludeoxyglucose|fluorglucose|deoxyglucose",
    "psma": r"\w*psma\w*|dcfpyl|pylarify",
    "somatostatin": r"dota\w*|\w*octreot\w*",
    "choline": r"\w*choline\w*",
    "fluciclovine": r"fluciclovine|axumin",
    "dopa": r"\w*dopa",
    "amyloid": r"florbeta\w*|flutemetamol|pib|amyvid|vizamyl|neuraceq",
    "tau": r"flortaucipir|tauvid|mk ?6240",
    "fluoride": r"naf|sodium fluoride|fluoride",
    "estradiol": r"fes|fluoroestradiol",
    "fapi": r"\w*fapi\w*",
}
_NAMED_KERNELS: Mapping[Kernel, str] = {
    "soft": r"soft|standard|stnd|chst|smooth|[ab]",
    "medium": r"detail|medium|c",
    "sharp": r"lung|bone|bonep\w*|edge|sharp|ultra|[dlye]|y[a-d]",
}
_NO_CONTRAST = re.compile(r"no|none|non|nil|without|w o|n|0|unenhanced|nativ\w*|no contrast")

_Word = TypeVar("_Word", bound=str)


def body_part(texts: Iterable[str]) -> BodyPart | None:
    """Return the region named by the first text that names one.

    Example:
        >>> body_part(["", "CT THORAX Dr. Smith"]), body_part(["Smith"])
        ('chest', None)
    """
    return cast("BodyPart | None", _first_match(_BODY_PARTS, texts))


def manufacturer(text: str) -> Manufacturer | None:
    """Return the maker of a scanner; ``other`` for a name that is not listed.

    Example:
        >>> manufacturer("GE MEDICAL SYSTEMS"), manufacturer("Smith & Co"), manufacturer("")
        ('ge', 'other', None)
    """
    found = _first_match(_MANUFACTURERS, [text])
    return found or ("other" if _plain(text) else None)


def weighting(texts: Iterable[str]) -> Weighting | None:
    """Return the MR contrast named by the first text that names one.

    Example:
        >>> weighting(["ax T2_FLAIR fs"])
        'FLAIR'
    """
    return cast("Weighting | None", _first_match(_WEIGHTINGS, texts))


def tracer(text: str) -> Tracer | None:
    """Return what a radiopharmaceutical shows; ``other`` for a name that is not listed.

    Example:
        >>> tracer("Fluorodeoxyglucose F^18^"), tracer("18F-FDG"), tracer("Smith 7"), tracer("")
        ('fdg', 'fdg', 'other', None)
    """
    found = _first_match(_TRACERS, [text])
    return found or ("other" if _plain(text) else None)


def kernel(text: str) -> Kernel | None:
    """Return how sharp a CT kernel is, from the makers' naming schemes.

    Siemens names carry a number that grows with sharpness (``B30f``, ``Br64``); Canon's ``FC``
    numbers up to 29 are soft, from 30 sharp.

    Example:
        >>> kernel("B30f"), kernel("Br49"), kernel("FC51"), kernel("LUNG"), kernel("Smith")
        ('soft', 'medium', 'sharp', 'sharp', None)
    """
    canon = re.fullmatch(r"fc(\d{2})\w*", _plain(text))
    if canon:
        return "soft" if int(canon[1]) < 30 else "sharp"
    siemens = re.match(r"[a-z]{1,2}(\d{2})[a-z]?\b", _plain(text))
    if siemens:
        level = int(siemens[1])
        return "soft" if level < 45 else "medium" if level < 56 else "sharp"
    return cast("Kernel | None", _first_match(_NAMED_KERNELS, [text]))


def names_contrast(agent: str | None) -> bool | None:
    """Return whether *Contrast/Bolus Agent* names an agent; ``None`` if the element is absent.

    Example:
        >>> names_contrast("Iohexol 300"), names_contrast("NONE"), names_contrast(None)
        (True, False, None)
    """
    if agent is None:
        return None
    plain = _plain(agent)
    return bool(plain) and _NO_CONTRAST.fullmatch(plain) is None


def _first_match(vocabulary: Mapping[_Word, str], texts: Iterable[str]) -> _Word | None:
    for text in texts:
        plain = _plain(text)
        for word, pattern in vocabulary.items():
            if re.search(rf"\b(?:{pattern})\b", plain):
                return word
    return None


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()
