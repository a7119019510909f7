"""Names of other libraries' layers and functions get a pointer to what is written here."""

from __future__ import annotations

import json

import pytest

import augreg
from augreg.errors import PluginError
from augreg.plugin import synonyms
from augreg.plugin.registry import default_registry

# As their users write them; what has to stand in the answer.
NAMES = {
    "RandomFlip": '"flip"',
    "keras.layers.RandomFlip": '"flip"',
    "RandomRotation": "full turns",
    "random_rotation": '"rotate"',
    "RandomZoom": "zooms in",
    "RandomTranslation": '"translate"',
    "RandomShear": '"shear"',
    "RandomContrast": '"contrast"',
    "RandomBrightness": '"brightness"',
    "RandomSaturation": '"saturation"',
    "RandomHue": "f/2",
    "RandomSharpness": "2f",
    "RandomColorDegeneration": '"enhance"',
    "RandomColorJitter": '"color_jitter"',
    "RandomPosterization": '"posterize"',
    "Solarization": '"solarize"',
    "AutoContrast": '"autocontrast"',
    "Equalization": '"equalize"',
    "RandomErasing": '"erase"',
    "RandomGaussianBlur": '"gaussian_blur"',
    "RandomPerspective": '"perspective"',
    "RandomInvert": '"invert"',
    "RandomGrayscale": '"grayscale"',
    "CenterCrop": '"center"',
    "RandomCrop": '"crop"',
    "random_crop": '"crop"',
    "Resizing": '"resize"',
    "Rescaling": '"range"',
    "rescaling": '"range"',
    "rescale": '"range"',
    "Normalization": '"normalize"',
    "normalize": '"normalize"',
    "RandAugment": '"rand_augment"',
    "AugMix": '"aug_mix"',
    "MixUp": '"mixup"',
    "CutMix": '"cutmix"',
    "Cutout": '"erase"',
    "cutout": '"erase"',
    "RandomHorizontalFlip": '"flip"',
    "RandomVerticalFlip": '"vertical"',
    "RandomResizedCrop": '"resized_crop"',
    "ColorJitter": '"color_jitter"',
    "Normalize": '"normalize"',
    "ToTensor": "0..1 inside",
    "to_tensor": "0..1 inside",
    "ToTensorV2": "0..1 inside",
    "transforms.v2.ToDtype": "0..1 inside",
    "RandomAffine": '"rotate"',
    "GaussianBlur": '"gaussian_blur"',
    "RandomAdjustSharpness": '"sharpness"',
    "RandomPhotometricDistort": '"color_jitter"',
    "TrivialAugmentWide": '"trivial_augment_wide"',
    "AutoAugment": '"auto_augment"',
    "RandomChoice": '"one_of"',
    "RandomApply": '"sequence"',
    "Compose": '"sequence"',
    "RandomOrder": '"random_order"',
    "ElasticTransform": '"elastic"',
    "GridDistortion": '"grid_distortion"',
    "OpticalDistortion": '"optical_distortion"',
    "ThinPlateSpline": "no such op yet",
    "HorizontalFlip": '"flip"',
    "horizontal_flip": '"flip"',
    "A.HorizontalFlip": '"flip"',
    "VerticalFlip": '"vertical"',
    "RandomRotate90": '"rot90"',
    "ShiftScaleRotate": "one resample",
    "RandomBrightnessContrast": '"color_jitter"',
    "HueSaturationValue": '"color_jitter"',
    "GaussNoise": '"gaussian_noise"',
    "CoarseDropout": '"coarse_dropout"',
    "GridDropout": '"grid_mask"',
    "ISONoise": '"iso_noise"',
    "ShotNoise": '"shot_noise"',
    "SaltAndPepper": '"salt_and_pepper"',
    "ToSepia": '"sepia"',
    "RandomToneCurve": '"tone_curve"',
    "A.RandomFog": '"fog"',
    "RandomRain": '"rain"',
    "RandomShadow": '"shadow"',
    "PadIfNeeded": '"pad_or_crop"',
    "LongestMaxSize": '"letterbox"',
    "ToGray": '"grayscale"',
    "ImageCompression": '"jpeg"',
    "OneOf": '"one_of"',
    "tf.image.flip_left_right": '"flip"',
    "stateless_random_flip_up_down": '"vertical"',
    "random_flip_left_right": '"flip"',
    "adjust_brightness": "0..1",
    "random_hue": '"hue"',
    "stateless_random_saturation": '"saturation"',
    "adjust_jpeg_quality": '"jpeg"',
    "resize_with_crop_or_pad": '"pad_or_crop"',
    "rgb_to_grayscale": '"grayscale"',
    "per_image_standardization": '"normalize"',
    "convert_image_dtype": '"range"',
    "sample_distorted_bounding_box": '"resized_crop"',
    "iaa.Fliplr": '"flip"',
    "Sometimes": '"sequence"',
    "AdditiveGaussianNoise": '"gaussian_noise"',
    "rotation_range": '"rotate"',
    "width_shift_range": '"translate"',
    "fliplr": '"flip"',
    "Rotate": '"rotate"',
    "GAMMA": '"gamma"',
    "GrayScale": '"grayscale"',
    "Rot90": '"rot90"',
    "RandomPosterize": '"posterize"',
    "Random_Solarize": '"solarize"',
    "color-jitter": '"color_jitter"',
}


@pytest.mark.parametrize("name", NAMES)
def test_name_of_another_library_gets_a_pointer_to_ours(name: str) -> None:
    with pytest.raises(augreg.PolicyError) as caught:
        augreg.load_policy({"version": 1, "augment": [{"op": name, "factor": 0.2}]})
    assert caught.value.pointer == "/augment/0/op"
    assert caught.value.message.startswith(f'unknown op "{name}"')
    assert NAMES[name] in caught.value.message
    with pytest.raises(PluginError) as again:  # as `augreg ops NAME` says
        default_registry().get(name)
    assert str(again.value) == caught.value.message


def test_everything_that_a_pointer_shows_is_a_policy() -> None:
    for _, written, _ in synonyms.ROWS:
        if written.startswith("{"):
            policy = {"version": 1, "augment": [json.loads(written)]}
        else:
            policy = {"version": 1, **json.loads(f"{{{written}}}" if written else "{}")}
            policy.setdefault("augment", [{"op": "flip"}])
        assert augreg.load_policy(policy).hash


def test_no_name_stands_twice_and_none_is_an_op_of_ours() -> None:
    names = [name for row in synonyms.ROWS for name in row[0].split()]
    keys = [synonyms.keys(name)[0] for name in names]
    assert sorted(keys) == sorted(set(keys))
    assert not set(names) & set(default_registry().steps)


def test_group_of_another_library_is_named_in_ours() -> None:
    with pytest.raises(augreg.PolicyError, match=r'in augreg it is \{"one_of": ') as caught:
        augreg.load_policy({"version": 1, "augment": [{"OneOf": [{"op": "flip"}], "p": 0.5}]})
    assert caught.value.pointer == "/augment/0"


def test_name_of_nobody_is_as_unknown_as_before() -> None:
    for name in ("os.system", "__class__", "x" * 100_000, "acme/RandomFlip2", "", "random"):
        assert "in augreg it is" not in synonyms.pointer(name)
