"""Which files a step is made of, and which edits of them count."""

import re
import sys
from pathlib import Path

import pytest

import components
from pipeline.execution.cache_key import LIBRARIES
from pipeline.execution.code_digest import SourceCode

REPOSITORY = Path(components.__file__).parent.parent


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes modules of a package ``parts`` and gives the digests of one of them."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "parts").mkdir()

    def digests(module, **sources):
        for name, source in {"__init__": "", **sources}.items():
            (tmp_path / "parts" / f"{name}.py").write_text(source)
        return SourceCode().digests(f"parts.{module}")

    return digests


@pytest.mark.parametrize(
    "statement",
    [
        "import parts.other",
        "import parts.other as o",
        "from parts import other",
        "from parts.other import x",
        "from . import other",
        "from .other import x",
        "def f():\n    from parts.other import x",
        "class C:\n    def f(self):\n        import parts.other",
        "try:\n    import parts.other\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import parts.other",
    ],
)
def test_a_module_that_may_be_imported_is_part_of_the_step(package, statement):
    assert list(package("step", step=statement, other="x = 1")) == [
        "parts/__init__.py", "parts/other.py", "parts/step.py",
    ]  # fmt: skip


def test_modules_count_through_others_and_in_circles(package):
    found = package("a", a="import parts.b", b="import parts.c", c="import parts.a", d="")
    assert list(found) == ["parts/__init__.py", "parts/a.py", "parts/b.py", "parts/c.py"]


@pytest.mark.parametrize(
    "statement",
    ["if TYPE_CHECKING:\n    import parts.other", "import os.path", "import numpy", "text = 'import parts.other'"],
)
def test_what_is_never_imported_or_is_a_library_is_not(package, statement):
    assert list(package("step", step=statement, other="")) == ["parts/__init__.py", "parts/step.py"]


BASE = 'def f(a):\n    """Doc."""\n    return a + 1\n'


@pytest.mark.parametrize(
    "edited",
    [
        'def f(a):\n    """Other doc."""\n    return a + 1\n',
        "def f(a):\n    # why\n    return a + 1  # what\n",
        '"""Module doc."""\n\n\ndef f(a):\n\n    return (a\n            + 1)\n',
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package, edited):
    assert package("step", step=edited) == package("step", step=BASE)


@pytest.mark.parametrize(
    "edited",
    [
        "def f(a):\n    return a + 2\n",
        "def f(a):\n    return a - 1\n",
        "def f(b):\n    return b + 1\n",
        "def f(a=None):\n    return a + 1\n",
        "def f(a: int):\n    return a + 1\n",
        "def f(a):\n    return a + True\n",
        "def f(a):\n    return a + 1.0\n",
        "@cache\ndef f(a):\n    return a + 1\n",
        "def f(a):\n    return a + 1\n\n\ng = f\n",
    ],
)
def test_everything_else_counts(package, edited):
    assert package("step", step=edited) != package("step", step=BASE)


def test_the_real_encode_is_made_of_what_it_imports_and_of_no_other_step():
    found = SourceCode().digests("components.encode")
    assert {"components/encode.py", "components/text.py", "components/beam_options.py"} <= found.keys()
    assert {"schemas/tf_example.py", "schemas/vocabulary.py"} <= found.keys()
    assert not {"components/train.py", "components/embed.py", "pipeline/dag.py"} & found.keys()


DISTRIBUTIONS = {"sklearn": "scikit-learn", "tensorflow_datasets": "tensorflow-datasets"}
DISTRIBUTIONS |= {"tensorflow_metadata": "tensorflow-metadata"}
SHAPE_NO_OUTPUT = {
    "apache_beam": "moves the work; artifacts are the same for every runner",
    "pydantic": "checks parameters, whose values are in the key themselves",
    "google": "protobuf: a frozen wire format",
    "google_crc32c": "a frozen checksum",
}


@pytest.mark.parametrize("step", LIBRARIES)
def test_the_key_holds_the_version_of_every_library_that_a_component_imports(step):
    imported = set()
    for file in SourceCode().digests(f"components.{step}"):
        if file.startswith("components/"):
            source = (REPOSITORY / file).read_text()
            names = re.findall(
                r"^ *(?:import (?=[\w.]+(?: as \w+)?$)|from (?=[\w.]+ import ))(\w+)", source, re.MULTILINE
            )
            imported |= set(names) - sys.stdlib_module_names - {"components", "schemas"} - SHAPE_NO_OUTPUT.keys()
    assert {DISTRIBUTIONS.get(name, name) for name in imported} <= set(LIBRARIES[step])
