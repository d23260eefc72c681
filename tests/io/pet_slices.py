"""Headers of PET slices: 80 kg, 400 MBq of F-18 injected at 10:00, scanned one half-life later."""

import pydicom
from pydicom.dataset import Dataset

GE, PHILIPS = (0x0009, "GEMS_PETD_01"), (0x7053, "Philips PET Private Group")
INJECTION = {
    "RadiopharmaceuticalStartTime": "100000",
    "RadionuclideHalfLife": "6586.2",
    "RadionuclideTotalDose": "400000000",
}


def make_slice(**changes: object) -> Dataset:
    """Return a slice with some elements of it or of its injection changed, or removed by None."""
    dataset, injection = Dataset(), Dataset()
    elements: dict[str, object] = {
        "Manufacturer": "SIEMENS",
        "CorrectedImage": ["NORM", "ATTN", "SCAT", "DECY"],
        "Units": "BQML",
        "DecayCorrection": "START",
        "PatientWeight": "80",
        "SeriesDate": "20240309",
        "SeriesTime": "114946.2",
        "AcquisitionDate": "20240309",
        "AcquisitionTime": "114946.200",
        "RescaleSlope": "1.5",
    }
    for keyword, value in (elements | INJECTION | changes).items():
        is_of_injection = keyword.startswith("Radio")
        if value is not None:
            setattr(injection if is_of_injection else dataset, keyword, value)
    dataset.RadiopharmaceuticalInformationSequence = [injection]
    return dataset


def with_private(
    dataset: Dataset, place: tuple[int, str], offset: int, vr: str, value: object
) -> Dataset:
    """Return the slice with a private element, in a block of its own if its creator is new."""
    dataset.private_block(*place, create=True).add_new(offset, vr, value)
    return dataset


def ge_slice(scan: object, vr: str = "DT", **changes: object) -> Dataset:
    dataset = make_slice(Manufacturer="GE MEDICAL SYSTEMS", **changes)
    return with_private(dataset, GE, 0x0D, vr, scan)


def philips(to_suv: object = None, to_activity: object = None, **changes: object) -> Dataset:
    dataset = make_slice(Manufacturer="Philips Medical Systems", Units="CNTS", **changes)
    for offset, value in ((0x00, to_suv), (0x09, to_activity)):
        if value is not None:
            with_private(dataset, PHILIPS, offset, "DS", value)
    return dataset


def break_element(dataset: Dataset, keyword: str) -> None:
    """Make an element hold bytes that are no value of its kind, as a damaged file would."""
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    holder = item if keyword.startswith("Radio") else dataset
    tag = pydicom.tag.Tag(keyword)
    vr = pydicom.datadict.dictionary_VR(tag)
    holder._dict[tag] = pydicom.dataelem.RawDataElement(tag, vr, 4, b"\xff?x ", 0, False, True)
