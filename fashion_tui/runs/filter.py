"""The filter of the list of runs.

A filter is a sequence of terms separated by spaces. A run matches if all terms match:

    mnist               A word: a part of the id, title, recipe, data set, note or of a tag.
    "two words"         The same, with spaces.
    /gui.e|quick/       A regular expression that is searched for in the same strings.
    lr>1e-3             A comparison with <, <=, >, >=, = or !=. See `RunFields.get` for the names of fields.
    note:spike          The field contains this string. A tag and a number must be equal.
    name:/^wide/        A regular expression that is searched for in the field. = does the same, != the opposite.
    -state:running      Negation: a term with a minus sign matches the runs that the term doesn't match.

Letter case is ignored. A run without a field matches no comparison of this field. Numbers may have a percent sign,
durations may have a unit (s, m, h, d), and times of creation are written like 2026-11-30 or 2026-11-30T14:30.
"""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.run import State

from .fields import RunFields, Value, check_field, reads_log
from .patterns import MAX_SECONDS, Pattern

_SPACES = re.compile(r"\s*")
_NAME = re.compile(r'[^\s"<>=!:]+')
_OPERATOR = re.compile(r"\s*(<=|>=|!=|==|=|<|>|:)\s*")
_VALUE = re.compile(r'[^\s"]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(?=\s|$)")
_DURATION = re.compile(r"(\d+(?:\.\d*)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
STATES: tuple[State, ...] = get_args(State)
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class FilterError(UsageError):
    """Raised for an invalid filter. The message shows the filter with the invalid part in brackets."""

    def __init__(self, problem: str, text: str, start: int, end: int) -> None:
        marked = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        super().__init__(f"filter: {problem}, at column {start + 1}: {marked}")
        self.problem = problem
        """The message without the filter."""
        self.start, self.end = start, end
        """Position of the invalid part in the filter. `end` is exclusive."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a filter: a comparison of a field, or a search if `field` is None."""

    field: str | None
    operator: str
    operand: str | Pattern
    number: float | None
    """The operand as a number, or None if it isn't one."""
    negated: bool
    start: int
    end: int

    def matches(self, run: RunFields) -> bool:
        """Return whether a run matches the term."""
        if self.field is None:
            return any(self._contains(text) for text in run.words) != self.negated
        value = run.get(self.field)
        return (value is not None and self._compare(value)) != self.negated

    def _contains(self, text: str) -> bool:
        if isinstance(self.operand, Pattern):
            return self.operand.found_in(text)
        return self.operand.casefold() in text.casefold()

    def _compare(self, value: Value) -> bool:
        if self.operator == "!=":
            return not self._equals(value)
        if self.operator in {"=", ":"}:
            return self._equals(value)
        if self.number is None or isinstance(value, str | tuple):
            return False
        below, equal = value < self.number, value == self.number
        above = value > self.number
        return {"<": below, "<=": below or equal, ">": above, ">=": above or equal}[self.operator]

    def _equals(self, value: Value) -> bool:
        if isinstance(self.operand, Pattern):
            return any(self._contains(text) for text in _strings(self.field, value))
        if self.operator == ":" and (isinstance(value, str) or self.field == "created"):
            return any(self._contains(text) for text in _strings(self.field, value))
        operand = self.operand.casefold()
        if isinstance(value, bool):
            return operand in (_TRUE if value else _FALSE)
        if isinstance(value, str | tuple):
            return operand in {text.casefold() for text in _strings(self.field, value)}
        return self.number is not None and (
            math.isclose(value, self.number) or (math.isnan(value) and math.isnan(self.number))
        )


def parse_filter(text: str) -> tuple[Term, ...]:
    """Parse a filter. Raises FilterError."""
    terms, position = [], _skip(text, 0)
    while position < len(text):
        term = _parse_term(text, position)
        terms.append(term)
        position = _skip(text, term.end)
    return tuple(terms)


def filter_runs(runs: Sequence[RunFields], text: str) -> list[RunFields]:
    """Return the runs that match a filter, in the same order. Raises FilterError.

    Terms that need the logs are compared last, so that only the logs of the remaining runs are read.
    """
    terms = parse_filter(text)
    result = list(runs)
    for term in sorted(terms, key=lambda term: term.field is not None and reads_log(term.field)):
        if term.field is not None and (problem := check_field(term.field, runs)) is not None:
            raise FilterError(problem, text, term.start, term.end)
        if (problem := _percent_problem(term, runs)) is not None:
            raise FilterError(problem, text, term.start, term.end)
        try:
            result = [run for run in result if term.matches(run)]
        except (TimeoutError, MemoryError):
            problem = f"the regular expression takes more than {MAX_SECONDS:g} s or too much memory; simplify it"
            raise FilterError(problem, text, term.start, term.end) from None
    return result


def _percent_problem(term: Term, runs: Sequence[RunFields]) -> str | None:
    """Return a message if an accuracy is compared with a number such as 98, which is more than any run has.

    Some scripts log accuracies in percent, so that such numbers make sense.
    """
    name = (term.field or "").removesuffix(".best").removesuffix(".last")
    if not name.endswith("accuracy") or not isinstance(term.operand, str) or term.operand.endswith("%"):
        return None
    if term.number is None or not 1 < term.number <= 100:
        return None
    values = (run.get(term.field or "") for run in runs)
    if any(isinstance(value, int | float) and value > 1 for value in values):
        return None
    return f"{term.operand} is {term.number * 100:,.0f} %; write {term.operand}% or {term.number / 100:g}"


def _skip(text: str, position: int) -> int:
    match = _SPACES.match(text, position)
    return match.end() if match else position


def _parse_term(text: str, start: int) -> Term:
    negated = text[start] == "-"
    position = start + negated
    if text[position : position + 1] == "/":
        pattern, end = _parse_regex(text, position)
        return Term(None, "", pattern, None, negated, start, end)
    quoted = text[position : position + 1] == '"'
    if quoted:
        name, end = _parse_quoted(text, position)
    elif match := _NAME.match(text, position):
        name, end = match[0], match.end()
    else:
        wrong = text[position : position + 1].strip() or text[start]
        raise FilterError(f"unexpected {wrong!r}", text, start, max(position, start + 1))
    operator = _OPERATOR.match(text, end)
    if operator is None:
        if text[end : end + 1].strip():
            raise FilterError(f"unexpected {text[end]!r}", text, end, end + 1)
        return Term(None, "", name, None, negated, start, end)
    return _parse_comparison(text, start, name, operator, negated=negated)


def _parse_comparison(text: str, start: int, name: str, match: re.Match[str], *, negated: bool) -> Term:
    operator, position = match[1].replace("==", "="), match.end()
    is_order = operator in {"<", "<=", ">", ">="}
    if text.startswith("/", position) and not is_order:
        pattern, end = _parse_regex(text, position)
        return Term(name, operator, pattern, None, negated, start, end)
    if text.startswith('"', position):
        operand, end = _parse_quoted(text, position)
    elif value := _VALUE.match(text, position):
        operand, end = value[0], value.end()
    else:
        raise FilterError(f"a value is missing after {operator!r}", text, position, position)
    if text[end : end + 1].strip():
        raise FilterError(f"unexpected {text[end]!r}", text, end, end + 1)
    if name == "state" and not is_order and not any(operand.casefold() in state for state in STATES):
        raise FilterError(f"no state is {operand!r}; choose from {', '.join(STATES)}", text, position, end)
    number = _number(name, operand)
    if is_order and number is None:
        kind = {"created": "a time like 2026-11-30", "duration": "a duration like 90s or 5m"}.get(name, "a number")
        raise FilterError(f"{operand!r} isn't {kind}", text, position, end)
    return Term(name, operator, operand, number, negated, start, end)


def _parse_quoted(text: str, start: int) -> tuple[str, int]:
    match = _QUOTED.match(text, start)
    if match is None:
        raise FilterError("the closing quote is missing", text, start, len(text))
    return re.sub(r"\\(.)", r"\1", match[1]), match.end()


def _parse_regex(text: str, start: int) -> tuple[Pattern, int]:
    match = _REGEX.match(text, start)
    if match is None:
        raise FilterError("the closing / of the regular expression is missing", text, start, len(text))
    try:
        return Pattern(match[1].replace("\\/", "/")), match.end()
    except ValueError as error:
        raise FilterError(f"invalid regular expression ({error})", text, start, match.end()) from None


def _number(field: str, operand: str) -> float | None:
    try:
        if field == "created":
            return datetime.fromisoformat(operand).timestamp()
        if field == "duration" and (match := _DURATION.fullmatch(operand)):
            return float(match[1]) * _UNITS[match[2]]
        return float(operand[:-1]) / 100 if operand.endswith("%") else float(operand)
    except (ValueError, OverflowError):
        return None


def _strings(field: str | None, value: Value) -> tuple[str, ...]:
    if field == "created" and isinstance(value, float):
        return (time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(value)),)
    return value if isinstance(value, tuple) else (str(value),)
