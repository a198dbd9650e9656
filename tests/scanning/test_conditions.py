"""Conditions as text: what they say, and what is refused."""

import pytest

from vstore.errors import InvalidInputError
from vstore.scanning.conditions import (
    MOST_CHARACTERS,
    MOST_NESTED,
    AllOf,
    AnyOf,
    Comparison,
    IsNull,
    Membership,
    Not,
    columns_of,
    parse_condition,
)

A = Comparison("a", "=", 1)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a = 1", A),
        ("a==1", A),
        ("(a = 1)", A),
        ("a <> -2", Comparison("a", "!=", -2)),
        ("a >= 1.5e3", Comparison("a", ">=", 1500.0)),
        ("a = 'it''s; DROP'", Comparison("a", "=", "it's; DROP")),
        ('"a b ""c""" = true', Comparison('a b "c"', "=", True)),
        ("s.a < FALSE", Comparison("s.a", "<", False)),
        ("größe > 1", Comparison("größe", ">", 1)),
        ("a IN (1, 'x')", Membership("a", (1, "x"))),
        ("a not in (1)", Not(Membership("a", (1,)))),
        ("a is null", IsNull("a")),
        ("a IS NOT NULL", Not(IsNull("a"))),
        ("a between 1 and 2", AllOf((Comparison("a", ">=", 1), Comparison("a", "<=", 2)))),
        ("a not between 1 and 2", Not(AllOf((Comparison("a", ">=", 1), Comparison("a", "<=", 2))))),
        ("not not a = 1", Not(Not(A))),
        ("a = 1 or a = 1 and a = 1", AnyOf((A, AllOf((A, A))))),
        ("(a = 1 or a = 1) and a = 1", AllOf((AnyOf((A, A)), A))),
        ("android = 1", Comparison("android", "=", 1)),
        ('"and" = 1', Comparison("and", "=", 1)),
        ("a = 1\n  and a = 1", AllOf((A, A))),
    ],
)
def test_what_a_text_says(text: str, condition: object) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a", "a =", "= 1", "a = b", "a = 1 a = 1", "a = 1)", "(a = 1", "a in ()"),
        *("a in 1", "a in (1,)", "a is 1", "not", "a = 1 and", "a not = 1", "a = 'x", '"" = 1'),
        *("a = 1x", "a = 1.2.3", "a = null", "true = 1", "a; b", "__import__('os')", "a = 1 -- b"),
        *("a like 'x'", "1 = a", "a = $1", "a[0] = 1", "a.b() = 1", "a = 0x10"),
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_condition(text)
    assert caught.value.code == "invalid-condition"


def test_depth_and_length_are_bounded() -> None:
    for text in ("(" * 10_000, "not " * 10_000 + "a = 1", "a = " + "1" * MOST_CHARACTERS):
        with pytest.raises(InvalidInputError):
            parse_condition(text)
    depth = MOST_NESTED - 1
    assert parse_condition("(" * depth + "a = 1" + ")" * depth) == A
    assert parse_condition(" or ".join(["a = 1"] * 5000)) == AnyOf((A,) * 5000)


def test_the_columns_of_a_condition() -> None:
    condition = parse_condition("a = 1 and not (b in (1) or c is null)")
    assert list(columns_of(condition)) == ["a", "b", "c"]
