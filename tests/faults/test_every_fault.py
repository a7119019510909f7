"""No fault is without a test: its number is in the name of one, or it is named below."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FAULTS = 100
TESTS = Path(__file__).parents[1]
# Habits are tested as a user writes them, where their part of the product is.
HABITS = {
    77: (
        "habits/test_fit.py::test_fit_for_five_epochs_sees_five_times_as_many_pictures",
        "habits/test_fit.py::test_each_epoch_of_fit_has_an_order_of_its_own",
    ),
    78: (
        "habits/test_fit.py::test_what_follows_augment_dataset_still_draws_anew",
        "habits/test_fit.py::test_cache_before_augment_dataset_reads_once_and_draws_anew",
        "habits/test_fit.py::test_cache_after_augment_dataset_freezes_as_the_docs_say",
    ),
    79: (
        "habits/test_layer.py::test_reference_and_functions_refuse_what_leaves_0_to_1",
        "habits/test_layer.py::test_images_from_a_directory_stop_where_their_range_is_not_stated",
    ),
    80: ("habits/test_layer.py::test_layer_first_in_a_sequential_without_input_stops_fit",),
    81: (
        "habits/test_fit.py::test_image_dataset_from_directory_is_taken_as_it_is",
        "habits/test_fit.py::test_images_of_several_sizes_without_a_resize_name_it",
    ),
    82: (
        "habits/test_layer.py::test_boxes_move_in_every_form_that_fit_takes",
        "habits/test_layer.py::test_fit_on_images_with_masks_sees_both_moved",
        "habits/test_layer.py::test_named_tuples_keep_their_type_and_dicts_theirs",
        "habits/test_layer.py::test_list_is_neither_a_batch_nor_an_element",
    ),
    83: (
        "habits/test_layer.py::test_key_that_is_nearly_a_target_is_refused_with_the_name",
        "habits/test_layer.py::test_format_of_boxes_without_boxes_is_refused",
        "habits/test_layer.py::test_boxes_in_pixels_that_are_called_relative_are_refused",
    ),
    84: (
        "habits/test_layer.py::test_parts_of_one_element_that_disagree_are_named",
        "habits/test_layer.py::test_parts_of_another_batch_are_named",
        "habits/test_layer.py::test_parts_that_disagree_are_found_where_their_shapes_are_not_known",
    ),
    85: (
        "habits/test_layer.py::test_index_of_another_length_is_refused",
        "habits/test_fit.py::test_an_index_of_another_length_than_the_batch_is_refused",
        "habits/test_fit.py::test_a_map_without_the_right_index_names_the_remedy",
    ),
    86: (
        "habits/test_fit.py::test_validation_beside_mixing_has_labels_for_the_same_loss",
        "habits/test_fit.py::test_a_label_that_is_no_class_ends_the_batch",
    ),
    87: ("habits/test_layer.py::test_every_form_goes_through_a_functional_model",),
    88: (
        "habits/test_layer.py::test_another_keras_backend_gets_one_sentence",
        "habits/test_layer.py::test_train_command_under_another_backend_says_one_sentence",
    ),
    89: (
        "habits/test_layer.py::test_samples_of_a_parallel_map_are_counted_each_once",
        "habits/test_layer.py::test_threads_share_the_counter",
        "test_layer.py::test_replicas_draw_samples_of_their_own",
    ),
    90: (
        "habits/test_passes.py::test_validate_and_apply_refuse_the_same_with_the_remedy",
        "habits/test_layer.py::test_part_of_the_images_own_size_is_found_where_sizes_are_not_known",
        "test_unknown_sizes.py::test_what_may_change_the_size_for_some_is_refused_with_the_remedy",
        "test_run_time_sizes.py::test_every_op_gives_the_reference_s_pixels_at_sizes_known_at_run_time",
    ),
    91: (
        "habits/test_layer.py::test_ragged_boxes_are_padded_and_what_else_is_ragged_is_refused_by_name",
        "habits/test_layer.py::test_none_and_parts_that_augreg_does_not_know_pass_whatever_they_are",
    ),
    92: (
        "habits/test_folder.py::test_copies_of_one_photograph_are_in_one_split",
        "habits/test_front.py::test_apply_into_its_own_folder_is_refused",
    ),
    93: (
        "test_copies.py::test_copy_gives_the_same_pixels",
        "test_copies.py::test_policy_and_plan_go_to_a_spawned_process_and_back",
    ),
    94: (
        "habits/test_layer.py::test_eager_images_of_many_sizes_keep_a_bounded_number_of_programs",
    ),
    95: (
        "test_terminal.py::test_command_works_in_a_terminal_of_any_encoding_40_columns_wide",
        "test_terminal.py::test_process_in_the_plainest_locale_writes_to_a_pipe",
    ),
    96: ("test_paths.py::test_scheme_is_refused_and_nothing_is_written",),
    97: (
        "habits/test_habits_images.py::test_apply_reads_rare_files",
        "habits/test_habits_images.py::test_fit_on_a_dataset_of_encoded_strings_sees_the_pixels_of_rare_files",
    ),
    98: (
        "habits/test_front.py::test_numpy_numbers_and_tuples_are_what_they_mean",
        "habits/test_fit.py::test_labels_as_text_are_refused_by_name",
    ),
    99: (
        "habits/test_front.py::test_preview_in_a_notebook_shows_the_same_nine_as_training_sees",
        "habits/test_front.py::test_last_line_of_a_cell_says_what_it_is",
        "habits/test_front.py::test_cell_that_runs_again_gives_the_same_again",
    ),
    100: (
        "test_decode.py::test_webp_is_refused_by_name_where_tensorflow_lacks_it",
        "test_install.py::test_recipe_beside_tensorflow_cpu_names_every_dependency",
    ),
}


def test_every_fault_has_a_test() -> None:
    found = set(HABITS)
    for path in Path(__file__).parent.glob("test_*.py"):
        for numbers in re.findall(r"def test_fault((?:_\d\d)+)_", path.read_text()):
            found.update(int(number) for number in numbers.split("_")[1:])
    assert found == set(range(1, FAULTS + 1)), set(range(1, FAULTS + 1)) ^ found


@pytest.mark.parametrize("fault", HABITS)
def test_a_test_that_is_named_for_a_habit_is_there(fault: int) -> None:
    for named in HABITS[fault]:
        file, name = named.split("::")
        assert f"def {name}(" in (TESTS / file).read_text(), named
