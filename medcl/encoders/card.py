"""The words that go with a delivered encoder: model card and example."""

from collections.abc import Mapping

from medcl.encoders.interface import Encoder

WEIGHTS = "encoder.safetensors"

_EXAMPLE = '''"""Load this encoder into MONAI: needs monai and safetensors, nothing else."""

from pathlib import Path

from monai.networks.nets import {network}
from safetensors.torch import load_file{nn}

weights = load_file(Path(__file__).with_name("{weights}"))
network = {network}({options}){adaptations}
outcome = network.load_state_dict(weights, strict=False)

print(f"{{len(weights)}} tensors, {{len(outcome.unexpected_keys)}} of them unknown to MONAI;")
print(f"{{len(outcome.missing_keys)}} of the network stay fresh (its decoder, where it has one).")
'''

_CARD = """---
library_name: monai
pipeline_tag: feature-extraction
license: other
tags: [medical-imaging, 3d, self-supervised, contrastive, medcl]
---

# {name} encoder, {num_features} features

{description}

## What it is

{num_parameters:,} parameters, {in_channels} input channel(s), {num_features} features per view:
the mean over its coarsest map. Maps for a decoder have strides {strides} and channels {channels}.

## What it must be fed

Views prepared as `preprocessing.json` says. Anything else (other spacing, other intensity window)
is another task, and the features mean less there.

## What it learnt to ignore

It was trained with the view policy of hash `{policy_hash}`. Whatever those views changed, the
features tend not to show: do not use them for a task that rests on it.

## Who it has seen

{seen}

## How to load it

`python example.py` makes the MONAI network; `medcl.encoders.delivery.read_encoder` checks every
checksum and key first.

## Limits

No medical device. It gives features, no diagnosis; what is built on it needs its own validation
on patients that the encoder has not seen.
"""


def example_source(encoder: Encoder) -> str:
    """Return a Python file that loads the weights into MONAI, without medcl.

    Args:
        encoder: Whose MONAI class and options stand in the file.

    Returns:
        Source text; the file belongs beside the weights.
    """
    call = encoder.monai
    return _EXAMPLE.format(
        network=call.network,
        nn="\nfrom torch import nn" if call.adaptations else "",
        weights=WEIGHTS,
        options=", ".join(f"{name}={value!r}" for name, value in call.options.items()),
        adaptations="".join(f"\n{statement}" for statement in call.adaptations),
    )


def model_card(encoder: Encoder, *, policy_hash: str, has_ledger: bool, text: str) -> str:
    """Return the model card, Markdown under a Hugging Face header.

    Args:
        encoder: For architecture and counts.
        policy_hash: Of the view policy it was trained with.
        has_ledger: Whether ``ledger.json`` goes with it.
        text: What the caller adds under the title: data in counts, training, measured figures.
            Never a value from a header.

    Returns:
        Text of ``model_card.md``.
    """
    return _CARD.format(
        name=encoder.description["name"],
        description=text.strip(),
        num_parameters=sum(part.numel() for part in encoder.parameters()),
        in_channels=encoder.in_channels,
        num_features=encoder.num_features,
        strides=_list(encoder.pyramid_strides),
        channels=_list(encoder.pyramid_channels),
        policy_hash=policy_hash,
        seen=_SEEN[has_ledger],
    )


_SEEN: Mapping[bool, str] = {
    True: "`ledger.json` holds salted hashes of the patients it was trained on. medcl refuses to "
    "test on any of them.",
    False: "No ledger goes with it: nothing here can tell whether a test patient was seen before.",
}


def _list(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers)
