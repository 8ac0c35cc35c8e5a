"""Detections that show no face: vectors of what is mistaken for faces gather in few places, which faces keep clear of.

After a filter that a social network describes: embed crops of photos without faces, cluster them, and take what lies
near a cluster's middle for none. Here each cluster has a radius of its own, set by the faces of a gallery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facejoin.udfs.recognition.scorer import unit
from facejoin.udfs.recognition.tail import FEWEST, fit_tail

CLUSTERS = 14  # as many as the description's authors found; 7 to 80 serve as well, and no criterion prefers a number
SURE = 0.98  # the detector's score from which a filter that was stored without one takes a detection for a face
LOST = 0.005  # share of faces that may lie within a radius; all but the few that no detector is sure of are kept


class NonfaceError(ValueError):
    """Crops that no filter can be made of."""


@dataclass(frozen=True)
class NonfaceFilter:
    centroids: np.ndarray  # (k, d) float32, unit rows: the middles of what is mistaken for faces
    radii: np.ndarray  # (k,) float32: the cosine from which on a vector belongs to that cluster
    sure: float = SURE  # detector's score from which a detection is a face wherever its vector lies

    def is_nonface(self, vectors: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """vectors (n, d) unit rows, scores (n,) of the detector → (n,) bool: nothing that the detector is sure of, and
        within the radius of a cluster. NaN is no reason to drop anything."""
        within = np.any(vectors @ self.centroids.T >= self.radii, axis=1)
        return np.asarray(within & (scores < self.sure))

    def arrays(self) -> dict[str, np.ndarray]:
        """For an npz file; `load_nonfaces` reads them."""
        arrays = {"nonface_centroids": self.centroids, "nonface_radii": self.radii}
        return arrays if self.sure == SURE else arrays | {"nonface_sure": np.array(self.sure)}


def load_nonfaces(arrays: Mapping[str, np.ndarray]) -> NonfaceFilter | None:
    """Out of what `arrays` gave, whatever else lies beside it; None where there is no filter."""
    if "nonface_centroids" not in arrays:
        return None
    sure = float(arrays.get("nonface_sure", SURE))
    return NonfaceFilter(arrays["nonface_centroids"], arrays["nonface_radii"], sure)


def fit_nonfaces(crops: np.ndarray, faces: np.ndarray, same_person: float, sure: float = SURE) -> NonfaceFilter:
    """crops (n, d) of no faces, faces (m, d) of a gallery, unit rows; the same input gives the same filter.

    `same_person` is the cosine that the embedder's makers publish for one person: what radii are, at least, where
    there are fewer than FEWEST faces. `sure` is the detector's score from which a detection is a face. Raises
    NonfaceError where there are fewer different crops than clusters.

    >>> rng = np.random.default_rng(0)
    >>> crops, faces = unit(rng.normal(size=(20, 64))), unit(rng.normal(size=(60, 64)))
    >>> nonfaces = fit_nonfaces(crops, faces, same_person=0.363)
    >>> detections = nonfaces.centroids[[0, 0]]  # one vector twice: where the detector is unsure, and where it is sure
    >>> nonfaces.is_nonface(detections, scores=np.array([0.91, 0.99])).tolist()
    [True, False]
    """
    from sklearn.cluster import KMeans  # takes a second to import, which those who only apply a filter do not need

    distinct = np.unique(crops, axis=0)
    if len(distinct) < CLUSTERS:
        raise NonfaceError(
            f"{len(distinct)} different crops are too few for {CLUSTERS} clusters of no faces: more photos expected"
        )
    clusters = KMeans(CLUSTERS, n_init=4, random_state=0).fit(distinct)
    centroids = unit(clusters.cluster_centers_).astype(np.float32)
    return NonfaceFilter(centroids, _radii(faces @ centroids.T, same_person).astype(np.float32), sure)


def _radii(likeness: np.ndarray, same_person: float) -> np.ndarray:
    """likeness (faces, k) to the centroids → (k,), so that a share LOST of faces lies within any one of them.

    By each column's tail, and an equal part of LOST for each of the clusters (Bonferroni).
    """
    if len(likeness) < FEWEST:
        return np.max(likeness, axis=0, initial=same_person)
    return np.array([fit_tail(column).threshold_for(LOST / likeness.shape[1]) for column in likeness.T])
