"""A trained gallery: who is in it, and what is needed to score a face against everyone at once."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

# What a calibrated support vector machine consists of beyond skops' own list; read, both only hold numbers.
TRUSTED = ["sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"]


@dataclass(frozen=True)
class Parameters:
    """The part of a gallery that is stored as JSON."""

    kind: str  # cosine, svm_rbf, svm_linear
    model_version: str  # of the vectors
    people: tuple[str, ...]
    files: tuple[str, ...]  # one a reference
    threshold: float  # of the deciding score: the cosine, or an SVM's confidence
    threshold_from: str  # how it was found, for the reader
    slope: float  # of the logistic curve from cosine to confidence
    midpoint: float  # cosine at a confidence of one half


@dataclass(frozen=True)
class Gallery:
    parameters: Parameters
    means: np.ndarray  # (people, d): unit rows, the direction of a person's mean vector
    references: np.ndarray  # (references, d): unit rows
    owners: np.ndarray  # (references,): row of `means` that each reference belongs to
    classifier: ClassifierMixin | None = None  # with predict_proba over rows of `means`; None for cosine

    @property
    def digest(self) -> str:
        """Names exactly this gallery: equal references, kind and settings, equal name."""
        arrays = b"".join(np.ascontiguousarray(a).tobytes() for a in (self.references, self.owners))
        parameters = json.dumps(asdict(self.parameters), sort_keys=True).encode()
        return hashlib.sha256(parameters + arrays).hexdigest()[:16]

    def arrays(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, means=self.means, references=self.references, owners=self.owners)
        return buffer.getvalue()

    def classifier_file(self) -> bytes | None:
        if self.classifier is None:
            return None
        from skops.io import dumps  # takes seconds to import, which most galleries do not need

        return dumps(self.classifier)

    def parameters_json(self) -> str:
        return json.dumps(asdict(self.parameters), sort_keys=True)


def load_gallery(parameters: str, arrays: bytes, classifier: bytes | None) -> Gallery:
    """From what `Gallery` wrote: JSON, npz and a skops file, none of which can run code."""
    values = json.loads(parameters)
    values["people"], values["files"] = tuple(values["people"]), tuple(values["files"])
    with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
        loaded = {name: stored[name] for name in ("means", "references", "owners")}
    return Gallery(Parameters(**values), classifier=_load_classifier(classifier), **loaded)


def _load_classifier(stored: bytes | None) -> ClassifierMixin | None:
    if stored is None:
        return None
    from skops.io import loads  # as above

    return loads(stored, trusted=TRUSTED)


def mean_vectors(references: np.ndarray, owners: np.ndarray, people: int) -> np.ndarray:
    """references (n, d) unit rows, owners (n,) → (people, d): the direction of each person's mean."""
    sums = np.zeros((people, references.shape[1]), np.float32)
    np.add.at(sums, owners, references)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)
