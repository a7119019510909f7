"""Where an element's image is, and putting another in its place."""

from __future__ import annotations

import pytest

from augreg.annotations.element import image_of, with_image
from augreg.errors import DataError

ELEMENTS = [
    ("image", "image", "new"),
    (("image",), "image", ("new",)),
    (("image", 1), "image", ("new", 1)),
    (("image", 1, 0.5), "image", ("new", 1, 0.5)),
    ({"images": "image"}, "image", {"images": "new"}),
    ({"labels": 1, "images": "image"}, "image", {"labels": 1, "images": "new"}),
]


@pytest.mark.parametrize(("element", "image", "replaced"), ELEMENTS)
def test_image_is_found_and_replaced_and_the_rest_kept(element, image, replaced):
    assert image_of(element) == image
    assert with_image(element, "new") == replaced


def test_dict_keeps_the_order_of_its_keys_and_is_not_changed():
    element = {"labels": 1, "images": "image", "name": "x"}

    assert list(with_image(element, "new")) == ["labels", "images", "name"]
    assert element["images"] == "image"


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"image": 0}, 'an element that is a dict needs the key "images"; found "image"'),
        (["image", 1], "a list of 2 parts, which may be a batch or one element; stack images"),
        ((), "an element of 0 parts; allowed are an image"),
        ((0, 1, 2, 3), "an element of 4 parts; allowed are an image"),
    ],
)
def test_element_of_another_form_is_refused(element, message):
    with pytest.raises(DataError, match=message):
        image_of(element)
