"""The ledger: which patients an encoder has seen, told without naming them.

It travels with the encoder. Patient keys are hashed once more, with a salt of the ledger's own, so
that two ledgers cannot be laid side by side; who holds the keys can still ask whether a patient is
in it.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from medcl.errors import InputError, LeakageError, SafetyError
from medcl.store.rows import require_key, require_mark

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Ledger:
    """Patients seen in training, as salted hashes.

    Attributes:
        key_fingerprint: Of the secret the patient keys were made with.
        store_digest: Of the store that was trained on.
        salt: 32 hex characters.
        hashes: One per patient.

    Example:
        >>> ledger = Ledger.of(["a" * 32], key_fingerprint="f" * 16, store_digest="d" * 64)
        >>> ledger.overlap(["a" * 32, "b" * 32]), "a" * 32 in ledger.to_json()
        (1, False)
    """

    key_fingerprint: str
    store_digest: str
    salt: str
    hashes: frozenset[str]

    @classmethod
    def of(
        cls,
        patient_keys: Iterable[str],
        *,
        key_fingerprint: str,
        store_digest: str,
        salt: str | None = None,
    ) -> "Ledger":
        """Return the ledger of some patients.

        Args:
            patient_keys: Of every patient that training may draw from.
            key_fingerprint: Of the secret that made the keys.
            store_digest: Of the store.
            salt: 32 hex characters; ``None`` draws a fresh one.

        Returns:
            A ledger.

        Raises:
            InputError: A key or the salt is not 32 hex characters.
        """
        salt = require_key(secrets.token_hex(16) if salt is None else salt, "A ledger's salt")
        hashes = frozenset(_hash(require_key(key, "A patient key"), salt) for key in patient_keys)
        return cls(require_mark(key_fingerprint), require_mark(store_digest), salt, hashes)

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.hashes)

    def __contains__(self, patient_key: object) -> bool:
        """Return whether a patient was seen."""
        return isinstance(patient_key, str) and _hash(patient_key, self.salt) in self.hashes

    def overlap(self, patient_keys: Iterable[str]) -> int:
        """Return how many of these patients were seen, each counted once."""
        return sum(key in self for key in set(patient_keys))

    def merged(self, patient_keys: Iterable[str]) -> "Ledger":
        """Return the ledger of an encoder trained further, on these patients too."""
        more = {_hash(require_key(key, "A patient key"), self.salt) for key in patient_keys}
        return Ledger(self.key_fingerprint, self.store_digest, self.salt, self.hashes | more)

    def to_json(self) -> str:
        """Return the ledger as text; the order of the hashes says nothing about the patients."""
        return json.dumps(
            {
                "version": _VERSION,
                "key_fingerprint": self.key_fingerprint,
                "store_digest": self.store_digest,
                "salt": self.salt,
                "num_patients": len(self.hashes),
                "hashes": sorted(self.hashes),
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> "Ledger":
        """Return the ledger of a text that `to_json` wrote.

        Args:
            text: JSON.

        Returns:
            A ledger.

        Raises:
            InputError: The text is no ledger, of another version, or not whole.
        """
        try:
            found = json.loads(text)
            version = found["version"]
            ledger = cls(
                require_mark(found["key_fingerprint"]),
                require_mark(found["store_digest"]),
                require_key(found["salt"]),
                frozenset(require_key(one) for one in found["hashes"]),
            )
            num_patients = int(found["num_patients"])
        except (ValueError, KeyError, TypeError, InputError):
            raise InputError("A ledger must be the JSON that medcl wrote; this is not.") from None
        if version != _VERSION:
            raise InputError(f"A ledger must be of version {_VERSION}, this is of {version!r}.")
        if num_patients != len(ledger.hashes):
            raise InputError(
                f"A ledger of {num_patients} patients must hold as many hashes, this one holds "
                f"{len(ledger.hashes)}."
            )
        return ledger


def check_no_leak(
    ledger: Ledger, test_patient_keys: Collection[str], *, key_fingerprint: str | None = None
) -> None:
    """Refuse to test an encoder on patients it was trained on.

    Args:
        ledger: Came with the encoder.
        test_patient_keys: Of every patient that is tested on.
        key_fingerprint: Of the secret that made these keys; give it whenever it is known.

    Raises:
        LeakageError: The encoder has seen some of them.
        SafetyError: Their keys were made with another secret, so that nobody can tell.

    Example:
        >>> ledger = Ledger.of(["a" * 32], key_fingerprint="f" * 16, store_digest="d" * 64)
        >>> check_no_leak(ledger, ["a" * 32, "b" * 32])
        Traceback (most recent call last):
            ...
        medcl.errors.LeakageError: 1 of 2 test patients were seen in pretraining (of 1 patients).
        Pretrain without them, or test on others.
    """
    if key_fingerprint not in {None, ledger.key_fingerprint}:
        raise SafetyError(
            f"The encoder's patients were keyed with the secret of fingerprint "
            f"{ledger.key_fingerprint}, the test patients with that of {key_fingerprint}: they "
            f"cannot be compared, so a leak cannot be ruled out."
        )
    tested = set(test_patient_keys)
    seen = ledger.overlap(tested)
    if seen:
        raise LeakageError(
            f"{seen} of {len(tested)} test patients were seen in pretraining "
            f"(of {len(ledger)} patients). Pretrain without them, or test on others."
        )


def _hash(patient_key: str, salt: str) -> str:
    text = f"ledger:{salt}:{patient_key}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
