"""How people write numbers and dates: read where a whole column agrees, else left alone."""

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.training.written import (
    DATE_FORMATS,
    NumberStyle,
    date_formats_of,
    decimal_sign_of,
    number_style_of,
    parse_number,
)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,234", "987"], [1234, 987]),
        (["1,234,567.5"], [1234567.5]),
        (["12,34,567", "1,234"], [1234567, 1234]),
        (["1234,5", "12,0"], [1234.5, 12]),
        (["0,567", "1,234"], [0.567, 1.234]),
        (["1.234,5", "7"], [1234.5, 7]),
        (["1 234", "5"], [1234, 5]),
        (["1\u202f234,5", "12\u00a0345"], [1234.5, 12345]),
        (["1'234.5", "7"], [1234.5, 7]),
        (["$1,234.50", "$5.00", "-$3.00", "($4.00)"], [1234.5, 5, -3, -4]),
        (["1.234 €", "12.500 €"], [1234, 12500]),
        (["1.5 €", "2.25 €"], [1.5, 2.25]),
        (["934", "12.340", "-2.107"], [934, 12340, -2107]),
        (["USD 5", "USD -7"], [5, -7]),
        (["12.3%", "1 %"], [12.3, 1]),
        (["5 kg", "7.5kg"], [5, 7.5]),
        (["−5,5", "3,2"], [-5.5, 3.2]),
        (["−5.5", "3.2"], [-5.5, 3.2]),
        (["(5.50)", "3.2"], [-5.5, 3.2]),
        (["1.234,50-", "3,2"], [-1234.5, 3.2]),
        (["CHF 1'450.–", "CHF 900.-"], [1450, 900]),
        (["12,- €", "1.250,-- €"], [12, 1250]),
        (["1,23E-05", "0,5"], [1.23e-05, 0.5]),
        (["$ 5.00", "$(4.00)", "$ (1.50)"], [5, -4, -1.5]),
        (["–5.5", "3.2"], [-5.5, 3.2]),
        (["1\u2007234,5", "7"], [1234.5, 7]),
        (["1'234,5", "7"], [1234.5, 7]),
        (["50 m2", "7.5 m2"], [50, 7.5]),
        (["1,200 Sq. ft.", "900 Sq. ft."], [1200, 900]),
    ],
)
def test_ways_of_writing_numbers(texts: list[str], values: list[float]) -> None:
    style = number_style_of(texts)
    assert style is not None
    assert [parse_number(text, style) for text in texts] == values


@pytest.mark.parametrize(
    "texts",
    [
        ["5 kg", "5 lb"],
        ["5 kg", "5"],
        ["€5", "£5"],
        ["1st", "2nd"],
        ["house 1", "house 2"],
        ["A1", "A2"],
        ["1-2", "3-4"],
        ["12:30"],
        ["1,234", "1234"],
        ["1.2.3"],
        ["(5", "6"],
        ["(-5)", "6"],
        ["-5-", "6"],
        ["5", "6"],
        ["934", "12.34", "2.107"],
        ["934.000", "12.340"],
        ["0.340", "12.107", "5"],
        *[["1"] * 40 + ["2,5"]],
    ],
)
def test_what_is_no_one_way_of_writing_numbers(texts: list[str]) -> None:
    assert number_style_of(texts) is None


@pytest.mark.parametrize("text", ["1_000", "٣", "0x10", "", " ", "nan", "1 2", "--5", "1e", "e5"])
def test_what_computers_do_not_write(text: str) -> None:
    assert math.isnan(parse_number(text))


@given(st.floats(allow_nan=False))
def test_a_number_is_read_as_python_writes_it(value: float) -> None:
    assert parse_number(f" {value!r} ") == value


@given(st.integers(-(10**12), 10**12), st.sampled_from([",", " ", "'", "."]))
def test_groups_of_digits(value: int, group: str) -> None:
    """However many there are; a sign or none."""
    style = NumberStyle(group, "," if group == "." else ".")
    assert parse_number(f"{value:,}".replace(",", group), style) == value


def test_a_unit_may_be_left_out_but_not_changed() -> None:
    style = NumberStyle(after="kg")
    assert parse_number("5", style) == parse_number("5 kg", style) == 5
    assert math.isnan(parse_number("5 lb", style))


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2012/01/01"], ["%Y/%m/%d"]),
        (["05/31/2024", "01/02/2024"], ["%m/%d/%Y"]),
        (["31.05.2024", "01.02.2024"], ["%d.%m.%Y"]),
        (["5/31/2024 1:45 PM"], ["%m/%d/%Y %I:%M %p"]),
        (["31-May-24"], ["%d-%b-%y"]),
        (["May 31, 2024"], ["%B %d, %Y"]),
        (["12:30", "07:05"], ["%H:%M"]),
        (["01/02/2024", "03/04/2024"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["01.01.2024", "02.02.2024"], ["%d.%m.%Y"]),
        (["31/12/2024", "12/31/2024"], []),
        (["house 5"], []),
        (["123:45"], []),
        (["1.2.3.4"], []),
        (["May"], []),
    ],
)
def test_formats_of_dates(texts: list[str], formats: list[str]) -> None:
    """One if a day can only be a day, two if it could be a month, none for other text."""
    assert date_formats_of(texts) == formats


@pytest.mark.parametrize(
    ("others", "separator", "value"),
    [
        (["12,5"], ",", 1.126),
        (["12,5"], ";", 1.126),
        (["1.234.567"], "", 1.126),
        (["12.5"], ";", 1126),
        (["1,234,567"], ";", 1126),
        (["12.5", "12,5"], ";", 1126),
        (["31.12.2024"], ";", 1.126),
        ([], ";", 1.126),
        ([], ",", 1126),
    ],
)
def test_the_rest_of_a_table_tells_its_decimal_sign(
    others: list[str], separator: str, value: float
) -> None:
    """Where a comma before three digits could be either; 934 beside 1,120 says it by itself."""
    columns = [["1,126", "7,593"], *([other] for other in others)]
    sign = decimal_sign_of(columns, separator=separator)
    assert parse_number("1,126", number_style_of(columns[0], decimal=sign)) == value
    certain = ["934", "1,120"]
    assert parse_number("1,120", number_style_of(certain, decimal=sign)) == 1120


def test_points_are_of_thousands_in_a_table_with_decimal_commas() -> None:
    """Not by the semicolons alone: many files with these have decimal points."""
    points = ["1.126", "7.593"]
    sign = decimal_sign_of([points, ["12,5"]])
    assert parse_number("1.126", number_style_of(points, decimal=sign)) == 1126
    assert decimal_sign_of([points], separator=";") == ""


def test_each_format_of_dates_is_found() -> None:
    zone = timezone(timedelta(hours=2))
    for form in DATE_FORMATS:
        dates = ((1, 3), (5, 14), (12, 25))
        days = (datetime(2024, month, day, 13, 30, 5, tzinfo=zone) for month, day in dates)
        texts = [day.strftime(form) for day in days]
        found = date_formats_of(texts)
        wanted, *read = ([datetime.strptime(text, f) for text in texts] for f in (form, *found))
        assert wanted in read
