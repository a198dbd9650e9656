"""Conditions on samples, as users write them: parsed to values, never evaluated as code.

    condition  = either { "or" either }
    either     = single { "and" single }
    single     = "not" single | "(" condition ")" | column test
    test       = ("=" | "!=" | "<" | "<=" | ">" | ">=") value
               | ["not"] "in" "(" value { "," value } ")"
               | ["not"] "between" value "and" value
               | "is" ["not"] "null"

Words may be in any case. A column is a name, or any text in double quotes; a value is a number,
a text in single quotes, `true` or `false`. Inside quotes, two are one. `==` and `<>` are taken,
too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vstore.errors import InvalidInputError

MOST_CHARACTERS = 65_536
MOST_NESTED = 64

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Samples whose value compares to another one in this way."""

    column: str
    operator: str
    """One of `= != < <= > >=`."""
    value: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """Samples whose value is one of some."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Samples that are missing."""

    column: str


@dataclass(frozen=True, slots=True)
class Not:
    """Samples for which a condition is false; not those for which it is unknown."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Samples for which every condition is true."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Samples for which some condition is true."""

    conditions: "tuple[Condition, ...]"


Condition = Comparison | Membership | IsNull | Not | AllOf | AnyOf


def columns_of(condition: Condition) -> Iterator[str]:
    """Yield the columns that a condition is about, perhaps several times."""
    if isinstance(condition, Not):
        yield from columns_of(condition.condition)
    elif isinstance(condition, AllOf | AnyOf):
        for each in condition.conditions:
            yield from columns_of(each)
    else:
        yield condition.column


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<word>[^\W\d]\w*(?:\.\w+)*)
    | (?P<sign><=|>=|<>|!=|==|[=<>(),])
    )""",
    re.VERBOSE,
)
_SAME = {"==": "=", "<>": "!="}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "==", "<>")
_WORDS = ("and", "or", "not", "in", "between", "is", "null", "true", "false")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """The word in lower case, if it is one of the grammar's, or the sign."""
        if self.kind == "sign":
            return self.text
        return self.text.lower() if self.kind == "word" and self.text.lower() in _WORDS else ""


_END = _Token("end", "")


def parse_condition(text: str) -> Condition:
    """Return the condition that a text says.

    Raises:
        InvalidInputError: it says none.

    >>> parse_condition("label = 3 and name is not null")
    ... # doctest: +NORMALIZE_WHITESPACE
    AllOf(conditions=(Comparison(column='label', operator='=', value=3),
    Not(condition=IsNull(column='name'))))
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._at = 0
        self._depth = 0

    def _split(self) -> list[_Token]:
        if len(self._text) > MOST_CHARACTERS:
            raise _refused(f"it has {len(self._text):,} characters, of {MOST_CHARACTERS:,} at most")
        found: list[_Token] = []
        at = 0
        end = len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                raise self._error(f"{self._text[at : at + 20].strip()!r} is not part of one")
            found.append(_Token(match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return found

    def _error(self, why: str) -> InvalidInputError:
        return _refused(f"{self._text[:80]!r}: {why}")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _has(self, word: str) -> bool:
        if self._next.word != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._has(word):
            raise self._error(f"expected {word!r}, found {self._next.text or 'the end'!r}")

    def parse(self) -> Condition:
        condition = self._any_of()
        if self._next is not _END:
            raise self._error(f"{self._next.text!r} follows its end")
        return condition

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._has("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._single()]
        while self._has("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _single(self) -> Condition:
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise self._error(f"it is nested more than {MOST_NESTED} times")
        try:
            if self._has("not"):
                return Not(self._single())
            if self._has("("):
                inner = self._any_of()
                self._expect(")")
                return inner
            return self._test(self._column())
        finally:
            self._depth -= 1

    def _column(self) -> str:
        token = self._take()
        if token.kind == "quoted":
            return token.text[1:-1].replace('""', '"')
        if token.kind == "word" and not token.word:
            return token.text
        raise self._error(f"expected a column, found {token.text or 'the end'!r}")

    def _test(self, column: str) -> Condition:
        token = self._take()
        if token.text in _COMPARISONS:
            operator = _SAME.get(token.text, token.text)
            return Comparison(column, operator, self._value())
        if token.word == "is":
            is_negated = self._has("not")
            self._expect("null")
            return Not(IsNull(column)) if is_negated else IsNull(column)
        is_negated = token.word == "not"
        found = self._within(column, (self._take() if is_negated else token).word)
        return Not(found) if is_negated else found

    def _within(self, column: str, word: str) -> Condition:
        if word == "between":
            low = Comparison(column, ">=", self._value())
            self._expect("and")
            return AllOf((low, Comparison(column, "<=", self._value())))
        if word != "in":
            raise self._error(f"expected a comparison of {column!r}")
        self._expect("(")
        values = [self._value()]
        while self._has(","):
            values.append(self._value())
        self._expect(")")
        return Membership(column, tuple(values))

    def _value(self) -> Value:
        token = self._take()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            is_integer = token.text.lstrip("+-").isdigit()
            return _integer(token.text) if is_integer else float(token.text)
        if token.word in ("true", "false"):
            return token.word == "true"
        raise self._error(
            f"expected a number, a text in single quotes, true or false, found "
            f"{token.text or 'the end'!r}"
        )


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= 20 else float(text)


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError(
        f"not a condition: {why}",
        code="invalid-condition",
        hint='write it as in `table.arrow(where="label = 3 and name is not null")`',
    )
