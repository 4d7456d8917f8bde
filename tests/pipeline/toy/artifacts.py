"""What the toy steps hand to each other."""

from schemas.artifacts import Artifact


class Lines(Artifact):
    pass


class Encoded(Artifact):
    pass
