"""Sending to MLflow once the work is done: a dead server costs a sentence, never the work."""

from collections.abc import Callable

from medcl.errors import MedclError


def sentence_if_missed(send: Callable[[], object], *, again: str) -> list[str]:
    """Send, and say what to do where that failed.

    Args:
        send: Talks to MLflow; may be called again after a failure.
        again: The command that sends later, for people.

    Returns:
        Nothing, or what was missed, why (see `reason_of`), and what to do.

    Example:
        >>> sentence_if_missed(lambda: None, again="medcl report STUDY")
        []
    """
    try:
        send()
    except Exception as error:  # noqa: BLE001 whatever MLflow raises, the work is done
        return [
            f"MLflow could not be reached ({reason_of(error)}), so nothing of this stands "
            f"there yet; all else is written. {again} sends it later."
        ]
    return []


def reason_of(error: Exception) -> str:
    """Return why MLflow was not reached.

    Args:
        error: Whatever was raised.

    Returns:
        medcl's own sentence without its full stop; of other errors only the kind, for an address
        may hold a password.

    Example:
        >>> (
        ...     reason_of(ConnectionError("http://me:secret@host")),
        ...     reason_of(MedclError("It is full.")),
        ... )
        ('ConnectionError', 'It is full')
    """
    return str(error).removesuffix(".") if isinstance(error, MedclError) else type(error).__name__
