"""Ray: embedding and reindexing on the workers of a Ray cluster."""

from turnout.errors import MissingExtraError

try:
    import ray.data  # noqa: F401
except ImportError as error:
    raise MissingExtraError("turnout.ray needs Ray: pip install 'turnout[ray]'") from error

from turnout.ray.batches import TurnoutEmbedBatch
from turnout.ray.reindexing import RayWorkers, cluster, reindex_with_ray

__all__ = ["RayWorkers", "TurnoutEmbedBatch", "cluster", "reindex_with_ray"]
