"""A small invented hospital: seeded CT studies as real DICOM files, with flaws and labels."""

from pipelines.synthetic_hospital.archive import HospitalSummary, write_hospital

__all__ = ["HospitalSummary", "write_hospital"]
