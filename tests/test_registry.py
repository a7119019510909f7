"""Plugins: found through entry points, each step guarded, so that one breaks itself only."""

from __future__ import annotations

import subprocess
import sys

import pytest
from samples import EntryPoint, Plugin, policy, with_ops, with_plugins

import augreg
from augreg.errors import PluginError, PolicyError
from augreg.plugin.registry import build, default_registry


def _op(name):
    @augreg.op(name)
    def nothing(xp):
        """Does nothing."""
        return augreg.ColorMap(xp.eye(3), xp.array([0.0, 0.0, 0.0]))

    return nothing


def _state(registry, name):
    plugin = next(p for p in registry.plugins if p.name == name)
    return plugin.state, plugin.error


def test_first_party_ops_come_through_the_same_entry_point_as_anyones():
    registry = default_registry()
    (ours,) = [p for p in registry.plugins if p.distribution == "augreg"]

    assert (ours.name, ours.state, ours.version) == ("augreg_ops", "ready", augreg.__version__)
    assert set(ours.ops) == {
        *("flip", "rot90", "crop", "central_crop", "pad_or_crop", "resize", "resized_crop"),
        *("rotate", "zoom", "translate", "shear"),
        *("grayscale", "saturation", "contrast", "brightness", "invert", "clip"),
        *("mixup", "cutmix", "mosaic", "copy_paste"),
        *("perspective", "shift", "enhance", "channel_shuffle", "rgb_shift"),
        *("hue", "gamma", "posterize", "solarize", "solarize_add", "equalize", "autocontrast"),
        *("sharpness", "gaussian_blur", "gaussian_noise", "erase"),
        *("sepia", "tone_curve", "shot_noise", "iso_noise", "salt_and_pepper"),
        *("elastic", "grid_distortion", "optical_distortion"),
        *("coarse_dropout", "grid_mask", "fog", "rain", "shadow"),
        *("transpose", "letterbox", "motion_blur", "median_blur", "clahe", "jpeg", "downscale"),
        *("auto_augment", "rand_augment", "trivial_augment_wide", "aug_mix", "color_jitter"),
    }


def test_third_party_op_joins_and_its_owner_is_known():
    registry = with_ops(_op("acme/tint"))

    assert registry.get("acme/tint").name == "acme/tint"
    assert (registry.owner["acme/tint"].distribution, registry.owner["acme/tint"].version) == (
        "acme-ops",
        "2.5",
    )
    assert _state(registry, "acme") == ("ready", "")


def test_default_registry_is_found_once():
    assert default_registry() is default_registry()


def test_plugin_is_blocked_by_name(monkeypatch):
    registry = build([EntryPoint("acme", Plugin(_op("acme/tint")))], disabled=" other , acme ,")
    assert _state(registry, "acme") == ("disabled", "blocked by AUGREG_DISABLE_PLUGINS")
    assert "acme/tint" not in registry.ops

    monkeypatch.setenv("AUGREG_DISABLE_PLUGINS", "augreg_ops")
    default_registry.cache_clear()
    assert "flip" not in default_registry().ops


def test_blocked_plugin_is_not_imported():
    registry = build([EntryPoint("acme", AssertionError("imported"))], disabled="acme")

    assert _state(registry, "acme")[0] == "disabled"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ImportError("no libfoo"), "ImportError: no libfoo"),
        (SyntaxError("bad"), "SyntaxError: bad"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_fault_60_plugin_that_raises_at_import_breaks_itself_only(error, shown):
    registry = with_plugins(EntryPoint("bad", error), EntryPoint("acme", Plugin(_op("acme/tint"))))

    assert _state(registry, "bad") == ("failed", shown)
    assert {"flip", "acme/tint"} <= set(registry.ops)


def test_fault_61_plugin_that_exits_at_import_is_isolated():
    registry = with_plugins(EntryPoint("bad", SystemExit(3)))

    assert _state(registry, "bad") == ("failed", "SystemExit: 3")
    assert "flip" in registry.ops


def test_interrupt_while_loading_plugins_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        build([EntryPoint("bad", KeyboardInterrupt())])


def test_plugin_whose_hook_raises_breaks_itself_only():
    class Raises:
        @augreg.hookimpl
        def register_ops(self):
            raise RuntimeError("no ops today")

    registry = with_plugins(EntryPoint("bad", Raises()), EntryPoint("ok", Plugin(_op("ok/x"))))

    assert _state(registry, "bad") == ("failed", "RuntimeError: no ops today")
    assert "ok/x" in registry.ops


def test_hook_that_does_not_exist_is_named():
    class Typo:
        @augreg.hookimpl
        def register_op(self):
            return []

    state, error = _state(with_plugins(EntryPoint("typo", Typo())), "typo")

    assert state == "failed"
    assert "register_op" in error


class Unmarked:
    def register_ops(self):
        return [_op("acme/tint")]


class Nothing:
    pass


class Returns:
    def __init__(self, value):
        self.value = value

    @augreg.hookimpl
    def register_ops(self):
        return self.value


@augreg.hookimpl
def register_ops():
    return [_op("acme/tint")]


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Unmarked(), "its register_ops is not marked with @augreg.hookimpl"),
        (Nothing(), '"Nothing" has no register_ops marked with @augreg.hookimpl'),
        (Returns([]), "its register_ops returned no op; it has to return a list of them"),
        (Returns(None), "its register_ops returned no op; it has to return a list of them"),
        (register_ops, 'its entry point names "register_ops"; it has to name the module'),
    ],
)
def test_plugin_that_registers_nothing_is_reported_with_what_was_forgotten(plugin, reason):
    registry = build([EntryPoint("acme", plugin)])
    assert _state(registry, "acme") == ("empty", f"it registers nothing: {reason}")
    with pytest.raises(PluginError, match='plugin "acme" is empty: it registers nothing: '):
        registry.get("acme/tint")


