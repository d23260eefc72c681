"""What a site decides about the removal of faces."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from medcl.errors import RequestError
from medcl.ingest.outcome import BodyPart, Defaced
from medcl.runtime.tools import ToolLimits

INPUT, OUTPUT = "{input}", "{output}"
"""Words of the command that stand for the files of the program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Defacing:
    """What removes faces, and from what.

    Attributes:
        command: Program and arguments; ``{input}`` and ``{output}`` stand for NIfTI files.
        limits: Of the program, per volume.
        unknown_too: Also run it on volumes of which no header says what body part they show.
    """

    command: tuple[str, ...]
    limits: ToolLimits = field(default_factory=ToolLimits)
    unknown_too: bool = False

    def __post_init__(self) -> None:
        """Refuse a command that cannot work.

        Raises:
            RequestError: It does not say where its input and output go.
        """
        words = " ".join(self.command)
        if words.count(INPUT) != 1 or words.count(OUTPUT) != 1:
            raise RequestError(
                "The deface command must hold {input} and {output} once each, such as "
                "'pydeface {input} --outfile {output}'."
            )

    def require_program(self) -> None:
        """Refuse a program that is not there, before hours of reading end in refusals.

        Raises:
            RequestError: It is neither a name that this machine finds nor an absolute path of a
                program.
        """
        program = self.command[0]
        # It works in a private folder, from which another relative path leads nowhere.
        if shutil.which(program) is None or ("/" in program and not Path(program).is_absolute()):
            raise RequestError(
                "The deface command must begin with a program that can be run: a name that is on "
                "PATH, or an absolute path. The one that was given is not found so."
            )

    @property
    def name(self) -> Defaced:
        """The program's name as far as it is a known one, else ``tool``."""
        stem = Path(self.command[0]).name.split(".")[0]
        return cast("Defaced", stem if stem in get_args(Defaced) else "tool")

    def concerns(self, body_part: BodyPart | None) -> bool:
        """Return whether a volume of this body part is to be defaced."""
        return body_part == "head" or (self.unknown_too and body_part is None)
