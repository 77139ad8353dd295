"""Backdoors planted by a patch on the image, and the removal of the hidden units that carry them.

`Trigger` plants one; `HiddenUnits` names the units and turns a set of them into `Masks`. Every
method gives one score per unit, and `remove_until` removes the highest first while a small clean
set allows it: the learned policy on the graph of neurons (`learn_policy`), and beside it
`dormancy` (fine-pruning), `channel_lipschitzness`, `trigger_response` and `search_masks`.
"""

from regions.backdoor.dormancy import dormancy
from regions.backdoor.gated import GatedNetwork
from regions.backdoor.inversion import InvertedTriggers, invert_triggers
from regions.backdoor.learned import LearnedRemoval
from regions.backdoor.lipschitz import channel_lipschitzness
from regions.backdoor.mask_search import search_masks
from regions.backdoor.neuron_graph import neuron_graph
from regions.backdoor.neuron_policy import NeuronPolicy, learn_policy
from regions.backdoor.removal import first_removed, remove_until
from regions.backdoor.response import trigger_response
from regions.backdoor.reward import Reward
from regions.backdoor.trigger import Trigger
from regions.backdoor.units import HiddenUnits

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
