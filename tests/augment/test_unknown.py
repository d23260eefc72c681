"""UNKNOWN: what nobody can say blocks, until somebody writes down why it is right."""

from dataclasses import replace

import pytest

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.contract import BREAKS, Claim, Flag
from medcl.augment.defaults import ct_strict, mr_weighted, pt
from medcl.augment.grid import ViewGrid
from medcl.augment.safety.data_facts import DataFacts, find_unknowns
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.refusable import Flip
from medcl.augment.transforms.rotation import Rotation
from medcl.errors import PolicyError

GRID = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))
CT = ct_strict(grid=GRID)
WHY = "Sides were compared with the reports of ten patients."


def unknown(policy, task=TaskProfile.GENERIC, **counts):
    found = check_policy(policy, task, facts=DataFacts(volumes=10, **counts)).unknowns
    return {each.flag.value for each in found}


def test_volumes_that_do_not_say_where_left_is_leave_side_and_orientation_open():
    assert unknown(CT) == set()
    assert unknown(CT, unsaid_orientation=1) == {"laterality", "orientation"}
    assert unknown(CT, TaskProfile.CONTRAST_CLASS, unsaid_orientation=1) == set()


def test_each_gap_in_the_data_leaves_its_own_quantity_open():
    assert unknown(CT, unsaid_spacing=2) == {"physical_scale", "spacing_truth"}
    assert unknown(CT, unsure_hounsfield=2) == {"hu_calibration"}
    assert unknown(mr_weighted(grid=GRID), unsure_hounsfield=2) == set()
    assert unknown(pt(grid=GRID), unsure_suv=2) == {"uptake_abs"}
    assert unknown(CT, unsure_suv=2) == set()


def test_unknown_blocks_with_counts_and_the_exit_status_of_a_refusal():
    with pytest.raises(PolicyError) as refusal:
        require_safe(CT, facts=DataFacts(volumes=10, unsaid_orientation=3))
    message = str(refusal.value)
    for part in ("UNKNOWN", "laterality", "3 of 10 volumes", "SC001", "accept_unknown"):
        assert part in message
    assert refusal.value.exit_status == 3


def test_what_is_accepted_with_a_justification_passes_and_is_kept():
    facts = DataFacts(volumes=10, unsaid_orientation=3)
    half = {Flag.LATERALITY: WHY}
    assert check_policy(CT, facts=facts, accepted=half).outcome == "UNKNOWN"
    verdict = require_safe(CT, facts=facts, accepted={**half, Flag.ORIENTATION: WHY})
    assert verdict.outcome == "PASS"
    kept = {each["flag"]: each["justification"] for each in verdict.to_json()["unknown"]}
    assert kept == {"laterality": WHY, "orientation": WHY}


@pytest.mark.parametrize("empty", ["", "   \n"])
def test_a_justification_without_words_accepts_nothing(empty):
    facts = DataFacts(volumes=10, unsaid_orientation=3)
    accepted = {Flag.LATERALITY: WHY, Flag.ORIENTATION: empty}
    (open_end,) = check_policy(CT, facts=facts, accepted=accepted).open
    assert open_end.flag is Flag.ORIENTATION


def test_nothing_that_is_broken_can_be_accepted():
    mirrored = replace(CT, transforms=(Flip(axis="x"),))
    accepted = dict.fromkeys(Flag, WHY)
    verdict = check_policy(mirrored, facts=DataFacts(volumes=1), accepted=accepted)
    assert verdict.outcome == "FAIL"
    with pytest.raises(PolicyError, match="SC001"):
        require_safe(mirrored, accepted=accepted)


def test_a_claim_without_evidence_is_unknown_and_no_claim_at_all_is_broken():
    def found(claim):
        class Foreign(Rotation):
            """A transform from elsewhere, with a contract of its own."""

            def contract(self, modality):
                del modality
                return {Flag.LATERALITY: claim}

        named = {"foreign": Foreign(max_degrees=1.0)}
        return find_unknowns(DataFacts(), modality="CT", transforms=named, task=TaskProfile.LATERAL)

    (only,) = found(Claim(0.0, has_evidence=False))
    assert only.flag is Flag.LATERALITY
    assert "without evidence" in only.sentence
    assert found(Claim(0.0)) == []
    assert found(BREAKS) == []


def test_a_crop_that_keeps_lesions_needs_to_know_them():
    keeping = replace(CT, transforms=(Crop(min_overlap=0.5, lesions="both"),))
    focal = TaskProfile.FOCAL
    assert unknown(keeping, focal, with_lesions=9) == {"lesion_mass"}
    assert unknown(keeping, focal, with_lesions=10) == set()
    assert check_policy(keeping, focal, facts=DataFacts(volumes=10, with_lesions=10)).is_safe


def test_facts_survive_json_and_what_an_older_folder_lacks_counts_as_nothing():
    facts = DataFacts(volumes=10, unsaid_orientation=3)
    assert DataFacts.from_json(facts.to_json()) == facts
    assert DataFacts.from_json({"volumes": 4, "later": 1}) == DataFacts(volumes=4)
