"""Published counts and random predictions that several tests use."""

import numpy as np

# three ResNet-56 on CIFAR-10, dense and magnitude-pruned, read from the vector graphics of
# Figure 5 of Good et al. 2022, arXiv 2206.02976; 1,000 test images per class
DENSE = [
    [912, 962, 865, 782, 895, 830, 932, 925, 949, 929],
    [903, 959, 858, 792, 905, 860, 925, 927, 949, 944],
    [916, 970, 838, 757, 889, 830, 925, 917, 937, 932],
]
RATIO_2 = [
    [923, 963, 858, 789, 911, 853, 912, 925, 947, 930],
    [921, 963, 875, 797, 905, 859, 933, 931, 949, 946],
    [922, 963, 855, 780, 896, 830, 925, 929, 945, 933],
]
RATIO_50 = [
    [815, 937, 689, 672, 760, 726, 863, 832, 880, 888],
    [818, 908, 708, 631, 766, 744, 849, 834, 890, 893],
    [810, 919, 652, 610, 761, 737, 865, 843, 897, 884],
]


def draw_predictions(models=6, classes=4, n=150, ratios=(2, 10), seed=0):
    """Return labels, dense and pruned predictions with class-dependent recalls."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), n))
    recall = np.linspace(0.6, 0.9, classes)[labels]

    def predict(kept, start):
        right = rng.random((models, labels.size)) < kept
        right = right if start is None else right & (start == labels)
        wrong = (labels + rng.integers(1, classes, labels.size)) % classes
        return np.where(right, labels, wrong)

    dense = predict(recall, None)
    pruned = {
        ratio: predict(1 - 0.1 * (k + 1) * (1.2 - recall), dense) for k, ratio in enumerate(ratios)
    }
    return labels, dense, pruned
