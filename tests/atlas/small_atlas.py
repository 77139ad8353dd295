"""The small settings of these tests, and the networks they are about."""

from regions.atlas import Settings
from regions.training import Recipe, build_model

SHORT = Recipe(epochs=2)
SMALL = Settings(
    densities=(1.0, 0.1),
    methods=("magnitude", "random+repair"),
    seeds=3,
    planes=2,
    lines=3,
    ntk_images=12,
    dense=SHORT,
    fine=SHORT,
)


def small_mlp():
    """Return a perceptron; it seeds itself, so networks differ by a reset alone."""
    return build_model("mlp", (1, 8, 8), 10, hidden=(14, 12))
