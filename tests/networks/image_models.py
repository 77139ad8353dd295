"""Convolutional and other networks on arrays that must be read exactly."""

import torch
import torch.nn.functional as F
from model_parts import (
    Block,
    Normalize,
    Program,
    conv_then,
    dense,
    image,
    lenet,
    mixer,
    norm,
    parameter,
    shuffle,
)
from torch import nn

IMAGES = {
    "lenet": lambda: (lenet(), (1, 12, 12)),
    "resnet": lambda: (
        Program(
            lambda m, x: m.head(m.blocks(x).mean((2, 3))),
            blocks=nn.Sequential(Block(2, 2, 1), Block(2, 4, 2)),
            head=nn.Linear(4, 3),
        ),
        (2, 6, 6),
    ),
    "Normalize with plain tensors": lambda: (
        image(Normalize(), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)),
        (2, 6, 6),
    ),
    "densely connected": lambda: conv_then(
        dense, d1=nn.Conv2d(3, 2, 3, padding=1), d2=nn.Conv2d(5, 2, 1)
    ),
    "channels shuffled": lambda: conv_then(shuffle, width=4, depth=nn.Conv2d(4, 4, 3, groups=4)),
    "dilated and strided": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, (3, 2), (2, 1), (2, 1), (2, 1))
    ),
    "same padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, (3, 5), padding="same", dilation=(1, 2))
    ),
    "padding that differs by one": lambda: conv_then(
        lambda m, h: F.conv2d(F.pad(h, (1, 2, 1, 2)), m.k), k=parameter(2, 3, 4, 4)
    ),
    "circular padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular")
    ),
    "reflected padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect")
    ),
    "constant padding": lambda: conv_then(
        lambda m, h: F.relu(F.pad(h, (1, 2, 0, 1), value=3.0) - 1)
    ),
    "replicated padding": lambda: conv_then(lambda m, h: F.pad(h, (1, 2, 0, 1), mode="replicate")),
    "cropped": lambda: conv_then(lambda m, h: F.relu(F.pad(h, (-1, 0, 0, -1)) - 1)),
    "average pooling": lambda: conv_then(
        lambda m, h: F.avg_pool2d(h, 3, 2, 1, True, False), width=2
    ),
    "adaptive pooling": lambda: conv_then(lambda m, h: F.adaptive_avg_pool2d(h, (4, None))),
    "max pooling": lambda: conv_then(lambda m, h: F.max_pool2d(h, 2, ceil_mode=True)),
    "max pooling with padding": lambda: conv_then(
        lambda m, h: F.max_pool2d(h, 3, stride=2, padding=1, dilation=1)
    ),
    "dilated max pooling": lambda: conv_then(
        lambda m, h: F.max_pool2d(h, kernel_size=(2, 3), stride=1, dilation=(2, 1))
    ),
    "adaptive max pooling": lambda: conv_then(lambda m, h: F.adaptive_max_pool2d(h, (3, 2))),
    "one dimension, max pooling": lambda: (
        image(nn.Conv1d(2, 3, 3), nn.MaxPool1d(3, 2, 1), nn.AdaptiveMaxPool1d(2)),
        (2, 9),
    ),
    "bilinear upsampling": lambda: conv_then(
        lambda m, h: F.interpolate(h, scale_factor=2, mode="bilinear")
    ),
    "bilinear to a size": lambda: conv_then(
        lambda m, h: F.interpolate(h, size=(7, 3), mode="bilinear", align_corners=True)
    ),
    "bicubic upsampling": lambda: conv_then(
        lambda m, h: F.interpolate(h, scale_factor=1.5, mode="bicubic")
    ),
    "transposed convolution": lambda: conv_then(
        lambda m, h: m.c(h),
        width=4,
        c=nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, groups=2, dilation=2),
    ),
    "transposed convolution of signals": lambda: (
        image(nn.ConvTranspose1d(2, 3, 3, 2), nn.ReLU(), nn.Conv1d(3, 2, 2)),
        (2, 5),
    ),
    "three dimensions": lambda: (
        image(
            nn.Conv3d(2, 4, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.AvgPool3d(2, stride=1, padding=1, ceil_mode=True),
            nn.ConvTranspose3d(4, 2, 2),
            nn.Upsample(scale_factor=2, mode="trilinear"),
            nn.AdaptiveAvgPool3d((2, 1, 3)),
        ),
        (2, 3, 3, 4),
    ),
    "own divisor": lambda: conv_then(lambda m, h: F.avg_pool2d(h, 2, divisor_override=3)),
    "mean over one axis": lambda: conv_then(lambda m, h: F.relu(h.mean(2) - 0.3)),
    "mean over channels": lambda: conv_then(lambda m, h: F.relu(h - h.mean(1, keepdim=True))),
    "sum over space": lambda: conv_then(lambda m, h: h.sum((2, 3))),
    "pixel shuffle": lambda: conv_then(lambda m, h: F.relu(F.pixel_shuffle(h, 2) - 0.1), width=4),
    "nearest upsampling": lambda: conv_then(
        lambda m, h: F.relu(F.interpolate(h, scale_factor=2) - 1)
    ),
    "channels last": lambda: conv_then(
        lambda m, h: m.l(h.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)),
        l=nn.Linear(3, 2),
    ),
    "channels changed in place": lambda: conv_then(
        lambda m, h: (h[:, 1].sub_(1), h[:, 0].neg_(), F.relu(h, inplace=True), h)[3]
    ),
    "patches": lambda: conv_then(
        lambda m, h: F.relu(m.l(F.unfold(h, 2, stride=2).transpose(1, 2))), l=nn.Linear(12, 3)
    ),
    "unbatched style": lambda: conv_then(lambda m, h: m.l(h.flatten(2)), l=nn.Linear(36, 2)),
    "one dimension": lambda: (
        image(
            nn.Conv1d(2, 4, 3, 2, 2, 2, 2),
            nn.LeakyReLU(0.3),
            norm(4, nn.BatchNorm1d),
            nn.AvgPool1d(2, ceil_mode=True),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            nn.Linear(8, 2),
        ),
        (2, 11),
    ),
    "tokens": lambda: (
        Program(mixer, a=nn.Linear(4, 5), tokens=nn.Linear(5, 4), channels=nn.Linear(6, 3)),
        (24,),
    ),
    "linear on rows": lambda: (
        Program(lambda m, x: m.b(F.relu(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)),
        (5, 3),
    ),
    "time first": lambda: (
        Program(
            lambda m, x: m.b(F.relu(m.a(x.transpose(0, 1)))).transpose(0, 1),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (5, 3),
    ),
    "constant matrix over tokens": lambda: (
        Program(lambda m, x: F.relu(m.k @ F.relu(x @ m.w)), k=parameter(4, 5), w=parameter(3, 2)),
        (5, 3),
    ),
    "padded shortcut": lambda: conv_then(
        lambda m, h: m.c(h).add_(F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))).relu_(),
        c=nn.Conv2d(3, 5, 3, 2, 1),
    ),
}
