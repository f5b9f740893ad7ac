"""Which test holds which promise: what is promised has a test by name, and a test that goes takes its promise along.

Bad input and its answers are in docs/reference/bad-input.md.
"""

# ruff: noqa: E501 - a promise stands on one line, so that a table stays a table

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

PROMISES: dict[str, tuple[str, ...]] = {
    # Setups that people write about, and what surprises in them.
    "an Application without a project": ("gitops/test_surprises.py::test_an_application_without_a_project_belongs_to_default", "gitops/test_surprises.py::test_the_definition_does_not_ask_for_a_project"),
    "production that waits to be asked": ("examples/test_gitops.py::test_environments_come_one_after_the_other_and_production_waits_to_be_asked",),
    "a version of a kind that is not served": ("gitops/test_surprises.py::test_a_sync_that_cannot_be_says_what_to_do",),
    "a migration at the second deploy": ("examples/test_gitops.py::test_a_migration_runs_between_the_database_and_the_application_at_every_release", "gitops/test_surprises.py::test_a_job_in_a_wave_is_made_anew_by_the_second_deploy_if_its_options_say_so", "gitops/test_on_the_real_plane.py::test_what_the_server_would_refuse_is_told_before_anything_is_written"),
    "waves across child Applications": ("gitops/test_sync_stories.py::test_children_of_an_app_of_apps_wait_for_the_health_of_the_wave_before",),
    "definitions small enough to be applied": ("gitops/test_surprises.py::test_every_definition_is_small_enough_for_a_plain_apply",),
    "two Applications for one object": ("gitops/test_surprises.py::test_two_environments_in_one_namespace_do_not_fight", "gitops/test_options_stories.py::test_a_shared_object_ends_the_sync_where_that_is_wished"),
    "a namespace that nobody makes": ("gitops/test_on_the_real_plane.py::test_a_namespace_that_nobody_makes_is_told_with_what_would_make_it",),
    "a tag where an image belongs": ("gitops_render/test_kustomize.py::test_a_tag_where_an_image_belongs_is_told",),
    "a window that opens each hour": ("lint/test_lint.py::test_windows_that_are_open_for_longer_than_they_say_are_told", "cli/test_apps.py::test_windows_tell_their_next_openings_and_their_trap"),
    "alerts that miss Failed": ("deploy/test_alerts.py::test_an_alert_wakes_somebody",),
    "SOPS without a plugin": ("gitops_render/test_sealed.py::test_an_encrypted_manifest_is_decrypted_and_enters_no_cache", "gitops_render/test_sealed.py::test_a_ksops_generator_is_read_without_running_it"),
    "an analysis without count or argument": ("gitops/test_surprises.py::test_a_rollout_that_its_controller_would_refuse_stops_the_sync_before_anything_is_written",),
    "a success ratio without traffic": ("analysis/test_conditions.py::test_no_data_decides_where_nothing_was_measured",),
    "arguments of an analysis in a chart": ("gitops_render/test_helm.py::test_an_analysis_template_in_a_chart_says_how_to_write_its_arguments",),
    "a bad release in an Application": ("examples/test_gitops.py::test_a_chart_brings_a_rollout_and_each_release_is_judged",),
    "foreground by default": ("gitops/test_surprises.py::test_prunes_take_what_hangs_on_an_object_with_them_without_being_asked",),
    # What holds of every sync.
    "G1 the prune set": ("gitops/test_rules.py::test_g1_a_mark_counts_only_where_it_describes_its_object", "gitops/test_sync_stories.py::test_g1_an_object_that_bears_our_mark_but_was_never_applied_is_not_pruned"),
    "G2 no prune after a bad render": ("gitops_render/test_capabilities.py::test_g2_lists_that_are_not_to_be_had_are_an_error_and_no_empty_lists", "gitops/test_sync_stories.py::test_g2_a_render_that_fails_or_is_empty_prunes_nothing", "gitops/test_sync_stories.py::test_g2_a_mass_prune_waits_for_a_person"),
    "G3 the key of a render": ("gitops_render/test_kustomize.py::test_a_commit_renders_what_it_touched_and_nothing_else", "gitops_render/test_modules.py::test_a_submodule_that_moves_is_another_render"),
    "G4 what stays": ("gitops/test_invariants.py::test_g4_what_left_git_is_not_pruned_where", "gitops/test_invariants.py::test_g4_a_kind_that_the_project_stopped_permitting_is_not_pruned"),
    "G5 hooks once": ("gitops/test_invariants.py::test_g5_and_g9_a_hook_is_made_once_whatever_crashes", "gitops/test_invariants.py::test_g5_the_result_of_an_earlier_syncs_job_is_not_this_ones"),
    "G6 waves": ("gitops/test_invariants.py::test_g6_a_wave_begins_when_the_one_before_is_well_and_nothing_begins_after_one_that_failed", "gitops/test_sync_stories.py::test_a_hook_that_fails_lets_nothing_else_happen_but_the_fallback"),
    "G7 once for a commit": ("gitops/test_invariants.py::test_g7_a_commit_is_tried_once_with_its_retries", "gitops/test_options_stories.py::test_healing_that_never_holds_slows_down"),
    "G8 one commit": ("gitops/test_invariants.py::test_g8_a_push_in_the_midst_of_a_sync_is_the_next_syncs",),
    "G9 resumed": ("gitops/test_crashes.py::test_a_crash_at_any_call_changes_nothing_of_the_end",),
    "G10 no fight with rollouts": ("gitops/test_options_stories.py::test_a_service_keeps_the_selector_that_a_rollout_gave_it", "gitops/test_sync_stories.py::test_an_autoscaler_and_git_do_not_fight_over_replicas"),
    "G11 nothing left to apply": ("gitops/test_invariants.py::test_g11_after_success_there_is_nothing_left_to_apply", "gitops/test_on_the_real_plane.py::test_one_of_each_kind_is_synced_and_then_differs_in_nothing"),
    "G12 nothing without the finalizer": ("gitops/test_sync_stories.py::test_g12_an_application_without_the_finalizer_leaves_everything", "gitops/test_invariants.py::test_g12_an_application_that_is_deformed_deletes_nothing"),
    "G13 unknown is not missing": ("gitops/test_sync_stories.py::test_g13_a_kind_that_may_not_be_listed_is_unknown_and_nothing_of_it_is_touched",),
    "G14 foreign finalizers": ("gitops/test_options_stories.py::test_g14_a_hook_that_somebody_else_holds_ends_the_sync_with_their_name",),
    # Classes of what has been attacked before.
    "traversal: CVE-2022-24348, 24730, 24731, 2023-40026": ("gitops_render/test_helm.py::test_a_value_file_stays_inside_the_repository", "gitops_render/test_hostile.py::test_a_path_stays_inside_the_repository"),
    "links: CVE-2022-24904, 31036, 2025-53547": ("gitops_render/test_hostile.py::test_a_link_never_leads_out_and_never_in_circles",),
    "size: CVE-2022-31016, 2023-40584, 2024-29893, 2024-32476": ("gitops_render/test_hostile.py::test_a_file_without_end_is_refused", "gitops_render/test_hostile.py::test_an_archive_that_is_not_clean_is_refused", "gitops/test_health.py::test_a_rule_in_lua_stays_in_its_box_and_comes_to_an_end"),
    "secrets told: CVE-2025-23216, 2026-42880, 2026-45737": ("gitops/test_invariants.py::test_cve_2025_23216_and_2026_42880_no_value_of_a_secret_is_told", "gitops/test_invariants.py::test_cve_2026_45737_what_was_applied_by_a_client_is_no_way_to_read_a_secret", "gitops_render/test_hostile.py::test_a_broken_secret_shows_none_of_its_values"),
    "credentials: CVE-2023-25163, 2020-5260, 2026-41506": ("gitops_render/test_access.py::test_a_wrong_password_is_never_shown", "gitops_render/test_access.py::test_credentials_do_not_follow_a_redirect_to_another_host", "gitops_render/test_hostile.py::test_an_address_with_a_password_is_shown_without_it"),
    "tenants: CVE-2022-24768, 2022-1025, 2024-31990": ("gitops/test_invariants.py::test_cve_2022_24768_a_project_that_changes_between_the_look_and_the_sync_is_asked_again_before_each_write", "gitops/test_invariants.py::test_cve_2022_1025_nothing_leaves_the_project", "gitops/test_invariants.py::test_cve_2024_31990_an_application_outside_of_the_projects_namespaces_is_not_looked_after", "gitops/test_invariants.py::test_a_mark_that_git_forges_takes_nothing_from_another_application"),
    "impersonation: CVE-2021-41254, 2026-23990": ("gitops/test_settings.py::test_an_identity_is_whole_or_it_is_nobodys", "gitops/test_on_the_real_plane.py::test_what_the_projects_account_may_not_write_is_refused_and_nothing_goes_around_it"),
    "scripts in links: CVE-2024-28175, 2026-45738": ("gitops/test_status.py::test_cve_2024_28175_and_2026_45738_a_link_that_is_no_web_address_is_not_told",),
    "webhooks: CVE-2024-40634, 2025-59531, 59537, 59538": ("gitops_render/test_webhooks.py::test_a_body_without_an_announced_length_is_cut_off", "gitops_render/test_webhooks.py::test_nobody_is_listened_to_without_end"),
    "cache: CVE-2024-31989": ("gitops_render/test_directories.py::test_a_secret_with_values_enters_no_cache", "gitops_render/test_hostile.py::test_a_file_address_cannot_reach_the_mirrors"),
    "addresses of the machine's own network": ("gitops_render/test_hostile.py::test_an_address_that_is_none_is_refused", "gitops_render/test_hostile.py::test_a_name_that_stands_for_the_machines_own_network_is_not_fetched"),
    "manifests by hand: CVE-2023-50726": ("gitops/test_local_sync.py::test_cve_2023_50726_what_nobody_signed_is_not_synced_by_hand_either", "gitops/test_local_sync.py::test_what_is_handed_over_must_be_permitted_by_the_project", "gitops/test_local_sync.py::test_a_sync_from_a_source_of_its_own_stays_within_the_project"),
    "certificates: CVE-2022-31105": ("gitops_render/test_doors.py::test_cve_2022_31105_nobody_is_believed_who_cannot_prove_it", "gitops_render/test_doors.py::test_a_server_whose_key_nobody_knows_is_not_spoken_to"),
    "passwords for other hosts: CVE-2021-32690": ("gitops_render/test_registries.py::test_cve_2021_32690_a_password_goes_to_another_host_only_if_the_source_says_so",),
    "other spellings of what is forbidden": ("gitops/test_rules.py::test_what_a_project_forbids_is_forbidden_in_every_spelling", "gitops/test_rules.py::test_a_forbidden_address_of_ssh_is_forbidden_in_both_its_forms"),
    "programs from git: CVE-2023-25165, 2026-34984": ("gitops_render/test_helm.py::test_a_chart_cannot_look_into_the_cluster_or_the_network", "gitops_render/test_hostile.py::test_a_plugin_runs_nothing", "gitops_render/test_hostile.py::test_a_program_has_no_network"),
    "arguments of git: CVE-2025-21613": ("gitops_render/test_hostile.py::test_an_address_that_is_none_is_refused", "gitops_render/test_modules.py::test_a_submodule_leads_to_no_file_of_this_machine"),
    "YAML: CVE-2020-1747, 14343": ("gitops_render/test_hostile.py::test_a_broken_manifest_is_refused_where_it_stands",),
    "annotations and durations: CVE-2026-40886, 2022-39272": ("gitops/test_settings.py::test_cve_2026_40886_an_annotation_of_nonsense_stops_nobody", "gitops/test_settings.py::test_cve_2022_39272_a_duration_of_nonsense_is_as_if_it_were_not_given"),
    "commits that nobody signed": ("gitops_render/test_signatures.py::test_a_commit_that_nobody_signed_is_refused_even_where_its_render_is_known", "gitops_render/test_signatures.py::test_another_persons_key_opens_nothing"),
}  # fmt: skip
"""What is promised → the tests that would fail if it did not hold."""


@lru_cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text())
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_has_a_test_by_name(promise: str) -> None:
    named = [each.split("::") for each in PROMISES[promise]]

    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []
