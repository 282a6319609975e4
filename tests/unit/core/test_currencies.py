"""Codes of currencies: well formed, and misspelt ones answered with what may have been meant."""

import pytest

from maitred.currencies import CODES, near


def test_codes_are_three_capital_letters_and_the_common_ones_are_there() -> None:
    assert {"EUR", "USD", "JPY", "CHF", "XXX"} <= CODES
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CODES)
    assert len(CODES) > 160
    assert not {"XTS", "XAU", "DEM"} & CODES


@pytest.mark.parametrize(("said", "meant"), [("eur", "EUR"), (" usd ", "USD"), ("CFH", "CHF")])
def test_a_misspelt_code_has_near_ones(said: str, meant: str) -> None:
    assert meant in near(said)


def test_something_else_altogether_has_none() -> None:
    assert near("§§§") == ()
