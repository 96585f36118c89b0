import tracemalloc

import numpy as np
import pytest
from PIL import Image

from sparseprune.data import dataset, decoding, pictures
from sparseprune.data.decoding import Geometry
from sparseprune.errors import InputError


def save(path, size, seed=0, mode="RGB", **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


@pytest.fixture
def some(tmp_path):
    sizes = [(40, 30), (30, 45), (33, 33), (64, 20)]
    files = [save(tmp_path / f"{n}.png", size, n) for n, size in enumerate(sizes)]
    return pictures.FilePictures(files, Geometry(crop=16, resize=20), (16, 16))


def reference(path, resize, crop):
    """Resize(resize) and CenterCrop(crop) as torchvision documents them."""
    with Image.open(path) as picture:
        width, height = picture.size
        if width <= height:
            size = (resize, int(resize * height / width))
        else:
            size = (int(resize * width / height), resize)
        picture = picture.resize(size, Image.BILINEAR)
        top, left = round((size[1] - crop) / 2.0), round((size[0] - crop) / 2.0)
        return np.asarray(picture)[top : top + crop, left : left + crop]


def test_pictures_are_resized_and_cropped_as_torchvision_does(some):
    assert some.shape == (4, 16, 16, 3)
    for place, file in enumerate(some.files):
        np.testing.assert_array_equal(some[place : place + 1][0], reference(file, 20, 16))


def test_places_slices_and_subsets_agree(some):
    whole = some[:]
    np.testing.assert_array_equal(some[[3, 0]], whole[[3, 0]])
    np.testing.assert_array_equal(some[1:3], whole[1:3])
    np.testing.assert_array_equal(some.subset(np.array([2, 1]))[:], whole[[2, 1]])


def test_grey_and_cmyk_become_rgb(tmp_path):
    files = [
        save(tmp_path / "grey.jpg", (20, 20), mode="L"),
        save(tmp_path / "cmyk.jpg", (20, 20), mode="CMYK"),
    ]
    found = pictures.FilePictures(files, Geometry(crop=16), (16, 16))[:]
    assert found.shape == (2, 16, 16, 3)
    assert (np.ptp(found[0], axis=-1) == 0).all()


def test_pieces_are_the_whole_in_order_and_bounded(some, monkeypatch):
    monkeypatch.setattr(pictures, "_PIECE", 2 * 16 * 16 * 3 + 5)
    found = list(pictures.pieces(some))
    assert [start for start, _ in found] == [0, 2]
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in found]), some[:])


def test_memory_is_that_of_a_piece(tmp_path, monkeypatch):
    file = save(tmp_path / "a.png", (64, 64))
    many = pictures.FilePictures([file] * 2000, Geometry(crop=64), (64, 64))
    monkeypatch.setattr(pictures, "_PIECE", 1 << 20)
    tracemalloc.start()
    try:
        total = sum(len(piece) for _, piece in pictures.pieces(many))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert total == 2000


def test_what_is_in_memory_comes_in_one_piece_without_a_copy():
    images = np.zeros((3, 4, 4, 1), np.uint8)
    ((start, piece),) = pictures.pieces(images)
    assert start == 0
    assert np.shares_memory(piece, images)


def test_normalising_takes_both_kinds(some):
    statistics = ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    np.testing.assert_array_equal(
        dataset.normalise(some, statistics), dataset.normalise(some[:], statistics)
    )


def test_the_digest_follows_names_sizes_labels_and_geometry(some):
    labels = np.arange(4)
    first = some.digest(labels)
    assert first == some.digest(labels.copy())
    others = [
        some.digest(labels[::-1].copy()),
        some.subset(np.array([1, 0, 2, 3])).digest(labels),
        pictures.FilePictures(some.files, Geometry(crop=16), (16, 16)).digest(labels),
    ]
    some.files[2].write_bytes(some.files[2].read_bytes() + b"x")
    assert len({first, some.digest(labels), *others}) == 5


def test_more_at_once_than_memory_takes_is_refused(some, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 3 * 16 * 16 * 3)
    assert len(some[:3]) == 3
    with pytest.raises(InputError, match=r"got 4 pictures; set data\.train"):
        some[:]


def test_a_frame_is_cut_off_first(tmp_path):
    path = save(tmp_path / "a.png", (22, 22))
    framed = pictures.FilePictures([path], Geometry(crop=16, border=3), (16, 16))[:]
    np.testing.assert_array_equal(framed[0], np.asarray(Image.open(path))[3:19, 3:19])


@pytest.mark.parametrize(
    ("geometry", "size"),
    [
        (Geometry(crop=16), (15, 40)),
        (Geometry(16, 16, border=3), (6, 40)),
        (Geometry(224, 256), (1, 1600)),  # 256 x 409 600 pixels once resized
    ],
)
def test_pictures_too_small_or_too_thin_are_refused(tmp_path, geometry, size):
    path = save(tmp_path / "small.png", size)
    with pytest.raises(InputError, match=rf"small\.png: .* got {size[0]} x {size[1]}"):
        pictures.FilePictures([path], geometry, (16, 16))[:]


def test_bombs_and_damaged_pictures_are_refused_before_decoding(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", (40, 30))
    lazily = pictures.FilePictures([path], Geometry(crop=16), (16, 16))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 1199)
    with pytest.raises(InputError, match="expected at most 1199 pixels, got 40 x 30"):
        lazily[:]
    path.write_bytes(path.read_bytes()[:200])
    monkeypatch.setattr(decoding, "MAX_PIXELS", 1200)
    with pytest.raises(InputError, match=r"a\.png: expected a readable picture"):
        lazily[:]
    Image.fromarray(np.zeros((20, 20), np.uint16)).save(path)
    with pytest.raises(InputError, match="expected an 8-bit grey or colour picture, got mode I"):
        lazily[:]
