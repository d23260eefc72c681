"""PET values as the header gives them → the unit a store shall hold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medcl.io.dicom.file import read_elements
from medcl.io.dicom.pet_facts import pet_facts
from medcl.io.dicom.series_options import PetUnit
from medcl.io.dicom.suv import suv_factors
from medcl.io.kinds import file_kind
from medcl.io.quiet import quiet
from medcl.io.refusal import ReasonCode, RefusedSeries


def to_unit(array: np.ndarray, paths: Sequence[Path], unit: PetUnit) -> np.ndarray:
    """Return PET values in a unit.

    Args:
        array: Rescaled values in the *Units* of the header, shape ``(X, Y, Z)``.
        paths: The file of each plane along Z.
        unit: What they shall be.

    Returns:
        Same shape, float32 for SUV; activity stays as it is.

    Raises:
        RefusedSeries: The header does not hold what this takes.
    """
    facts = []
    for path in paths:
        elements = read_elements(path, tags=None, bare=file_kind(path) == "bare_dicom")
        with quiet():
            facts.append(pet_facts(elements.dataset))
    if unit == "Bq/ml":
        if any(one.units != "BQML" for one in facts):
            raise RefusedSeries(ReasonCode.SUV_INPUT_MISSING, "Units must be BQML for Bq/ml.")
        return array
    factors = np.asarray(suv_factors(facts))
    return np.asarray((array * factors).astype(np.float32))
