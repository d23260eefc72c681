"""The section of partners mirrors the room's class, and mistakes in it are told."""

import dataclasses

import pytest

from medcl.augment.partner import OtherSeries
from medcl.augment.policy import Policy
from medcl.config import policy
from medcl.config.loading import load
from medcl.config.study import StudyConfig
from medcl.config.writing import plain
from medcl.errors import ConfigError

KEY = "  window: {kind: fixed_window, low: 0, high: 1}\n"


def with_partner(study, text):
    return study.replace(KEY, f"{KEY}  partner: {text}\n")


def test_the_section_has_the_fields_and_defaults_of_the_class():
    own = {name: each.default for name, each in policy.PartnerConfig.model_fields.items()}
    del own["kind"]
    assert own == {each.name: each.default for each in dataclasses.fields(OtherSeries)}


def test_partners_of_a_file_reach_the_policy(write, study):
    path = write(with_partner(study, "{kind: other_series, probability: 0.25}"))
    settings = load(path, StudyConfig)
    made = Policy.from_json(plain(settings.policy))
    assert made.partner == OtherSeries(probability=0.25)
    assert made.to_json() == plain(settings.policy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: other_serie}", 'policy.partner.kind = "other_serie"'),
        ("{kind: other_series, probabilty: 1}", "Did you mean probability?"),
        ("{kind: other_series, probability: 2}", "policy.partner.probability = 2"),
    ],
)
def test_a_mistake_is_told_with_its_key(write, study, text, said):
    with pytest.raises(ConfigError, match=r"study\.yaml:11: policy\.partner") as caught:
        load(write(with_partner(study, text)), StudyConfig)
    assert said in str(caught.value)


def test_the_key_itself_may_be_misspelt(write, study):
    text = with_partner(study, "{kind: other_series}").replace("partner:", "partnr:")
    with pytest.raises(ConfigError, match=r"partnr is not a known key\. Did you mean partner\?"):
        load(write(text), StudyConfig)
