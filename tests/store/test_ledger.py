"""A ledger finds test patients that were seen, and names nobody."""

import json

import pytest

from medcl.errors import InputError, LeakageError, SafetyError
from medcl.store.ledger import Ledger, check_no_leak

SEEN = [f"{number:032x}" for number in range(20)]
UNSEEN = [f"{number:032x}" for number in range(100, 130)]
FACTS = {"key_fingerprint": "f" * 16, "store_digest": "d" * 64}


def test_seen_patients_are_counted_once_each():
    ledger = Ledger.of(SEEN, **FACTS)
    assert ledger.overlap(UNSEEN) == 0
    assert ledger.overlap(SEEN[:3] * 2 + UNSEEN) == 3
    assert len(ledger) == 20


def test_a_leak_is_refused_naming_counts_only():
    ledger = Ledger.of(SEEN, **FACTS)
    check_no_leak(ledger, UNSEEN, key_fingerprint="f" * 16)
    with pytest.raises(LeakageError, match=r"2 of 32 test patients .*\(of 20 patients\)") as caught:
        check_no_leak(ledger, SEEN[:2] + UNSEEN)
    assert SEEN[0] not in str(caught.value)


def test_keys_of_another_secret_cannot_be_compared():
    with pytest.raises(SafetyError, match="cannot be compared"):
        check_no_leak(Ledger.of(SEEN, **FACTS), UNSEEN, key_fingerprint="e" * 16)


def test_a_ledger_survives_as_text_and_holds_no_key():
    ledger = Ledger.of(SEEN, **FACTS)
    text = ledger.to_json()
    assert Ledger.from_json(text) == ledger
    assert not any(key in text for key in SEEN)


def test_two_ledgers_of_the_same_patients_share_no_hash():
    first, second = Ledger.of(SEEN, **FACTS), Ledger.of(SEEN, **FACTS)
    assert not first.hashes & second.hashes
    assert Ledger.of(SEEN, salt=first.salt, **FACTS) == first


def test_training_further_adds_patients():
    ledger = Ledger.of(SEEN, **FACTS).merged(UNSEEN)
    assert ledger.overlap(SEEN + UNSEEN) == 50


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "not JSON", "null"])
def test_what_is_no_ledger_is_refused(text):
    with pytest.raises(InputError, match="JSON that medcl wrote"):
        Ledger.from_json(text)


def test_a_ledger_of_another_version_or_with_hashes_missing_is_refused():
    found = json.loads(Ledger.of(SEEN, **FACTS).to_json())
    with pytest.raises(InputError, match="version 1, this is of 2"):
        Ledger.from_json(json.dumps(found | {"version": 2}))
    with pytest.raises(InputError, match=r"20 patients .* holds 19"):
        Ledger.from_json(json.dumps(found | {"hashes": found["hashes"][1:]}))


def test_a_name_is_no_patient_key():
    with pytest.raises(InputError, match="32 lowercase hex") as caught:
        Ledger.of(["Doe^Jane"], **FACTS)
    assert "Doe" not in str(caught.value)
