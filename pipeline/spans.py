"""What a run does span by span, where the source is delivered in spans: each is read, measured and counted once.

The steps of the dag ask for these artifacts only when they have to run, and put them together without reading a text
again. So a new span costs reading that one, and a run without anything new costs no more than with a plain source.
"""

from collections.abc import Mapping
from functools import cached_property, partial

from components.build_vocabulary import count_span
from components.check_labels import check_labels
from components.ingest import ingest_span
from components.reading.spans import Span, copies, find_spans, in_window, missing_between, unusual_rows
from components.sources import source_files
from components.validate import measure_span
from components.validate import source_files as schema_files
from pipeline.config import Config
from pipeline.execution.contents import combined_digest
from pipeline.runner import Runner
from schemas.artifacts import Examples
from schemas.errors import DataError
from schemas.span_artifacts import LabelCheck, SpanStatistics, TokenCounts


class SpanSteps:
    """The steps that work on one span each."""

    def __init__(self, run: Runner, config: Config) -> None:
        self._run, self._config = run, config
        found = find_spans(config.ingest.source)
        window = in_window(found, config.ingest.window, config.ingest.without)
        self._spans = self._without_copies(window)
        for name in missing_between([span for span in found if span.order >= window[0].order]):
            run.note(f"span {name} is missing, or late")

    def _without_copies(self, window: list[Span]) -> list[Span]:
        digests = {span.name: self._digest(span) for span in window if span.read}
        copied = copies(digests)
        for name, original in copied.items():
            self._run.note(f"span {name} holds the very files of span {original}, so it is left out")
        return [span for span in window if span.name not in copied]

    def _digest(self, span: Span) -> str:
        contents = sorted(self._run.planner.digests.sha256(path) for path in span.read)
        return combined_digest({str(number): sha256 for number, sha256 in enumerate(contents)})

    def examples(self) -> Mapping[str, Examples]:
        """Each span's examples."""
        return self._examples

    @cached_property
    def _examples(self) -> Mapping[str, Examples]:
        earlier = self._run.planner.metadata.keys(ingest_span.__name__)
        before = {key.arguments["span"] for key in earlier}
        return {span.name: self._ingest(span, before) for span in self._spans}

    def _ingest(self, span: Span, before: set[str]) -> Examples:
        metadata = self._run.planner.metadata
        earlier = metadata.last_key(ingest_span.__name__, span.name)
        params = self._config.ingest.model_copy(update={"window": f"only {span.name}", "without": ()})
        examples = self._run.part(
            ingest_span, params, of="ingest", span=span.name, reads=source_files, version=span.version
        )
        latest = metadata.last_key(ingest_span.__name__, span.name)
        if examples.path not in self._run.parts_run or latest is None:
            return examples
        if earlier is not None and earlier.arguments["version"] != span.version:
            was = earlier.arguments["version"]
            self._run.note(f"span {span.name} was delivered again, as version {span.version} after {was}")
        elif earlier is not None and earlier.sources != latest.sources:
            self._run.note(f"span {span.name} was delivered again: its files are others than before")
        elif earlier is None and any(other.name in before for other in self._spans if other.order > span.order):
            self._run.note(f"span {span.name} came late, after a later one was read")
        return examples

    def statistics(self) -> Mapping[str, SpanStatistics]:
        """What validate needs of each span; the labels of those that the serving model does not know are checked.

        Raises:
            DataError: such labels hardly agree with the serving model.
        """
        self._check_labels()
        return {
            name: self._run.part(
                measure_span, examples, self._config.validate_, of="validate", span=name, reads=schema_files
            )
            for name, examples in self._examples.items()
        }

    def _check_labels(self) -> None:
        serving = self._run.planner.serving()
        params = self._config.check_labels
        if serving is None or not params.min_agreement:
            return
        for name, examples in self._examples.items():
            stored = self._run.planner.known[examples.path]
            if stored is not None and stored.digest not in serving.learned_from:
                self._run.part(
                    check_labels, examples, serving.model, serving.pushed, params,
                    of="validate", span=name, check=partial(stop_on_label_noise, name, serving.version),
                )  # fmt: skip

    def token_counts(self) -> Mapping[str, TokenCounts]:
        """The tokens of each span."""
        return {
            name: self._run.part(count_span, examples, self._config.tokenizer, of="build_vocabulary", span=name)
            for name, examples in self._examples.items()
        }

    def tell_rows(self, examples: Examples) -> None:
        """Name the spans that are empty or much smaller than those beside them."""
        for name, what in unusual_rows(examples.rows_of_spans).items():
            self._run.note(f"span {name} {what}")


def stop_on_label_noise(span: str, version: int, check: LabelCheck) -> None:
    """Raise ``DataError`` where the labels of a span hardly agree with the serving model."""
    figures = check.figures
    if not figures["passed"]:
        raise DataError(
            f"span {span}: label noise: version {version}, which serves, answers {figures['right']:,} of its "
            f"{figures['rows']:,} rows as they are labelled ({figures['agreement']:.0%}; of its own test rows "
            f"{figures['own_accuracy']:.0%}, expected at least {figures['at_least']:.0%}). Are the labels flipped, or "
            f"the texts of another kind? Have the span delivered again, leave it out (ingest.without = [{span!r}]), or "
            "lower check_labels.min_agreement."
        )
