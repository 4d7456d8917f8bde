"""Labels as the data has them to labels as models have them: 0, 1, 2, ... with a class name each.

In: class names from the parameters, from the source, or the distinct labels found. Out: ``Classes``.

>>> discover_classes({"10", "9"})
Classes(names=('9', '10'), label_of={'9': 0, '10': 1})
>>> fixed_classes({"5": "good", "1": "bad", "2": "bad"})
Classes(names=('bad', 'good'), label_of={'1': 0, '2': 0, '5': 1})
>>> fixed_classes(("neg", "pos")).label_of
{'neg': 0, 'pos': 1, '0': 0, '1': 1}
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from components.sources import ClassNames

_INTEGER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Classes:
    """The class names, and the label (index of its class name) of each raw label."""

    names: tuple[str, ...]
    label_of: dict[str, int]


def fixed_classes(class_names: ClassNames) -> Classes:
    """Classes as given: names in label order, or a table from raw label to class name, ordered by raw label.

    Beside their names, listed classes are also known by their index, unless the names are numbers themselves.
    """
    if isinstance(class_names, dict):
        raw_labels = sort_labels(class_names)
        names = tuple(dict.fromkeys(class_names[raw] for raw in raw_labels))
        return Classes(names, {raw: names.index(class_names[raw]) for raw in raw_labels})
    label_of = {name: label for label, name in enumerate(class_names)}
    if not any(map(_INTEGER.fullmatch, class_names)):
        label_of |= {str(label): label for label in range(len(class_names))}
    return Classes(tuple(class_names), label_of)


def discover_classes(raw_labels: Iterable[str]) -> Classes:
    """Each distinct label is a class of its own."""
    names = tuple(sort_labels(raw_labels))
    return Classes(names, {name: label for label, name in enumerate(names)})


def sort_labels(raw_labels: Iterable[str]) -> list[str]:
    """In numeric order if all are integers, else in string order."""
    labels = sorted(raw_labels)
    return sorted(labels, key=int) if all(map(_INTEGER.fullmatch, labels)) else labels


def merged_names(names_of_parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The class names of parts together; parts without any row may have none.

    >>> merged_names([("neg", "pos"), (), ("pos",)])
    ('neg', 'pos')
    """
    different = {names for names in names_of_parts if names}
    return different.pop() if len(different) == 1 else tuple(sort_labels(set().union(*different)))