def test_what_is_no_op_is_refused():
    state, error = _state(with_plugins(EntryPoint("bad", Plugin(print))), "bad")

    assert (state, error) == (
        "failed",
        "PluginError: register_ops returned <built-in function print>, which is no op; "
        "use @augreg.op",
    )


@pytest.mark.parametrize("value", [_op("acme/tint"), {"acme/tint": 1}, "tint", 5])
def test_what_is_no_list_of_ops_is_named(value):
    state, error = _state(build([EntryPoint("acme", Returns(value))]), "acme")
    assert state == "failed"
    assert error == f"PluginError: register_ops returned {value!r}; it has to return a list of ops"


def test_op_that_is_returned_twice_is_named_and_no_other_wheel_is_blamed():
    registry = with_plugins(EntryPoint("acme", Plugin(_op("acme/tint"), _op("acme/tint"))))
    assert _state(registry, "acme") == (
        "failed",
        'PluginError: register_ops returned "acme/tint" twice; return each op once',
    )
    assert not registry.conflicts


def test_second_plugin_of_a_name_fails_in_one_sentence():
    one = EntryPoint("acme", Plugin(_op("acme/x")), "wheel-one")
    registry = with_plugins(one, EntryPoint("acme", Plugin(_op("acme/y")), "wheel-two"))
    assert "acme/x" in registry.ops
    assert [(p.distribution, p.error) for p in registry.plugins if p.state == "failed"] == [
        (
            "wheel-two",
            'PluginError: "Plugin" is called "acme" already; a plugin needs a name of its own on '
            "the left of its entry point",
        )
    ]


def test_fault_62_plugin_that_takes_a_first_party_name_is_refused():
    registry = with_plugins(EntryPoint("acme", Plugin(_op("flip"))))

    assert _state(registry, "acme") == (
        "failed",
        'PluginError: op "flip" has a plain name, which is kept for first-party ops; '
        'call it "package/flip"',
    )
    assert registry.owner["flip"].distribution == "augreg"
    assert policy({"op": "flip"}, registry=registry).plugins == {"augreg": augreg.__version__}


@pytest.mark.parametrize("claims", [2, 3])
def test_fault_63_name_that_two_plugins_claim_names_both_wheels(claims):
    points = [
        EntryPoint(f"plugin{i}", Plugin(_op("acme/tint"), _op(f"acme/x{i}")), f"wheel{i}", f"{i}.0")
        for i in range(claims)
    ]
    registry = with_plugins(*points)

    with pytest.raises(PolicyError) as caught:
        policy({"op": "acme/tint"}, registry=registry)
    last = claims - 1
    assert str(caught.value) == (
        '/augment/0/op: op "acme/tint" is claimed by two plugins, "plugin0" (wheel0 0.0) and '
        f'"plugin{last}" (wheel{last} {last}.0): remove one wheel, or block one with '
        f"AUGREG_DISABLE_PLUGINS=plugin{last}"
    )
    assert {"flip", "acme/x0", "acme/x1"} <= set(registry.ops)


@pytest.mark.parametrize("api", [0, 2, "1"])
def test_fault_64_plugin_of_another_api_is_skipped_with_the_reason(api):
    registry = with_plugins(EntryPoint("acme", Plugin(_op("acme/tint"), api=api)))

    assert _state(registry, "acme") == (
        "skipped",
        f"it speaks plugin API {api!r}, this augreg speaks 1",
    )
    with pytest.raises(PolicyError) as caught:
        policy({"op": "acme/tint"}, registry=registry)
    assert str(caught.value) == (
        '/augment/0/op: unknown op "acme/tint": plugin "acme" is skipped: '
        f"it speaks plugin API {api!r}, this augreg speaks 1"
    )


def test_fault_65_plugin_with_a_bad_specification_fails_by_name():
    class Lazy:
        @augreg.hookimpl
        def register_ops(self):
            return [augreg.op("acme/x", a=augreg.Range(1.0, 0.0))(lambda xp, a: None)]

    state, error = _state(with_plugins(EntryPoint("acme", Lazy())), "acme")

    assert state == "failed"
    assert error.startswith('OpError: op "acme/x"')


def test_fault_69_policy_that_needs_a_missing_plugin_says_which_wheel():
    with pytest.raises(PolicyError) as caught:
        policy({"op": "flip"}, {"op": "acme/tint"})

    assert str(caught.value) == (
        '/augment/1/op: unknown op "acme/tint"; no installed plugin has it: '
        'install the wheel that ships "acme" ops'
    )


def test_policy_that_needs_a_failed_plugin_says_why_it_failed():
    registry = with_plugins(EntryPoint("acme", ImportError("no libfoo")))

    with pytest.raises(PolicyError, match='plugin "acme" is failed: ImportError: no libfoo'):
        policy({"op": "acme/tint"}, registry=registry)


def test_unknown_plain_name_gets_the_nearest():
    with pytest.raises(PluginError) as caught:
        default_registry().get("rotat")

    assert str(caught.value) == 'unknown op "rotat" (did you mean "rotate"?)'


def test_finding_plugins_imports_no_tensorflow():
    code = (
        "import sys, augreg.plugin.registry as r; r.default_registry(); "
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_hook_has_documentation_and_an_implementation():
    from augreg.plugin import hookspecs

    hooks = [
        value for value in vars(hookspecs).values() if hasattr(value, f"{hookspecs.PROJECT}_spec")
    ]
    import augreg_ops

    assert hooks
    for hook in hooks:
        assert hook.__doc__
        assert hasattr(augreg_ops, hook.__name__)
