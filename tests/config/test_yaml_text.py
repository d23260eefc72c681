"""YAML 1.2, data only."""

import pytest

from medcl.config.yaml_text import MAX_BYTES, parse, read
from medcl.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("0010", 10),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text, value):
    parsed = parse(f"key: {text}", label="a.yaml").value["key"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "a.yaml:3: a is given twice."),
        ("a: &x [1]\nb: *x", "a.yaml:1: anchors and aliases are not taken"),
        ("a: !!python/object/apply:os.system [ls]", "a.yaml:1: type tags are not taken"),
        ("a: !x 1", "a.yaml:1: type tags are not taken"),
        ("a: [1", "a.yaml:1: this is not YAML"),
        ("a: 1\n\tb: 2", "a.yaml:2: this is not YAML"),
        ("a: 1\n---\na: 2", "a.yaml:2: a settings file must hold one document."),
        ("%YAML 1.1\n---\na: yes", "settings are YAML 1.2"),
        ("a: " + "[" * 5000, "a.yaml:1: settings must not nest deeper than 16 levels."),
        ("? [1]\n: 2", "a.yaml:1: a key must be a word."),
        ("a: 2020-99-99", "a.yaml:1: this value cannot be read."),
        ("a: \x00", "a.yaml: this is not YAML"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_line(text, sentence):
    with pytest.raises(ConfigError) as caught:
        parse(text, label="a.yaml")
    assert str(caught.value).startswith(sentence) or sentence in str(caught.value)


def test_a_file_that_unfolds_into_gigabytes_is_refused_at_its_first_anchor():
    bomb = "\n".join(f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))
    with pytest.raises(ConfigError, match="anchors and aliases"):
        parse("k0: &a0 [x]\n" + bomb, label="a.yaml")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold settings as `key: value` lines, but it is empty"),
        (b"# nothing\n", "but it is empty"),
        (b"- 1\n", "but it holds something else"),
        (b"a: 1\nb: \xff\n", "study.yaml:2: the file must be UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "must be no larger than 256 KiB"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(write, content, sentence):
    with pytest.raises(ConfigError) as caught:
        read(write(content))
    assert sentence in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(ConfigError, match="There is no settings file"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        read(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(write):
    assert read(write(b"\xef\xbb\xbfname: x\n")).value == {"name": "x"}
