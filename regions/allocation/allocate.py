"""`allocate`: which density each layer gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from regions.allocation.allocation import Allocation
from regions.allocation.objective import Evaluate, Objective, Rule
from regions.allocation.problem import Counts, Problem, make_problem
from regions.allocation.registry import OBJECTIVES, RULES
from regions.allocation.search import Trials, is_equal, plateau, search
from regions.arguments import check_time_limit
from regions.choices import choose
from regions.errors import ArgumentError
from regions.progress import track
from regions.randomness import Rng


def allocate(
    model_or_widths: Any,
    density: float | None = None,
    objective: str | Objective | Rule | Callable[..., float] = "balance",
    skip: Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    rng: Rng = 0,
    *,
    sparsity: float | None = None,
    compression: float | None = None,
    weights: int | None = None,
    minimum: float = 1,
    prune_output: bool = False,
    input_shape: tuple[int, ...] | None = None,
    tolerance: float = 1e-3,
    max_evaluations: int = 1000,
    time_limit: float | None = None,
    progress: bool = False,
    **options: Any,
) -> Allocation:
    """Return the density of each layer, by a rule or an objective, for a given number of weights.

    Parameters
    ----------
    model_or_widths : model or sequence of int
        A torch module, list of (W, b), ONNX file or ReLUNetwork, or widths [inputs, hidden ...,
        outputs], whose layers are called "layer1", "layer2", ..., "output". The last layer is the
        output layer: kept whole and outside the budget (see `prune_output`), unless it is the only
        one.
    density, sparsity, compression, weights : float, float, float, int
        The budget, exactly one of them: fraction kept in (0, 1], fraction removed, 1 / density, or
        number of weights kept, over all layers that are free or fixed.
    objective : str, objective, rule or callable
        What is maximised, or a rule that needs no search: a name in
        `regions.allocation.OBJECTIVES` or `regions.allocation.RULES`, or one of the objects there,
        which hold their options.

        ``"balance"`` (default): a rule, weights by magnitude and one more for each end of a unit;
        it names the masks that go with it, which ``regions.prune(model, allocation)`` takes;
        ``"effective-weights"``: number of kept weights on an input-to-output path;
        ``"effective-units"``: the same for hidden units;
        ``"expected"`` (Cai et al., arXiv:2301.07966), ``"expected-log"``, ``"rank"``, ``"rows"``,
        ``"live"``, ``"effective"``: log2 of the bounds of `regions.bounds`;
        ``"uniform"``, ``"equal"`` (same number of weights in each layer), ``"er"``, ``"erk"``,
        ``"lamp"``, ``"global"`` (magnitude), ``"parabola"`` (Cai et al.'s own procedure for two
        layers): rules, as controls;
        ``"disjoint"``: the rule for masks of disjoint paths, which at extreme sparsity keep most
        accuracy: ``regions.prune(model, allocation, "disjoint")``;
        or a function of {layer: density} that returns a number, higher is better.
    skip : iterable of str
        Layers that are kept whole, outside the budget.
    fixed : mapping of str to float
        Layers with a given density, inside the budget.
    rng : int, numpy.random.Generator or None
        Randomness of random masks; the same seed gives the same answer.
    minimum : int or float
        Least number of weights (int) or density (float) of every free layer.
    prune_output : bool
        Treat the output layer like the others.
    input_shape : tuple of int, optional
        Shape of one input, for models that start with a convolution.
    tolerance : float
        How far below the best a value may lie, relative to it, to count as the same plateau.
    max_evaluations : int
        Limit of splits tried by the search.
    time_limit : float, optional
        Seconds after which the best split so far is returned; the uniform one is tried in any case.
    progress : bool
        Show a progress bar on stderr, with the most time that is left.
    **options
        The fields of the objective, such as ``masks=`` ("magnitude", the default with a model: the
        masks that pruning it would give; or "random", the default with widths), ``draws=`` or
        ``dim=``: ``"expected", rank="mean"`` and ``Expected(rank="mean")`` are the same call. A
        function is called with them.

    Returns
    -------
    Allocation
        Its value is never below that of the uniform split, or (unless the time is over before) of
        any rule that applies, under the same masks. A split that reaches the most that the
        objective can be ends the search.

    Raises
    ------
    ArgumentError
        For a budget out of range, more or less than one budget, an unknown layer, objective or
        option, widths that are no whole numbers, or weights that are NaN.
    BudgetError
        If the budget is below what fixed layers and minima take, or above the layers' sizes.
    UnsupportedModelError
        If the objective needs paths or an MLP and the model has none.

    Notes
    -----
    Why the default: with its masks it is the best choice on average, or level with the best, on
    every network and data set that was tried, after pruning once and fine-tuning shortly
    (`analyses.where_to_prune`; perceptrons 784-100-100 and 3072-100-100 on MNIST, Fashion-MNIST and
    CIFAR-10, densities .03 to .001; also five layers, LeNet-5, a trained ResNet-20): no other rule,
    plain or repaired, is near the best everywhere. It was designed on Fashion-MNIST and CIFAR-10.
    At single densities others are better by up to a point; see the table in the documentation. On
    convolutional networks it was seen on few seeds.

    Bounds saturate: at moderate densities they have their dense value on a wide range of splits.
    Of the objectives, the number of effective weights of the actual magnitude masks chose the best
    splits for plain magnitude pruning, with the highest rank correlation with accuracy over splits
    (.65 to 1.00, MLP 784-100-100-10 on MNIST, densities .0001 to .01). Where every split keeps all
    weights effective it is flat, and the uniform split is returned.
    The value is measured on the masks that were searched, so for random masks it is optimistic.

    Examples
    --------
    >>> import regions
    >>> found = regions.allocate([784, 100, 100, 10], 0.001, objective="expected")
    >>> found.budget, round(found.uniform_value, 2), round(found.value, 2)
    (88, 172.83, 198.68)
    >>> regions.allocate([784, 100, 100, 10], 0.01, objective="equal").counts
    {'layer1': 442, 'layer2': 442, 'output': 1000}
    """
    budget = dict(density=density, sparsity=sparsity, compression=compression, weights=weights)
    problem = make_problem(model_or_widths, budget, skip, fixed, minimum, prune_output, input_shape)
    if not 0.0 <= tolerance < 1.0 or max_evaluations < 1:
        raise ArgumentError(
            f"tolerance must be in [0, 1) and max_evaluations above 0, "
            f"got {tolerance!r} and {max_evaluations!r}"
        )
    check_time_limit(time_limit)
    most = math.inf
    rng = np.random.default_rng(rng)
    if callable(objective) and not isinstance(objective, type):
        evaluate = _of_densities(problem, objective, options)
        name = getattr(objective, "__name__", "function")
    else:
        known: Mapping[str, Any] = {**OBJECTIVES, **RULES}
        chosen: Objective | Rule = choose("objective", cast(Any, objective), known, options)
        name = chosen.name
        if isinstance(chosen, Rule):
            criterion, repair = chosen.masks(problem)
            masks = {"criterion": criterion, "repair": repair}
            return _result(problem, name, chosen.counts(problem), **masks)
        evaluate, most = chosen.prepare(problem, rng), chosen.ceiling(problem)
    with track(show=progress, label=f"allocate by {name}", total=max_evaluations) as bar:
        trials = Trials(problem, evaluate, max_evaluations, bar, most, time_limit)
        search(trials, _starts(problem))
        return _found(problem, name, trials, tolerance)


def _of_densities(
    problem: Problem, function: Callable[..., float], options: Mapping[str, Any]
) -> Evaluate:
    sizes = problem.sizes

    def evaluate(counts: Counts) -> np.ndarray:
        value = function({name: counts[name] / sizes[name] for name in counts}, **options)
        if not isinstance(value, (int, float, np.integer, np.floating)) or np.isnan(value):
            raise ArgumentError(f"the objective must return a number, but it returned {value!r}")
        return np.array([float(value)])

    return evaluate


def _starts(problem: Problem) -> list[Rule]:
    names = ["uniform", "equal", "er", "erk"]
    if problem.weights is not None:
        names += ["lamp", "global"]
    return [RULES[name]() for name in names]


def _found(problem: Problem, objective: str, trials: Trials, tolerance: float) -> Allocation:
    converged = trials.perfect or not trials.exhausted
    best, uniform = trials.best(), problem.uniform()
    value = trials.mean(best)
    width = tolerance * abs(value) if np.isfinite(value) else 0.0
    reach = plateau(trials, best, value - width) if len(problem.free) > 1 else {}
    gains = trials.values(best) - trials.values(uniform)
    ties = sum(is_equal(float(v.mean()), value) for v in trials.seen.values()) - 1
    return _result(
        problem,
        objective,
        best,
        value=value,
        uniform_value=trials.mean(uniform),
        error=_standard_error(gains),
        plateau=reach,
        tolerance=width,
        ties=ties,
        evaluations=len(trials.seen),
        converged=converged,
    )


def _standard_error(gains: np.ndarray) -> float | None:
    if gains.size < 2 or not np.isfinite(gains).all():
        return None
    return float(gains.std(ddof=1) / np.sqrt(gains.size))


def _result(problem: Problem, objective: str, free: Counts, **known: Any) -> Allocation:
    roles = {
        name: "free" if name in free else "fixed" if name in problem.fixed else "whole"
        for name in problem.shapes
    }
    return Allocation(
        objective=objective,
        counts=problem.complete(free),
        shapes=dict(problem.shapes),
        roles=roles,
        uniform=problem.complete(problem.uniform()),
        **{"plateau": {}, **known},
    )
