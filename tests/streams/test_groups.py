"""Codes of model versions."""

from unittest.mock import patch

import numpy as np

from streams import groups
from streams.feedback_columns import NO_VERSION
from streams.groups import Groups, version_hash

from .world import HOUR, MINUTE, spec_of

SPEC = spec_of()


def test_a_version_has_one_code_from_which_all_of_its_model_is_known() -> None:
    found = Groups(SPEC)
    assert found.known("m", "1") is None
    codes = [found.code(model, version) for model in "mr" for version in ("1", "2", "")]
    assert codes == list(range(6))
    assert [found.code(*name) for name in found.names] == codes
    assert found.known("r", "2") == 4
    chosen = np.array([4, 0, 5], dtype=np.int32)
    assert [found.models[code] for code in found.model(chosen)] == ["r", "m", "r"]
    assert found.version(chosen).tolist() == [version_hash("2"), version_hash("1"), version_hash("")]
    assert found.horizon[found.model(chosen)].tolist() == [4 * HOUR, 6 * HOUR, 4 * HOUR]
    assert (found.lateness.tolist(), found.pane.tolist()) == ([10 * MINUTE, 30 * MINUTE], [HOUR, HOUR])
    assert found.maturity.tolist() == [3 * HOUR, 2 * HOUR]


def test_many_versions_have_codes_of_their_own() -> None:
    found = Groups(SPEC)
    codes = np.array([found.code("mr"[n % 2], str(n)) for n in range(1_000)], dtype=np.int32)
    assert found.version(codes).tolist() == [version_hash(str(n)) for n in range(1_000)]
    assert found.model(codes).tolist() == [n % 2 for n in range(1_000)]


def test_there_is_an_end_to_them_until_codes_are_free_again() -> None:
    with patch.object(groups, "MOST_GROUPS", 3):
        found = Groups(SPEC)
        assert [found.code("m", str(n)) for n in range(5)] == [0, 1, 2, None, None]
        assert found.code("m", "1") == 1, "those that have one keep it"
        found.retain({0, 2})
        assert found.known("m", "1") is None
        assert found.code("r", "9") == 1
        assert found.names[1] == ("r", "9")
        assert found.model(np.array([1], dtype=np.int32)).tolist() == [1]
        assert found.version(np.array([1], dtype=np.int32)).tolist() == [version_hash("9")]
        assert found.code("m", "1") is None


def test_what_is_in_the_store_of_a_model_that_is_gone_has_no_code() -> None:
    found = Groups(SPEC)
    assert found.restore("gone", "1") is None
    assert found.restore("m", "1") == 0
    assert found.names == [("m", "1")]


def test_versions_differ_by_their_hashes_and_none_is_that_of_no_version() -> None:
    names = ["", "1", "1.0", "v1", "ü" * 100, *map(str, range(2, 500))]
    hashes = {version_hash(name) for name in names}
    assert len(hashes) == len(names)
    assert NO_VERSION not in hashes
    assert all(0 < one < 2**63 for one in hashes)
