"""Numbers as sentences have them."""

import pytest

from detectors.wording import value_text


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
