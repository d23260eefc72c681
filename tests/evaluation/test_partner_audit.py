"""An audit measures pairs of one volume, and says so of a policy whose pairs may be of two."""

from dataclasses import replace

from medcl.augment.defaults import ct_strict
from medcl.augment.partner import OtherSeries
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit import safety
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED
from medcl.evaluation.audit.safety import audit_views
from tests.evaluation.phantoms import GRID, phantom


def test_that_partners_are_not_measured_is_in_the_report(monkeypatch):
    monkeypatch.setattr(safety, "run_controls", lambda *_args: [])
    policy = ct_strict(grid=GRID)
    for partner, said in ((None, ()), (OtherSeries(), (PARTNERS_NOT_COVERED,))):
        report = audit_views(
            replace(policy, partner=partner),
            [phantom("a", 1)],
            task=TaskProfile.LATERAL,
            draws=1,
            corners=0,
        )
        assert report.to_json()["not_covered"] == said
