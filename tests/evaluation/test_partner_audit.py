"""An audit measures pairs of one volume, and says so of a policy whose pairs may be of two."""

from dataclasses import replace

from medcl.augment.defaults import ct_strict
from medcl.augment.partner import OtherSeries
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED
from medcl.evaluation.audit.safety import audit_views
from tests.evaluation.phantoms import GRID, phantom


def test_a_policy_with_partners_has_the_figures_of_one_volume_and_that_is_said():
    policy = ct_strict(grid=GRID)
    found = []
    for partner, said in ((None, ()), (OtherSeries(), (PARTNERS_NOT_COVERED,))):
        report = audit_views(
            replace(policy, partner=partner),
            [phantom("a", 1), phantom("b", 2)],
            task=TaskProfile.LATERAL,
            draws=1,
            corners=1,
        )
        assert report.to_json()["not_covered"] == said
        found.append(report)
    without, paired = found
    assert without.policy_hash != paired.policy_hash
    assert without.findings == paired.findings
    assert without.control_results == paired.control_results
    assert without.declared == paired.declared
