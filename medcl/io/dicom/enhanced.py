"""Frames of an Enhanced CT, MR or PET object → one header each, as if they were classic images.

Where a frame lies and what turns its pixels into values stands in *functional groups*, shared by
all frames or per frame. Positions decide how frames are stacked; the object's own indices only tell
frames at one position apart, because they may be absent or mean nothing.

References:
    DICOM PS3.3, C.7.6.16 (multi-frame functional groups), C.7.6.17 (dimensions), C.8.13 and
    C.8.15 (Enhanced MR and CT), C.8.22 (Enhanced PET).
"""

from collections.abc import Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.dicom.values import number, numbers, text, words
from medcl.io.limits import MAX_SLICES
from medcl.io.quiet import quiet
from medcl.io.refusal import ReasonCode, RefusedSeries

_FRAME_TYPES = {
    "CT": "CTImageFrameTypeSequence",
    "MR": "MRImageFrameTypeSequence",
    "PT": "PETFrameTypeSequence",
}
_CLASSIC_NAMES = {
    "ImageType": "FrameType",
    "EchoTime": "EffectiveEchoTime",
    "InversionTime": "InversionTimes",
}
_POSITION_POINTERS = {0x00200032, 0x00209056, 0x00209057}
"""Image position, stack, position in stack: what the positions themselves say."""


def frame_headers(dataset: Dataset, shared: SliceHeader) -> list[SliceHeader]:
    """Return one header per frame.

    Args:
        dataset: All elements before the pixels of an Enhanced object.
        shared: What `medcl.io.dicom.header.slice_header` finds in it.

    Returns:
        As many headers as *Number of Frames* says.

    Raises:
        RefusedSeries: There are too many frames, or as many groups as frames do not stand there.
    """
    groups = _items(dataset, "PerFrameFunctionalGroupsSequence")
    common = (_items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    if len(groups) > MAX_SLICES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"{len(groups)} frames; at most {MAX_SLICES} are read."
        )
    if len(groups) != shared.num_frames:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"{shared.num_frames} frames, but {len(groups)} descriptions of frames.",
        )
    columns = _telling_columns(dataset)
    with quiet():
        return [
            _frame_header(_Groups(own, common), shared, place, columns)
            for place, own in enumerate(groups)
        ]


def flattened(dataset: Dataset, frame: int) -> Dataset:
    """Return the elements of an object as if one of its frames were a classic image.

    Args:
        dataset: All elements before the pixels of an Enhanced object.
        frame: Which frame, from 0.

    Returns:
        Elements of the object, over them those of the functional groups of all frames, over them
        those of the frame's own.
    """
    flat = Dataset()
    flat.update(dataset)
    own = _items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    with quiet():
        for groups in (*_items(dataset, "SharedFunctionalGroupsSequence")[:1], *own):
            for element in groups:
                if element.VR == "SQ" and not element.tag.is_private:
                    for item in list(element.value)[:1]:
                        flat.update(item)
        for classic, enhanced in _CLASSIC_NAMES.items():
            if enhanced in flat:
                setattr(flat, classic, flat[enhanced].value)
    if hasattr(dataset, "file_meta"):
        flat.file_meta = dataset.file_meta
    return flat


class _Groups:
    """The functional groups of one frame: its own, else those of all frames."""

    def __init__(self, own: Dataset, common: Dataset) -> None:
        self._own, self._common = own, common

    def item(self, keyword: str) -> Dataset:
        """Return the one item of a functional group, empty where there is none."""
        found = _items(self._own, keyword) or _items(self._common, keyword)
        return found[0] if found else Dataset()


def _frame_header(
    groups: _Groups, shared: SliceHeader, frame: int, columns: Sequence[int]
) -> SliceHeader:
    values = groups.item("PixelValueTransformationSequence")
    content = groups.item("FrameContentSequence")
    frame_type = words(groups.item(_FRAME_TYPES.get(shared.modality, "")), "FrameType")
    reconstruction = groups.item("CTReconstructionSequence")
    return replace(
        shared,
        frame=frame,
        image_type=frame_type if any(frame_type) else shared.image_type,
        kernel=text(reconstruction, "ConvolutionKernel") or shared.kernel,
        position_mm=numbers(groups.item("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=numbers(groups.item("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        pixel_spacing_mm=numbers(groups.item("PixelMeasuresSequence"), "PixelSpacing", 2),
        slope=number(values, "RescaleSlope"),
        intercept=number(values, "RescaleIntercept"),
        rescale_type=text(values, "RescaleType").upper(),
        soft=(
            text(content, "StackID"),
            text(content, "TemporalPositionIndex"),
            _diffusion(groups),
            text(groups.item("MREchoSequence"), "EffectiveEchoTime"),
            text(groups.item("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
            text(content, "FrameAcquisitionNumber"),
            _indices(content, columns),
        ),
        content_time=None,
    )


def _diffusion(groups: _Groups) -> str:
    diffusion = groups.item("MRDiffusionSequence")
    gradient = (_items(diffusion, "DiffusionGradientDirectionSequence") or [Dataset()])[0]
    return text(diffusion, "DiffusionBValue") + text(gradient, "DiffusionGradientOrientation")


def _telling_columns(dataset: Dataset) -> list[int]:
    """Return which of the *Dimension Index Values* say more than where a frame lies."""
    pointers = [
        item.get("DimensionIndexPointer") for item in _items(dataset, "DimensionIndexSequence")
    ]
    return [column for column, tag in enumerate(pointers) if tag not in _POSITION_POINTERS]


def _indices(content: Dataset, columns: Sequence[int]) -> str:
    values = text(content, "DimensionIndexValues").split("\\")
    return " ".join(values[column] for column in columns if column < len(values))


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; none where it is absent or no sequence."""
    try:
        found = dataset.get(keyword) if keyword else None
        return list(found) if found is not None else []
    except Exception:  # noqa: BLE001 (pydicom converts lazily; a malformed sequence counts as absent)
        return []
