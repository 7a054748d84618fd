"""Numbers as sentences have them."""

import pytest

from detectors.wording import moved, value_text


@pytest.mark.parametrize(
    ("signal", "value", "text"),
    [
        ("absolute_error", 17_560.4, "17,560"),
        ("absolute_error", 2_382_000.0, "2,382,000"),
        ("absolute_error", 999.96, "1,000"),
        ("absolute_error", 999.94, "999.9"),
        ("absolute_error", 3.14159, "3.142"),
        ("absolute_error", 0.0, "0"),
        ("error_rate", 0.0912, "9.12 %"),
        ("error_rate", None, "unknown"),
    ],
)
def test_a_value_is_in_the_unit_of_its_signal_and_never_in_powers_of_ten(
    signal: str, value: float | None, text: str
) -> None:
    assert value_text(signal, value) == text


@pytest.mark.parametrize(("by_label", "among"), [(False, ""), (True, ", among labels that became known")])
def test_a_start_by_when_labels_became_known_is_said_to_be_one(by_label: bool, among: str) -> None:
    text = moved("error_rate", "error rate", 0.2, 0.1, 500, 0, by_label=by_label)
    assert text == f"error rate rose from 10.00 % to 20.00 % over 500 rows{among} since 1970-01-01T00:00:00Z"
