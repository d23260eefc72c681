"""Keys instead of names: HMAC-SHA256 with a secret that the site holds.

A plain hash would not do: patient numbers can be counted through. Each kind of key has a domain
of its own, so that equal text in two kinds never gives equal keys.
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from medcl.errors import PrivacyError

_JUNK = re.compile(
    r"(?:x+|anon[a-z]*|deident[a-z]*|test|unknown|none|null|nil|na|n/a|no ?name|unnamed|no ?id|id|"
    r"name|patient|pat|phantom|dummy|default)?[\W_0]*"
)


def is_junk_id(patient_id: str) -> bool:
    """Return whether a patient id is a placeholder that many patients may share.

    Example:
        >>> [is_junk_id(text) for text in ("", "0", "ANON", "TEST", "Anonymous^", "482193")]
        [True, True, True, True, True, False]
    """
    return _JUNK.fullmatch(_normal(patient_id)) is not None


class Keyring:
    """Makes all keys of one site from its secret.

    Example:
        >>> keyring = Keyring(bytes(range(32)))
        >>> keyring.patient_key("", " 4711 ") == keyring.patient_key("", "4711")
        True
        >>> keyring.patient_key("", "4711") == keyring.study_key("4711")
        False
        >>> keyring
        Keyring(secret hidden)
    """

    def __init__(self, secret: bytes) -> None:
        """Take the secret, at least 32 bytes.

        Raises:
            PrivacyError: The secret is too short to protect anybody.
        """
        if len(secret) < 32:
            raise PrivacyError(f"The secret must hold at least 32 bytes, got {len(secret)}.")
        self._secret = secret

    def __repr__(self) -> str:
        """Return a text without the secret."""
        return "Keyring(secret hidden)"

    @staticmethod
    def from_file(path: Path) -> "Keyring":
        """Read a secret that `create` wrote.

        Args:
            path: A file that only its owner may read, with hexadecimal text.

        Returns:
            The keyring.

        Raises:
            PrivacyError: The file is missing, open to others, or no secret.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise PrivacyError(
                f"The key file cannot be read ({type(error).__name__}); `medcl keys new` makes one."
            ) from None
        if mode & 0o077:
            raise PrivacyError(
                f"The key file is open to others (mode {mode & 0o777:04o}); it must be 0600."
            )
        try:
            return Keyring(bytes.fromhex(text))
        except ValueError:
            raise PrivacyError("The key file holds no hexadecimal secret.") from None

    @staticmethod
    def create(path: Path) -> "Keyring":
        """Write a new random secret, mode 0600, and never over another file.

        Args:
            path: Where to write; folders that are missing are made, open to nobody else.

        Returns:
            The keyring.

        Raises:
            PrivacyError: Something is there already, or the file cannot be written.
        """
        secret = secrets.token_bytes(32)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise PrivacyError(
                "A key file is there already; a new secret would split its patients in two."
            ) from None
        except OSError as error:
            raise PrivacyError(
                f"The key file cannot be written ({type(error).__name__})."
            ) from None
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
        return Keyring(secret)

    @property
    def fingerprint(self) -> str:
        """16 hex characters that tell secrets apart and give nothing of them away."""
        return self._key("fingerprint")[:16]

    def patient_key(self, issuer: str, patient_id: str) -> str:
        """Return the key of a patient.

        Args:
            issuer: *Issuer of Patient ID* (0010,0021), may be empty.
            patient_id: *Patient ID* (0010,0020); case and outer blanks do not count.

        Returns:
            32 hex characters.
        """
        return self._key("patient", _normal(issuer), _normal(patient_id))

    def unnamed_patient_key(self, unit: str) -> str:
        """Return the patient key of a study or image whose patient is unknown.

        Args:
            unit: Study UID or file name, which then counts as one patient.

        Returns:
            32 hex characters.
        """
        return self._key("unnamed-patient", unit)

    def study_key(self, uid: str) -> str:
        """Return the key of a study from its UID: 32 hex characters."""
        return self._key("study", uid.strip())

    def series_key(self, uid: str, *parts: str) -> str:
        """Return the key of a series, or of one part where one UID mixes several.

        Args:
            uid: Series UID.
            parts: What tells the parts of the series apart.

        Returns:
            32 hex characters.
        """
        return self._key("series", uid.strip(), *parts)

    def frame_key(self, uid: str) -> str:
        """Return the key of a frame of reference from its UID: 32 hex characters.

        Example:
            >>> keyring = Keyring(bytes(32))
            >>> keyring.frame_key("1.2") == keyring.series_key("1.2")
            False
        """
        return self._key("frame", uid.strip())

    def file_key(self, relative_path: str) -> str:
        """Return the key of a file from its path inside the archive: 32 hex characters."""
        return self._key("file", relative_path)

    def source_keys(self, source: Path) -> tuple[str, str]:
        """Return keys of a source's name and of where it lies: 32 hex characters each.

        Args:
            source: Absolute path.

        Example:
            >>> keyring = Keyring(bytes(32))
            >>> here, there = (keyring.source_keys(Path(at) / "images") for at in ("/a", "/b"))
            >>> here[0] == there[0], here[1] == there[1]
            (True, False)
        """
        return self._key("source-name", source.name), self._key("source-place", str(source))

    def content_key(self, *words: str) -> str:
        """Return 16 hex characters that change with any of the words, such as sizes and times."""
        return self._key("content", *words)[:16]

    def _key(self, domain: str, *words: str) -> str:
        message = b"medcl/v1/" + domain.encode()
        for word in words:
            content = word.encode("utf-8", "surrogatepass")
            # The length parts the words: no word can pass for two.
            message += b"\0" + len(content).to_bytes(8, "big") + content
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()
