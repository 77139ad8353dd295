"""Inputs: what is refused, limits, streams."""

import numpy as np
import pytest
import torch
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations.inputs import batches


def test_bad_inputs_are_refused(networks):
    inputs = noise(60, 6)
    for source, message in [
        (inputs[:0], "inputs are empty"),
        ([], "inputs are empty"),
        (3, "inputs are a int"),
        ([{"pixels": inputs}], r"a batch has the keys \['pixels'\]"),
        ([object()], "a batch is a object"),
        ((list(inputs.split(20)), list(inputs.flip(0).split(20))), "20 of 20 inputs differ"),
        ((list(inputs.split(20)), list(inputs.split(30))), r"shape \(20, 6\) and shape \(30, 6\)"),
        ((list(inputs.split(20)), list(inputs[:40].split(20))), "and no batch"),
        ((list(inputs[:40].split(20)), list(inputs.split(20))), "second loader has more"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            regions.compare_layers(*networks, source, measure="cka")
    same = (list(inputs.split(20)), list(inputs.split(20)))
    assert np.isfinite(regions.compare_layers(*networks, same, measure="cka")["0"].value)


def test_a_limit_on_images_and_reading_from_a_stream(networks):
    stream = (part for part in noise(500, 6).split(100))
    found = regions.compare_layers(*networks, stream, measure="cka", max_images=250)
    assert found.details["images"] == 250


def test_one_batch_of_images_and_labels_is_no_list_of_batches(networks):
    images, labels = noise(100, 6), torch.zeros(100, dtype=torch.long)
    expected = regions.compare_layers(*networks, images, measure="cka").to_dict()
    for labelled in ([images, labels], (images, labels), [images.numpy(), labels.numpy()]):
        assert regions.compare_layers(*networks, labelled, measure="cka").to_dict() == expected
    two = regions.compare_layers(*networks, [images, images], measure="cka")
    assert two.details["images"] == 200


@pytest.mark.parametrize("images", [2, 65, 66, 67, 129])
def test_single_images_are_joined_to_others(networks, images):
    inputs = noise(images, 6)
    alone = list(batches(list(inputs.split(1)), 64, None, 0))
    assert torch.equal(torch.cat(alone), inputs)
    assert min(map(len, alone)) >= 2
    arrays = list(batches(inputs, 64, None, 0))
    assert sum(map(len, arrays)) == images
    assert min(map(len, arrays)) >= 2
    assert min(len(batch) for batch in batches(inputs, 1, None, 0)) >= 2


def test_a_masked_array_is_refused(networks):
    masked = np.ma.masked_less(noise(50, 6).numpy(), 0)
    with pytest.raises(ArgumentError, match="inputs is a masked array with"):
        regions.compare_layers(*networks, masked)
    with pytest.raises(ArgumentError, match="X is a masked array with"):
        regions.cka(masked, masked)


def test_a_mask_of_padding_is_not_passed_over(networks):
    """Models see the input alone, so that padding would count like any other token."""
    inputs, mask = noise(60, 6), torch.ones(60, 6)
    batch = {"attention_mask": mask, "input": inputs}
    whole = regions.compare_layers(*networks, [batch], measure="cka")
    assert whole.to_dict() == regions.compare_layers(*networks, [inputs], measure="cka").to_dict()
    mask[3, 5] = 0
    for kind in (mask, mask.numpy(), mask.bool()):
        with pytest.raises(ArgumentError, match="attention_mask with zeros"):
            regions.compare_layers(*networks, [batch | {"attention_mask": kind}], measure="cka")


def test_two_batches_of_unequal_length_are_not_images_and_labels():
    def read(*shapes):
        parts = [noise(*shape, seed=number) for number, shape in enumerate(shapes)]
        return [len(batch) for batch in batches(parts, 64, None, 0)]

    assert read((30, 7, 4), (30, 9, 4)) == [30, 30]  # sequences
    assert read((30, 1, 9, 9), (30, 1, 7, 7)) == [30, 30]  # images
    assert read((30, 3, 9, 9), (30, 1, 9, 9)) == [30]  # maps of labels
    assert read((30, 3, 9, 9), (30, 9, 9)) == read((30, 6), (30, 2)) == [30]
