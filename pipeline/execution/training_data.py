"""What a published model was trained on, as far as it is still there: found by lineage, checked by digest."""

from dataclasses import dataclass

from pipeline.execution.contents import FileDigests, damage
from pipeline.execution.publications import Publication
from pipeline.execution.root import Root
from pipeline.metadata import Metadata, StoredArtifact
from schemas.artifacts import ValidationReport, VocabularyArtifact


@dataclass(frozen=True)
class TrainedOn:
    """The statistics of the examples behind a published version; None where there is none, or they are gone."""

    version: int | None = None
    report: ValidationReport | None = None
    vocabulary: VocabularyArtifact | None = None


@dataclass(frozen=True)
class TrainingData:
    """The same as they are recorded."""

    report: StoredArtifact
    vocabulary: StoredArtifact

    def of_version(self, version: int, root: Root) -> TrainedOn:
        """As artifacts."""
        report, vocabulary = (root.path / stored.uri for stored in (self.report, self.vocabulary))
        return TrainedOn(version, ValidationReport(report), VocabularyArtifact(vocabulary))


def training_data(
    root: Root, metadata: Metadata, digests: FileDigests, publication: Publication
) -> TrainingData | None:
    """The model's vocabulary, and the report that a run with this model made of its examples; None if one is gone."""

    def is_there(stored: StoredArtifact) -> bool:
        return stored.state != "DELETED" and not damage(root.path, [stored.uri], metadata.files(stored), digests)

    vocabulary = metadata.inputs(publication.model).get("vocabulary")
    report = next(filter(is_there, _reports(metadata, publication.model)), None)
    return TrainingData(report, vocabulary) if report and vocabulary and is_there(vocabulary) else None


def _reports(metadata: Metadata, model: StoredArtifact) -> list[StoredArtifact]:
    """What validate found in the runs that made or took this model, newest first."""
    return metadata.artifacts(
        """a.type = 'ValidationReport' AND a.id IN (
            SELECT v.artifact_id FROM events m JOIN associations s USING (execution_id)
            JOIN associations t ON t.context_id = s.context_id
            JOIN events v ON v.execution_id = t.execution_id AND v.type = 'OUTPUT'
            WHERE m.artifact_id = ? AND m.type = 'OUTPUT')""",
        model.id,
    )
