"""What can go wrong, as a tree; each branch is one reason a caller would handle.

```
MedclError                      exit status 1
├── RequestError                exit status 2: what was asked for is wrong
│   ├── ConfigError             a settings file
│   ├── InputError              a missing or unsuitable file, folder, store, label or mask
│   └── CheckpointError         a checkpoint that does not fit
└── SafetyError                 exit status 3: refused although it could be done
    ├── PolicyError             views that break what the task needs
    ├── AuditError              an audit of other volumes, another policy or other code
    ├── LeakageError            test patients seen in pretraining
    ├── PrivacyError            no secret, or another site's secret
    └── CorruptionError         stored bytes that are not what was written
```

A message is a sentence: what must hold, what was found, where. It may name geometry and counts,
never a value from a patient header. A series that ingest turns away is no error but an outcome
with a reason code, see `medcl.io.refusal`.
"""


class MedclError(Exception):
    """Root of everything medcl raises on purpose."""

    exit_status = 1


class RequestError(MedclError):
    """What was asked for cannot be done as asked."""

    exit_status = 2


class ConfigError(RequestError):
    """A settings file or an override is wrong."""


class InputError(RequestError):
    """A file, folder, store, label or mask is missing or unsuitable."""


class CheckpointError(RequestError):
    """A checkpoint does not fit what should take it up."""


class SafetyError(MedclError):
    """Refused for safety."""

    exit_status = 3


class PolicyError(SafetyError):
    """A view policy breaks what the task or the modality needs."""


class AuditError(SafetyError):
    """An audit is not of the volumes, the policy or the code that it is held against."""


class LeakageError(SafetyError):
    """Patients stand on both sides of a line that must part them."""


class PrivacyError(SafetyError):
    """The site's secret is missing, unsafe, or not the one this store was made with."""


class CorruptionError(SafetyError):
    """Stored bytes differ from what was written."""
