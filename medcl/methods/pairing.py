"""Who is a negative of whom: never two series of one patient."""

from collections.abc import Sequence

import torch

from medcl.shapes import PatientIds, RowMask

_HEX_DIGITS = 16


def patient_ids(patient_keys: Sequence[str]) -> PatientIds:
    """Return patient keys as integers that can travel between ranks.

    Args:
        patient_keys: ``N`` pseudonymous keys in hexadecimal, at least 16 digits.

    Returns:
        Shape ``(N,)``, int64: the first 64 bits of each key. Two of a million patients share them
        with a probability of 3e-8, and then are merely not each other's negatives.

    Raises:
        ValueError: A key is too short or not hexadecimal.

    Example:
        >>> patient_ids(["00000000000000ff" + 16 * "0", "f" * 32]).tolist()
        [255, -1]
    """
    try:
        words = [bytes.fromhex(key[:_HEX_DIGITS]) for key in patient_keys]
    except ValueError:
        words = [b""]
    if any(len(word) != _HEX_DIGITS // 2 for word in words):
        raise ValueError("A patient key must begin with 16 hexadecimal digits; one does not.")
    return torch.tensor([int.from_bytes(word, signed=True) for word in words], dtype=torch.int64)


def excluded_rows(patient_ids: PatientIds) -> RowMask:
    """Return which rows of a loss are never negatives of one another.

    Args:
        patient_ids: One per pair, shape ``(N,)``.

    Returns:
        Shape ``(2N, 2N)``, rows ordered as first views, then second views: True where another pair
        shows the same patient. False for a row itself and for its positive.

    Example:
        >>> excluded_rows(torch.tensor([7, 7, 9])).int().tolist()[0]
        [0, 1, 0, 0, 1, 0]
    """
    same = patient_ids[:, None] == patient_ids[None, :]
    other_pair = same & ~torch.eye(len(patient_ids), dtype=torch.bool, device=patient_ids.device)
    return other_pair.tile(2, 2)
