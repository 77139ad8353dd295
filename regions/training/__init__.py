"""Data sets, standard small models, and the trainer that trains many networks as one stack."""

from regions.training.datasets import DataSet, Split, load_data
from regions.training.evaluation import Evaluation, evaluate
from regions.training.models import MODELS, build_model
from regions.training.recipe import Recipe
from regions.training.reestimate import reestimate
from regions.training.restart import STARTS, restart
from regions.training.result import TrainResult
from regions.training.trainer import train

__all__ = [
    "MODELS",
    "STARTS",
    "DataSet",
    "Evaluation",
    "Recipe",
    "Split",
    "TrainResult",
    "build_model",
    "evaluate",
    "load_data",
    "reestimate",
    "restart",
    "train",
]
