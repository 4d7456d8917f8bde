"""Spans: what a source delivers one after the other, a day or a number at a time.

In: a pattern and a window. Out: spans in order, each with its files; what is missing between them; which are copies.

    data/span-{SPAN}/*.jsonl            numbered spans
    data/{YYYY}-{MM}-{DD}/*.csv.gz      dated ones: a day, a month ({YYYY}-{MM}) or a year each
    data/{SPAN}/v{VERSION}/*.jsonl      corrected deliveries: the highest version of a span counts

>>> missing_between([Span("2026-02-27", (2026, 2, 27)), Span("2026-03-02", (2026, 3, 2))])
['2026-02-28', '2026-03-01']
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from schemas.errors import UsageError

_DIGITS = {"SPAN": r"\d+", "YYYY": r"\d{4}", "MM": r"\d\d", "DD": r"\d\d", "VERSION": r"\d+"}
_PLACEHOLDER = re.compile(rf"\{{({'|'.join(_DIGITS)})\}}")
_ORDERED_BY = (("SPAN",), ("YYYY",), ("YYYY", "MM"), ("YYYY", "MM", "DD"))
_WINDOW = re.compile(r"all|last [1-9]\d*|(since|only) \d[\d-]*")
_BESIDE, _SHRUNK = 3, 0.5
_MOST_MISSING = 10_000  # a wider gap is a mistake in a name and no gap

Order = tuple[int, ...]


@dataclass(frozen=True)
class Span:
    """One delivery."""

    name: str  # 7, or 2026-11-01
    order: Order  # its number, or year, month and day
    version: int | None = None
    files: tuple[Path, ...] = ()

    @property
    def read(self) -> list[Path]:
        """The files with anything in them."""
        return [path for path in self.files if path.stat().st_size]


def is_span_pattern(source: str) -> bool:
    """Whether a source is delivered in spans."""
    return _PLACEHOLDER.search(source) is not None


def check_pattern(source: str) -> str:
    """The pattern; raises ``ValueError`` where its placeholders do not make one order."""
    names = set(_PLACEHOLDER.findall(source)) - {"VERSION"}
    if is_span_pattern(source) and not any(names == set(order) for order in _ORDERED_BY):
        raise ValueError(
            "must name its spans by {SPAN} alone, or by {YYYY}, {YYYY} and {MM}, or {YYYY}, {MM} and {DD}; {VERSION} "
            f"may be added to any of them. Got {source!r}"
        )
    return source


def check_window(window: str) -> str:
    """The window; raises ``ValueError`` where it is none."""
    if not _WINDOW.fullmatch(window):
        raise ValueError("must be 'all', 'last 7', 'since 2026-11-01' or 'only 2026-11-01' (or a span's number)")
    return window


def find_spans(source: str) -> list[Span]:
    """All spans in order, each in its highest version.

    Raises:
        UsageError: there is none, or two folders claim to be one span.
    """
    folder, *segments = _segments(source)
    last = max(number for number, segment in enumerate(segments) if _PLACEHOLDER.search(segment))
    pattern = re.compile("/".join(_as_regex(segments[: last + 1])))
    rest = "/".join(segments[last + 1 :])
    found: dict[Order, Span] = {}
    for path in sorted(Path(folder).glob("/".join(map(_as_glob, segments[: last + 1])))):
        span = _span(pattern.fullmatch(path.relative_to(folder).as_posix()), path, rest)
        other = span and found.get(span.order)
        if span is None or (other and (other.version or 0) > (span.version or 0)):
            continue
        if other and other.version == span.version:
            joined = tuple(sorted({*other.files, *span.files}))
            if rest or other.name != span.name:
                raise UsageError(f"ingest.source = {source!r}: span {span.name} is there twice, also as {path}.")
            span = Span(span.name, span.order, span.version, joined)  # several files in one folder
        found[span.order] = span
    if not found:
        raise UsageError(f"ingest.source = {source!r}: no span is there. Set ingest.source, or wait for the first one.")
    return [found[order] for order in sorted(found)]


def base_folder(source: str) -> Path:
    """The folder that all spans share; files are called by their path below it."""
    return Path(_segments(source)[0])


def _segments(source: str) -> list[str]:
    """The folder before the first segment with a placeholder or wildcard, then those segments."""
    parts = Path(source).expanduser().absolute().parts
    fixed = next(number for number, part in enumerate(parts) if re.search(r"[*?\[]", part) or is_span_pattern(part))
    return [str(Path(*parts[:fixed])), *parts[fixed:]]


def _as_glob(segment: str) -> str:
    return segment if segment == "**" else re.sub(r"\*+", "*", _PLACEHOLDER.sub("*", segment))


def _as_regex(segments: Sequence[str]) -> list[str]:
    """Each segment as a regular expression with the placeholders as groups."""
    seen: set[str] = set()

    def group(name: str) -> str:
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{_DIGITS[name]})"

    expressions = []
    for segment in segments:
        pieces = _PLACEHOLDER.split(segment)  # text, name, text, ...
        pieces[::2] = [
            "[^/]*".join(map(re.escape, re.split(r"\*+", text))).replace(r"\?", "[^/]") for text in pieces[::2]
        ]
        pieces[1::2] = [group(name) for name in pieces[1::2]]
        expressions.append("".join(pieces))
    return expressions


def _span(match: re.Match[str] | None, path: Path, rest: str) -> Span | None:
    """The delivery at a place; None where the place is something else."""
    if match is None or path.is_dir() != bool(rest):
        return None
    found = match.groupdict()
    texts = [found[name] for name in ("SPAN", "YYYY", "MM", "DD") if name in found]
    order = tuple(int(text) for text in texts)
    if "YYYY" in found and not _is_date(order):
        return None
    version = int(found["VERSION"]) if "VERSION" in found else None
    files = [file for file in sorted(path.glob(rest)) if file.is_file()] if rest else [path]
    return Span("-".join(texts), order, version, tuple(files))


def _is_date(order: Order) -> bool:
    try:
        date(*(*order, 1, 1)[:3])
    except ValueError:
        return False
    return True


def in_window(spans: Sequence[Span], window: str, without: Sequence[str]) -> list[Span]:
    """The spans that count.

    Raises:
        UsageError: none is left.
    """
    left_out = {_order(name) for name in without}
    kept = [span for span in spans if span.order not in left_out]
    word, _, value = window.partition(" ")
    if word == "last":
        kept = kept[-int(value) :]
    elif word == "since":
        kept = [span for span in kept if span.order >= _order(value)]
    elif word == "only":
        kept = [span for span in kept if span.order == _order(value)]
    if not kept:
        raise UsageError(
            f"ingest.window = {window!r} holds none of the spans {spans[0].name} to {spans[-1].name}. Set "
            "ingest.window or ingest.without."
        )
    return kept


def _order(name: str) -> Order:
    return tuple(int(digits) for digits in re.findall(r"\d+", name))


def missing_between(spans: Sequence[Span]) -> list[str]:
    """The names that the sequence lacks between its first and its last span."""
    there = {span.order for span in spans}
    order, missing = spans[0].order, list[str]()
    while order < spans[-1].order and len(missing) < _MOST_MISSING:
        order = _next(order)
        if order not in there:
            missing.append(_name(order, spans[0]))
    return missing


def _next(order: Order) -> Order:
    match order:
        case (year, month, day):
            after = date(year, month, day) + timedelta(days=1)
            return after.year, after.month, after.day
        case (year, month):
            return (year, month + 1) if month < 12 else (year + 1, 1)
        case _:
            return (order[0] + 1,)


def _name(order: Order, like: Span) -> str:
    widths = [len(text) for text in like.name.split("-")]
    return "-".join(str(number).zfill(width) for number, width in zip(order, widths, strict=True))


def copies(digests: Mapping[str, str]) -> dict[str, str]:
    """Spans that hold the very files of an earlier one -> that one.

    >>> copies({"1": "a1", "2": "b2", "3": "a1"})
    {'3': '1'}
    """
    first: dict[str, str] = {}
    return {name: first[digest] for name, digest in digests.items() if first.setdefault(digest, name) != name}


def unusual_rows(rows: Mapping[str, int]) -> dict[str, str]:
    """Spans that are empty, or hold less than half the median of the up to three spans before and after them.

    >>> unusual_rows({"1": 90, "2": 30, "3": 100, "4": 0})
    {'2': 'has shrunk: 30 rows, beside it 95', '4': 'is empty'}
    """
    names, found = list(rows), dict[str, str]()
    for place, name in enumerate(names):
        beside = [*names[max(0, place - _BESIDE) : place], *names[place + 1 : place + 1 + _BESIDE]]
        counts = [rows[other] for other in beside if rows[other]]
        if not rows[name]:
            found[name] = "is empty"
        elif counts and rows[name] < _SHRUNK * median(counts):
            found[name] = f"has shrunk: {rows[name]:,} rows, beside it {median(counts):,.0f}"
    return found
