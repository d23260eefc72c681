"""Unique words planted wherever an archive can hold text, and a search that finds them anywhere."""

import base64
import gzip
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pydicom
import SimpleITK as sitk
from pydicom.datadict import DicomDictionary
from pydicom.uid import generate_uid

from medcl.io.dicom.file import read_elements
from medcl.io.quiet import quiet
from medcl.io.refusal import RefusedSeries
from pipelines.synthetic_hospital.headers import HOSPITAL, ISSUER

MARK = "QZJXKV"
_ROOT = "1.2.7351735173"
_BIRTH, _WEIGHT = "19170713", "73.517351"

_WORDS = [MARK, MARK.lower(), MARK.title(), _ROOT, _BIRTH, _WEIGHT, ISSUER, HOSPITAL]
_NEEDLES = {
    spelt
    for word in _WORDS
    for spelt in (
        word.encode(),
        word.encode("utf-16-le"),
        word.encode("utf-16-be"),
        word.encode().hex().encode(),
        word.encode().hex().upper().encode(),
        *(base64.b64encode(b"\0" * shift + word.encode())[4:-4] for shift in range(3)),
    )
    if len(spelt) >= 6
}
"""A canary in every spelling: UTF-16 in both orders, hexadecimal, the three phases of base64."""

_PATTERN = re.compile(b"|".join(map(re.escape, sorted(_NEEDLES, key=len))))

_TEXT_VRS = {"AE": 16, "CS": 16, "LO": 64, "LT": 99, "PN": 64, "SH": 16, "ST": 99, "UC": 99}
_TEXT_VRS |= {"UT": 99, "UR": 64}
_DECIDING = {
    *("SpecificCharacterSet", "ImageType", "Modality", "PhotometricInterpretation", "RescaleType"),
    *(
        "ConvolutionKernel",
        "Units",
        "BurnedInAnnotation",
        "StackID",
        "PatientID",
        "PatientPosition",
    ),
    *("IssuerOfPatientID", "PixelPresentation", "FrameType", "VolumetricProperties"),
}
"""Elements that decide what becomes of a file; those that name somebody are planted one by one."""

_EVERYTHING_IN = 4
"""So many folders get a file with every text element of the dictionary."""

_EVERY = 10
"""Each tenth file of a folder gets what is usual, the first and second in any case."""


def plant(archive: Path) -> int:
    """Put canaries into sound files of every folder of an archive, and into all names below it.

    What decides who belongs together (identifiers of patients, studies, series) stays as the
    hospital wrote it; it is unique enough to be searched for as it is.

    Returns:
        How many elements of the data dictionary were planted.
    """
    planted = 0
    folders = sorted({path.parent for path in archive.rglob("*") if path.is_file()})
    for number, folder in enumerate(folders):
        files = sorted(p for p in folder.iterdir() if p.is_file() and not p.is_symlink())
        for place, path in enumerate(files):
            if (place < 2 or place % _EVERY == 0) and _is_sound(path):
                planted += _plant_file(path, everything=place == 0 and number < _EVERYTHING_IN)
    for path in sorted(archive.rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(f"{MARK}_{path.name}"))
    return planted


def _plant_file(path: Path, *, everything: bool) -> int:
    with quiet():
        dataset = pydicom.dcmread(path)
        planted = _plant_everything(dataset) if everything else 0
        _plant_usual(dataset)
        dataset.save_as(path)
    with path.open("r+b") as file:
        file.write(f"{MARK} preamble".encode())
    return planted


def write_other_formats(folder: Path) -> Path:
    """Write NIfTI, NRRD, MetaImage and a BIDS tree full of canaries."""
    rng = np.random.default_rng(5)

    def voxels() -> np.ndarray:
        return rng.integers(0, 900, (12, 11, 10)).astype(np.int16)

    root = folder / f"{MARK}_others"
    bids = root / f"{MARK}_study" / f"sub-{MARK}01" / f"ses-{MARK}" / "anat"
    bids.mkdir(parents=True)
    image = nib.Nifti1Image(voxels(), np.diag([1, 1, 2, 1.0]))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = f"{MARK} {field}"[: image.header[field].dtype.itemsize]
    image.header.extensions.append(
        nib.nifti1.Nifti1Extension("comment", f"{MARK} extension".encode())
    )
    nib.save(image, root / f"{MARK}.nii.gz")
    nib.save(nib.Nifti1Image(voxels(), np.eye(4)), bids / f"sub-{MARK}01_ses-{MARK}_T1w.nii.gz")
    (bids / f"sub-{MARK}01_ses-{MARK}_T1w.json").write_text(f'{{"PatientName": "{MARK}"}}')
    (root / f"{MARK}_study" / "participants.tsv").write_text(f"participant_id\tname\n{MARK}\tx\n")
    (root / f"{MARK}_study" / "dataset_description.json").write_text(f'{{"Name": "{MARK}"}}')
    for ending in ("nrrd", "mha"):
        other = sitk.GetImageFromArray(voxels())
        other.SetMetaData("PatientName", f"{MARK}^JOHN")
        sitk.WriteImage(other, str(root / f"{MARK}.{ending}"))
    (root / f"{MARK}.txt").write_text(f"{MARK} was here")
    return root


