"""Headers as a hospital writes them: full of names, dates and numbers. Every one of them invented.

Nothing here belongs to a person. The headers are as talkative as real ones (nested sequences,
private elements, comments) so that a leak of any of it downstream is a bug that tests can find.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from medcl.runtime.seeds import generator

HOSPITAL = "St. Nowhere Children's Hospital (invented)"
# fmt: off
_SURNAMES = (
    "Mockford", "Testmann", "Samplesen", "Dummett", "Fauxbourg", "Placehold", "Fixtura",
    "Stubbins", "Phantomas", "Exemplar", "Mustermann", "Nonesuch", "Fabricato",
    "Simuland", "Notareal", "Ersatz"
)
_GIVEN = (
    "Quillon", "Ysolde", "Tamsin", "Barnaby", "Odalys", "Lucian", "Philippa", "Casimir",
    "Wilhelmina", "Anselm", "Ottoline", "Evander"
)
# fmt: on
_SCANNERS = (
    ("SIEMENS", "Imaginary 64", {"soft": "B30f", "sharp": "B60f"}),
    ("GE MEDICAL SYSTEMS", "Makebelieve CT", {"soft": "STANDARD", "sharp": "BONE"}),
    ("Philips", "Pretend 128", {"soft": "B", "sharp": "YB"}),
)

ISSUER = "NOWHERE-MPI"
"""Who gives patient numbers: *Issuer of Patient ID* (0010,0021)."""


@dataclass(frozen=True)
class Person:
    """An invented patient.

    Attributes:
        mrn: Medical record number, the patient id of the archive.
        name: As DICOM spells it.
        birth: Date of birth.
        sex: F or M.
    """

    mrn: str
    name: str
    birth: date
    sex: str


@dataclass(frozen=True)
class Visit:
    """One study of a patient: when, where, under which numbers.

    Attributes:
        person: Who came.
        day: When.
        accession: Accession number.
        uid: Study instance UID.
        frame_uid: Frame of reference of its series.
        scanner: Index of the scanner.
    """

    person: Person
    day: date
    accession: str
    uid: str
    frame_uid: str
    scanner: int


def uid(*words: int | str) -> str:
    """Return a UID of at most 58 characters that depends on the words alone.

    Example:
        >>> uid(1, "study") == uid(1, "study"), len(uid(1, "study")) <= 58
        (True, True)
    """
    whole = generate_uid(entropy_srcs=[f"{type(word).__name__}:{word}" for word in words])
    return str(whole)[:58]


def draw_person(*, seed: int, patient: int) -> Person:
    """Return an invented person; numbers never repeat within a hospital.

    Args:
        seed: Of the hospital.
        patient: Number of the patient, below 100,000.

    Returns:
        A person of 3 to 9 years.
    """
    rng = generator(seed, "person", patient)
    mrn = f"SYN{(seed % 89 + 10):02d}{(patient * 61_961 + 4_217) % 100_003:06d}"
    name = f"{rng.choice(_SURNAMES)}^{rng.choice(_GIVEN)}^{chr(65 + int(rng.integers(26)))}"
    birth = date(2012, 1, 1) + timedelta(days=int(rng.integers(0, 6 * 365)))
    return Person(mrn=mrn, name=name, birth=birth, sex=str(rng.choice(["F", "M"])))


def draw_visit(person: Person, *, seed: int, patient: int, study: int) -> Visit:
    """Return one study of a person.

    Args:
        person: Who comes.
        seed: Of the hospital.
        patient: Number of the patient.
        study: Number of the study; later ones are later.

    Returns:
        A visit.
    """
    rng = generator(seed, "visit", patient, study)
    day = date(2021, 1, 4) + timedelta(days=int(rng.integers(0, 300)) + 330 * study)
    return Visit(
        person=person,
        day=day,
        accession=f"ACC{int(rng.integers(10**8)):08d}",
        uid=uid(seed, patient, study, "study"),
        frame_uid=uid(seed, patient, study, "frame"),
        scanner=int(rng.integers(len(_SCANNERS))),
    )


def series_header(visit: Visit, *, number: int, kernel: str, contrast: bool) -> Dataset:
    """Return all elements that the slices of one series share, but for geometry and pixels.

    Args:
        visit: The study.
        number: Of the series in its study.
        kernel: soft or sharp.
        contrast: Whether contrast agent was given.

    Returns:
        A header full of invented PHI.
    """
    maker, model, kernels = _SCANNERS[visit.scanner]
    header = Dataset()
    _identify(header, visit)
    _nest(header, visit)
    header.Modality = "CT"
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.Manufacturer = maker
    header.ManufacturerModelName = model
    header.ConvolutionKernel = kernels[kernel]
    header.KVP = "100"
    header.BodyPartExamined = "ABDOMEN"
    header.PatientPosition = "HFS"
    header.SeriesNumber = number
    header.SeriesDescription = f"Abd {kernel} {number} Dr. Hollow"
    header.ProtocolName = f"Kidneys for {visit.person.name.split('^')[0]}"
    header.StudyInstanceUID = visit.uid
    header.FrameOfReferenceUID = visit.frame_uid
    if contrast:
        header.ContrastBolusAgent = "Imaginol 300"
    return header


def _identify(header: Dataset, visit: Visit) -> None:
    person, day = visit.person, visit.day.strftime("%Y%m%d")
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = person.name
    header.PatientID = person.mrn
    header.IssuerOfPatientID = ISSUER
    header.PatientBirthDate = person.birth.strftime("%Y%m%d")
    header.PatientSex = person.sex
    header.PatientAge = f"{(visit.day - person.birth).days // 365:03d}Y"
    header.PatientAddress = f"{person.mrn[-2:]} Made-up Lane, Nowhere"
    header.PatientTelephoneNumbers = f"+00 555 {person.mrn[-6:]}"
    header.PatientComments = f"Mother of {person.name} waits outside"
    header.AccessionNumber = visit.accession
    header.StudyID = visit.accession[-4:]
    header.StudyDescription = "CT abdomen, invented"
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = day
    header.StudyTime = header.SeriesTime = "101500"
    header.InstitutionName = HOSPITAL
    header.InstitutionAddress = "1 Imaginary Square, Nowhere"
    header.ReferringPhysicianName = "Hollow^Agatha^^Dr."
    header.OperatorsName = "Vacant^Leopold"
    header.StationName = "NOWHERECT2"
    header.DeviceSerialNumber = f"SN-{visit.scanner:04d}"


def _nest(header: Dataset, visit: Visit) -> None:
    code = Dataset()
    code.CodeValue = "N-4711"
    code.CodingSchemeDesignator = "99NOWHERE"
    code.CodeMeaning = f"Kidney check of {visit.person.name}"
    request = Dataset()
    request.RequestedProcedureID = visit.accession
    request.ScheduledProcedureStepDescription = f"CT for {visit.person.mrn}"
    request.ScheduledProtocolCodeSequence = [code]
    header.RequestAttributesSequence = [request]
    other = Dataset()
    other.PatientID = f"OLD-{visit.person.mrn}"
    other.IssuerOfPatientID = "NOWHERE-OLD"
    header.OtherPatientIDsSequence = [other]
    block = header.private_block(0x0009, "NOWHERE PACS 1.0", create=True)
    block.add_new(0x01, "LO", f"{visit.person.name} / {visit.person.mrn}")
    block.add_new(0x02, "DA", visit.person.birth.strftime("%Y%m%d"))
