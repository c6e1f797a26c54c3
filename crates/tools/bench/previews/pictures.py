"""Copies 46 pictures of Pillow's tests into a folder, and generates four large ones."""

import pathlib
import shutil
import sys

import numpy
from PIL import Image

source, target = map(pathlib.Path, sys.argv[1:])
found = []
for path in sorted(source.iterdir()):
    if path.suffix not in (".jpg", ".png", ".webp", ".gif"):
        continue
    try:
        with Image.open(path) as image:
            image.load()
            if min(image.size) >= 32:
                found.append(path)
    except Exception:  # A broken picture has no preview to compare.
        continue
# Every format, evenly.
by_format = {}
for path in found:
    by_format.setdefault(path.suffix, []).append(path)
for suffix, count in ((".jpg", 15), (".png", 15), (".webp", 8), (".gif", 8)):
    paths = by_format[suffix]
    for number in range(count):
        shutil.copy(paths[number * len(paths) // count], target)

width, height = 4032, 3024
y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
waves = [
    127 + 100 * numpy.sin(x / 97 + y / 311) + 20 * numpy.sin(x / 7),
    127 + 90 * numpy.sin(y / 83 - x / 401) + 20 * numpy.sin(y / 5),
    127 + 80 * numpy.sin((x + y) / 151),
]
noise = numpy.random.default_rng(7).normal(0, 6, (height, width, 3))
pixels = numpy.clip(numpy.stack(waves, -1) + noise, 0, 255).astype(numpy.uint8)
photo = Image.fromarray(pixels)
photo.save(target / "12mp.jpg", quality=90)
photo.save(target / "12mp-progressive.jpg", quality=90, progressive=True)
photo.save(target / "12mp.png", compress_level=1)
photo.save(target / "12mp.webp", quality=85)