def leaks_in(paths: list[Path]) -> dict[str, int]:
    """Return how many canaries stand in each file, whatever it is packed in."""
    found = {}
    for path in paths:
        if path.is_file():
            count = sum(len(_PATTERN.findall(content)) for content in _unpacked(path))
            count += len(_PATTERN.findall(str(path.name).encode()))
            if count:
                found[path.name] = count
    return found


def _unpacked(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as database:
            yield "\n".join(database.iterdump()).encode()
        database.close()
    elif content.startswith(b"PAR1"):
        table = pq.read_table(path)
        yield f"{table.schema} {table.to_pydict()}".encode()
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"PK"):
        try:
            with ZipFile(path) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        except BadZipFile:
            return
    for packed in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
        inner = base64.b64decode(packed)
        yield inner
        yield from _text_chunks(inner)
    yield from _text_chunks(content)


def _text_chunks(content: bytes) -> Iterator[bytes]:
    """Yield the compressed texts that may stand beside the pixels of a PNG file."""
    for kind, start in ((m[0], m.end()) for m in re.finditer(rb"zTXt|iTXt", content)):
        length = int.from_bytes(content[start - 8 : start - 4], "big")
        chunk = content[start : start + length]
        try:
            yield zlib.decompress(chunk.split(b"\0", 1)[1][1:]) if kind == b"zTXt" else chunk
        except (zlib.error, IndexError):
            continue


def _is_sound(path: Path) -> bool:
    try:
        elements = read_elements(path, tags=None)
    except RefusedSeries:
        return False
    return elements.is_whole and not elements.is_too_deep


def _plant_everything(dataset: pydicom.Dataset) -> int:
    count = 0
    for tag, (vr, *_, keyword) in DicomDictionary.items():
        is_free = tag >> 16 not in (0, 2, 4) and keyword not in _DECIDING and keyword
        if vr in _TEXT_VRS and is_free:
            dataset.add_new(tag, vr, f"{MARK}{tag:X}"[: _TEXT_VRS[vr]])
            count += 1
    return count


def _plant_usual(dataset: pydicom.Dataset) -> None:
    dataset.PatientName = f"{MARK}^JOHN^^^"
    for keyword in ("PatientComments", "InstitutionName", "OperatorsName", "ImageComments"):
        setattr(dataset, keyword, f"{MARK} {keyword}")
    for keyword in ("SeriesDescription", "StudyDescription", "ProtocolName"):
        setattr(dataset, keyword, f"{dataset.get(keyword, '')} {MARK}")
    dataset.PatientBirthDate = dataset.StudyDate = dataset.AcquisitionDate = _BIRTH
    dataset.PatientWeight = _WEIGHT
    dataset.ImageType = [*dataset.ImageType, MARK]
    dataset.file_meta.ImplementationVersionName = f"{MARK} V"
    dataset.file_meta.SourceApplicationEntityTitle = f"{MARK} AE"
    dataset.file_meta.PrivateInformationCreatorUID = generate_uid(prefix=f"{_ROOT}.")
    dataset.file_meta.PrivateInformation = f"{MARK} information".encode()
    block = dataset.private_block(0x0029, f"{MARK} MAKER", create=True)
    block.add_new(0x10, "LO", f"{MARK} private")
    block.add_new(0x11, "OB", f"{MARK} bytes of".encode())
    block.add_new(0x12, "SQ", [_nested(4)])
    dataset.OtherPatientIDsSequence = [_nested(3)]
    dataset.add_new(0x60000010, "US", 4)
    dataset.add_new(0x60000022, "LO", f"{MARK} overlay")
    dataset.add_new(0x60003000, "OW", f"{MARK} overlay bytes ".encode())
    dataset.add_new(0x60004000, "LT", f"{MARK} overlay comment")
    dataset.add_new(0xFFFCFFFC, "OB", f"{MARK} padding ".encode())


def _nested(depth: int) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.PatientName, item.PatientID, item.PatientComments = f"{MARK}^DEEP", MARK, f"{MARK} deep"
    item.ReferencedSOPInstanceUID, item.PatientBirthDate = f"{_ROOT}.1", _BIRTH
    if depth:
        item.OtherPatientIDsSequence = [_nested(depth - 1)]
    return item
