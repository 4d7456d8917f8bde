"""One encode job in a process of its own, with the arguments EXAMPLES VOCABULARY OUT PROGRESS BEAM_OPTIONS."""

import sys
from pathlib import Path

from components.beam_options import BeamOptions
from components.encode import EncodeParams, encode
from pipeline.execution.failures import explain
from schemas.artifacts import Examples, VocabularyArtifact


def main() -> int:
    """Write what went wrong to standard output, as the command line would say it; other threads have the other one."""
    examples, vocabulary, out, progress = map(Path, sys.argv[1:5])
    beam = BeamOptions.model_validate_json(sys.argv[5]).model_copy(update={"progress_file": progress})
    try:
        encode(Examples(examples), VocabularyArtifact(vocabulary), None, EncodeParams(), out, beam)
    except Exception as error:
        sys.stdout.write(f"{type(error).__name__}: {explain(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
