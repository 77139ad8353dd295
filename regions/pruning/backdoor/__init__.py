"""Backdoors planted by a patch on the image, and the removal of the hidden units that carry them.

`Trigger` plants one; `HiddenUnits` names the units and turns a set of them into `Masks`. Every
method gives one score per unit, and `remove_until` removes the highest first while a small clean
set allows it: the learned policy on the graph of neurons (`learn_policy`), and beside it
`dormancy` (fine-pruning), `channel_lipschitzness`, `trigger_response` and `search_masks`.
"""

from regions.pruning.backdoor.dormancy import dormancy
from regions.pruning.backdoor.gated import GatedNetwork
from regions.pruning.backdoor.inversion import InvertedTriggers, invert_triggers
from regions.pruning.backdoor.learned import LearnedRemoval
from regions.pruning.backdoor.lipschitz import channel_lipschitzness
from regions.pruning.backdoor.mask_search import search_masks
from regions.pruning.backdoor.neuron_graph import neuron_graph
from regions.pruning.backdoor.neuron_policy import NeuronPolicy, learn_policy
from regions.pruning.backdoor.removal import first_removed, remove_until
from regions.pruning.backdoor.response import trigger_response
from regions.pruning.backdoor.reward import Reward
from regions.pruning.backdoor.trigger import Trigger
from regions.pruning.backdoor.units import HiddenUnits

__all__ = [
    "GatedNetwork",
    "HiddenUnits",
    "InvertedTriggers",
    "LearnedRemoval",
    "NeuronPolicy",
    "Reward",
    "Trigger",
    "channel_lipschitzness",
    "dormancy",
    "first_removed",
    "invert_triggers",
    "learn_policy",
    "neuron_graph",
    "remove_until",
    "search_masks",
    "trigger_response",
]
