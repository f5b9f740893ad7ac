"""Every limit of the shell, with its unit and its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of one controller process. Times are seconds, sizes are bytes unless the name says otherwise."""

    # The machine.
    fence_wait_s_max: float = 5.0  # a write of ours unseen for so long is looked up by a GET
    conflict_wait_s_max: float = 0.5  # after a 409 the watch usually brings the newer object; then a GET decides
    retry_first_s: float = 0.1
    retry_cap_s: float = 60.0
    quarantine_first_s: float = 1.0
    quarantine_cap_s: float = 300.0
    conflicts_free_max: int = 3  # conflicts in a row that are retried without back-off
    keys_per_turn_max: int = 32  # so that one turn never holds the loop for long
    requests_inflight_max: int = 40
    plans_per_window_max: int = 60  # a key that writes more than this in a window goes in circles
    plans_window_s: float = 10.0
    answers_max: int = 100_000

    shadow_patience_s: float = 15.0  # how long another controller may take to write what we would

    # The wire.
    request_timeout_s: float = 10.0
    list_page_max: int = 500
    list_timeout_s: float = 60.0
    watch_timeout_s: float = 290.0  # the server ends a watch by then, and bookmarks keep its resumption cheap
    watch_silence_s_max: float = 75.0  # a watch without even a bookmark for so long is dead
    body_bytes_max: int = 16 * 1024 * 1024
    field_manager: str = "rollouts-controller"
    user_agent: str = "rollouts-controller"

    # Telling.
    events_queue_max: int = 12_000
    events_inflight_max: int = 8  # the answers of as many are read at one look at the sockets
    events_gather_s: float = 0.5  # events are sent in bursts, this long after the first one of a burst
    events_calm_max: int = 32  # told within a second; up to so many are sent at once, more of them in bursts
    events_burst_max: int = 16
    events_busy_max: int = 1  # in a burst while writes are under way
    event_message_bytes_max: int = 1024
    events_remembered_max: int = 2000
    events_aggregate_s: float = 600.0

    # Asking.
    asks_inflight_max: int = 5000
    ask_body_bytes_max: int = 8 * 1024 * 1024

    # Sources and renders.
    git_timeout_s: float = 90.0
    git_fetch_bytes_max: int = 4 << 30
    git_refs_bytes_max: int = 64 << 20
    git_listing_fresh_s: float = 1.0  # asks for revisions of one repository within so long share one listing
    git_commits_kept_max: int = 100  # of one mirror; older ones are fetched again when asked for
    git_mirror_idle_s: float = 6 * 3600.0  # a mirror that nobody has asked for so long is thrown away for a new one
    git_readers_max: int = 64  # mirrors with a reading process of their own
    repositories_fresh_s: float = 5.0  # how long the repository Secrets may be believed
    chart_index_bytes_max: int = 128 << 20
    chart_bytes_max: int = 64 << 20
    chart_unpacked_bytes_max: int = 256 << 20
    chart_index_fresh_s: float = 30.0
    charts_kept_bytes_max: int = 256 << 20
    capabilities_fresh_s: float = 600.0  # how long the API server's lists of kinds may be believed
    renders_inflight_max: int = 4
    render_timeout_s: float = 90.0
    render_cpu_s_max: int = 60
    render_memory_bytes_max: int = 4 << 30  # of address space, of which a Go program reserves far more than it uses
    render_file_bytes_max: int = 256 << 20
    render_output_bytes_max: int = 64 << 20
    render_processes_max: int = 256
    render_files_max: int = 512  # open at once
    render_cache_bytes_max: int = 128 << 20

    # Leading.
    lease_name: str = "argo-rollouts-controller-lock"
    lease_duration_s: float = 9.0  # a successor starts this long after the last sign of life, and one retry
    lease_renew_deadline_s: float = 6.0
    lease_retry_s: float = 1.5
    stop_grace_s_max: float = 8.0


DEFAULTS = Settings()
