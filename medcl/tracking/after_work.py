"""Sending to MLflow once the work is done: a dead server costs a sentence, never the work."""

from collections.abc import Callable


def sentence_if_missed(send: Callable[[], object], *, again: str) -> list[str]:
    """Send, and say what to do where that failed.

    Args:
        send: Talks to MLflow; may be called again after a failure.
        again: The command that sends later, for people.

    Returns:
        Nothing, or one sentence; it names the kind of the error only, for an address may hold a
        password.

    Example:
        >>> sentence_if_missed(lambda: None, again="medcl report STUDY")
        []
    """
    try:
        send()
    except Exception as error:  # noqa: BLE001 whatever MLflow raises, the work is done
        return [
            f"MLflow could not be reached ({type(error).__name__}), so nothing of this stands "
            f"there yet; all else is written. {again} sends it later."
        ]
    return []
