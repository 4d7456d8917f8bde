"""What the tests of training share: a tiny corpus, and one model that was trained on it without a disturbance."""

import pytest

from schemas.model_artifacts import Model
from tests.components.train_helpers import TINY, TrainInputs, corpus, write_inputs


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TrainInputs:
    return write_inputs(tmp_path_factory.mktemp("train_inputs"), corpus())


@pytest.fixture(scope="session")
def trained(tiny: TrainInputs, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """What ``TINY`` makes of it."""
    return tiny.train(TINY, tmp_path_factory.mktemp("trained"))
